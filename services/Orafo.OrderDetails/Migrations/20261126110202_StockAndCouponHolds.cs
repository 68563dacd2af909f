using System;
using Microsoft.EntityFrameworkCore.Migrations;
using Orafo.OrderDetails.Details;

#nullable disable

namespace Orafo.OrderDetails.Migrations
{
    /// <inheritdoc />
    public partial class StockAndCouponHolds : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropCheckConstraint(
                name: "ck_coupons_uses",
                table: "coupons");

            migrationBuilder.DropCheckConstraint(
                name: "ck_articles_stock",
                table: "articles");

            migrationBuilder.AddColumn<int>(
                name: "most_uses_per_customer",
                table: "coupons",
                type: "integer",
                nullable: true);

            migrationBuilder.AlterColumn<int>(
                name: "stock",
                table: "articles",
                type: "integer",
                nullable: true,
                oldClrType: typeof(int),
                oldType: "integer");

            migrationBuilder.AddColumn<bool>(
                name: "is_on_sale",
                table: "articles",
                type: "boolean",
                nullable: false,
                defaultValue: true);

            migrationBuilder.AddColumn<int>(
                name: "taken",
                table: "articles",
                type: "integer",
                nullable: false,
                defaultValue: 0);

            migrationBuilder.CreateTable(
                name: "order_holds",
                columns: table => new
                {
                    order_id = table.Column<Guid>(type: "uuid", nullable: false),
                    state = table.Column<string>(type: "text", nullable: false),
                    taken = table.Column<string>(type: "json", nullable: true),
                    coupon_code = table.Column<string>(type: "text", nullable: true),
                    customer_number = table.Column<string>(type: "text", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_order_holds", x => x.order_id);
                    table.CheckConstraint("ck_order_holds_coupon", "(coupon_code is null) = (customer_number is null)");
                    table.CheckConstraint("ck_order_holds_state", "state in ('held', 'final', 'released')");
                    table.ForeignKey(
                        name: "fk_order_holds_coupons_coupon_code",
                        column: x => x.coupon_code,
                        principalTable: "coupons",
                        principalColumn: "code");
                })
                .Annotation("Npgsql:StorageParameter:fillfactor", 70);

            migrationBuilder.AddCheckConstraint(
                name: "ck_coupons_uses",
                table: "coupons",
                sql: "uses >= 0 and (most_uses is null or uses <= most_uses) and most_uses_per_customer > 0");

            migrationBuilder.AddCheckConstraint(
                name: "ck_articles_stock",
                table: "articles",
                sql: "stock >= 0 and taken >= 0 and taken <= stock");

            migrationBuilder.CreateIndex(
                name: "ix_order_holds_coupon_code_customer_number",
                table: "order_holds",
                columns: new[] { "coupon_code", "customer_number" },
                filter: "coupon_code is not null");

            migrationBuilder.Sql(HoldStatements.HoldForEarlierOrders);

            migrationBuilder.DropTable(
                name: "coupon_redemptions");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropCheckConstraint(
                name: "ck_coupons_uses",
                table: "coupons");

            migrationBuilder.DropCheckConstraint(
                name: "ck_articles_stock",
                table: "articles");

            migrationBuilder.DropColumn(
                name: "most_uses_per_customer",
                table: "coupons");

            migrationBuilder.DropColumn(
                name: "is_on_sale",
                table: "articles");

            migrationBuilder.DropColumn(
                name: "taken",
                table: "articles");

            migrationBuilder.AlterColumn<int>(
                name: "stock",
                table: "articles",
                type: "integer",
                nullable: false,
                defaultValue: 0,
                oldClrType: typeof(int),
                oldType: "integer",
                oldNullable: true);

            migrationBuilder.CreateTable(
                name: "coupon_redemptions",
                columns: table => new
                {
                    coupon_code = table.Column<string>(type: "text", nullable: false),
                    order_id = table.Column<Guid>(type: "uuid", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_coupon_redemptions", x => new { x.coupon_code, x.order_id });
                    table.ForeignKey(
                        name: "fk_coupon_redemptions_coupons_coupon_code",
                        column: x => x.coupon_code,
                        principalTable: "coupons",
                        principalColumn: "code",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.Sql(HoldStatements.RedemptionsOfHolds);

            migrationBuilder.DropTable(
                name: "order_holds");

            migrationBuilder.AddCheckConstraint(
                name: "ck_coupons_uses",
                table: "coupons",
                sql: "uses >= 0 and (most_uses is null or uses <= most_uses)");

            migrationBuilder.AddCheckConstraint(
                name: "ck_articles_stock",
                table: "articles",
                sql: "stock >= 0");
        }
    }
}

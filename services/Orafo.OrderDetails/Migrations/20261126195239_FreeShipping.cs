using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Orafo.OrderDetails.Migrations
{
    /// <inheritdoc />
    public partial class FreeShipping : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropCheckConstraint(
                name: "ck_coupons_worth",
                table: "coupons");

            migrationBuilder.AddColumn<bool>(
                name: "free_shipping",
                table: "coupons",
                type: "boolean",
                nullable: false,
                defaultValue: false);

            migrationBuilder.AddCheckConstraint(
                name: "ck_coupons_worth",
                table: "coupons",
                sql: "num_nonnulls(percent, amount) + free_shipping::int = 1 and coalesce(percent, 1) between 0 and 100 and coalesce(amount, 1) >= 0");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropCheckConstraint(
                name: "ck_coupons_worth",
                table: "coupons");

            migrationBuilder.DropColumn(
                name: "free_shipping",
                table: "coupons");

            migrationBuilder.AddCheckConstraint(
                name: "ck_coupons_worth",
                table: "coupons",
                sql: "(percent is null) <> (amount is null) and coalesce(percent, 1) between 0 and 100 and coalesce(amount, 1) >= 0");
        }
    }
}

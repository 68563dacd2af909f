using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Orafo.Invoicing.Migrations
{
    /// <inheritdoc />
    public partial class VatRounding : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "vat_rounding",
                table: "invoices",
                type: "text",
                nullable: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "vat_rounding",
                table: "invoices");
        }
    }
}

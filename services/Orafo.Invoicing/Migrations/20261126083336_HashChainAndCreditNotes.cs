using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Orafo.Invoicing.Migrations
{
    /// <inheritdoc />
    public partial class HashChainAndCreditNotes : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.Sql(InvoiceStatements.HoldForChaining);

            migrationBuilder.AddColumn<byte[]>(
                name: "chain",
                table: "invoices",
                type: "bytea",
                nullable: false,
                defaultValue: new byte[0]);

            migrationBuilder.AddColumn<byte[]>(
                name: "head",
                table: "invoice_series",
                type: "bytea",
                nullable: false,
                defaultValue: new byte[0]);

            migrationBuilder.AddColumn<DateTimeOffset>(
                name: "last_issued_at",
                table: "invoice_series",
                type: "timestamp with time zone",
                nullable: true);

            migrationBuilder.CreateTable(
                name: "credit_notes",
                columns: table => new
                {
                    number = table.Column<string>(type: "text", nullable: false),
                    series = table.Column<string>(type: "text", nullable: false),
                    sequence = table.Column<int>(type: "integer", nullable: false),
                    order_id = table.Column<Guid>(type: "uuid", nullable: false),
                    invoice_number = table.Column<string>(type: "text", nullable: false),
                    reason = table.Column<string>(type: "text", nullable: false),
                    issue_date = table.Column<DateOnly>(type: "date", nullable: false),
                    issued_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    currency = table.Column<string>(type: "text", nullable: false),
                    gross = table.Column<decimal>(type: "numeric", nullable: false),
                    chain = table.Column<byte[]>(type: "bytea", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_credit_notes", x => x.number);
                    table.CheckConstraint("ck_credit_notes_chain", "octet_length(chain) = 32");
                    table.CheckConstraint("ck_credit_notes_sequence", "sequence > 0");
                    table.ForeignKey(
                        name: "fk_credit_notes_invoices_invoice_number",
                        column: x => x.invoice_number,
                        principalTable: "invoices",
                        principalColumn: "number",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "withheld_invoices",
                columns: table => new
                {
                    order_id = table.Column<Guid>(type: "uuid", nullable: false),
                    reason = table.Column<string>(type: "text", nullable: false),
                    withheld_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_withheld_invoices", x => x.order_id);
                });

            migrationBuilder.Sql(InvoiceStatements.ChainIssued);

            migrationBuilder.AddCheckConstraint(
                name: "ck_invoices_chain",
                table: "invoices",
                sql: "octet_length(chain) = 32");

            migrationBuilder.AddCheckConstraint(
                name: "ck_invoice_series_head",
                table: "invoice_series",
                sql: "octet_length(head) = 32");

            migrationBuilder.CreateIndex(
                name: "ix_credit_notes_invoice_number",
                table: "credit_notes",
                column: "invoice_number",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_credit_notes_order_id",
                table: "credit_notes",
                column: "order_id",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_credit_notes_series_sequence",
                table: "credit_notes",
                columns: new[] { "series", "sequence" },
                unique: true);

            migrationBuilder.Sql(InvoiceStatements.GuardSeries);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.Sql(InvoiceStatements.UnguardSeries);

            migrationBuilder.DropTable(
                name: "credit_notes");

            migrationBuilder.DropTable(
                name: "withheld_invoices");

            migrationBuilder.DropCheckConstraint(
                name: "ck_invoices_chain",
                table: "invoices");

            migrationBuilder.DropCheckConstraint(
                name: "ck_invoice_series_head",
                table: "invoice_series");

            migrationBuilder.DropColumn(
                name: "chain",
                table: "invoices");

            migrationBuilder.DropColumn(
                name: "head",
                table: "invoice_series");

            migrationBuilder.DropColumn(
                name: "last_issued_at",
                table: "invoice_series");
        }
    }
}

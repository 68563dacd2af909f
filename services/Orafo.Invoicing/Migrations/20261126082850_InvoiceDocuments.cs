using System;
using Microsoft.EntityFrameworkCore.Migrations;
using Orafo.Invoicing.Documents;

#nullable disable

namespace Orafo.Invoicing.Migrations
{
    /// <inheritdoc />
    public partial class InvoiceDocuments : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "seller",
                table: "invoices",
                type: "json",
                nullable: true);

            migrationBuilder.CreateTable(
                name: "invoice_documents",
                columns: table => new
                {
                    invoice_number = table.Column<string>(type: "text", nullable: false),
                    media_type = table.Column<string>(type: "text", nullable: false),
                    content = table.Column<byte[]>(type: "bytea", nullable: false),
                    hash = table.Column<byte[]>(type: "bytea", nullable: false, computedColumnSql: "sha256(content)", stored: true),
                    rendered_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_invoice_documents", x => new { x.invoice_number, x.media_type });
                    table.CheckConstraint("ck_invoice_documents_content", "length(content) > 0");
                    table.CheckConstraint("ck_invoice_documents_media_type", "media_type in ('application/pdf', 'application/xml')");
                    table.ForeignKey(
                        name: "fk_invoice_documents_invoices_invoice_number",
                        column: x => x.invoice_number,
                        principalTable: "invoices",
                        principalColumn: "number",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.Sql(DocumentStatements.RefuseChanges);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "invoice_documents");

            migrationBuilder.DropColumn(
                name: "seller",
                table: "invoices");
        }
    }
}

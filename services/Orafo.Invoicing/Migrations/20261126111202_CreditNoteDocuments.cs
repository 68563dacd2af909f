using System;
using Microsoft.EntityFrameworkCore.Migrations;
using Orafo.Invoicing.Documents;

#nullable disable

namespace Orafo.Invoicing.Migrations
{
    /// <inheritdoc />
    public partial class CreditNoteDocuments : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "credit_note_documents",
                columns: table => new
                {
                    credit_note_number = table.Column<string>(type: "text", nullable: false),
                    media_type = table.Column<string>(type: "text", nullable: false),
                    content = table.Column<byte[]>(type: "bytea", nullable: false),
                    hash = table.Column<byte[]>(type: "bytea", nullable: false, computedColumnSql: "sha256(content)", stored: true),
                    rendered_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_credit_note_documents", x => new { x.credit_note_number, x.media_type });
                    table.CheckConstraint("ck_credit_note_documents_content", "length(content) > 0");
                    table.CheckConstraint("ck_credit_note_documents_media_type", "media_type in ('application/pdf', 'application/xml')");
                    table.ForeignKey(
                        name: "fk_credit_note_documents_credit_notes_credit_note_number",
                        column: x => x.credit_note_number,
                        principalTable: "credit_notes",
                        principalColumn: "number",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.Sql(DocumentStatements.RefuseChangesOfCreditNotes);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "credit_note_documents");
        }
    }
}

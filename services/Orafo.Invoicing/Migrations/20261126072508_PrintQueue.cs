using System;
using Microsoft.EntityFrameworkCore.Migrations;
using Orafo.Pgq;

#nullable disable

namespace Orafo.Invoicing.Migrations
{
    /// <inheritdoc />
    public partial class PrintQueue : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "invoice_deliveries",
                columns: table => new
                {
                    invoice_number = table.Column<string>(type: "text", nullable: false),
                    order_id = table.Column<Guid>(type: "uuid", nullable: false),
                    medium = table.Column<string>(type: "text", nullable: false),
                    printer = table.Column<string>(type: "text", nullable: true),
                    delivered_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_invoice_deliveries", x => x.invoice_number);
                    table.CheckConstraint("ck_invoice_deliveries_medium", "(medium = 'paper' and printer is not null) or (medium = 'electronic' and printer is null)");
                    table.ForeignKey(
                        name: "fk_invoice_deliveries_invoices_invoice_number",
                        column: x => x.invoice_number,
                        principalTable: "invoices",
                        principalColumn: "number",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateIndex(
                name: "ix_invoice_deliveries_order_id",
                table: "invoice_deliveries",
                column: "order_id",
                unique: true);

            migrationBuilder.CreateJobQueue(new JobQueueSchema("print_job") { GroupBy = "printer" });
            migrationBuilder.Sql(PrintQueueStatements.Move);
            migrationBuilder.DropTable(
                name: "print_jobs");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "print_jobs",
                columns: table => new
                {
                    invoice_number = table.Column<string>(type: "text", nullable: false),
                    attempts = table.Column<int>(type: "integer", nullable: false),
                    created_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    finished_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    last_error = table.Column<string>(type: "text", nullable: true),
                    lease_expires_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    lease_token = table.Column<Guid>(type: "uuid", nullable: true),
                    next_attempt_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    order_id = table.Column<Guid>(type: "uuid", nullable: false),
                    state = table.Column<string>(type: "text", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_print_jobs", x => x.invoice_number);
                    table.CheckConstraint("ck_print_jobs_lease", "(state = 'printing') = (lease_token is not null and lease_expires_at is not null)");
                    table.CheckConstraint("ck_print_jobs_state", "state in ('waiting', 'printing', 'printed', 'parked')");
                    table.ForeignKey(
                        name: "fk_print_jobs_invoices_invoice_number",
                        column: x => x.invoice_number,
                        principalTable: "invoices",
                        principalColumn: "number",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateIndex(
                name: "ix_print_jobs_next_attempt_at",
                table: "print_jobs",
                column: "next_attempt_at",
                filter: "state in ('waiting', 'printing')");

            migrationBuilder.CreateIndex(
                name: "ix_print_jobs_order_id",
                table: "print_jobs",
                column: "order_id",
                unique: true);

            migrationBuilder.Sql(PrintQueueStatements.MoveBack);
            migrationBuilder.DropJobQueue(new JobQueueSchema("print_job"));
            migrationBuilder.DropTable(
                name: "invoice_deliveries");
        }
    }
}

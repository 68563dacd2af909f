using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Orafo.Ordering.Migrations
{
    /// <inheritdoc />
    public partial class Deadlines : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "invoice_delivery",
                table: "orders",
                type: "character varying(16)",
                maxLength: 16,
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "cancellation_refused_because",
                table: "order_saga",
                type: "text",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "cancelled_because",
                table: "order_saga",
                type: "text",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "invoice_delivery",
                table: "order_saga",
                type: "character varying(16)",
                maxLength: 16,
                nullable: true);

            migrationBuilder.AddColumn<bool>(
                name: "is_watched",
                table: "order_saga",
                type: "boolean",
                nullable: false,
                // While instances of the version before still begin orders.
                defaultValue: true);

            migrationBuilder.AddColumn<int>(
                name: "step_attempts",
                table: "order_saga",
                type: "integer",
                nullable: false,
                defaultValue: 1);

            migrationBuilder.AddColumn<DateTimeOffset>(
                name: "step_since",
                table: "order_saga",
                type: "timestamp with time zone",
                nullable: false,
                defaultValueSql: "now()");

            migrationBuilder.AddColumn<int>(
                name: "version",
                table: "order_saga",
                type: "integer",
                nullable: false,
                defaultValue: 1);

            migrationBuilder.AddColumn<bool>(
                name: "waits_for_paper",
                table: "order_saga",
                type: "boolean",
                nullable: false,
                defaultValue: false);

            // What is suspended waits for somebody; what is over, for nothing.
            migrationBuilder.Sql("update order_saga set is_watched = false where current_state in ('Suspended', 'Completed', 'Rejected')");

            migrationBuilder.CreateIndex(
                name: "ix_order_saga_watched",
                table: "order_saga",
                column: "correlation_id",
                filter: "is_watched");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "ix_order_saga_watched",
                table: "order_saga");

            migrationBuilder.DropColumn(
                name: "invoice_delivery",
                table: "orders");

            migrationBuilder.DropColumn(
                name: "cancellation_refused_because",
                table: "order_saga");

            migrationBuilder.DropColumn(
                name: "cancelled_because",
                table: "order_saga");

            migrationBuilder.DropColumn(
                name: "invoice_delivery",
                table: "order_saga");

            migrationBuilder.DropColumn(
                name: "is_watched",
                table: "order_saga");

            migrationBuilder.DropColumn(
                name: "step_attempts",
                table: "order_saga");

            migrationBuilder.DropColumn(
                name: "step_since",
                table: "order_saga");

            migrationBuilder.DropColumn(
                name: "version",
                table: "order_saga");

            migrationBuilder.DropColumn(
                name: "waits_for_paper",
                table: "order_saga");
        }
    }
}

using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Orafo.Ordering.Migrations
{
    /// <inheritdoc />
    public partial class ToldAgain : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<DateTimeOffset>(
                name: "overdue_told_at",
                table: "order_saga",
                type: "timestamp with time zone",
                nullable: true);

            // The version before watched them no longer once it had told.
            migrationBuilder.Sql(
                """
                update order_saga set is_watched = true, overdue_told_at = now()
                where not is_watched and current_state in ('GettingDetails', 'Invoicing', 'HandingOver', 'Recalling', 'Crediting')
                """);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "overdue_told_at",
                table: "order_saga");
        }
    }
}

using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Orafo.Ordering.Migrations
{
    /// <inheritdoc />
    public partial class SagaWithoutStateIndex : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "ix_order_saga_current_state",
                table: "order_saga");

            migrationBuilder.AlterTable(
                name: "order_saga")
                .Annotation("Npgsql:StorageParameter:fillfactor", 50);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AlterTable(
                name: "order_saga")
                .OldAnnotation("Npgsql:StorageParameter:fillfactor", 50);

            migrationBuilder.CreateIndex(
                name: "ix_order_saga_current_state",
                table: "order_saga",
                column: "current_state",
                filter: "current_state not in ('Completed', 'Rejected')");
        }
    }
}

using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Orafo.HandOver.Migrations
{
    /// <inheritdoc />
    public partial class RoomForShipments : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AlterTable(
                name: "hand_overs")
                .Annotation("Npgsql:StorageParameter:fillfactor", 70);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AlterTable(
                name: "hand_overs")
                .OldAnnotation("Npgsql:StorageParameter:fillfactor", 70);
        }
    }
}

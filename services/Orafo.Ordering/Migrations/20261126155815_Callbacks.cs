using System;
using Microsoft.EntityFrameworkCore.Migrations;
using Orafo.Pgq;

#nullable disable

namespace Orafo.Ordering.Migrations
{
    /// <inheritdoc />
    public partial class Callbacks : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "client",
                table: "order_saga",
                type: "character varying(64)",
                maxLength: 64,
                nullable: false,
                defaultValue: "");

            migrationBuilder.CreateTable(
                name: "callbacks",
                columns: table => new
                {
                    client = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false),
                    url = table.Column<string>(type: "character varying(2000)", maxLength: 2000, nullable: false),
                    set_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    secrets = table.Column<string>(type: "json", nullable: false),
                    version = table.Column<int>(type: "integer", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_callbacks", x => x.client);
                });

            migrationBuilder.Sql(CallbackStatements.ClientsOfOrdersUnderWay);
            migrationBuilder.CreateJobQueue(new JobQueueSchema("callback_job") { GroupBy = "client" });
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropJobQueue(new JobQueueSchema("callback_job"));

            migrationBuilder.DropTable(
                name: "callbacks");

            migrationBuilder.DropColumn(
                name: "client",
                table: "order_saga");
        }
    }
}

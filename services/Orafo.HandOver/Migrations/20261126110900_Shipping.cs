using System;
using Microsoft.EntityFrameworkCore.Migrations;
using Orafo.Pgq;

#nullable disable

namespace Orafo.HandOver.Migrations
{
    /// <inheritdoc />
    public partial class Shipping : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AlterColumn<decimal>(
                name: "total",
                table: "hand_overs",
                type: "numeric",
                nullable: true,
                oldClrType: typeof(decimal),
                oldType: "numeric");

            migrationBuilder.AlterColumn<string>(
                name: "lines",
                table: "hand_overs",
                type: "json",
                nullable: true,
                oldClrType: typeof(string),
                oldType: "json");

            migrationBuilder.AlterColumn<string>(
                name: "invoice_number",
                table: "hand_overs",
                type: "text",
                nullable: true,
                oldClrType: typeof(string),
                oldType: "text");

            migrationBuilder.AlterColumn<DateTimeOffset>(
                name: "handed_over_at",
                table: "hand_overs",
                type: "timestamp with time zone",
                nullable: true,
                oldClrType: typeof(DateTimeOffset),
                oldType: "timestamp with time zone");

            migrationBuilder.AlterColumn<string>(
                name: "deliver_to",
                table: "hand_overs",
                type: "json",
                nullable: true,
                oldClrType: typeof(string),
                oldType: "json");

            migrationBuilder.AlterColumn<string>(
                name: "customer_number",
                table: "hand_overs",
                type: "text",
                nullable: true,
                oldClrType: typeof(string),
                oldType: "text");

            migrationBuilder.AlterColumn<string>(
                name: "currency",
                table: "hand_overs",
                type: "text",
                nullable: true,
                oldClrType: typeof(string),
                oldType: "text");

            migrationBuilder.AddColumn<DateTimeOffset>(
                name: "asked_at",
                table: "hand_overs",
                type: "timestamp with time zone",
                nullable: true);

            migrationBuilder.AddColumn<DateTimeOffset>(
                name: "recalled_at",
                table: "hand_overs",
                type: "timestamp with time zone",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "state",
                table: "hand_overs",
                type: "text",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "tracking_number",
                table: "hand_overs",
                type: "text",
                nullable: true);

            migrationBuilder.Sql(ShippingStatements.HandedOverAtOnce);

            migrationBuilder.AlterColumn<DateTimeOffset>(
                name: "asked_at",
                table: "hand_overs",
                type: "timestamp with time zone",
                nullable: false,
                oldClrType: typeof(DateTimeOffset),
                oldType: "timestamp with time zone",
                oldNullable: true);

            migrationBuilder.AlterColumn<string>(
                name: "state",
                table: "hand_overs",
                type: "text",
                nullable: false,
                oldClrType: typeof(string),
                oldType: "text",
                oldNullable: true);

            migrationBuilder.AddCheckConstraint(
                name: "ck_hand_overs_handed_over_at",
                table: "hand_overs",
                sql: "state <> 'handed-over' or handed_over_at is not null");

            migrationBuilder.AddCheckConstraint(
                name: "ck_hand_overs_order",
                table: "hand_overs",
                sql: "state = 'recalled' or (customer_number is not null and invoice_number is not null and deliver_to is not null and lines is not null and currency is not null and total is not null)");

            migrationBuilder.AddCheckConstraint(
                name: "ck_hand_overs_recalled_at",
                table: "hand_overs",
                sql: "(state = 'recalled') = (recalled_at is not null)");

            migrationBuilder.AddCheckConstraint(
                name: "ck_hand_overs_state",
                table: "hand_overs",
                sql: "state in ('booking', 'handed-over', 'recalling', 'recalled')");

            migrationBuilder.CreateJobQueue(new JobQueueSchema("booking_job"));
            migrationBuilder.CreateJobQueue(new JobQueueSchema("recall_job"));
            migrationBuilder.CreateJobQueue(new JobQueueSchema("webhook_job") { GroupBy = "receiver" });
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropJobQueue(new JobQueueSchema("webhook_job"));
            migrationBuilder.DropJobQueue(new JobQueueSchema("recall_job"));
            migrationBuilder.DropJobQueue(new JobQueueSchema("booking_job"));

            migrationBuilder.Sql(ShippingStatements.OnlyHandedOver);

            migrationBuilder.DropCheckConstraint(
                name: "ck_hand_overs_handed_over_at",
                table: "hand_overs");

            migrationBuilder.DropCheckConstraint(
                name: "ck_hand_overs_order",
                table: "hand_overs");

            migrationBuilder.DropCheckConstraint(
                name: "ck_hand_overs_recalled_at",
                table: "hand_overs");

            migrationBuilder.DropCheckConstraint(
                name: "ck_hand_overs_state",
                table: "hand_overs");

            migrationBuilder.DropColumn(
                name: "asked_at",
                table: "hand_overs");

            migrationBuilder.DropColumn(
                name: "recalled_at",
                table: "hand_overs");

            migrationBuilder.DropColumn(
                name: "state",
                table: "hand_overs");

            migrationBuilder.DropColumn(
                name: "tracking_number",
                table: "hand_overs");

            migrationBuilder.AlterColumn<decimal>(
                name: "total",
                table: "hand_overs",
                type: "numeric",
                nullable: false,
                oldClrType: typeof(decimal),
                oldType: "numeric",
                oldNullable: true);

            migrationBuilder.AlterColumn<string>(
                name: "lines",
                table: "hand_overs",
                type: "json",
                nullable: false,
                oldClrType: typeof(string),
                oldType: "json",
                oldNullable: true);

            migrationBuilder.AlterColumn<string>(
                name: "invoice_number",
                table: "hand_overs",
                type: "text",
                nullable: false,
                oldClrType: typeof(string),
                oldType: "text",
                oldNullable: true);

            migrationBuilder.AlterColumn<DateTimeOffset>(
                name: "handed_over_at",
                table: "hand_overs",
                type: "timestamp with time zone",
                nullable: false,
                oldClrType: typeof(DateTimeOffset),
                oldType: "timestamp with time zone",
                oldNullable: true);

            migrationBuilder.AlterColumn<string>(
                name: "deliver_to",
                table: "hand_overs",
                type: "json",
                nullable: false,
                oldClrType: typeof(string),
                oldType: "json",
                oldNullable: true);

            migrationBuilder.AlterColumn<string>(
                name: "customer_number",
                table: "hand_overs",
                type: "text",
                nullable: false,
                oldClrType: typeof(string),
                oldType: "text",
                oldNullable: true);

            migrationBuilder.AlterColumn<string>(
                name: "currency",
                table: "hand_overs",
                type: "text",
                nullable: false,
                oldClrType: typeof(string),
                oldType: "text",
                oldNullable: true);
        }
    }
}

using Microsoft.EntityFrameworkCore.Migrations;
using Orafo.Pgq;

#nullable disable

namespace Orafo.HandOver.Migrations
{
    /// <inheritdoc />
    public partial class TimeOrderedJobs : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.GuardJobQueue(new JobQueueSchema("booking_job"));
            migrationBuilder.GuardJobQueue(new JobQueueSchema("recall_job"));
            migrationBuilder.GuardJobQueue(new JobQueueSchema("webhook_job"));
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            // An id of either kind is an id.
        }
    }
}

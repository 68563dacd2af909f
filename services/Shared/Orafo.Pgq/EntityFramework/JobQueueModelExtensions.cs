using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Orafo.Pgq;

/// <summary>Queues in a DbContext, so that its SaveChanges publishes and ends jobs.</summary>
public static class JobQueueModelExtensions
{
    /// <summary>Maps the queue's tables. Migrations leave them alone: see <see cref="JobQueueMigrationExtensions.CreateJobQueue"/>.</summary>
    public static void AddJobQueue(this ModelBuilder modelBuilder, string queue)
    {
        QueueStatements.Checked(queue);
        var job = modelBuilder.SharedTypeEntity<JobRow>(queue);
        job.ToTable(queue, table => table.ExcludeFromMigrations());
        job.HasKey(x => x.Id);
        job.Property(x => x.Id).HasColumnName("id").ValueGeneratedNever();
        job.Property(x => x.Payload).HasColumnName("payload").HasColumnType("jsonb");
        job.Property(x => x.Metadata).HasColumnName("metadata").HasColumnType("jsonb");
        job.Property(x => x.Priority).HasColumnName("priority");
        job.Property(x => x.Due).HasColumnName("due");
        job.Property(x => x.DeduplicationKey).HasColumnName("deduplication_key");
        job.Property(x => x.TraceParent).HasColumnName("trace_parent");
        job.Property(x => x.TraceState).HasColumnName("trace_state");
        job.Property(x => x.LeaseToken).HasColumnName("lease_token").IsConcurrencyToken();

        var over = modelBuilder.SharedTypeEntity<JobHistoryRow>(HistoryOf(queue));
        over.ToTable(HistoryOf(queue), table => table.ExcludeFromMigrations());
        over.HasKey(x => x.Id);
        over.Property(x => x.Id).HasColumnName("id").ValueGeneratedNever();
        over.Property(x => x.Outcome).HasColumnName("outcome");
        over.Property(x => x.Priority).HasColumnName("priority");
        over.Property(x => x.GroupKey).HasColumnName("group_key");
        over.Property(x => x.DeduplicationKey).HasColumnName("deduplication_key");
        over.Property(x => x.Payload).HasColumnName("payload").HasColumnType("jsonb");
        over.Property(x => x.Metadata).HasColumnName("metadata").HasColumnType("jsonb");
        over.Property(x => x.Attempts).HasColumnName("attempts");
        over.Property(x => x.Result).HasColumnName("result");
        over.Property(x => x.TraceParent).HasColumnName("trace_parent");
        over.Property(x => x.CreatedAt).HasColumnName("created_at");
        over.Property(x => x.Due).HasColumnName("due");
        over.Property(x => x.StartedAt).HasColumnName("started_at");
    }

    /// <summary>Has workers look when a transaction of this DbContext that published jobs has committed.</summary>
    public static DbContextOptionsBuilder UseJobQueues(this DbContextOptionsBuilder options) => options.AddInterceptors(JobQueueInterceptor.Instance);

    internal static string HistoryOf(string queue) => queue + "_history";
}

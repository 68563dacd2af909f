using System.Globalization;
using Microsoft.EntityFrameworkCore.Migrations;
using Npgsql;

namespace Orafo.Pgq;

/// <summary>The tables and functions of a queue. Whoever creates them owns them; whoever runs the queue needs select, insert, update and delete.</summary>
/// <param name="name">Of the queue and its table: a letter, then letters, digits and underscores, all small; 40 characters at most.</param>
public sealed class JobQueueSchema(string name)
{
    /// <summary>Of the queue and its table.</summary>
    public string Name { get; } = QueueStatements.Checked(name);

    /// <summary>Jobs with the same value of this member of their metadata share with each other, and each group of them is served as often as any other.</summary>
    public string GroupBy { get; init; } = "tenant";

    /// <summary>What a unit of priority is worth: so much earlier is a job in line. The higher, the longer others wait; but never for ever.</summary>
    public TimeSpan HeadStart { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>The statements that create it.</summary>
    /// <exception cref="InvalidOperationException"><see cref="GroupBy"/> or <see cref="HeadStart"/> cannot be used.</exception>
    public string Create()
    {
        if (GroupBy.Length is 0 or > 64 || !GroupBy.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.'))
            throw new InvalidOperationException($"Jobs cannot be grouped by '{GroupBy}': 1 to 64 letters, digits, '_', '-' and '.'.");
        if (HeadStart <= TimeSpan.Zero || HeadStart > TimeSpan.FromDays(7))
            throw new InvalidOperationException("A head start is more than nothing and at most a week.");
        return QueueStatements.Read("create", Name)
            .Replace("{group_by}", GroupBy, StringComparison.Ordinal)
            .Replace("{head_start}", string.Create(CultureInfo.InvariantCulture, $"{HeadStart.TotalSeconds:0.######} seconds"), StringComparison.Ordinal)
            + "\n" + Guard();
    }

    /// <summary>What a queue lacks that was created by an earlier version. It changes nothing where it is there.</summary>
    public string Guard() => QueueStatements.Read("guard", Name);

    /// <summary>The statements that drop it, with all jobs and all history.</summary>
    public string Drop() => QueueStatements.Read("drop", Name);

    /// <summary>Creates it in the first schema of the search path.</summary>
    /// <exception cref="PostgresException">It is there already (42P07), or the role may not.</exception>
    public async Task CreateAsync(NpgsqlConnection connection, CancellationToken cancellationToken = default)
    {
        await using var create = new NpgsqlCommand(Create(), connection);
        await create.ExecuteNonQueryAsync(cancellationToken);
    }
}

/// <summary>Queues in migrations.</summary>
public static class JobQueueMigrationExtensions
{
    /// <summary>Creates the queue, in the first schema of the search path.</summary>
    public static void CreateJobQueue(this MigrationBuilder migrationBuilder, JobQueueSchema queue) => migrationBuilder.Sql(queue.Create());

    /// <summary>Brings a queue that an earlier version created up to date.</summary>
    public static void GuardJobQueue(this MigrationBuilder migrationBuilder, JobQueueSchema queue) => migrationBuilder.Sql(queue.Guard());

    /// <summary>Drops the queue, with all jobs and all history.</summary>
    public static void DropJobQueue(this MigrationBuilder migrationBuilder, JobQueueSchema queue) => migrationBuilder.Sql(queue.Drop());
}

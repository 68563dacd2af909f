using System.Collections.Concurrent;

namespace Orafo.Pgq;

/// <summary>The statements of the folder Sql, for one queue.</summary>
internal sealed class QueueStatements
{
    private const string SkipLocked = "skip locked";

    private static readonly ConcurrentDictionary<string, QueueStatements> Known = new(StringComparer.Ordinal);

    private QueueStatements(string queue)
    {
        PlanOnce = Read("plan_once", queue);
        NotDurable = Read("not_durable", queue);
        IsMissing = Read("is_missing", queue);
        Publish = Read("publish", queue);
        Promote = Read("promote", queue);
        Reap = Read("reap", queue);
        Claim = Read("claim", queue);
        NextDue = Read("next_due", queue);
        Renew = Read("renew", queue);
        Held = Read("held", queue);
        Finish = Read("finish", queue, locked: SkipLocked);
        FinishWaiting = Read("finish", queue);
        PutOff = Read("put_off", queue, locked: SkipLocked);
        PutOffWaiting = Read("put_off", queue);
        Release = Read("release", queue);
        Report = Read("report", queue);
        AskToCancel = Read("ask_to_cancel", queue);
        Cancel = Read("cancel", queue);
        Retry = Read("retry", queue);
        Move = Read("move", queue);
        MoveGroup = [.. JobStates.NotOver.Where(state => state != JobStates.Running).Select(state => Read("move_group", queue, state))];
        Find = Read("find", queue);
        List = Read("list", queue);
        ListOf = JobStates.NotOver.ToDictionary(state => state, state => Read("list", queue, state), StringComparer.Ordinal);
        Watch = Read("watch", queue);
        KeepHistory = Read("keep_history", queue);
    }

    public string PlanOnce { get; }
    public string NotDurable { get; }
    public string IsMissing { get; }
    public string Publish { get; }
    public string Promote { get; }
    public string Reap { get; }
    public string Claim { get; }
    public string NextDue { get; }
    public string Renew { get; }
    public string Held { get; }
    public string Finish { get; }

    /// <summary>The same in a handler's own transaction: it waits for its row.</summary>
    public string FinishWaiting { get; }

    public string PutOff { get; }

    /// <summary>The same in a handler's own transaction: it waits for its row.</summary>
    public string PutOffWaiting { get; }
    public string Release { get; }
    public string Report { get; }
    public string AskToCancel { get; }
    public string Cancel { get; }
    public string Retry { get; }
    public string Move { get; }

    /// <summary>One for each state in which jobs can be moved: each of them has an index.</summary>
    public IReadOnlyList<string> MoveGroup { get; }

    public string Find { get; }
    public string List { get; }
    public IReadOnlyDictionary<string, string> ListOf { get; }
    public string Watch { get; }
    public string KeepHistory { get; }

    /// <exception cref="ArgumentException">That is no name of a queue.</exception>
    public static QueueStatements Of(string queue) => Known.GetOrAdd(queue, name => new QueueStatements(Checked(name)));

    /// <summary>A name goes into statements as it is, so it is of few characters; and short, for other names are made of it.</summary>
    public static string Checked(string queue) =>
        queue.Length is > 0 and <= 40 && char.IsAsciiLetterLower(queue[0]) && queue.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '_')
            ? queue
            : throw new ArgumentException($"'{queue}' is no name of a queue: a letter a to z, then up to 39 of a to z, 0 to 9 and _.", nameof(queue));

    public static InvalidOperationException Unknown(string queue, Exception inner) =>
        new($"There is no queue '{queue}' in this database's search path: create it with {nameof(JobQueueSchema)}, by hand or in a migration.", inner);

    public static string Read(string statement, string queue, string state = "", string locked = "")
    {
        using var stream = typeof(QueueStatements).Assembly.GetManifestResourceStream(statement)!;
        using var text = new StreamReader(stream);
        return text.ReadToEnd().Replace("{queue}", queue, StringComparison.Ordinal).Replace("{state}", state, StringComparison.Ordinal)
            .Replace("{locked}", locked, StringComparison.Ordinal);
    }
}

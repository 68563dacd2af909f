using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>What the deliveries of one transaction have to know of each other; it goes with their DbContext.</summary>
internal sealed class SharedWork
{
    private static readonly ConditionalWeakTable<DbContext, SharedWork> Works = [];
    private readonly HashSet<Guid> _absent = [];

    /// <summary>Whose turn it is.</summary>
    public ConsumerProfile? Consumer { get; private set; }

    /// <summary>The message's correlation id.</summary>
    public Guid? CorrelationId { get; private set; }

    /// <summary>Whether deliveries before this one have changed what is not in the database yet.</summary>
    public bool HasUnwrittenChanges { get; set; }

    /// <summary>A consumer read past what is not written yet. Whatever it made of the error, the transaction cannot be committed.</summary>
    public bool IsSpoilt { get; private set; }

    /// <summary>How long the consumer has waited for the database.</summary>
    public TimeSpan DatabaseTime { get; set; }

    /// <summary>Whether queries pass that cannot be wrong.</summary>
    public bool IsOpen { get; set; }

    /// <summary>A SaveChanges is under way: what its interceptors publish is stored by it.</summary>
    public bool IsSaving { get; set; }

    /// <summary>A SaveChanges stores messages that the relay has to claim, once they are committed.</summary>
    public bool HasMessagesForRelay { private get; set; }

    /// <summary>Makes what ends the transaction; the last statements of its SaveChanges take it along. Asked once, when those are made.</summary>
    public Func<IReadOnlyList<NpgsqlBatchCommand>>? Closing { private get; set; }

    /// <summary>Empty if there is nothing to end, or if it has been taken.</summary>
    public IReadOnlyList<NpgsqlBatchCommand> TakeClosing()
    {
        var closing = Closing;
        Closing = null;
        return closing?.Invoke() ?? [];
    }

    public bool TakeHasMessagesForRelay()
    {
        var has = HasMessagesForRelay;
        HasMessagesForRelay = false;
        return has;
    }

    public static SharedWork Of(DbContext db) => Works.GetOrCreateValue(db);

    public static bool TryGet(DbContext db, [NotNullWhen(true)] out SharedWork? work) => Works.TryGetValue(db, out work);

    public void Begin(ConsumerProfile consumer, Guid? correlationId) =>
        (Consumer, CorrelationId, DatabaseTime) = (consumer, correlationId, TimeSpan.Zero);

    /// <summary>Somebody looked for it in this transaction and it was not there.</summary>
    public void IsAbsent(Guid saga) => _absent.Add(saga);

    /// <summary>Whether a saga need not be looked for; once, for whoever asks is about to create it.</summary>
    public bool IsKnownToBeAbsent(Guid saga) => _absent.Remove(saga);

    /// <exception cref="ReadPastUnwrittenException">Always.</exception>
    public void Spoil()
    {
        Consumer!.IsReader = true;
        IsSpoilt = true;
        throw new ReadPastUnwrittenException();
    }

    public void Clear()
    {
        (Consumer, CorrelationId, HasUnwrittenChanges, IsSpoilt, IsOpen, IsSaving, Closing) = (null, null, false, false, false, false, null);
        _absent.Clear();
    }
}

/// <summary>A consumer asked the database while deliveries before it were not written yet; each is now run by itself.</summary>
internal sealed class ReadPastUnwrittenException() : Exception("What deliveries before this one have changed is not in the database yet.");

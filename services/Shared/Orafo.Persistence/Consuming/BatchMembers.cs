using System.Collections.Concurrent;
using MassTransit.Batching;
using MassTransit.Context;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>The messages of a <see cref="Batch{T}"/>: each has its own place in the inbox.</summary>
internal abstract class BatchMembers
{
    private static readonly ConcurrentDictionary<Type, BatchMembers?> OfTypes = [];

    /// <summary>For a consumed type; null if it is not a batch.</summary>
    public static BatchMembers? Of(Type consumed) => OfTypes.GetOrAdd(consumed, static type =>
        type.IsGenericType && type.GetGenericTypeDefinition() == typeof(Batch<>)
            ? (BatchMembers)Activator.CreateInstance(typeof(BatchMembers<>).MakeGenericType(type.GenericTypeArguments))!
            : null);

    /// <summary>Their ids, in the batch's order.</summary>
    /// <exception cref="MessageException">One has none.</exception>
    public abstract Guid[] Ids(ConsumeContext batch);

    /// <summary>A batch of those only that are in <paramref name="ids"/>, one of each.</summary>
    public abstract ConsumeContext Keep(ConsumeContext batch, IReadOnlySet<Guid> ids);
}

internal sealed class BatchMembers<T> : BatchMembers where T : class
{
    public override Guid[] Ids(ConsumeContext batch) => [.. Batch(batch).Select(Id)];

    public override ConsumeContext Keep(ConsumeContext batch, IReadOnlySet<Guid> ids)
    {
        var all = Batch(batch);
        var kept = all.Where(member => ids.Contains(Id(member))).DistinctBy(Id).ToArray();
        return new BatchConsumeContext<T>(batch, new MessageBatch<T>(all.FirstMessageReceived, all.LastMessageReceived, all.Mode, kept));
    }

    private static Batch<T> Batch(ConsumeContext batch) => ((ConsumeContext<Batch<T>>)batch).Message;

    private static Guid Id(ConsumeContext<T> member) =>
        member.GetOriginalMessageId() ?? throw new MessageException(typeof(T), "A message without an id cannot be told from its duplicates.");
}

using System.Diagnostics;
using Orafo.Pgq;

namespace Orafo.ServiceDefaults;

/// <summary>The order that a span belongs to: its attribute <c>order.id</c>.</summary>
public static class OrderSpan
{
    /// <summary>The attribute; a GUID as text.</summary>
    public const string Id = "order.id";

    /// <summary>Says it of the current span and of those of this process that it hangs on. What begins beneath it inherits it (<see cref="SpanConventions"/>).</summary>
    /// <param name="order">Null if it is no order's.</param>
    public static void BelongsTo(Guid? order)
    {
        if (order is { } id && Activity.Current is { IsAllDataRequested: true } span)
            Mark(span, id.ToString());
    }

    /// <summary>Says it of a job: of its span, and beside the lines that are logged of it.</summary>
    /// <param name="job">While it is done.</param>
    /// <param name="order">Null if it is no order's.</param>
    public static void BelongsTo<TPayload>(this Job<TPayload> job, Guid? order)
    {
        if (order is { } id)
            job.IsAbout(MessageLogScope.OrderId, id);
        BelongsTo(order);
    }

    /// <summary>Whose a request is that names an order in its path.</summary>
    internal static void Mark(Activity span, string order)
    {
        for (var one = span; one is not null && one.GetTagItem(Id) is null; one = one.Parent)
            one.SetTag(Id, order);
    }
}

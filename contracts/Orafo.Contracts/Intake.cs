namespace Orafo.Contracts;

/// <summary>Event. The order went all the way: invoiced, printed and handed over.</summary>
/// <remarks>From: the order saga. To: OrderDetails.</remarks>
public sealed record OrderCompleted
{
    public required Guid OrderId { get; init; }
    public required string InvoiceNumber { get; init; }
    public required Money Total { get; init; }
    public required DateTimeOffset CompletedAt { get; init; }
}

/// <summary>Event. The order cannot be taken; nothing was invoiced or handed over.</summary>
/// <remarks>From: the order saga. To: OrderDetails.</remarks>
public sealed record OrderRejected
{
    public required Guid OrderId { get; init; }
    public required IReadOnlyList<RejectionReason> Reasons { get; init; }
    public required DateTimeOffset RejectedAt { get; init; }
}

/// <summary>Command. Go on with a suspended order: its step is asked for again.</summary>
/// <remarks>From: an operator, through Ordering. To: the order saga.</remarks>
public sealed record ResumeOrder
{
    public required Guid OrderId { get; init; }

    /// <summary>The client whose key or token it was: a name of a system, not of a person. Since 1.1; the version before does not say it.</summary>
    public string? RequestedBy { get; init; }
}

/// <summary>Command. Undo what was done for the order and end it.</summary>
/// <remarks>From: a client or an operator, through Ordering. To: the order saga.</remarks>
public sealed record CancelOrder
{
    public required Guid OrderId { get; init; }

    /// <summary>In a client's words, which may name somebody.</summary>
    [PersonalData]
    public required string Reason { get; init; }

    /// <summary>The client whose key or token it was: a name of a system, not of a person. Since 1.1; the version before does not say it.</summary>
    public string? RequestedBy { get; init; }
}

/// <summary>Command. The step that the order is in has not answered in its time.</summary>
/// <remarks>From: Ordering. To: the order saga. About one attempt at the step: once there is a later one, it means nothing.</remarks>
public sealed record OrderStepOverdue
{
    public required Guid OrderId { get; init; }

    /// <summary>The state of the order.</summary>
    public required string Step { get; init; }

    /// <summary>1: it was asked for once.</summary>
    public required int Attempt { get; init; }
}

/// <summary>Event. Everything that was done for the order is undone.</summary>
/// <remarks>From: the order saga. To: OrderDetails.</remarks>
public sealed record OrderCancelled
{
    public required Guid OrderId { get; init; }

    /// <summary>See <see cref="CancelOrder.Reason"/>.</summary>
    [PersonalData]
    public required string Reason { get; init; }
    public required DateTimeOffset CancelledAt { get; init; }
}

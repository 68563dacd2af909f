using Orafo.Ordering.Saga;

namespace Orafo.Ordering.Intake;

/// <summary>The states of an order, as clients see them.</summary>
internal static class OrderStates
{
    /// <summary>No way leads out of them.</summary>
    public static readonly string[] Final = [nameof(OrderStateMachine.Completed), nameof(OrderStateMachine.Rejected), nameof(OrderStateMachine.Cancelled)];

    /// <summary>The order needs nothing more: it is final, or somebody has to decide.</summary>
    public static readonly string[] Settled = [.. Final, nameof(OrderStateMachine.Suspended)];

    public static readonly string[] All =
    [
        nameof(OrderStateMachine.GettingDetails), nameof(OrderStateMachine.Invoicing), nameof(OrderStateMachine.HandingOver), nameof(OrderStateMachine.Recalling),
        nameof(OrderStateMachine.Crediting), .. Settled,
    ];

    public static bool IsFinal(string state) => Final.Contains(state, StringComparer.Ordinal);

    public static bool IsSettled(string state) => Settled.Contains(state, StringComparer.Ordinal);
}

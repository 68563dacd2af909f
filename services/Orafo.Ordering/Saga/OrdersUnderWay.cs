using Microsoft.EntityFrameworkCore;
using Orafo.Ordering.Intake;

namespace Orafo.Ordering.Saga;

/// <summary>So many orders that are not over are in a state of a machine's version.</summary>
public sealed record OrdersUnderWay(string State, int Version, long Orders)
{
    /// <summary>Why this version must not take these orders over: it knows their state no longer, or not yet. Null if it knows all.</summary>
    /// <remarks>To be asked before a deployment, also by one that goes back: <c>Orafo.Ordering check</c>. A migration asks by itself.</remarks>
    public static async Task<string?> Objection(OrderingDb db, OrderStateMachine machine)
    {
        if (!await db.Database.SqlQueryRaw<bool>(SagaStatements.HasSagas).SingleAsync())
            return null;
        var known = machine.States.Select(state => state.Name).ToHashSet(StringComparer.Ordinal);
        var unknown = (await db.Database.SqlQueryRaw<OrdersUnderWay>(SagaStatements.NotOver, [OrderStates.Final]).ToListAsync())
            .FindAll(orders => !known.Contains(orders.State) || orders.Version > OrderStateMachine.Version);
        return unknown.Count == 0
            ? null
            : $"This version (machine {OrderStateMachine.Version}) does not know orders that are under way:\n"
                + string.Join('\n', unknown.Select(orders => $"  {orders.Orders} in {orders.State}, begun by machine {orders.Version}"))
                + "\nLet the version that began them bring them to their end first.";
    }
}

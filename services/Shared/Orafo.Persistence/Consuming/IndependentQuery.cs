using Microsoft.EntityFrameworkCore;

namespace MassTransit;

/// <summary>Queries that may share a transaction with other deliveries whose changes are not written yet.</summary>
/// <remarks>
/// Deliveries of an endpoint that share a transaction write their changes together at its end. A consumer that queries must find
/// what those before it changed, so they are written first, and much of the gain is lost. A query that does not depend on
/// them says so: it reads what no consumer of the endpoint writes, or a key that a unique constraint guards, so that two
/// deliveries which both found nothing collide, and are then run one after the other.
/// </remarks>
public static class IndependentQuery
{
    /// <summary>A compiled query says the same by <c>TagWith(IndependentQuery.Tag)</c>.</summary>
    public const string Tag = "Independent";

    /// <summary>SQL that is written by hand says the same by beginning with this comment.</summary>
    public const string Mark = "-- " + Tag;

    /// <summary>Says that the query's answer does not depend on what other deliveries of the transaction have changed.</summary>
    public static IQueryable<T> AsIndependent<T>(this IQueryable<T> query) => query.TagWith(Tag);
}

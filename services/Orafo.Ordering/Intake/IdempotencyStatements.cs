namespace Orafo.Ordering.Intake;

internal static class IdempotencyStatements
{
    /// <summary>Forgets keys older than $1, at most $2 of them: short transactions, no table-wide lock. Several instances take different ones.</summary>
    public const string Forget =
        """
        delete from idempotency_keys
        where ctid = any (array(
            select ctid from idempotency_keys
            where used_at < $1
            order by used_at
            limit $2
            for update skip locked))
        """;
}

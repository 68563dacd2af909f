namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>The saga repository's SQL. Table and column come from the model, quoted; values are parameters.</summary>
internal static class SagaStatements
{
    /// <summary>Reads sagas by key and locks their rows until the transaction ends: two messages for one order wait for each other.</summary>
    /// <remarks>
    /// xmin is named because a concurrency token may be mapped to it, and <c>*</c> leaves system columns out.
    /// In the key's order, so that two transactions with several sagas seldom wait for each other.
    /// </remarks>
    public static string Lock(string table, string key) => $"select s.*, s.xmin from {table} s where s.{key} = any ({{0}}) order by s.{key} for update";
}

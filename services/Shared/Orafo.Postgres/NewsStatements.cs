namespace Orafo.Postgres;

/// <summary>The SQL of what processes tell each other. The channel is named after the table and its oid: one for each schema.</summary>
internal static class NewsStatements
{
    /// <summary>Says that there is something in the table $1; $2 is who says it.</summary>
    public const string Tell = "select pg_notify($1 || '_' || $1::regclass::oid, $2)";

    /// <summary>Listens from now on. In a block, for LISTEN takes no expression and a block no parameter.</summary>
    /// <param name="table">Its name.</param>
    public static string Hear(string table) =>
        $"""
        do $$
        begin
            execute format('listen %I', {Literal(table)} || '_' || {Literal(table)}::regclass::oid);
        end
        $$
        """;

    private static string Literal(string text) => $"'{text.Replace("'", "''", StringComparison.Ordinal)}'";
}

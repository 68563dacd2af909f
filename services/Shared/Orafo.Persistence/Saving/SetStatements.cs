namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>The SQL of rows that are written alike. Tables and columns come from the model, quoted; values are parameters, an array for each column.</summary>
/// <remarks>One row comes without arrays: nothing has to be made of them and taken apart.</remarks>
internal static class SetStatements
{
    /// <summary>Adds the rows.</summary>
    public static string Insert(string table, string columns, string parameters) => $"insert into {table} ({columns}) select * from unnest({parameters})";

    /// <summary>Adds one row.</summary>
    public static string InsertOne(string table, string columns, string parameters) => $"insert into {table} ({columns}) values ({parameters})";

    /// <summary>Changes the rows, all of them or none.</summary>
    /// <remarks>The key's array is named beside the join for an index scan whatever the planner thinks of the table's size.</remarks>
    public static string Update(string table, string assignments, SetOfRows rows) =>
        Exactly(rows.Count, $"update {table} t set {assignments} from unnest({rows.Parameters}) n ({rows.Columns}) where {rows.Condition}");

    /// <summary>Changes one row.</summary>
    public static string UpdateOne(string table, string assignments, string condition) => Exactly("1", $"update {table} t set {assignments} where {condition}");

    /// <summary>Deletes the rows, all of them or none.</summary>
    public static string Delete(string table, SetOfRows rows) =>
        Exactly(rows.Count, $"delete from {table} t using unnest({rows.Parameters}) n ({rows.Columns}) where {rows.Condition}");

    /// <summary>Deletes one row.</summary>
    public static string DeleteOne(string table, string condition) => Exactly("1", $"delete from {table} t where {condition}");

    /// <remarks>
    /// A count that differs is an error of the statement (21000, more than one row for a scalar), so that the commit behind it fails: a client would see it too late.
    /// </remarks>
    private static string Exactly(string count, string write) =>
        $"""
        with written as ({write} returning 1)
        select (select 1 from generate_series(0, abs(c.n - {count}))) from (select count(*)::int as n from written) c
        """;
}

/// <summary>How rows are found again.</summary>
/// <param name="Parameters">Their arrays.</param>
/// <param name="Columns">The arrays' names.</param>
/// <param name="Condition">Which row (t) each of them (n) is.</param>
/// <param name="Count">The parameter that says how many they are.</param>
internal sealed record SetOfRows(string Parameters, string Columns, string Condition, string Count);

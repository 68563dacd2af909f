namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>The SQL of rows that are written alike. Tables and columns come from the model, quoted; values are parameters, an array for each column.</summary>
internal static class SetStatements
{
    /// <summary>Adds the rows.</summary>
    public static string Insert(string table, string columns, string parameters) => $"insert into {table} ({columns}) select * from unnest({parameters})";

    /// <summary>Adds one row: no arrays to be made and taken apart.</summary>
    public static string InsertOne(string table, string columns, string parameters) => $"insert into {table} ({columns}) values ({parameters})";

    /// <summary>Changes one row.</summary>
    /// <remarks>Not to have met it is an error of the statement, as with several.</remarks>
    public static string UpdateOne(string table, string assignments, string condition) =>
        $"""
        with written as (update {table} t set {assignments} where {condition} returning 1)
        select (select 1 from generate_series(0, abs(c.n - 1))) from (select count(*)::int as n from written) c
        """;

    /// <summary>Deletes one row.</summary>
    public static string DeleteOne(string table, string condition) =>
        $"""
        with written as (delete from {table} t where {condition} returning 1)
        select (select 1 from generate_series(0, abs(c.n - 1))) from (select count(*)::int as n from written) c
        """;

    /// <summary>Changes the rows, all of them or none.</summary>
    /// <remarks>
    /// A count that differs is an error of the statement (21000, more than one row for a scalar), so that the commit behind it fails: a client would see it too late.
    /// The key's array is named beside the join for an index scan whatever the planner thinks of the table's size.
    /// </remarks>
    public static string Update(string table, string assignments, SetOfRows rows) =>
        $"""
        with written as (
            update {table} t set {assignments} from unnest({rows.Parameters}) n ({rows.Columns})
            where {rows.Condition}
            returning 1)
        select (select 1 from generate_series(0, abs(c.n - {rows.Count}))) from (select count(*)::int as n from written) c
        """;

    /// <summary>Deletes the rows, all of them or none.</summary>
    public static string Delete(string table, SetOfRows rows) =>
        $"""
        with written as (
            delete from {table} t using unnest({rows.Parameters}) n ({rows.Columns})
            where {rows.Condition}
            returning 1)
        select (select 1 from generate_series(0, abs(c.n - {rows.Count}))) from (select count(*)::int as n from written) c
        """;
}

/// <summary>How rows are found again.</summary>
/// <param name="Parameters">Their arrays.</param>
/// <param name="Columns">The arrays' names.</param>
/// <param name="Condition">Which row (t) each of them (n) is.</param>
/// <param name="Count">The parameter that says how many they are.</param>
internal sealed record SetOfRows(string Parameters, string Columns, string Condition, string Count);

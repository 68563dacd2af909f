using System.Runtime.CompilerServices;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.EntityFrameworkCore.Update;
using Npgsql;
using NpgsqlTypes;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>Rows of one table that are written alike: the same columns, by one statement; one row by a plain one.</summary>
internal sealed class RowShape
{
    /// <summary>Raised by a statement that met another number of rows than it was given. Its own constraints do not raise it.</summary>
    public const string OtherRowsThanExpected = PostgresErrorCodes.CardinalityViolation;

    private static readonly ConditionalWeakTable<ITable, Shapes> Known = [];

    private readonly Column[] _columns;
    private readonly string? _sql;
    private readonly string? _sqlOfOne;

    private RowShape(EntityState state, Column[] columns, (string OfMany, string OfOne)? sql) =>
        (State, _columns, _sql, _sqlOfOne) = (state, columns, sql?.OfMany, sql?.OfOne);

    /// <summary>What they have in common; null if such a row is left to the provider's own way of writing.</summary>
    public static RowShape? Of(IReadOnlyModificationCommand row)
    {
        if (row.Table is not { } table || row.StoreStoredProcedure is not null)
            return null;
        var shape = Known.GetOrCreateValue(table).Find(row, table);
        return shape._sql is null ? null : shape;
    }

    public EntityState State { get; }

    /// <summary>Writes all of them.</summary>
    public NpgsqlBatchCommand Write(List<IReadOnlyModificationCommand> rows)
    {
        var isOne = rows.Count == 1;
        var command = new NpgsqlBatchCommand(isOne ? _sqlOfOne! : _sql!);
        for (var i = 0; i < _columns.Length; i++)
        {
            if (_columns[i].IsNew)
                Bind(i, isOriginal: false);
            if (_columns[i].IsCondition)
                Bind(i, isOriginal: true);
        }

        if (!isOne && State != EntityState.Added)
            command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = rows.Count });
        return command;

        void Bind(int column, bool isOriginal)
        {
            var values = _columns[column].Values!;
            command.Parameters.Add(isOne ? values.Of(rows[0], column, isOriginal) : values.Of(rows, column, isOriginal));
        }
    }

    private bool Matches(IReadOnlyModificationCommand row)
    {
        if (row.EntityState != State || row.ColumnModifications.Count != _columns.Length)
            return false;
        for (var i = 0; i < _columns.Length; i++)
        {
            if (!_columns[i].Matches(row.ColumnModifications[i]))
                return false;
        }

        return true;
    }

    private static RowShape Describe(IReadOnlyModificationCommand row, ITable table)
    {
        Column[] columns = [.. row.ColumnModifications.Select(column => new Column(column))];
        var isSetBased = Array.TrueForAll(columns, column => column.IsSupported) && row.EntityState switch
        {
            EntityState.Added => columns.Length > 0,
            // Several conditions could make the planner read more than the rows; values that must be unique could come in the wrong order.
            EntityState.Modified => columns.Count(column => column.IsKey) == 1 && !columns.Any(column => column.IsNew && IsUnique(column.Of, table)),
            EntityState.Deleted => columns.Count(column => column.IsKey) == 1,
            _ => false,
        };
        return new RowShape(row.EntityState, columns, isSetBased ? Statements(row.EntityState, table, columns) : null);
    }

    private static bool IsUnique(IColumnBase? column, ITable table) =>
        column is IColumn of && (table.UniqueConstraints.Any(unique => unique.Columns.Contains(of)) || table.Indexes.Any(index => index.IsUnique && index.Columns.Contains(of)));

    private static (string OfMany, string OfOne) Statements(EntityState state, ITable table, Column[] columns)
    {
        var name = table.Schema is null ? Quote(table.Name) : $"{Quote(table.Schema)}.{Quote(table.Name)}";
        // In the order in which Write binds them, named by their place: a column's own name may be as long as names can be.
        List<(Column Column, bool IsOld)> given = [];
        foreach (var column in columns)
        {
            if (column.IsNew)
                given.Add((column, false));
            if (column.IsCondition)
                given.Add((column, true));
        }

        int Place(Column column, bool isOld) => given.IndexOf((column, isOld)) + 1;
        var parameters = string.Join(", ", given.Select((_, i) => $"${i + 1}"));
        if (state == EntityState.Added)
        {
            var names = string.Join(", ", columns.Select(column => Quote(column.Name)));
            return (SetStatements.Insert(name, names, parameters), SetStatements.InsertOne(name, names, parameters));
        }

        // A value is a column of the set (n), or, of one row, the parameter itself.
        string Conditions(string value) => string.Join(" and ", columns.Where(column => column.IsCondition)
            .Select(column => $"t.{Quote(column.Name)} {(column.IsKey ? "=" : "is not distinct from")} {value}{Place(column, isOld: true)}"));
        string Assignments(string value) => string.Join(", ", columns.Where(column => column.IsNew)
            .Select(column => $"{Quote(column.Name)} = {value}{Place(column, isOld: false)}"));

        const string OfSet = "n.c";
        const string OfOne = "$";
        var key = columns.Single(column => column.IsKey);
        var rows = new SetOfRows(
            parameters, string.Join(", ", given.Select((_, i) => $"c{i + 1}")),
            $"t.{Quote(key.Name)} = any (${Place(key, isOld: true)}) and {Conditions(OfSet)}", Count: $"${given.Count + 1}");
        return state == EntityState.Deleted
            ? (SetStatements.Delete(name, rows), SetStatements.DeleteOne(name, Conditions(OfOne)))
            : (SetStatements.Update(name, Assignments(OfSet), rows), SetStatements.UpdateOne(name, Assignments(OfOne), Conditions(OfOne)));
    }

    private static string Quote(string identifier) => $"\"{identifier.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    private sealed class Shapes
    {
        private readonly Lock _lock = new();
        private volatile RowShape[] _all = [];

        public RowShape Find(IReadOnlyModificationCommand row, ITable table)
        {
            foreach (var shape in _all)
            {
                if (shape.Matches(row))
                    return shape;
            }

            lock (_lock)
            {
                if (Array.Find(_all, shape => shape.Matches(row)) is { } found)
                    return found;
                var described = Describe(row, table);
                _all = [.. _all, described];
                return described;
            }
        }
    }

    private sealed class Column(IColumnModification column)
    {
        public IColumnBase? Of { get; } = column.Column;
        public string Name { get; } = column.ColumnName;
        public bool IsNew { get; } = column.IsWrite;
        public bool IsCondition { get; } = column.IsCondition;
        public bool IsKey { get; } = column is { IsKey: true, IsCondition: true };
        private bool IsRead { get; } = column.IsRead;
        private RelationalTypeMapping? Mapping { get; } = column.TypeMapping;
        public ColumnValues? Values { get; } = ColumnValues.For(column);

        /// <summary>Nothing comes back from the database, and its values make an array.</summary>
        public bool IsSupported => !IsRead && column.JsonPath is null && Values is not null && (IsNew || IsCondition);

        public bool Matches(IColumnModification other) =>
            ReferenceEquals(other.Column, Of) && other.IsWrite == IsNew && other.IsCondition == IsCondition && other.IsRead == IsRead
            && ReferenceEquals(other.TypeMapping, Mapping) && string.Equals(other.ColumnName, Name, StringComparison.Ordinal) && other.JsonPath is null == (column.JsonPath is null);
    }
}

/// <summary>Makes an array of a column's values.</summary>
internal abstract class ColumnValues
{
    /// <summary>Types whose arrays mean the same as their values one by one.</summary>
    private static readonly Dictionary<string, NpgsqlDbType> Types = new(StringComparer.Ordinal)
    {
        ["uuid"] = NpgsqlDbType.Uuid,
        ["text"] = NpgsqlDbType.Text,
        ["character varying"] = NpgsqlDbType.Varchar,
        ["boolean"] = NpgsqlDbType.Boolean,
        ["smallint"] = NpgsqlDbType.Smallint,
        ["integer"] = NpgsqlDbType.Integer,
        ["bigint"] = NpgsqlDbType.Bigint,
        ["numeric"] = NpgsqlDbType.Numeric,
        ["real"] = NpgsqlDbType.Real,
        ["double precision"] = NpgsqlDbType.Double,
        ["date"] = NpgsqlDbType.Date,
        ["timestamp with time zone"] = NpgsqlDbType.TimestampTz,
        ["timestamp without time zone"] = NpgsqlDbType.Timestamp,
        ["bytea"] = NpgsqlDbType.Bytea,
        ["jsonb"] = NpgsqlDbType.Jsonb,
        ["json"] = NpgsqlDbType.Json,
    };

    public static ColumnValues? For(IColumnModification column)
    {
        if (column.TypeMapping is not { } mapping || !Types.TryGetValue(mapping.StoreTypeNameBase, out var type))
            return null;
        var element = mapping.Converter?.ProviderClrType ?? mapping.ClrType;
        if (element.IsEnum)
            return null;
        if (element.IsValueType && Nullable.GetUnderlyingType(element) is null && column.IsNullable is not false)
            element = typeof(Nullable<>).MakeGenericType(element);
        return (ColumnValues)Activator.CreateInstance(typeof(ColumnValues<>).MakeGenericType(element), mapping.Converter?.ConvertToProvider, type)!;
    }

    /// <param name="rows">Of one shape.</param>
    /// <param name="column">Its place.</param>
    /// <param name="isOriginal">As it was read, to be found again; otherwise as it is to be.</param>
    public abstract NpgsqlParameter Of(List<IReadOnlyModificationCommand> rows, int column, bool isOriginal);

    /// <summary>The value of one row, not as an array.</summary>
    public abstract NpgsqlParameter Of(IReadOnlyModificationCommand row, int column, bool isOriginal);
}

/// <typeparam name="T">Of an element.</typeparam>
internal sealed class ColumnValues<T>(Func<object?, object?>? convert, NpgsqlDbType type) : ColumnValues
{
    public override NpgsqlParameter Of(List<IReadOnlyModificationCommand> rows, int column, bool isOriginal)
    {
        var values = new T[rows.Count];
        for (var i = 0; i < values.Length; i++)
            values[i] = Value(rows[i], column, isOriginal);
        return new NpgsqlParameter<T[]> { TypedValue = values, NpgsqlDbType = type | NpgsqlDbType.Array };
    }

    public override NpgsqlParameter Of(IReadOnlyModificationCommand row, int column, bool isOriginal) =>
        new NpgsqlParameter<T> { TypedValue = Value(row, column, isOriginal), NpgsqlDbType = type };

    private T Value(IReadOnlyModificationCommand row, int column, bool isOriginal)
    {
        var modification = row.ColumnModifications[column];
        var value = isOriginal ? modification.OriginalValue : modification.Value;
        return (T)(value is null || convert is null ? value : convert(value))!;
    }
}

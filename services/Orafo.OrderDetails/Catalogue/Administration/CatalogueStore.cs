using System.Security.Cryptography;
using System.Text.Json;
using Npgsql;

namespace Orafo.OrderDetails.Catalogue.Administration;

/// <summary>Stores entries; what orders have taken of them stays taken.</summary>
internal sealed class CatalogueStore(NpgsqlDataSource database)
{
    /// <summary>As they are shown: what is null is said, because it has to be said when it is sent back.</summary>
    public static readonly JsonSerializerOptions Format = new(JsonSerializerDefaults.Web);

    public async Task<T?> Find<T>(CatalogueKind<T> kind, string key, CancellationToken cancellationToken) where T : class
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return (await Read(kind, kind.Find, [key], connection, null, cancellationToken)).GetValueOrDefault(key);
    }

    /// <summary>Adds or replaces them all, or none.</summary>
    /// <param name="kind">Theirs.</param>
    /// <param name="entries">No two with one key.</param>
    /// <param name="permit">Sees what there is of them, locked, by key; false: nothing is changed.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>How many are new; null if it is not permitted.</returns>
    public async Task<int?> Replace<T>(
        CatalogueKind<T> kind, IReadOnlyList<T> entries, Func<IReadOnlyDictionary<string, T>, bool> permit, CancellationToken cancellationToken) where T : class
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var stored = await Read(kind, kind.Lock, [.. entries.Select(kind.KeyOf)], connection, transaction, cancellationToken);
        if (!permit(stored))
            return null;
        await using var replace = new NpgsqlCommand(kind.Replace, connection, transaction);
        replace.Parameters.AddRange(kind.Columns(entries));
        var added = 0;
        await using (var rows = await replace.ExecuteReaderAsync(cancellationToken))
        {
            while (await rows.ReadAsync(cancellationToken))
                added += rows.GetBoolean(0) ? 1 : 0;
        }

        // Somebody else added one of them in between: whoever permitted this did not see it.
        if (added != entries.Count - stored.Count)
        {
            await transaction.RollbackAsync(cancellationToken);
            return await Replace(kind, entries, permit, cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
        return added;
    }

    /// <summary>Names what a PUT replaces: what only orders change of it is not part.</summary>
    public static string TagOf<T>(T entry) => Convert.ToHexStringLower(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(entry, Format)).AsSpan(0, 16));

    private static async Task<Dictionary<string, T>> Read<T>(
        CatalogueKind<T> kind, string statement, string[] keys, NpgsqlConnection connection, NpgsqlTransaction? transaction, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(statement, connection, transaction) { Parameters = { new() { Value = keys } } };
        await using var rows = await command.ExecuteReaderAsync(cancellationToken);
        return await rows.TakeAsync(kind.Row, kind.KeyOf, StringComparer.Ordinal, cancellationToken);
    }
}

using Npgsql;

namespace Orafo.OrderDetails.Catalogue;

/// <summary>Reads what statements select of the catalogue, in the order in which they name the columns.</summary>
internal static class CatalogueRows
{
    public static Article Article(NpgsqlDataReader row) => new()
    {
        Sku = row.GetString(0),
        Name = row.GetString(1),
        Price = row.GetDecimal(2),
        VatCategory = row.GetString(3),
        VatRate = row.GetDecimal(4),
        Stock = row.IsDBNull(5) ? null : row.GetInt32(5),
        IsOnSale = row.GetBoolean(6),
        Taken = row.GetInt32(7),
    };

    public static Customer Customer(NpgsqlDataReader row) => new()
    {
        Number = row.GetString(0),
        Name = row.GetString(1),
        Street = row.GetString(2),
        PostalCode = row.GetString(3),
        City = row.GetString(4),
        Country = row.GetString(5),
        VatId = row.IsDBNull(6) ? null : row.GetString(6),
        IsBlocked = row.GetBoolean(7),
    };

    public static Coupon Coupon(NpgsqlDataReader row) => new()
    {
        Code = row.GetString(0),
        Percent = row.IsDBNull(1) ? null : row.GetDecimal(1),
        Amount = row.IsDBNull(2) ? null : row.GetDecimal(2),
        FreeShipping = row.GetBoolean(3),
        ValidFrom = row.GetFieldValue<DateTimeOffset>(4),
        ValidUntil = row.GetFieldValue<DateTimeOffset>(5),
        MinimumNet = row.GetDecimal(6),
        MostUses = row.IsDBNull(7) ? null : row.GetInt32(7),
        MostUsesPerCustomer = row.IsDBNull(8) ? null : row.GetInt32(8),
        Uses = row.GetInt32(9),
    };

    /// <summary>The reader's current result, by key; the next one comes next.</summary>
    public static async Task<Dictionary<TKey, T>> TakeAsync<TKey, T>(
        this NpgsqlDataReader rows, Func<NpgsqlDataReader, T> read, Func<T, TKey> key, IEqualityComparer<TKey>? comparer, CancellationToken cancellationToken)
        where TKey : notnull
    {
        Dictionary<TKey, T> taken = new(comparer);
        while (await rows.ReadAsync(cancellationToken))
        {
            var row = read(rows);
            taken.Add(key(row), row);
        }

        await rows.NextResultAsync(cancellationToken);
        return taken;
    }
}

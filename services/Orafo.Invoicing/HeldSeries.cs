using Microsoft.EntityFrameworkCore;

namespace Orafo.Invoicing;

/// <summary>A series that is held until the transaction ends: nobody else gets a number of it meanwhile.</summary>
/// <param name="Series">Tracked: what is taken of it is written with what it was taken for.</param>
/// <param name="Withheld">Which of the orders never get an invoice. No other order becomes one of them before the transaction ends.</param>
internal sealed record HeldSeries(InvoiceSeries Series, IReadOnlySet<Guid> Withheld)
{
    /// <summary>Waits for whoever holds it; begins it if this is its first document.</summary>
    /// <param name="db">Of the transaction.</param>
    /// <param name="name">Of the series.</param>
    /// <param name="orders">Those that are to be invoiced.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async Task<HeldSeries> Take(InvoicingDb db, string name, Guid[] orders, CancellationToken cancellationToken)
    {
        var rows = db.Database.SqlQueryRaw<Row>(InvoiceStatements.LockSeries, name, orders);
        if (await rows.ToListAsync(cancellationToken) is not [var row])
        {
            await db.Database.ExecuteSqlRawAsync(InvoiceStatements.BeginSeries, [name, HashChain.Begin(name)], cancellationToken);
            row = (await rows.ToListAsync(cancellationToken)).Single();
        }

        var series = new InvoiceSeries { Name = row.Name, Last = row.Last, Head = row.Head, LastIssuedAt = row.LastIssuedAt };
        return new(db.Attach(series).Entity, row.Withheld.ToHashSet());
    }

    /// <summary>A row of <see cref="InvoiceStatements.LockSeries"/>.</summary>
    private sealed record Row(string Name, int Last, byte[] Head, DateTimeOffset? LastIssuedAt, Guid[] Withheld);
}

using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Orafo.Invoicing;

/// <summary>Reading invoices.</summary>
public static class InvoiceEndpoints
{
    public static void MapInvoices(this IEndpointRouteBuilder app) => app.MapGet("/invoices/{number}", Get);

    private static async Task<Results<Ok<Invoice>, NotFound>> Get(string number, InvoicingDb db, CancellationToken cancellationToken) =>
        await db.Invoices.AsNoTracking().SingleOrDefaultAsync(invoice => invoice.Number == number, cancellationToken) is { } invoice
            ? TypedResults.Ok(invoice)
            : TypedResults.NotFound();
}

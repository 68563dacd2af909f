using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Orafo.ServiceDefaults;

namespace Orafo.Invoicing.Documents;

/// <summary>The files of invoices: rendered when somebody reads one for the first time, and then kept.</summary>
/// <remarks>Whoever reads gets what is stored, never what he rendered himself: of two who render at the same time, one keeps his files.</remarks>
public sealed class DocumentArchive(InvoicingDb db, DocumentPress press, IOptions<SellerOptions> seller, TimeProvider time)
{
    private static readonly Func<InvoicingDb, string, string, CancellationToken, Task<InvoiceDocument?>> Stored = EF.CompileAsyncQuery(
        (InvoicingDb db, string number, string mediaType, CancellationToken _) =>
            db.Documents.AsNoTracking().SingleOrDefault(document => document.InvoiceNumber == number && document.MediaType == mediaType));

    /// <summary>Null if it was not rendered yet.</summary>
    /// <param name="number">The invoice's.</param>
    /// <param name="mediaType">Of the file.</param>
    /// <param name="cancellationToken">Nobody waits any longer.</param>
    public Task<InvoiceDocument?> Find(string number, string mediaType, CancellationToken cancellationToken) => Stored(db, number, mediaType, cancellationToken);

    /// <summary>Renders both files of an invoice and keeps them, if nobody has meanwhile.</summary>
    /// <param name="invoice">Not refused by <see cref="DocumentMapping.RefusalOf"/>.</param>
    /// <param name="mediaType">Of the file that is wanted.</param>
    /// <param name="cancellationToken">Nobody waits any longer.</param>
    public async Task<InvoiceDocument> Render(Invoice invoice, string mediaType, CancellationToken cancellationToken)
    {
        // Invoices issued before sellers were kept with them show the seller of today; both files are rendered at once, so that they agree.
        var document = DocumentMapping.Of(invoice, invoice.Seller ?? seller.Value.Details);
        var (pdf, xml) = await press.Render(document, cancellationToken);
        await db.Database.ExecuteSqlRawAsync(DocumentStatements.Keep, [invoice.Number, pdf, xml, time.GetStorableNow()], cancellationToken);
        return await Find(invoice.Number, mediaType, cancellationToken) ?? throw new InvalidOperationException("A document that was just kept is not there.");
    }
}

/// <summary>Renders one document at a time: readers wait for each other, so that whoever issues invoices need not wait for them.</summary>
public sealed class DocumentPress : IDisposable
{
    private readonly SemaphoreSlim _one = new(1);

    public async Task<(byte[] Pdf, byte[] Xml)> Render(BillingDocument document, CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken);
        try
        {
            return (PdfDocument.Render(document), UblDocument.Render(document));
        }
        finally
        {
            _one.Release();
        }
    }

    public void Dispose() => _one.Dispose();
}

/// <summary>Registers the archive.</summary>
public static class DocumentExtensions
{
    public static void AddDocuments(this IServiceCollection services)
    {
        services.AddSingleton<DocumentPress>();
        services.AddScoped<DocumentArchive>();
    }
}

using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Orafo.ServiceDefaults;

namespace Orafo.Invoicing.Documents;

/// <summary>The files of invoices and credit notes: rendered when somebody reads one for the first time, and then kept.</summary>
/// <remarks>Whoever reads gets what is stored, never what he rendered himself: of two who render at the same time, one keeps his files.</remarks>
public sealed class DocumentArchive(InvoicingDb db, DocumentPress press, IOptions<SellerOptions> seller, TimeProvider time)
{
    private static readonly Func<InvoicingDb, string, string, CancellationToken, Task<InvoiceDocument?>> OfInvoice = EF.CompileAsyncQuery(
        (InvoicingDb db, string number, string mediaType, CancellationToken _) =>
            db.InvoiceDocuments.AsNoTracking().SingleOrDefault(document => document.Number == number && document.MediaType == mediaType));

    private static readonly Func<InvoicingDb, string, string, CancellationToken, Task<CreditNoteDocument?>> OfCreditNote = EF.CompileAsyncQuery(
        (InvoicingDb db, string number, string mediaType, CancellationToken _) =>
            db.CreditNoteDocuments.AsNoTracking().SingleOrDefault(document => document.Number == number && document.MediaType == mediaType));

    /// <summary>Null if it was not rendered yet.</summary>
    /// <param name="kind">Whose file.</param>
    /// <param name="number">Its number.</param>
    /// <param name="mediaType">Of the file.</param>
    /// <param name="cancellationToken">Nobody waits any longer.</param>
    public async Task<StoredDocument?> Find(DocumentKind kind, string number, string mediaType, CancellationToken cancellationToken) =>
        kind == DocumentKind.CreditNote ? await OfCreditNote(db, number, mediaType, cancellationToken) : await OfInvoice(db, number, mediaType, cancellationToken);

    /// <summary>Renders both files of an invoice, or of its credit note, and keeps them, if nobody has meanwhile.</summary>
    /// <param name="invoice">Not refused by <see cref="DocumentMapping.RefusalOf"/>.</param>
    /// <param name="creditNote">What is to be rendered instead.</param>
    /// <param name="mediaType">Of the file that is wanted.</param>
    /// <param name="cancellationToken">Nobody waits any longer.</param>
    /// <returns>Null if too many wait already.</returns>
    public async Task<StoredDocument?> Render(Invoice invoice, CreditNote? creditNote, string mediaType, CancellationToken cancellationToken)
    {
        using var turn = await press.Turn(cancellationToken);
        if (turn is null)
            return null;
        // Invoices issued before sellers were kept with them show the seller of today; both files are rendered at once, so that they agree.
        var document = DocumentMapping.Of(invoice, invoice.Seller ?? seller.Value.Details);
        if (creditNote is not null)
            document = DocumentMapping.Of(creditNote, document);
        // Many may have waited for the same one.
        if (await Find(document.Kind, document.Number, mediaType, cancellationToken) is { } meanwhile)
            return meanwhile;
        var (pdf, xml) = press.Render(document);
        var keep = document.Kind == DocumentKind.CreditNote ? DocumentStatements.KeepCreditNote : DocumentStatements.KeepInvoice;
        await db.Database.ExecuteSqlRawAsync(keep, [document.Number, pdf, xml, time.GetStorableNow()], cancellationToken);
        return await Find(document.Kind, document.Number, mediaType, cancellationToken) ?? throw new InvalidOperationException("A document that was just kept is not there.");
    }
}

/// <summary>Renders one document at a time: readers wait for each other, so that whoever issues invoices need not wait for them.</summary>
public sealed class DocumentPress : IDisposable
{
    /// <summary>A second or two; whoever comes then had better come again.</summary>
    private const int LongestLine = 64;

    private readonly SemaphoreSlim _one = new(1);
    private int _inLine;

    /// <summary>How many documents this process has rendered.</summary>
    public int Rendered { get; private set; }

    /// <summary>Waits for the press; it is free again when the turn is disposed.</summary>
    /// <returns>Null if too many wait already.</returns>
    public async Task<IDisposable?> Turn(CancellationToken cancellationToken)
    {
        try
        {
            if (Interlocked.Increment(ref _inLine) > LongestLine)
                return null;
            await _one.WaitAsync(cancellationToken);
            return new ItsTurn(_one);
        }
        finally
        {
            Interlocked.Decrement(ref _inLine);
        }
    }

    /// <summary>By whoever has the turn.</summary>
    public (byte[] Pdf, byte[] Xml) Render(BillingDocument document)
    {
        Rendered++;
        return (PdfDocument.Render(document), UblDocument.Render(document));
    }

    public void Dispose() => _one.Dispose();

    private sealed class ItsTurn(SemaphoreSlim one) : IDisposable
    {
        public void Dispose() => one.Release();
    }
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

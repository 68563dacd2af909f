namespace Orafo.Invoicing.Documents;

/// <summary>A document as a file, as it was rendered the first time. It is never changed or deleted; the database refuses.</summary>
public abstract class StoredDocument
{
    /// <summary>Of the invoice or the credit note.</summary>
    public required string Number { get; init; }

    /// <summary>One of <see cref="Representations"/>.</summary>
    public required string MediaType { get; init; }

    [Contracts.PersonalData]
    public required byte[] Content { get; init; }

    /// <summary>SHA-256 of the content, worked out by the database.</summary>
    public byte[] Hash { get; private set; } = [];

    public required DateTimeOffset RenderedAt { get; init; }
}

/// <summary>An invoice's.</summary>
public sealed class InvoiceDocument : StoredDocument;

/// <summary>A credit note's.</summary>
public sealed class CreditNoteDocument : StoredDocument;

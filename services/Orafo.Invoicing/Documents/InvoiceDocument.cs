namespace Orafo.Invoicing.Documents;

/// <summary>An invoice as a file, as it was rendered the first time. It is never changed or deleted; the database refuses.</summary>
public sealed class InvoiceDocument
{
    public required string InvoiceNumber { get; init; }

    /// <summary>One of <see cref="Representations"/>.</summary>
    public required string MediaType { get; init; }

    [Contracts.PersonalData]
    public required byte[] Content { get; init; }

    /// <summary>SHA-256 of the content, worked out by the database.</summary>
    public byte[] Hash { get; private set; } = [];

    public required DateTimeOffset RenderedAt { get; init; }
}

namespace Orafo.Invoicing;

/// <summary>What the consumers say.</summary>
internal static partial class InvoicingLog
{
    [LoggerMessage(LogLevel.Information, "Order {OrderId} has invoice {InvoiceNumber}")]
    public static partial void Issued(ILogger logger, Guid orderId, string invoiceNumber);

    [LoggerMessage(LogLevel.Warning, "Order {OrderId} gets no invoice: it is wanted on paper, and {Rule} is broken")]
    public static partial void NoPage(ILogger logger, Guid orderId, string rule);

    [LoggerMessage(LogLevel.Debug, "Order {OrderId} has credit note {CreditNoteNumber}")]
    public static partial void Credited(ILogger logger, Guid orderId, string creditNoteNumber);

    [LoggerMessage(LogLevel.Debug, "Order {OrderId} is credited, and gets no invoice or no other paper")]
    public static partial void IsCredited(ILogger logger, Guid orderId);
}

namespace Orafo.Contracts;

/// <summary>Command. Issue the order's invoice and put it on paper, unless no paper is wanted.</summary>
/// <remarks>
/// From: the order saga. To: Invoicing. Answers: <see cref="InvoiceIssued"/> if it has its number and the paper has to wait, then
/// <see cref="InvoiceGenerated"/> when it is on paper, or <see cref="InvoiceFailed"/>; <see cref="InvoiceGenerated"/> at once if no paper is wanted. No answer
/// if the order was credited before.
/// </remarks>
public sealed record GenerateInvoice
{
    public required Guid OrderId { get; init; }
    public required string CustomerNumber { get; init; }

    [PersonalData]
    public required Party Customer { get; init; }

    public required IReadOnlyList<PricedLine> Lines { get; init; }
    public required OrderTotals Totals { get; init; }

    /// <summary>Since 1.1: one of <see cref="InvoiceMedium"/>. Absent: paper.</summary>
    public string? Delivery { get; init; }
}

/// <summary>How an invoice gets to its buyer.</summary>
public static class InvoiceMedium
{
    /// <summary>Printed.</summary>
    public const string Paper = "paper";

    /// <summary>Whoever wants it reads it; nothing is printed.</summary>
    public const string Electronic = "electronic";
}

/// <summary>Event. The invoice has its number and waits for the printer.</summary>
/// <remarks>From: Invoicing. To: the order saga. Not sent while paper comes out within seconds; it may come twice.</remarks>
public sealed record InvoiceIssued
{
    public required Guid OrderId { get; init; }
    public required string InvoiceNumber { get; init; }

    /// <summary>In the seller's time zone (BT-2).</summary>
    public required DateOnly IssueDate { get; init; }
}

/// <summary>Event. The invoice is on paper, or can be read, if no paper is wanted.</summary>
/// <remarks>From: Invoicing. To: the order saga.</remarks>
public sealed record InvoiceGenerated
{
    public required Guid OrderId { get; init; }
    public required string InvoiceNumber { get; init; }
    public required DateTimeOffset GeneratedAt { get; init; }
}

/// <summary>Event. The invoice did not get onto paper and nobody tries any longer; an operator decides.</summary>
/// <remarks>From: Invoicing. To: the order saga.</remarks>
public sealed record InvoiceFailed
{
    public required Guid OrderId { get; init; }

    /// <summary>For people; never personal data.</summary>
    public required string Reason { get; init; }

    /// <summary>Absent when not even a number was taken.</summary>
    public string? InvoiceNumber { get; init; }
}

/// <summary>Command. Issue a credit note that names the order's invoice (Directive 2006/112/EC, art. 219).</summary>
/// <remarks>
/// From: the order saga. To: Invoicing. Answer: <see cref="InvoiceCredited"/>. An order that has no invoice then never gets one, and an invoice that waits for
/// its paper is not printed any more. A page that is under way may come out: an <see cref="InvoiceGenerated"/> or <see cref="InvoiceFailed"/> may still follow.
/// </remarks>
public sealed record CreditInvoice
{
    public required Guid OrderId { get; init; }

    /// <summary>See <see cref="CancelOrder.Reason"/>; it stands on the credit note.</summary>
    [PersonalData]
    public required string Reason { get; init; }
}

/// <summary>Event. The order's invoice is credited.</summary>
/// <remarks>From: Invoicing. To: the order saga. Without numbers when there was no invoice to credit.</remarks>
public sealed record InvoiceCredited
{
    public required Guid OrderId { get; init; }
    public string? InvoiceNumber { get; init; }
    public string? CreditNoteNumber { get; init; }
}

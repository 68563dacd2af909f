namespace Orafo.Contracts.Tests;

/// <summary>One of each message, with every member set.</summary>
internal static class Examples
{
    private static readonly Guid OrderId = Guid.Parse("01a2076c-1526-724c-a2e8-d7c397d44a44");
    private static readonly DateTimeOffset At = new(2026, 3, 29, 1, 30, 15, 250, TimeSpan.Zero);
    private static readonly OrderLine[] Lines = [new() { Sku = "MUG-01", Quantity = 2 }, new() { Sku = "TEA-07", Quantity = 1 }];
    private static readonly RejectionReason[] Reasons =
    [
        new() { Code = "unknown-article", Text = "There is no article NOPE-1.", Pointer = "/lines/0/sku" },
        new() { Code = "blocked-customer", Text = "Customer C-1009 is blocked." },
    ];

    private static readonly Party Customer = new()
    {
        Name = "Donau Handels GmbH",
        Street = "Praterstraße 1",
        PostalCode = "1020",
        City = "Wien",
        Country = "AT",
        VatId = "ATU12345675",
    };

    private static readonly PricedLine[] PricedLines =
    [
        new() { Sku = "MUG-01", Name = "Mug", Quantity = 2, UnitPrice = 7.125m, VatCategory = "S", VatRate = 22m, NetAmount = 14.25m },
        new() { Sku = "TEA-07", Name = "Tea", Quantity = 1, UnitPrice = 10.00m, VatCategory = "S", VatRate = 10m, NetAmount = 10.00m },
    ];

    private static readonly OrderTotals Totals = new()
    {
        Currency = "EUR",
        LinesNet = 24.25m,
        Allowance = 4.25m,
        Charge = 4.90m,
        Net = 24.90m,
        Vat = 4.25m,
        Gross = 29.15m,
        VatBreakdown =
        [
            new() { Category = "S", Rate = 22m, Charge = 2.88m, TaxableAmount = 14.63m, VatAmount = 3.22m },
            new() { Category = "S", Rate = 10m, Charge = 2.02m, TaxableAmount = 10.27m, VatAmount = 1.03m },
        ],
    };

    public static readonly IReadOnlyList<object> All =
    [
        new OrderCompleted { OrderId = OrderId, InvoiceNumber = "2026-000001", Total = new(23.42m, "EUR"), CompletedAt = At },
        new OrderRejected { OrderId = OrderId, Reasons = Reasons, RejectedAt = At },
        new ResumeOrder { OrderId = OrderId, RequestedBy = "back-office" },
        new CancelOrder { OrderId = OrderId, Reason = "The customer changed their mind.", RequestedBy = "web-shop" },
        new OrderStepOverdue { OrderId = OrderId, Step = "Invoicing", Attempt = 2 },
        new OrderCancelled { OrderId = OrderId, Reason = "The customer changed their mind.", CancelledAt = At },
        new GetOrderDetails { OrderId = OrderId, CustomerNumber = "C-1001", SubmittedAt = At, Lines = Lines, CouponCode = "SPRING" },
        new OrderDetailsReady { OrderId = OrderId, Customer = Customer, Lines = PricedLines, Totals = Totals },
        new OrderDetailsRejected { OrderId = OrderId, Reasons = Reasons },
        new GenerateInvoice
        {
            OrderId = OrderId, CustomerNumber = "C-1001", Customer = Customer, Lines = PricedLines, Totals = Totals, Delivery = InvoiceMedium.Electronic,
        },
        new InvoiceIssued { OrderId = OrderId, InvoiceNumber = "2026-000001", IssueDate = new(2026, 3, 29) },
        new InvoiceGenerated { OrderId = OrderId, InvoiceNumber = "2026-000001", GeneratedAt = At },
        new InvoiceFailed { OrderId = OrderId, Reason = "The printer does not answer.", InvoiceNumber = "2026-000001" },
        new CreditInvoice { OrderId = OrderId, Reason = "Cancelled." },
        new InvoiceCredited { OrderId = OrderId, InvoiceNumber = "2026-000001", CreditNoteNumber = "C2026-000001" },
        new HandOverOrder
        {
            OrderId = OrderId, CustomerNumber = "C-1001", InvoiceNumber = "2026-000001", DeliverTo = Customer, Lines = Lines, Total = new(23.42m, "EUR"),
        },
        new OrderHandedOver { OrderId = OrderId, HandedOverAt = At, TrackingNumber = "OR000000016IT" },
        new HandOverFailed { OrderId = OrderId, Reason = "The carrier refused the parcel." },
        new RecallHandOver { OrderId = OrderId },
        new HandOverRecalled { OrderId = OrderId },
        new HandOverRecallRefused { OrderId = OrderId, Reason = "The parcel has left." },
    ];

    /// <summary>Messages carry an order's id at their top; their parts do not.</summary>
    public static IEnumerable<Type> MessageTypes =>
        typeof(GetOrderDetails).Assembly.GetExportedTypes().Where(type => type.GetProperty(nameof(GetOrderDetails.OrderId)) is not null);
}

using MassTransit;
using Orafo.Contracts;
using Orafo.Invoicing;
using Orafo.Invoicing.Documents;
using Orafo.Invoicing.Printing;
using Orafo.Pgq;
using Orafo.ServiceDefaults;

var builder = WebApplication.CreateBuilder(args);

builder.AddServiceDefaults()
    .AddOperatorKey()
    .AddDatabase<InvoicingDb>(options => options.UseJobQueues())
    .AddMessaging<InvoicingDb>(bus =>
    {
        bus.AddConsumer<GenerateInvoiceConsumer, GenerateInvoiceDefinition>();
        bus.AddPrefetch<InvoicePrefetch>();
        bus.AddConsumer<CreditInvoiceConsumer, CreditInvoiceDefinition>();
        bus.AddPrefetch<CreditPrefetch>();
    })
    .AddRehearsal<GenerateInvoiceConsumer, GenerateInvoice>(new()
    {
        OrderId = Guid.Empty,
        CustomerNumber = "",
        Customer = new() { Name = "Nobody", Street = "", PostalCode = "", City = "", Country = "IT" },
        Lines = [new() { Sku = "", Name = "Nothing", Quantity = 1, UnitPrice = 0, VatCategory = "Z", VatRate = 0, NetAmount = 0 }],
        Totals = new()
        {
            Currency = "EUR",
            LinesNet = 0,
            Allowance = 0,
            Net = 0,
            Vat = 0,
            Gross = 0,
            VatBreakdown = [new() { Category = "Z", Rate = 0, TaxableAmount = 0, VatAmount = 0 }],
        },
    });

builder.Services.AddOptions<SellerOptions>().BindConfiguration("Seller").ValidateDataAnnotations()
    .Validate(seller => TimeZoneInfo.TryFindSystemTimeZoneById(seller.TimeZone, out _), "Seller:TimeZone is no time zone of IANA.").ValidateOnStart();
builder.Services.AddPrinting();
builder.Services.AddDocuments();

var app = builder.Build();
app.UseServiceDefaults();
app.UseOperatorKey();
app.MapDefaultEndpoints();
app.MapInvoices();
app.MapPrintJobs();
await app.RunServiceAsync<InvoicingDb>(args);

using MassTransit;
using Orafo.Invoicing;
using Orafo.Invoicing.Printing;
using Orafo.ServiceDefaults;

var builder = WebApplication.CreateBuilder(args);

builder.AddServiceDefaults()
    .AddDatabase<InvoicingDb>()
    .AddMessaging<InvoicingDb>(bus =>
    {
        bus.AddConsumer<GenerateInvoiceConsumer, GenerateInvoiceDefinition>();
    });

builder.Services.AddOptions<SellerOptions>().BindConfiguration("Seller").ValidateDataAnnotations().ValidateOnStart();
builder.Services.AddPrinting();

var app = builder.Build();
app.UseServiceDefaults();
app.MapDefaultEndpoints();
app.MapInvoices();
await app.RunServiceAsync<InvoicingDb>(args);

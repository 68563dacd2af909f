using MassTransit;
using Orafo.Contracts;
using Orafo.OrderDetails;
using Orafo.OrderDetails.Catalogue;
using Orafo.OrderDetails.Catalogue.Administration;
using Orafo.OrderDetails.Details;
using Orafo.ServiceDefaults;

var builder = WebApplication.CreateBuilder(args);

builder.AddServiceDefaults()
    .AddOperatorKey()
    .AddDatabase<OrderDetailsDb>()
    .AddMessaging<OrderDetailsDb>(bus =>
    {
        bus.AddConsumer<GetOrderDetailsConsumer, GetOrderDetailsDefinition>();
        bus.AddPrefetch<OrderDetailsPrefetch>();
        bus.AddConsumer<CompleteOrderConsumer, CompleteOrderDefinition>();
        bus.AddPrefetch<CompletionPrefetch>();
        bus.AddConsumer<ReleaseOrderConsumer, ReleaseOrderDefinition>();
        bus.AddPrefetch<CancellationPrefetch>();
        bus.AddPrefetch<RejectionPrefetch>();
    })
    .AddRehearsal<GetOrderDetailsConsumer, GetOrderDetails>(new()
    {
        OrderId = Guid.Empty,
        CustomerNumber = "",
        SubmittedAt = default,
        Lines = [new() { Sku = "", Quantity = 1 }],
    });

builder.Services.AddCatalogue();
builder.Services.AddOptions<SellerOptions>().BindConfiguration("Seller").ValidateDataAnnotations().ValidateOnStart();

var app = builder.Build();
app.UseServiceDefaults();
app.UseOperatorKey();
app.MapDefaultEndpoints();
app.MapCatalogue();
await app.RunServiceAsync<OrderDetailsDb>(args, CatalogueFiles.LoadIfEmpty);

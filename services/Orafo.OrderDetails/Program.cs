using MassTransit;
using Orafo.OrderDetails;
using Orafo.OrderDetails.Catalogue;
using Orafo.OrderDetails.Details;
using Orafo.ServiceDefaults;

var builder = WebApplication.CreateBuilder(args);

builder.AddServiceDefaults()
    .AddDatabase<OrderDetailsDb>()
    .AddMessaging<OrderDetailsDb>(bus =>
    {
        bus.AddConsumer<GetOrderDetailsConsumer, GetOrderDetailsDefinition>();
    });

builder.Services.AddOptions<SellerOptions>().BindConfiguration("Seller").ValidateDataAnnotations().ValidateOnStart();

var app = builder.Build();
app.UseServiceDefaults();
app.MapDefaultEndpoints();
await app.RunServiceAsync<OrderDetailsDb>(args, CatalogueFiles.LoadIfEmpty);

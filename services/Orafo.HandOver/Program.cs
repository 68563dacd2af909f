using MassTransit;
using Orafo.Contracts;
using Orafo.HandOver;
using Orafo.HandOver.Notifying;
using Orafo.HandOver.Shipping;
using Orafo.Pgq;
using Orafo.ServiceDefaults;

var builder = WebApplication.CreateBuilder(args);

builder.AddServiceDefaults()
    .AddOperatorKey()
    .AddDatabase<HandOverDb>(options => options.UseJobQueues())
    .AddMessaging<HandOverDb>(bus =>
    {
        bus.AddConsumer<HandOverOrderConsumer, HandOverOrderDefinition>();
        bus.AddPrefetch<HandOverPrefetch>();
        bus.AddConsumer<RecallHandOverConsumer, RecallHandOverDefinition>();
    })
    .AddRehearsal<HandOverOrderConsumer, HandOverOrder>(new()
    {
        OrderId = Guid.Empty,
        CustomerNumber = "",
        InvoiceNumber = "",
        DeliverTo = new() { Name = "", Street = "", PostalCode = "", City = "", Country = "IT" },
        Lines = [new() { Sku = "", Quantity = 1 }],
        Total = new(0, "EUR"),
    });

builder.Services.AddShipping();
builder.Services.AddNotifying();

var app = builder.Build();
app.UseServiceDefaults();
app.UseOperatorKey();
app.MapDefaultEndpoints();
app.MapJobs();
await app.RunServiceAsync<HandOverDb>(args);

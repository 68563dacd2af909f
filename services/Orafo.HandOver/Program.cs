using MassTransit;
using Orafo.Contracts;
using Orafo.HandOver;
using Orafo.ServiceDefaults;

var builder = WebApplication.CreateBuilder(args);

builder.AddServiceDefaults()
    .AddDatabase<HandOverDb>()
    .AddMessaging<HandOverDb>(bus =>
    {
        bus.AddConsumer<HandOverOrderConsumer, HandOverOrderDefinition>();
        bus.AddPrefetch<HandOverPrefetch>();
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

var app = builder.Build();
app.UseServiceDefaults();
app.MapDefaultEndpoints();
await app.RunServiceAsync<HandOverDb>(args);

using MassTransit;
using Orafo.HandOver;
using Orafo.ServiceDefaults;

var builder = WebApplication.CreateBuilder(args);

builder.AddServiceDefaults()
    .AddDatabase<HandOverDb>()
    .AddMessaging<HandOverDb>(bus =>
    {
        bus.AddConsumer<HandOverOrderConsumer, HandOverOrderDefinition>();
    });

var app = builder.Build();
app.UseServiceDefaults();
app.MapDefaultEndpoints();
await app.RunServiceAsync<HandOverDb>(args);

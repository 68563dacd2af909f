using MassTransit;
using Orafo.Contracts;
using Orafo.Ordering;
using Orafo.Ordering.Intake;
using Orafo.Ordering.Saga;
using Orafo.ServiceDefaults;
using Scalar.AspNetCore;

var builder = WebApplication.CreateBuilder(args);

builder.AddServiceDefaults()
    .AddDatabase<OrderingDb>()
    .AddMessaging<OrderingDb>(bus =>
    {
        bus.AddSagaStateMachine<OrderStateMachine, OrderSaga, OrderSagaDefinition>()
            .EntityFrameworkRepository(saga => saga.ExistingDbContext<OrderingDb>());
    })
    .AddRehearsal<OrderSaga, OrderSubmitted>(new()
    {
        OrderId = Guid.Empty,
        CustomerNumber = "",
        SubmittedAt = default,
        Lines = [new() { Sku = "", Quantity = 1 }],
    });

builder.Services.AddSingleton<OrderWatch>();
builder.Services.AddHostedService(services => services.GetRequiredService<OrderWatch>());
builder.Services.AddOpenApi();

var app = builder.Build();
app.UseServiceDefaults();
app.MapDefaultEndpoints();
app.MapOrders();
app.MapOpenApi();
app.MapScalarApiReference("/docs");
await app.RunServiceAsync<OrderingDb>(args);

using MassTransit;
using Orafo.Contracts;
using Orafo.Ordering;
using Orafo.Ordering.Intake;
using Orafo.Ordering.Saga;
using Orafo.ServiceDefaults;
using Scalar.AspNetCore;

var builder = WebApplication.CreateBuilder(args);

var rehearsed = new Order { Id = Guid.CreateVersion7(), CustomerNumber = "", Lines = [new() { Sku = "", Quantity = 1 }], SubmittedAt = default };

builder.AddServiceDefaults()
    .AddDatabase<OrderingDb>()
    .AddMessaging<OrderingDb>(bus =>
    {
        bus.AddSagaStateMachine<OrderStateMachine, OrderSaga, OrderSagaDefinition>()
            .EntityFrameworkRepository(saga => saga.ExistingDbContext<OrderingDb>());
    })
    .AddRehearsal<OrderSaga, OrderDetailsReady>(new()
    {
        OrderId = rehearsed.Id,
        Customer = new() { Name = "", Street = "", PostalCode = "", City = "", Country = "IT" },
        Lines = [],
        Totals = new() { Currency = "EUR", LinesNet = 0, Allowance = 0, Net = 0, Vat = 0, Gross = 0, VatBreakdown = [] },
    }, db => db.Add(OrderSaga.Begin(rehearsed)));

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

using MassTransit;
using Microsoft.Extensions.Options;
using Orafo.Contracts;
using Orafo.Ordering;
using Orafo.Ordering.Access;
using Orafo.Ordering.Intake;
using Orafo.Ordering.Monitoring;
using Orafo.Ordering.Notifying;
using Orafo.Ordering.Saga;
using Orafo.Pgq;
using Orafo.ServiceDefaults;
using Scalar.AspNetCore;

var builder = WebApplication.CreateBuilder(args);

var rehearsed = new Order { Id = Guid.CreateVersion7(), Client = "", CustomerNumber = "", Lines = [new() { Sku = "", Quantity = 1 }], SubmittedAt = default };

builder.AddServiceDefaults()
    .AddAccess()
    .AddOperatorKey()
    .AddDatabase<OrderingDb>(options => options.UseJobQueues())
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

builder.Services.AddOptions<StepOptions>().BindConfiguration(StepOptions.Section).ValidateDataAnnotations()
    .Validate(steps => steps.AreSound, "Times are longer than nothing, and LookEvery is at most a day.").ValidateOnStart();
builder.Services.AddHostedService<OverdueSteps>();
builder.Services.AddSingleton<OrderWatch>();
builder.Services.AddHostedService(services => services.GetRequiredService<OrderWatch>());
builder.Services.AddSingleton<OrderWatchObserver>();
builder.Services.AddSingleton<OrderPace>();
builder.Services.AddSingleton<OrderingInstruments>();
builder.Services.AddSingleton<OrderTransitions>();
builder.Services.AddHostedService<OrderCensus>();
builder.Services.AddHostedService<IdempotencyCleanup>();
builder.Services.AddOptions<IntakeOptions>().BindConfiguration("Intake").ValidateDataAnnotations().ValidateOnStart();
builder.Services.AddHttpClient(InvoiceService.HttpClient, (services, http) =>
        http.BaseAddress = new Uri(services.GetRequiredService<IOptions<IntakeOptions>>().Value.InvoiceService.TrimEnd('/') + "/"))
    .ConfigurePrimaryHttpMessageHandler(() => new SocketsHttpHandler { AllowAutoRedirect = false, ConnectTimeout = TimeSpan.FromSeconds(3) })
    .RemoveAllLoggers();
builder.Services.AddSingleton<InvoiceService>();
builder.Services.AddNotifying();
// Before the framework's own, which leaves errors without a body where the client did not name their form.
builder.Services.Insert(0, ServiceDescriptor.Singleton<IProblemDetailsWriter, ProblemWriter>());
builder.Services.AddApiDocument();

var app = builder.Build();
if (args is ["keys", .. var command])
    return await KeysCommand.RunAsync(app.Services, command, Console.Out, Console.Error);

// Not registered as observers: MassTransit connects those once for each endpoint that has the saga, and the rehearsal's is one more.
var machine = app.Services.GetRequiredService<OrderStateMachine>();
machine.ConnectStateObserver(app.Services.GetRequiredService<OrderWatchObserver>());
machine.ConnectStateObserver(app.Services.GetRequiredService<OrderPace>());
machine.ConnectStateObserver(app.Services.GetRequiredService<OrderTransitions>());

app.UseServiceDefaults();
app.UseAccess();
app.MapOrders();
if (app.Services.GetRequiredService<IOptions<CallbackOptions>>().Value.Key is not null)
{
    app.MapCallback();
    app.MapParkedCallbacks();
}

// All else asks for a key. The description of the API holds no data, and whoever is to get a key wants to read it before.
var open = app.MapGroup("").AllowAnonymous();
open.MapDefaultEndpoints();
open.MapOpenApi();
open.MapScalarApiReference("/docs");
await app.RunServiceAsync<OrderingDb>(args, objection: services =>
    OrdersUnderWay.Objection(services.GetRequiredService<OrderingDb>(), services.GetRequiredService<OrderStateMachine>()));
return Environment.ExitCode;

using System.Collections.Concurrent;
using MassTransit;
using MassTransit.Saga;
using MassTransit.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Npgsql;
using Orafo.Contracts;
using Orafo.Ordering.Intake;
using Orafo.Ordering.Notifying;
using Orafo.Ordering.Saga;

namespace Orafo.Ordering.Tests;

/// <summary>One order and the state machine, with messages carried in memory. Every wait is for a message that must come.</summary>
internal sealed class OrderJourney : IAsyncDisposable
{
    public static readonly Party Customer = new() { Name = "Orafo", Street = "Via Maggio 1", PostalCode = "50125", City = "Firenze", Country = "IT" };
    public static readonly RejectionReason[] Reasons = [new() { Code = "unknown-article", Text = "There is no article NOPE-1.", Pointer = "/lines/0/sku" }];

    public static readonly OrderTotals Totals = new()
    {
        Currency = "EUR",
        LinesNet = 10m,
        Allowance = 0m,
        Net = 10m,
        Vat = 2.20m,
        Gross = 12.20m,
        VatBreakdown = [new() { Category = "S", Rate = 22m, TaxableAmount = 10m, VatAmount = 2.20m }],
    };

    public static readonly PricedLine[] PricedLines =
    [
        new() { Sku = "MUG-01", Name = "Mug", Quantity = 1, UnitPrice = 10m, VatCategory = "S", VatRate = 22m, NetAmount = 10m },
    ];

    private const string Suspended = "Suspended in ";

    private readonly ServiceProvider _services;
    private readonly ITestHarness _harness;
    private readonly Observer _observer = new();

    private OrderJourney(ServiceProvider services, ITestHarness harness)
    {
        (_services, _harness) = (services, harness);
        harness.Bus.ConnectPublishObserver(_observer);
        harness.Bus.ConnectConsumeObserver(_observer);
    }

    public Guid OrderId { get; } = Guid.CreateVersion7();
    public DateTimeOffset SubmittedAt { get; } = TimeProvider.System.GetUtcNow();

    /// <summary>What the intake stores, with the saga that it begins.</summary>
    public Order Order => new()
    {
        Id = OrderId,
        Client = "shop",
        CustomerNumber = "C-1001",
        CouponCode = "SPRING",
        SubmittedAt = SubmittedAt,
        Lines = [new() { Sku = "MUG-01", Quantity = 1 }],
    };

    public OrderDetailsReady DetailsReady => new() { OrderId = OrderId, Customer = Customer, Lines = PricedLines, Totals = Totals };
    public OrderDetailsRejected DetailsRejected => new() { OrderId = OrderId, Reasons = Reasons };
    public InvoiceIssued InvoiceIssued => new() { OrderId = OrderId, InvoiceNumber = "2026-000001", IssueDate = new(2026, 1, 1) };
    public InvoiceGenerated InvoiceGenerated => new() { OrderId = OrderId, InvoiceNumber = "2026-000001", GeneratedAt = DateTimeOffset.UnixEpoch };
    public InvoiceFailed InvoiceFailed => new() { OrderId = OrderId, InvoiceNumber = "2026-000001", Reason = "The printer is out of paper." };
    public OrderHandedOver HandedOver => new() { OrderId = OrderId, HandedOverAt = DateTimeOffset.UnixEpoch };
    public HandOverFailed HandOverFailed => new() { OrderId = OrderId, Reason = "The carrier is on strike." };
    public HandOverRecalled Recalled => new() { OrderId = OrderId };
    public HandOverRecallRefused RecallRefused => new() { OrderId = OrderId, Reason = "The parcel has left." };
    public InvoiceCredited Credited => new() { OrderId = OrderId, InvoiceNumber = "2026-000001", CreditNoteNumber = "C2026-000001" };
    public CancelOrder Cancel => new() { OrderId = OrderId, Reason = "The customer changed their mind." };
    public ResumeOrder Resume => new() { OrderId = OrderId };

    /// <summary>About the attempt that is under way.</summary>
    public OrderStepOverdue StepOverdue => new() { OrderId = OrderId, Step = Saga.CurrentState, Attempt = Saga.StepAttempts };

    /// <summary>What brings an order that was stored into a state.</summary>
    public IReadOnlyList<object> WayTo(string state) => state switch
    {
        "GettingDetails" => [],
        "Invoicing" => [DetailsReady],
        "HandingOver" => [DetailsReady, InvoiceIssued, InvoiceGenerated],
        "Completed" => [DetailsReady, InvoiceIssued, InvoiceGenerated, HandedOver],
        "Rejected" => [DetailsRejected],
        "Recalling" => [.. WayTo("HandingOver"), Cancel],
        "Crediting" => [.. WayTo("Invoicing"), Cancel],
        "Cancelled" => [.. WayTo("Crediting"), Credited],
        "Suspended in Invoicing" => [DetailsReady, InvoiceIssued, InvoiceFailed],
        "Suspended in HandingOver" => [DetailsReady, InvoiceIssued, InvoiceGenerated, HandOverFailed],
        "Suspended in GettingDetails" or "Suspended in Recalling" or "Suspended in Crediting" => [.. WayTo(state[Suspended.Length..])],
        _ => throw new ArgumentOutOfRangeException(nameof(state), state, "Unknown state."),
    };

    /// <param name="state">Null: it was never stored.</param>
    public static async Task<OrderJourney> Start(string? state = null)
    {
        var services = new ServiceCollection()
            .AddSingleton(TimeProvider.System)
            .AddSingleton(Options.Create(new StepOptions()))
            .AddSingleton<IHostApplicationLifetime>(new ApplicationLifetime(NullLogger<ApplicationLifetime>.Instance))
            .AddSingleton<OrderWatch>()
            // Without a key nobody is called back, and nobody asks a database.
            .AddLogging()
            .AddSingleton(NpgsqlDataSource.Create("Host=nowhere"))
            .AddJobQueue<TellClient>(TellClient.Queue)
            .AddSingleton(Options.Create(new CallbackOptions()))
            .AddSingleton<KnownCallbacks>()
            .AddStateObserver<OrderSaga, OrderWatchObserver>()
            .AddSingleton<OrderPace>()
            .AddStateObserver<OrderSaga, OrderPace>(services => services.GetRequiredService<OrderPace>())
            .AddMassTransitTestHarness(bus =>
            {
                bus.DisableUsageTelemetry();
                bus.AddSagaStateMachine<OrderStateMachine, OrderSaga, OrderSagaDefinition>().InMemoryRepository();
            })
            .BuildServiceProvider(validateScopes: true);
        var harness = services.GetTestHarness();
        await harness.Start();
        var journey = new OrderJourney(services, harness);
        if (state is null)
            return journey;
        services.GetRequiredService<IndexedSagaDictionary<OrderSaga>>().Add(new SagaInstance<OrderSaga>(OrderSaga.Begin(journey.Order)));
        foreach (var message in journey.WayTo(state))
            await journey.Receives(message);
        // Nothing fails there: these steps only do not answer.
        if (state.StartsWith(Suspended, StringComparison.Ordinal) && journey.Saga.CurrentState != "Suspended")
            await journey.IsOverdueForTheLastTime();
        return journey;
    }

    /// <summary>As who looks for them does with a step that is overdue: it is told of once.</summary>
    public async Task<Exception?> IsOverdue()
    {
        Saga.OverdueToldAt = TimeProvider.System.GetUtcNow();
        return await Receives(StepOverdue);
    }

    /// <summary>It is not asked for once more.</summary>
    public Task<Exception?> IsOverdueForTheLastTime()
    {
        Saga.StepAttempts = new StepOptions().MostAttempts;
        return IsOverdue();
    }

    /// <summary>Returns when the saga has consumed this very message, or thrown at it.</summary>
    public async Task<Exception?> Receives(object message)
    {
        var id = Guid.CreateVersion7();
        var consumed = _observer.Expect(id);
        await _harness.Bus.Publish(message, message.GetType(), context => context.MessageId = id);
        return await consumed.WaitAsync(Testing.Eventually.Patience);
    }

    public OrderSaga Saga => _services.GetRequiredService<IndexedSagaDictionary<OrderSaga>>()[OrderId].Instance;

    public OrderStateMachine Machine => _services.GetRequiredService<OrderStateMachine>();

    /// <summary>Not running: it finds nothing out by itself.</summary>
    public OrderWatch Watch => _services.GetRequiredService<OrderWatch>();

    public OrderPace Pace => _services.GetRequiredService<OrderPace>();

    /// <summary>What the saga itself published, in order.</summary>
    public IReadOnlyList<object> Said => _observer.Said;

    public async ValueTask DisposeAsync()
    {
        await _harness.Stop();
        await _services.DisposeAsync();
    }

    private sealed class Observer : IPublishObserver, IConsumeObserver
    {
        private readonly ConcurrentDictionary<Guid, TaskCompletionSource<Exception?>> _expected = new();
        private readonly ConcurrentQueue<object> _said = new();

        public IReadOnlyList<object> Said => [.. _said];

        public Task<Exception?> Expect(Guid messageId) =>
            _expected.GetOrAdd(messageId, _ => new TaskCompletionSource<Exception?>(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

        public Task PrePublish<T>(PublishContext<T> context) where T : class => Task.CompletedTask;

        public Task PostPublish<T>(PublishContext<T> context) where T : class
        {
            // What the tests publish has an id that they expect.
            if (context.MessageId is { } id && !_expected.ContainsKey(id) && context.Message is not Fault)
                _said.Enqueue(context.Message);
            return Task.CompletedTask;
        }

        public Task PublishFault<T>(PublishContext<T> context, Exception exception) where T : class => Task.CompletedTask;

        public Task PreConsume<T>(ConsumeContext<T> context) where T : class => Task.CompletedTask;

        public Task PostConsume<T>(ConsumeContext<T> context) where T : class => Consumed(context, null);

        public Task ConsumeFault<T>(ConsumeContext<T> context, Exception exception) where T : class => Consumed(context, exception);

        private Task Consumed(ConsumeContext context, Exception? exception)
        {
            if (context.MessageId is { } id && _expected.TryGetValue(id, out var expected))
                expected.TrySetResult(exception);
            return Task.CompletedTask;
        }
    }
}

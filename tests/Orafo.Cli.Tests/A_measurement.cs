using System.Net.Http.Json;
using Orafo.Cli.Comparing;
using Orafo.Testing;

namespace Orafo.Cli.Tests;

/// <summary>What became of a step's orders is told by a printer, a real one, and not by the step.</summary>
public sealed class A_measurement
{
    private static readonly Setup Setup = new() { TimeScale = 0.002, WarmUpOrders = 1 };
    private readonly string _directory = Directory.CreateTempSubdirectory("orafo-measurement-").FullName;
    private readonly HttpClient _http = new();
    private RecordingPrinter _printer = null!;

    [OneTimeSetUp]
    public Task Start()
    {
        _printer = new(_directory, TimeSpan.FromMilliseconds(1), TestServers.Watchdog);
        return _printer.Start(CancellationToken.None);
    }

    [SetUp]
    public Task Begin() => _printer.NewRecord(TimeSpan.FromMilliseconds(1));

    [OneTimeTearDown]
    public async Task End()
    {
        _http.Dispose();
        await _printer.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    [Test]
    public async Task Finds_nothing_wrong_with_orders_that_are_accepted_and_printed_once()
    {
        var outcome = await Measure(orders: 20, Printed);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((outcome.Accepted, outcome.Refused, outcome.AskedInVain), Is.EqualTo((20, 0, 0)));
            Assert.That(outcome.IsExact);
            Assert.That(outcome.OrdersPerSecond, Is.Positive);
            Assert.That(outcome.P99Ms, Is.GreaterThanOrEqualTo(outcome.P50Ms).And.Positive);
            Assert.That(outcome.SecondsToLastPage, Is.Positive);
            Assert.That(outcome.SecondsToRecover, Is.Null);
        }
    }

    [Test]
    public async Task Tells_what_is_lost_from_what_is_stuck_in_a_queue_or_with_a_consumer()
    {
        // Of three that are accepted and not printed, the step says that it still has one, and RabbitMQ that somebody holds another.
        var outcome = await Measure(orders: 10, async number => IsOneOf(number, 1, 2, 3) ? number : await Printed(number), left: 1, unacknowledged: 1);
        Assert.That((outcome.Accepted, outcome.Lost, outcome.Stuck, outcome.HalfDone), Is.EqualTo((10, 1, 2, 0)));
    }

    [Test]
    public async Task Calls_half_done_what_is_printed_for_a_client_who_was_told_that_it_is_not()
    {
        var outcome = await Measure(orders: 10, async number =>
        {
            var printed = await Printed(number);
            return IsOneOf(number, 4, 5) ? null : printed;
        });
        Assert.That((outcome.Accepted, outcome.Refused, outcome.HalfDone, outcome.Lost), Is.EqualTo((8, 2, 2, 0)));
    }

    [Test]
    public async Task Counts_each_page_beyond_the_first()
    {
        var outcome = await Measure(orders: 10, async number =>
        {
            for (var more = IsOneOf(number, 6) ? 2 : 0; more > 0; more--)
                await Printed(number);
            return await Printed(number);
        });
        Assert.That((outcome.Accepted, outcome.PrintedTwice, outcome.HalfDone), Is.EqualTo((10, 2, 0)));
    }

    [Test]
    public async Task Looks_with_orders_of_its_own_when_the_step_works_again()
    {
        var isBroken = false;
        var fault = new Fault(
            "broken", FaultOf.Printer,
            async contestant =>
            {
                await contestant.Printer.Put(new { busySeconds = 1 });
                isBroken = true;
            },
            async contestant =>
            {
                await contestant.Printer.Put(new { });
                isBroken = false;
            }, Lasts: true);
        var refused = 0;
        var step = new Shop(_printer, async number =>
        {
            if (await Printed(number) is { } printed)
                return printed;
            Assert.That(isBroken || number.StartsWith("probe-", StringComparison.Ordinal), number);
            Interlocked.Increment(ref refused);
            return null;
        });
        var measurement = new Measurement(Named("async-http-printer"), step, orders: 800);
        var recovered = await measurement.PlaceDuring(fault, Setup, CancellationToken.None);
        await measurement.Settle(TimeSpan.FromSeconds(5), TimeSpan.MaxValue, CancellationToken.None);
        var outcome = await measurement.Count("broken", null, recovered);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(recovered, Is.GreaterThan(TimeSpan.Zero).And.LessThan(TimeSpan.FromMinutes(1)));
            Assert.That(outcome.Accepted + outcome.Refused, Is.EqualTo(800), "its own orders are not counted");
            Assert.That(outcome.Refused, Is.Positive.And.LessThanOrEqualTo(refused));
            Assert.That(outcome.AskedInVain, Is.EqualTo(refused), "by the printer's word");
            Assert.That(outcome.IsExact);
            Assert.That(outcome.SecondsToRecover, Is.EqualTo(recovered!.Value.TotalSeconds));
        }
    }

    private static Step Named(string name) => Step.All.Single(step => step.Name == name);

    private static bool IsOneOf(string number, params int[] orders) => orders.Any(order => number.EndsWith($"-{order:000000}", StringComparison.Ordinal));

    private async Task<Outcome> Measure(int orders, Func<string, Task<string?>> place, long left = 0, long unacknowledged = 0)
    {
        var measurement = new Measurement(Named("async-rabbit-printer"), new Shop(_printer, place) { Kept = left, Held = unacknowledged }, orders);
        await measurement.PlaceAtOnce(CancellationToken.None);
        await measurement.Settle(TimeSpan.FromSeconds(2), TimeSpan.MaxValue, CancellationToken.None);
        return await measurement.Count(Fault.None, null, recovered: null);
    }

    /// <returns>The number, if the page came out.</returns>
    private async Task<string?> Printed(string number)
    {
        using var answer = await _http.PostAsJsonAsync(new Uri(_printer.Address, "print"), new { invoiceNumber = number, anew = true });
        return answer.IsSuccessStatusCode ? number : null;
    }

    /// <summary>A step of which the test says what it does with an order.</summary>
    private sealed class Shop(RecordingPrinter printer, Func<string, Task<string?>> place) : Contestant(printer)
    {
        public long Kept { get; init; }
        public long Held { get; init; }

        public override Task<string?> Place(string number, CancellationToken stop) => place(number);
        public override Task<string?> NumberOf(string accepted) => Task.FromResult<string?>(accepted);
        public override Task<long?> Left() => Task.FromResult<long?>(Kept);
        public override Task<long> Unacknowledged() => Task.FromResult(Held);
        public override Task Kill() => Task.CompletedTask;
        public override Task UntilBack() => Task.CompletedTask;
        public override Task Disconnect() => Task.CompletedTask;
        public override Task HangBroker() => Task.CompletedTask;
        public override Task KillBroker() => Task.CompletedTask;
        public override Task UntilBrokerIsBack() => Task.CompletedTask;
        public override void BeginToCount()
        {
        }

        public override double CpuSeconds() => 0;
        public override double PeakMemoryMiB() => 0;
        public override int Deaths() => 0;
        public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}

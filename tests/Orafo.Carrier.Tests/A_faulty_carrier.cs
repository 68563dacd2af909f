using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace Orafo.Carrier.Tests;

/// <summary>What <c>PUT /faults</c> asks for.</summary>
public sealed class A_faulty_carrier
{
    private const string Key = "01a2076c-1526-724c-a2e8-d7c397d44a44";
    private readonly FakeTimeProvider _time = new();
    private string _directory = "";

    [SetUp]
    public void Unpack() => _directory = Directory.CreateTempSubdirectory("orafo-carrier-").FullName;

    [TearDown]
    public void Forget() => Directory.Delete(_directory, recursive: true);

    [Test]
    public async Task Hears_nothing_while_it_is_offline()
    {
        using var depot = Start(new() { Offline = true });
        Assert.That(await depot.Hears(CancellationToken.None), Is.False);
        depot.Set(new());
        Assert.That(await depot.Hears(CancellationToken.None), Is.True);
        Assert.That(depot.FaultReport.Met["offline"], Is.EqualTo(1));
    }

    [Test]
    public async Task Keeps_who_asks_waiting_until_it_is_mended_or_they_give_up()
    {
        using var depot = Start(new() { NoAnswer = true });
        var waiting = depot.Hears(CancellationToken.None);
        _time.Advance(TimeSpan.FromDays(1));
        Assert.That(waiting.IsCompleted, Is.False);
        depot.Set(new());
        Assert.That(await waiting, Is.False, "nothing was done, so nothing is said");

        depot.Set(new() { NoAnswer = true });
        using var patience = new CancellationTokenSource();
        waiting = depot.Hears(patience.Token);
        await patience.CancelAsync();
        Assert.That(await waiting, Is.False);
    }

    [Test]
    public void Says_when_to_come_again_while_it_is_busy()
    {
        using var depot = Start(new() { BusySeconds = 7 });
        Assert.That(async () => await depot.Hears(CancellationToken.None), Throws.InstanceOf<CarrierException>().With.Property("RetryAfter").EqualTo(TimeSpan.FromSeconds(7)));
    }

    [Test]
    public async Task Takes_longer_when_it_is_slow()
    {
        using var depot = Start(new() { SlowSeconds = 10 });
        var heard = depot.Hears(CancellationToken.None);
        _time.Advance(TimeSpan.FromSeconds(9));
        Assert.That(heard.IsCompleted, Is.False);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.That(await heard, Is.True);
    }

    [Test]
    public void Refuses_an_address_and_no_other_nor_what_it_has_booked()
    {
        using var depot = Start(new());
        depot.Book("before", "50125");
        depot.Set(new() { RefusePostalCode = "50125" });
        Assert.That(() => depot.Book(Key, "50125"), Throws.InstanceOf<CarrierException>().With.Property("Status").EqualTo(422));
        Assert.That(depot.Book("elsewhere", "1010").IsNew, Is.True);
        Assert.That(depot.Book("before", "50125").IsNew, Is.False);
        Assert.That(depot.Find(Key), Has.Property("Bookings").EqualTo(0).And.Property("Asked").EqualTo(1));
    }

    [TestCase(true, 0), TestCase(false, 1)]
    public void Dies_before_or_after_it_has_booked_and_knows_which_when_it_is_back(bool isBefore, int bookings)
    {
        using (var depot = Start(new() { CrashBeforeBooking = isBefore, CrashAfterBooking = !isBefore }))
            Assert.That(() => depot.Book(Key, null), Throws.InstanceOf<DeadException>());
        using var again = Start(new());
        Assert.That(again.Parcels.Sum(parcel => parcel.Bookings), Is.EqualTo(bookings));
        Assert.That(again.Book(Key, null).IsNew, Is.EqualTo(isBefore));
        Assert.That(again.Find(Key), Has.Property("Bookings").EqualTo(1).And.Property("Asked").EqualTo(2));
    }

    [Test]
    public void Books_and_does_not_answer()
    {
        using var depot = Start(new() { LoseReplies = true });
        depot.Book(Key, null);
        Assert.That(depot.Answers(), Is.False);
        depot.Set(new());
        Assert.That(depot.Answers(), Is.True);
        Assert.That(depot.Parcels.Single().Bookings, Is.EqualTo(1));
    }

    [Test]
    public void Is_not_asked_for_what_cannot_be()
    {
        foreach (var faults in new Faults[] { new() { BusySeconds = -1 }, new() { BusySeconds = double.NaN }, new() { SlowSeconds = 4000 } })
            Assert.That(faults.Mistakes(), Has.Count.EqualTo(1), faults.ToString());
        Assert.That(new Faults().Mistakes(), Is.Empty);
    }

    private Depot Start(Faults faults)
    {
        var depot = new Depot(Options.Create(new CarrierOptions { Directory = _directory }), _time, NullLogger<Depot>.Instance, () => throw new DeadException());
        depot.Set(faults);
        return depot;
    }

    /// <summary>Nothing goes on after it, as after the real thing.</summary>
    private sealed class DeadException : Exception;
}

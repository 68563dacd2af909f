using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace Orafo.Carrier.Tests;

public sealed class The_carrier
{
    private const string Key = "01a2076c-1526-724c-a2e8-d7c397d44a44";
    private readonly FakeTimeProvider _time = new();
    private string _directory = "";

    [SetUp]
    public void Unpack() => _directory = Directory.CreateTempSubdirectory("orafo-carrier-").FullName;

    [TearDown]
    public void Forget() => Directory.Delete(_directory, recursive: true);

    [Test]
    public void Books_a_parcel_once_however_often_it_is_asked()
    {
        using var depot = Start();
        var first = depot.Book(Key, null);
        var second = depot.Book(Key, null);
        Assert.That((first.IsNew, second.IsNew, second.Parcel.TrackingNumber), Is.EqualTo((true, false, first.Parcel.TrackingNumber)));
        Assert.That((second.Parcel.Bookings, second.Parcel.Asked), Is.EqualTo((1, 2)));
    }

    [Test]
    public void Books_a_parcel_once_though_many_ask_at_the_same_time()
    {
        using var depot = Start();
        var numbers = Enumerable.Range(0, 50).AsParallel().Select(_ => depot.Book(Key, null)).ToList();
        Assert.That(numbers.Count(booking => booking.IsNew), Is.EqualTo(1));
        Assert.That(File.ReadAllLines(Path.Combine(_directory, "parcels.jsonl")), Has.Length.EqualTo(1));
    }

    [Test]
    public async Task Has_all_on_disk_that_many_book_at_the_same_time()
    {
        using var depot = Start();
        Assert.That(depot.Saved().IsCompleted, Is.True, "there is nothing to save");
        await Parallel.ForEachAsync(Enumerable.Range(0, 500), async (i, _) =>
        {
            depot.Book($"key-{i}", null);
            await depot.Saved();
        });
        Assert.That(depot.Saved().IsCompleted, Is.True, "all is saved");
        Assert.That(await File.ReadAllLinesAsync(Path.Combine(_directory, "parcels.jsonl")), Has.Length.EqualTo(500));
    }

    [Test]
    public void Gives_each_parcel_a_tracking_number_whose_check_digit_is_right()
    {
        using var depot = Start();
        var numbers = Enumerable.Range(0, 30).Select(i => depot.Book($"key-{i}", null).Parcel.TrackingNumber!).ToList();
        Assert.That(numbers, Is.Unique.And.All.Matches(@"^OR\d{9}IT$"));
        foreach (var number in numbers)
        {
            int[] weights = [8, 6, 4, 2, 3, 5, 9, 7];
            var remainder = 11 - (Enumerable.Range(0, 8).Sum(i => weights[i] * (number[2 + i] - '0')) % 11);
            Assert.That(number[10] - '0', Is.EqualTo(remainder switch { 10 => 0, 11 => 5, _ => remainder }), number);
        }
    }

    [Test]
    public void Books_nothing_with_a_key_that_was_recalled_also_before_it_was_booked()
    {
        using var depot = Start();
        depot.Book(Key, null);
        depot.Recall(Key);
        Assert.That(() => depot.Book(Key, null), Throws.InstanceOf<CarrierException>().With.Property("Status").EqualTo(410));

        Assert.That(depot.Recall("never-booked").BookedAt, Is.Null);
        Assert.That(() => depot.Book("never-booked", null), Throws.InstanceOf<CarrierException>().With.Property("Status").EqualTo(410));
        Assert.That(depot.Recall("never-booked").RecalledAt, Is.Not.Null, "asked again, it says the same");
    }

    [Test]
    public void Does_not_give_back_what_was_picked_up_and_does_not_pick_up_what_was_recalled()
    {
        using var depot = Start();
        var parcel = depot.Book(Key, null).Parcel;
        Assert.That(depot.PickUp(parcel.TrackingNumber!)?.PickedUpAt, Is.Not.Null);
        Assert.That(() => depot.Recall(Key), Throws.InstanceOf<CarrierException>().With.Property("Status").EqualTo(409));

        var other = depot.Book("other", null).Parcel;
        depot.Recall("other");
        Assert.That(depot.PickUp(other.TrackingNumber!), Is.Null);
        Assert.That(depot.PickUp("OR000000000IT"), Is.Null);
    }

    [Test]
    public void Picks_up_at_its_time_and_keeps_to_it()
    {
        using (var depot = Start(pickUpSeconds: 60))
        {
            depot.Book(Key, null);
            _time.Advance(TimeSpan.FromSeconds(59));
            Assert.That(depot.Find(Key)!.PickedUpAt, Is.Null);
            _time.Advance(TimeSpan.FromSeconds(1));
            Assert.That(() => depot.Recall(Key), Throws.InstanceOf<CarrierException>().With.Property("Status").EqualTo(409));
        }

        // It is told another time: what was said stays true.
        using var again = Start(pickUpSeconds: 6000);
        Assert.That(() => again.Recall(Key), Throws.InstanceOf<CarrierException>().With.Property("Status").EqualTo(409));
    }

    [Test]
    public void Remembers_everything_after_a_power_cut_in_the_middle_of_a_line()
    {
        Parcel[] before;
        using (var depot = Start())
        {
            depot.Book("a", null);
            depot.Book("b", null);
            depot.Book("b", null);
            depot.Recall("b");
            depot.PickUp(depot.Find("a")!.TrackingNumber!);
            before = [.. depot.Parcels];
        }

        File.AppendAllText(Path.Combine(_directory, "parcels.jsonl"), "{\"key\":\"c\",\"wh");
        using var again = Start();
        Assert.That(again.Parcels, Is.EqualTo(before));
        Assert.That(again.Book("c", null).Parcel.TrackingNumber, Is.Not.EqualTo(before[0].TrackingNumber).And.Not.EqualTo(before[1].TrackingNumber));
    }

    private Depot Start(double? pickUpSeconds = null) =>
        new(Options.Create(new CarrierOptions { Directory = _directory, PickUpSeconds = pickUpSeconds }), _time, NullLogger<Depot>.Instance);
}

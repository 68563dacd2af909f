using System.Net.Http.Json;
using System.Text.Json;
using System.Text.RegularExpressions;
using Orafo.Testing;

namespace Orafo.Mesh.Tests;

/// <summary>Each way in which the carrier fails, for a while, with orders under way: nobody loses one, and no parcel is booked twice.</summary>
public sealed partial class A_faulty_carrier
{
    private const int OrdersForEachFault = 8;

    private readonly List<Uri> _orders = [];
    private Testing.Mesh _mesh = null!;
    private HttpClient _carrier = null!;

    [OneTimeSetUp]
    public async Task Up()
    {
        // A carrier that is left alone is asked by one job at a time, and one that does not answer would keep it for half a minute.
        _mesh = await Testing.Mesh.StartAsync(printSeconds: 0, new Dictionary<string, string?> { ["Shipping__Timeout"] = "00:00:03" });
        _carrier = new HttpClient { BaseAddress = new Uri((await _mesh.StatusAsync()).GetProperty("carrier").GetString()!) };
    }

    [OneTimeTearDown]
    public async Task Down()
    {
        _carrier.Dispose();
        await _mesh.DisposeAsync();
    }

    [Test]
    public async Task Costs_nobody_an_order()
    {
        await During("offline", new { offline = true });
        await During("noAnswer", new { noAnswer = true });
        await During("busySeconds", new { busySeconds = 1 });
        await During("slowSeconds", new { slowSeconds = 0.5 });
        await During("loseReplies", new { loseReplies = true });
        await Crash(new { crashBeforeBooking = true });
        await Crash(new { crashAfterBooking = true });
        foreach (var order in _orders)
            await _mesh.FollowAsync(order, "Completed");

        // An address that it refuses is for an operator to decide about; then the order goes on.
        await Set(new { refusePostalCode = "50125" });
        var refused = await _mesh.PlaceAsync(Testing.Mesh.Sample("good-espresso"));
        var suspended = await _mesh.FollowAsync(refused!, "Suspended");
        Assert.That(suspended.GetProperty("suspendedBecause").GetString(), Is.EqualTo("The carrier refused the parcel: undeliverable-address (422)."));
        var id = refused!.ToString().Split('/')[^1];
        var (explained, explanation) = await _mesh.RunAsync("explain", id);
        Assert.That(explained, Is.Zero, explanation);
        // One, unless the carrier was too slow before it refused.
        using var handOver = await _mesh.ConnectAsync("hand-over");
        var parked = await handOver.GetFromJsonAsync<JsonElement>("bookings?state=parked");
        var attempts = parked.GetProperty("jobs").EnumerateArray().Single(job => job.GetProperty("id").GetString() == id).GetProperty("attempts").GetInt32();
        Assert.That(attempts, Is.Positive);
        Assert.That(explanation, Does.Contain($"The carrier has not taken the parcel in {attempts} attempts").And.Contains($"/bookings/{id}/retry"));
        await Set(new { });
        using (var retried = await handOver.PostAsync(new Uri($"bookings/{id}/retry", UriKind.Relative), null))
            retried.EnsureSuccessStatusCode();
        await _mesh.FollowAsync(refused, "Completed");
        using (var ordering = await _mesh.ConnectAsync("ordering"))
        {
            await Eventually.Holds(
                async () => WaitedForAnOperator().IsMatch(await ordering.GetStringAsync(new Uri("metrics", UriKind.Relative))), "how long the carrier was asked until an operator was, is measured");
        }

        _orders.Add(refused);
        var parcels = await Parcels();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(parcels, Has.Count.EqualTo(_orders.Count));
            Assert.That(parcels.Select(parcel => parcel.Bookings), Is.All.EqualTo(1), "no parcel twice");
            Assert.That(parcels.Select(parcel => parcel.TrackingNumber), Is.Unique);
            Assert.That(parcels.Max(parcel => parcel.Asked), Is.GreaterThan(1), "some were asked for again");
        }

        var (exitCode, output) = await _mesh.RunAsync("audit");
        Assert.That(exitCode, Is.Zero, output);
    }

    /// <summary>Places orders while something is wrong with the carrier, until that was met a few times, and mends it.</summary>
    private async Task During(string fault, object faults)
    {
        await Set(faults);
        await Place();
        await Eventually.Holds(async () => await Met(fault) >= 3, $"the fault is met: {fault}");
        await Set(new { });
    }

    /// <summary>Who died comes back mended, with the same books.</summary>
    private async Task Crash(object faults)
    {
        var pid = await _mesh.PidAsync("carrier");
        await Set(faults);
        await Place();
        await Eventually.Holds(
            async () => await Part("carrier") is var part && part.GetProperty("health").GetString() == "Healthy" && part.GetProperty("pid").GetInt32() != pid,
            "the carrier died and is back");
    }

    private async Task Set(object faults)
    {
        using var set = await _carrier.PutAsJsonAsync(new Uri("faults", UriKind.Relative), faults);
        set.EnsureSuccessStatusCode();
    }

    private async Task Place()
    {
        var placed = await Task.WhenAll(Enumerable.Range(0, OrdersForEachFault).Select(_ => _mesh.PlaceAsync(Testing.Mesh.Sample("good-espresso"))));
        _orders.AddRange(placed.Select(order => order!));
    }

    private async Task<long> Met(string fault)
    {
        var report = await _carrier.GetFromJsonAsync<JsonElement>("faults");
        return report.GetProperty("met").TryGetProperty(fault, out var met) ? met.GetInt64() : 0;
    }

    /// <summary>As <c>status --json</c> has it.</summary>
    private async Task<JsonElement> Part(string name) =>
        (await _mesh.StatusAsync()).GetProperty("services").EnumerateArray().Single(part => part.GetProperty("name").GetString() == name);

    private async Task<List<Parcel>> Parcels() => (await _carrier.GetFromJsonAsync<List<Parcel>>("parcels"))!;

    private sealed record Parcel(string TrackingNumber, int Bookings, int Asked);

    [GeneratedRegex("orafo_order_step_duration_seconds_count{.*orafo_next=\"Suspended\".*orafo_state=\"HandingOver\".*} [1-9]")]
    private static partial Regex WaitedForAnOperator();
}

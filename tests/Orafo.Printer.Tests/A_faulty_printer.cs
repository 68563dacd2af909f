using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace Orafo.Printer.Tests;

/// <summary>What <c>PUT /faults</c> asks for.</summary>
public sealed class A_faulty_printer
{
    private const string Number = "2026-000001";
    private static readonly TimeSpan PageTime = TimeSpan.FromSeconds(5);
    private readonly FakeTimeProvider _time = new();
    private string _directory = "";
    private bool _hasCrashed;

    [SetUp]
    public void Unpack() => (_directory, _hasCrashed) = (Directory.CreateTempSubdirectory("orafo-printer-").FullName, false);

    [TearDown]
    public void Forget() => Directory.Delete(_directory, recursive: true);

    [Test]
    public async Task Hears_nothing_while_it_is_offline()
    {
        using var device = Start(new() { Offline = true });
        Assert.That(await device.Hears(CancellationToken.None), Is.False);
        device.Set(new());
        Assert.That(await device.Hears(CancellationToken.None), Is.True);
        Assert.That(device.FaultReport.Met["offline"], Is.EqualTo(1));
    }

    [Test]
    public async Task Keeps_who_asks_waiting_until_it_is_mended_or_they_give_up()
    {
        using var device = Start(new() { NoAnswer = true });
        var waiting = device.Hears(CancellationToken.None);
        _time.Advance(TimeSpan.FromDays(1));
        Assert.That(waiting.IsCompleted, Is.False);
        device.Set(new());
        Assert.That(await waiting, Is.False, "nothing was printed, so nothing is said");

        device.Set(new() { NoAnswer = true });
        using var patience = new CancellationTokenSource();
        waiting = device.Hears(patience.Token);
        await patience.CancelAsync();
        Assert.That(await waiting, Is.False);
    }

    [Test]
    public void Says_when_to_come_again_while_it_is_busy()
    {
        using var device = Start(new() { BusySeconds = 7 });
        Assert.That(async () => await device.Hears(CancellationToken.None), Throws.InstanceOf<PrinterException>().With.Property("RetryAfter").EqualTo(TimeSpan.FromSeconds(7)));
    }

    [Test]
    public async Task Prints_until_it_is_out_of_ink()
    {
        using var device = Start(new() { InkPages = 2 });
        foreach (var number in new[] { "1", "2" })
            await Print(device, number);
        Assert.That(async () => await device.Print("3"), Throws.InstanceOf<PrinterException>().With.Message.Contains("ink"));
        Assert.That(device.FaultReport.Faults.InkPages, Is.Zero);
        device.Set(new() { InkPages = 1 });
        await Print(device, "3");
        Assert.That(device.Papers.Select(paper => (paper.InvoiceNumber, paper.Copies, paper.Spoiled)), Is.EqualTo([("1", 1, 0), ("2", 1, 0), ("3", 1, 0)]));
    }

    [Test]
    public async Task Takes_longer_when_it_is_slow()
    {
        using var device = Start(new() { SlowSeconds = 10 });
        var page = device.Print(Number);
        _time.Advance(PageTime * 2);
        Assert.That(page.IsCompleted, Is.False);
        _time.Advance(PageTime);
        await page;
    }

    [Test]
    public async Task Ruins_a_page_in_a_jam_and_counts_it()
    {
        using var device = Start(new() { JamProbability = 1 });
        var jammed = device.Print(Number);
        Assert.That(device.Papers.Single().Spoiled, Is.Zero, "it is under way");
        _time.Advance(PageTime);
        Assert.That(async () => await jammed, Throws.InstanceOf<PrinterException>().With.Message.Contains("jam"));
        Assert.That(device.Papers.Single(), Is.EqualTo(new Paper(Number, null, 0, 1)));

        device.Set(new());
        await Print(device, Number);
        Assert.That(device.Papers.Single() with { PrintedAt = null }, Is.EqualTo(new Paper(Number, null, 1, 1)));
    }

    [Test]
    public async Task Dies_in_the_middle_of_a_page_and_knows_of_the_half_one_when_it_is_back()
    {
        using (var device = Start(new() { CrashInPage = true }))
        {
            _ = device.Print(Number);
            Assert.That(_hasCrashed, Is.False);
            _time.Advance(PageTime / 2);
            Assert.That(_hasCrashed, Is.True);
        }

        using var again = Start(new());
        Assert.That(again.Papers.Single(), Is.EqualTo(new Paper(Number, null, 0, 1)));
        await Print(again, Number);
        Assert.That(again.Papers.Single() with { PrintedAt = null }, Is.EqualTo(new Paper(Number, null, 1, 1)));
    }

    [Test]
    public async Task Prints_and_does_not_answer()
    {
        using var device = Start(new() { LoseReplies = true });
        await Print(device, Number);
        Assert.That(device.Answers(), Is.False);
        device.Set(new());
        Assert.That(device.Answers(), Is.True);
        Assert.That(device.Papers.Single().Copies, Is.EqualTo(1));
    }

    [Test]
    public void Is_not_asked_for_what_cannot_be()
    {
        foreach (var faults in new Faults[] { new() { BusySeconds = -1 }, new() { BusySeconds = double.NaN }, new() { InkPages = -1 }, new() { SlowSeconds = 4000 }, new() { JamProbability = 1.1 } })
            Assert.That(faults.Mistakes(), Has.Count.EqualTo(1), faults.ToString());
        Assert.That(new Faults().Mistakes(), Is.Empty);
    }

    private async Task Print(Device device, string number)
    {
        var page = device.Print(number);
        _time.Advance(PageTime);
        await page;
    }

    private Device Start(Faults faults)
    {
        var device = new Device(
            Options.Create(new PrinterOptions { Trays = 1, PrintSeconds = PageTime.TotalSeconds, Directory = _directory }), _time, NullLogger<Device>.Instance, () => _hasCrashed = true);
        device.Set(faults);
        return device;
    }
}

using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace Orafo.Printer.Tests;

public sealed class The_printer
{
    private readonly string _directory = Directory.CreateTempSubdirectory("orafo-printer-").FullName;
    private readonly FakeTimeProvider _time = new();

    [TearDown]
    public void Forget() => Directory.Delete(_directory, recursive: true);

    [Test]
    public async Task Takes_its_time_for_a_page()
    {
        using var device = Start(trays: 1);
        var page = device.Print("2026-000001");
        _time.Advance(TimeSpan.FromSeconds(4.9));
        Assert.That(page.IsCompleted, Is.False);
        _time.Advance(TimeSpan.FromSeconds(0.2));
        Assert.That((await page).InvoiceNumber, Is.EqualTo("2026-000001"));
    }

    [Test]
    public async Task Prints_one_page_at_a_time_per_tray()
    {
        using var device = Start(trays: 2);
        var pages = Enumerable.Range(1, 4).Select(number => device.Print($"2026-00000{number}")).ToArray();
        _time.Advance(TimeSpan.FromSeconds(5));
        await Task.WhenAll(pages[..2]);
        Assert.That(pages.Count(page => page.IsCompleted), Is.EqualTo(2));
        // The next two take the trays as soon as they are free; only then does their time begin.
        while (!pages[2].IsCompleted || !pages[3].IsCompleted)
        {
            _time.Advance(TimeSpan.FromSeconds(5));
            await Task.Yield();
        }

        Assert.That(pages.Select(page => page.Result.Tray).Distinct(), Is.EquivalentTo(new[] { 1, 2 }));
    }

    [Test]
    public async Task Prints_on_the_tray_that_is_wanted_in_the_order_in_which_they_came()
    {
        using var device = Start(trays: 2);
        var onSecond = Enumerable.Range(1, 3).Select(number => device.Print($"second-{number}", tray: 2)).ToArray();
        var onAny = device.Print("any");
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.That(((await onSecond[0]).Tray, (await onAny).Tray), Is.EqualTo((2, 1)), "who takes any need not wait behind those who do not");
        while (!onSecond.All(page => page.IsCompleted))
        {
            _time.Advance(TimeSpan.FromSeconds(5));
            await Task.Yield();
        }

        var printed = await Task.WhenAll(onSecond);
        Assert.That(printed.Select(page => page.Tray), Is.All.EqualTo(2));
        Assert.That(printed.Zip(printed.Skip(1), (page, next) => next.PrintedAt - page.PrintedAt), Is.All.AtLeast(TimeSpan.FromSeconds(5)));

        // It is out: no other tray prints it again.
        Assert.That((await device.Print("second-1", tray: 1)).Tray, Is.EqualTo(2));
    }

    [Test]
    public async Task Prints_on_the_other_trays_while_one_is_jammed()
    {
        using var device = Start(trays: 2);
        device.Set(new() { JammedTray = 1 });
        var (jammed, other) = (device.Print("1", tray: 1), device.Print("2", tray: 2));
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.That(async () => await jammed, Throws.InstanceOf<PrinterException>().With.Message.EqualTo("The paper is jammed."));
        Assert.That(((await other).Tray, device.FaultReport.Met["jammedTray"]), Is.EqualTo((2, 1L)));
        device.Set(new());
        var again = device.Print("1", tray: 1);
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.That((await again).Tray, Is.EqualTo(1));
    }

    [Test]
    public async Task Prints_a_number_once_even_if_it_is_asked_twice_at_the_same_time()
    {
        using var device = Start(trays: 2);
        var both = new[] { device.Print("2026-000001"), device.Print("2026-000001") };
        _time.Advance(TimeSpan.FromSeconds(5));
        var pages = await Task.WhenAll(both);
        Assert.That(pages[0], Is.SameAs(pages[1]));
        Assert.That(File.ReadAllLines(Path.Combine(_directory, "pages.jsonl")), Has.Length.EqualTo(1));
    }

    [Test]
    public async Task Prints_a_number_again_that_is_asked_for_anew()
    {
        using var device = Start(trays: 2);
        var pages = new[] { device.Print("2026-000001"), device.PrintAnew("2026-000001") };
        _time.Advance(TimeSpan.FromSeconds(5));
        await Task.WhenAll(pages);
        var third = device.PrintAnew("2026-000001");
        Assert.That(device.Papers.Single(), Has.Property("Copies").EqualTo(2).And.Property("Spoiled").EqualTo(0), "one is still going through");
        _time.Advance(TimeSpan.FromSeconds(5));
        await third;
        Assert.That(device.Papers.Single(), Has.Property("Copies").EqualTo(3).And.Property("Spoiled").EqualTo(0));
        Assert.That(await device.Print("2026-000001"), Is.Not.Null, "it is out");
        Assert.That(device.Papers.Single().Copies, Is.EqualTo(3));
    }

    [Test]
    public async Task Remembers_what_it_printed_after_a_power_cut_in_the_middle_of_a_line()
    {
        using (var device = Start(trays: 1))
        {
            var page = device.Print("2026-000001");
            _time.Advance(TimeSpan.FromSeconds(5));
            await page;
        }

        await File.AppendAllTextAsync(Path.Combine(_directory, "pages.jsonl"), "{\"invoiceNumber\":\"2026-0000");
        using (var device = Start(trays: 1))
        {
            Assert.That(device.Papers.Select(page => page.InvoiceNumber), Is.EqualTo(new[] { "2026-000001" }));
            var page = device.Print("2026-000002");
            _time.Advance(TimeSpan.FromSeconds(5));
            await page;
        }

        using var again = Start(trays: 1);
        Assert.That(again.Papers.Select(page => page.InvoiceNumber), Is.EqualTo(new[] { "2026-000001", "2026-000002" }));
    }

    private Device Start(int trays) =>
        new(Options.Create(new PrinterOptions { Trays = trays, Directory = _directory }), _time, NullLogger<Device>.Instance);
}

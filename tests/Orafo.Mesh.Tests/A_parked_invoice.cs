using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Orafo.Cli.Servers;
using Orafo.Testing;

namespace Orafo.Mesh.Tests;

/// <summary>Nobody tries to print it any longer; its order is suspended, and an operator decides.</summary>
public sealed class A_parked_invoice
{
    private readonly ConcurrentQueue<string> _printedOnSpare = [];
    private Testing.Mesh _mesh = null!;
    private HttpClient _printer = null!;
    private HttpListener _spare = null!;

    [OneTimeSetUp]
    public async Task Up()
    {
        var spare = $"http://127.0.0.1:{Ports.Free()}/";
        _spare = new HttpListener { Prefixes = { spare } };
        _spare.Start();
        _ = PrintOnSpare();
        _mesh = await Testing.Mesh.StartAsync(printSeconds: 0, new Dictionary<string, string?>
        {
            ["Printing__Printers__spare__Url"] = spare,
            ["Printing__Attempts"] = "2",
            ["Printing__LongestPause"] = "00:00:01",
        });
        _printer = new HttpClient { BaseAddress = new Uri((await _mesh.StatusAsync()).GetProperty("printer").GetString()!) };
    }

    [OneTimeTearDown]
    public async Task Down()
    {
        _printer.Dispose();
        await _mesh.DisposeAsync();
        _spare.Close();
    }

    [Test]
    public async Task Is_retried_redirected_or_delivered_electronically()
    {
        await Set(new { offline = true });
        List<Uri> orders = [];
        foreach (var order in await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => _mesh.PlaceAsync(Testing.Mesh.Sample("good-espresso")))))
        {
            var suspended = await _mesh.FollowAsync(order!, "Suspended");
            Assert.That(suspended.GetProperty("suspendedBecause").GetString(), Is.EqualTo("The printer cannot be reached."));
            orders.Add(order!);
        }

        Assert.That(await Parked(), Is.EquivalentTo(orders.Select(Id)));
        await Run("print", "cancel", Id(orders[0]));
        await _mesh.FollowAsync(orders[0], "Completed");
        await Refused("is over", "print", "cancel", Id(orders[0]));
        await Run("print", "redirect", Id(orders[1]), "--to", "spare");
        var redirected = await _mesh.FollowAsync(orders[1], "Completed");
        Assert.That(_printedOnSpare, Is.EqualTo([redirected.GetProperty("invoiceNumber").GetString()]));
        await Refused("no such printer; there is main, spare", "print", "redirect", Id(orders[2]), "--to", "nowhere");
        await Refused("no such print job", "print", "retry", $"{Guid.CreateVersion7()}");
        Assert.That(await Parked(), Is.EquivalentTo(orders.Skip(2).Select(Id)));
        Assert.That(await Run("print", "redirect", "--from", "main", "--to", "spare"), Does.Contain("2 wait for spare now").And.Contains("Printing:DefaultPrinter"));
        Assert.That(await Run("print", "redirect", "--from", "spare", "--to", "main"), Does.Contain("2 wait for main now"));
        await Refused("Which?", "print", "redirect", "--to", "main");

        await Set(new { });
        Assert.That(await Run("print", "retry"), Does.Contain("2 are tried again"));
        foreach (var order in orders.Skip(2))
            await _mesh.FollowAsync(order, "Completed");
        Assert.That(await Run("print", "list"), Does.Contain("No invoice waits"));
        Assert.That((await _printer.GetFromJsonAsync<JsonElement>("pages")).GetArrayLength(), Is.EqualTo(2), "the other two were not to be printed there");
        await Run("audit");
    }

    private static string Id(Uri order) => order.ToString().Split('/')[^1];

    private async Task<IEnumerable<string>> Parked() =>
        (await Run("print", "list", "--state", "parked")).Split('\n').Where(line => line.Contains("  parked  ", StringComparison.Ordinal)).Select(line => line[..36]);

    private async Task<string> Run(params string[] arguments)
    {
        var (exitCode, output) = await _mesh.RunAsync(arguments);
        Assert.That(exitCode, Is.Zero, output);
        return output;
    }

    private async Task Refused(string because, params string[] arguments)
    {
        var (exitCode, output) = await _mesh.RunAsync(arguments);
        Assert.That((exitCode, output), Is.EqualTo((1, output)));
        Assert.That(output, Does.Contain(because));
    }

    private async Task Set(object faults)
    {
        using var set = await _printer.PutAsJsonAsync(new Uri("faults", UriKind.Relative), faults);
        set.EnsureSuccessStatusCode();
    }

    /// <summary>Until it is closed.</summary>
    private async Task PrintOnSpare()
    {
        try
        {
            while (true)
            {
                var request = await _spare.GetContextAsync();
                try
                {
                    using var body = await JsonDocument.ParseAsync(request.Request.InputStream);
                    _printedOnSpare.Enqueue(body.RootElement.GetProperty("invoiceNumber").GetString()!);
                    request.Response.Close();
                }
                // Whoever asked hung up; it is asked again.
                catch (Exception e) when (e is HttpListenerException or IOException or JsonException or ObjectDisposedException)
                {
                }
            }
        }
        catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
        {
        }
    }
}

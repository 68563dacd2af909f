using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Orafo.Cli.Mesh;
using Orafo.Cli.Servers;
using Orafo.Testing;

namespace Orafo.Mesh.Tests;

/// <summary>Each way in which the printer fails, for a while, with orders under way: nobody loses one, and no whole page comes out twice.</summary>
public sealed class A_faulty_printer
{
    private const int OrdersForEachFault = 25;

    private readonly List<Uri> _orders = [];
    private Testing.Mesh _mesh = null!;
    private HttpClient _printer = null!;

    [OneTimeSetUp]
    public async Task Up()
    {
        // A printer that is left alone is asked by one job at a time, and one that does not answer would keep it for minutes.
        _mesh = await Testing.Mesh.StartAsync(printSeconds: 0.1, new Dictionary<string, string?> { ["Printing__Timeout"] = "00:00:10" });
        _printer = new HttpClient { BaseAddress = new Uri((await _mesh.StatusAsync()).GetProperty("printer").GetString()!) };
    }

    [OneTimeTearDown]
    public async Task Down()
    {
        _printer.Dispose();
        await _mesh.DisposeAsync();
    }

    [Test]
    public async Task Costs_nobody_an_order()
    {
        await During("offline", new { offline = true });
        await During("noAnswer", new { noAnswer = true });
        await During("busySeconds", new { busySeconds = 1 });
        await During("inkPages", new { inkPages = 5 });
        await During("slowSeconds", new { slowSeconds = 0.5 });
        await During("jamProbability", new { jamProbability = 0.5 });
        await During("loseReplies", new { loseReplies = true });
        var spoiledByJams = await Spoiled();
        await Set(new { crashInPage = true });
        await Place();
        // Who died comes back mended, and knows that half a page came out.
        await Eventually.Holds(async () => await HasCrashed() && await Spoiled() > spoiledByJams, "the printer died in a page");

        foreach (var order in _orders)
            await _mesh.FollowAsync(order, "Completed");
        var papers = await Papers();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(papers, Has.Count.EqualTo(_orders.Count));
            Assert.That(papers.Select(paper => paper.Copies), Is.All.EqualTo(1), "no whole page twice");
            Assert.That(spoiledByJams, Is.Positive);
            Assert.That(papers.Sum(paper => paper.Spoiled), Is.GreaterThan(spoiledByJams), "the page that the crash spoiled is known");
        }

        await IsProven();
    }

    /// <summary>The ledgers agree, and the numbers and their chain are whole.</summary>
    private async Task IsProven()
    {
        foreach (var command in new string[][] { ["audit"], ["invoices", "verify"] })
        {
            var (exitCode, output) = await _mesh.RunAsync(command);
            Assert.That(exitCode, Is.Zero, output);
        }
    }

    /// <remarks>The printer jams and loses replies all the while.</remarks>
    [Test]
    public async Task Costs_nobody_an_order_though_one_of_three_invoice_services_is_killed_again_and_again()
    {
        using var health = new HttpClient();
        ServicePart[] more = [Instance(2, health), Instance(3, health)];
        try
        {
            await Task.WhenAll(more.Select(instance => instance.StartAsync(CancellationToken.None)));
            for (var round = 0; round < 8; round++)
            {
                await Set(new { jamProbability = 0.2, loseReplies = round % 2 == 1 });
                await Place();
                await Kill(round % 3);
                await Set(new { jamProbability = 0.2 });
            }

            await Set(new { });
            foreach (var order in _orders)
                await _mesh.FollowAsync(order, "Completed");
            var papers = await Papers();
            Assert.That(papers, Has.Count.EqualTo(_orders.Count));
            Assert.That(papers.Select(paper => paper.Copies), Is.All.EqualTo(1), "no whole page twice");
            await IsProven();
        }
        finally
        {
            foreach (var instance in more)
                await instance.StopAsync();
        }

        // It is back before the next one is killed.
        async Task Kill(int instance)
        {
            if (instance == 2)
            {
                var pid = await _mesh.PidAsync(MeshService.Invoicing);
                await _mesh.KillAsync(MeshService.Invoicing);
                await Eventually.Holds(
                    async () => (await _mesh.RunAsync("status")).ExitCode == 0 && await _mesh.PidAsync(MeshService.Invoicing) != pid, "the mesh's own is back");
            }
            else
            {
                await more[instance].Process!.KillAsync();
                await more[instance].StartAsync(CancellationToken.None);
            }
        }
    }

    [TestCase("""{"offfline": true}"""), TestCase("""{"jamProbability": 2}"""), TestCase("""{"inkPages": -1}"""), TestCase("""{"slowSeconds": "x"}"""), TestCase("[]")]
    public async Task Is_not_asked_for_what_cannot_be(string faults)
    {
        using var answer = await _printer.PutAsync(new Uri("faults", UriKind.Relative), new StringContent(faults, System.Text.Encoding.UTF8, "application/json"));
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
    }

    /// <summary>One more than the mesh has.</summary>
    private ServicePart Instance(int number, HttpClient health)
    {
        var data = new DataDirectory(_mesh.Directory);
        var state = MeshState.Running(data);
        var service = MeshService.All.Single(service => service.Name == MeshService.Invoicing);
        var password = Secrets.LoadOrCreate(data.Secrets).Services[service.Name];
        return new(
            $"{service.Name}-{number}", service.Project, Ports.Free(),
            new Dictionary<string, string?>
            {
                ["ConnectionStrings__Database"] = Databases.ConnectionString(state.PostgresPort, service.Database, service.Database, password),
                ["ConnectionStrings__Broker"] = MeshState.AmqpUri(state.Broker.Amqp, service.Database, password),
                ["Operators__Key"] = Operators.Key(data),
                ["Printing__Printers__main__Url"] = _printer.BaseAddress!.ToString(),
            },
            data, TestServers.Watchdog, health);
    }

    /// <summary>Places orders while something is wrong with the printer, until that was met a few times, and mends it.</summary>
    private async Task During(string fault, object faults)
    {
        await Set(faults);
        await Place();
        await Eventually.Holds(async () => await Met(fault) >= 3, $"the fault is met: {fault}");
        await Set(new { });
    }

    private async Task Set(object faults)
    {
        using var set = await _printer.PutAsJsonAsync(new Uri("faults", UriKind.Relative), faults);
        set.EnsureSuccessStatusCode();
    }

    private async Task Place()
    {
        var placed = await Task.WhenAll(Enumerable.Range(0, OrdersForEachFault).Select(_ => _mesh.PlaceAsync(Testing.Mesh.Sample("good-espresso"))));
        _orders.AddRange(placed.Select(order => order!));
    }

    private async Task<long> Met(string fault)
    {
        var report = await _printer.GetFromJsonAsync<JsonElement>("faults");
        return report.GetProperty("met").TryGetProperty(fault, out var met) ? met.GetInt64() : 0;
    }

    private async Task<bool> HasCrashed()
    {
        try
        {
            var report = await _printer.GetFromJsonAsync<JsonElement>("faults");
            return !report.GetProperty("faults").GetProperty("crashInPage").GetBoolean();
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    private async Task<List<Paper>> Papers() => (await _printer.GetFromJsonAsync<List<Paper>>("pages"))!;

    private async Task<int> Spoiled() => (await Papers()).Sum(paper => paper.Spoiled);

    private sealed record Paper(string InvoiceNumber, int Copies, int Spoiled);
}

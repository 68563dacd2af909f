using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Orafo.Contracts;
using Orafo.Invoicing.Printing;
using Orafo.Pgq;
using Orafo.Printer;

namespace Orafo.Invoicing.Tests;

/// <summary>Trays of one device, each a printer to the invoice service. The device is the real program.</summary>
public sealed class A_tray
{
    private static readonly Uri Faults = new("/faults", UriKind.Relative);
    private readonly string _directory = Directory.CreateTempSubdirectory("orafo-tray-").FullName;

    [OneTimeTearDown]
    public void Forget() => Directory.Delete(_directory, recursive: true);

    [Test]
    public async Task That_jams_holds_up_no_job_of_another()
    {
        const int jobs = 20;
        await using var factory = new WebApplicationFactory<Device>();
        await using var device = factory.WithWebHostBuilder(web => web.ConfigureAppConfiguration((_, configuration) => configuration.AddInMemoryCollection(
            new Dictionary<string, string?>(StringComparer.Ordinal) { ["Printer:PrintSeconds"] = "0", ["Printer:Directory"] = _directory, ["Printer:Trays"] = "2" })));
        using var panel = device.CreateClient();
        using (var jam = await panel.PutAsJsonAsync(Faults, new { jammedTray = 1 }))
            jam.EnsureSuccessStatusCode();
        await using var service = await A_print_job.Start(
            device.Server.CreateHandler(), parallelism: 1, attempts: 1000,
            printers: new() { ["tray-1"] = "http://printer.invalid/trays/1", ["tray-2"] = "http://printer.invalid/trays/2" }, defaultPrinter: "tray-1");
        var commands = Enumerable.Range(0, jobs).Select(_ => An_invoice.Command()).ToArray();
        await Task.WhenAll(commands.Select(command => service.Deliver(command)));
        await service.Sees(db => db.Invoices.CountAsync(), count => count == jobs);
        await service.Sees(_ => panel.GetFromJsonAsync<JsonElement>(Faults), report => report.GetProperty("met").TryGetProperty("jammedTray", out var times) && times.GetInt32() >= 2);

        // An operator sends half of them to the other tray; one that is being tried is refused at that moment.
        var queue = service.Services.GetRequiredService<JobQueue<PrintInvoice>>();
        var redirected = commands[..(jobs / 2)].Select(command => command.OrderId).ToArray();
        foreach (var order in redirected)
            await service.Sees(_ => queue.MoveAsync(order, "tray-2"), isMoved => isMoved);
        Assert.That((await service.Hears<InvoiceGenerated>(redirected.Length)).Select(generated => generated.OrderId), Is.EquivalentTo(redirected));
        Assert.That(await service.Look(db => db.Deliveries.Select(delivery => delivery.Printer).Distinct().ToListAsync()), Is.EqualTo(["tray-2"]));
        Assert.That(await service.Look(db => db.Database.SqlQuery<string>($"select distinct group_key as \"Value\" from print_job").ToListAsync()), Is.EqualTo(["tray-1"]));

        using (var mend = await panel.PutAsJsonAsync(Faults, new { }))
            mend.EnsureSuccessStatusCode();
        await service.Hears<InvoiceGenerated>(jobs);
        var pages = (await panel.GetFromJsonAsync<Paper[]>(new Uri("/pages", UriKind.Relative)))!;
        Assert.That(pages.Select(paper => paper.Copies), Is.EqualTo(Enumerable.Repeat(1, jobs)));
        Assert.That(pages.Sum(paper => paper.Spoiled), Is.GreaterThanOrEqualTo(2), "the jammed ones");
    }
}

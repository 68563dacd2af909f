using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.Extensions.DependencyInjection;
using Orafo.Contracts;
using Orafo.Ordering.Saga;
using Orafo.Testing;

namespace Orafo.Ordering.Tests;

/// <summary>What an older version stored, with its schema, under this one.</summary>
public sealed class Orders_of_the_version_before
{
    /// <summary>The last schema of machine 1.</summary>
    private const string Before = "20261125000842_JsonAsText";

    private static readonly Guid GettingDetails = Guid.CreateVersion7(), Invoicing = Guid.CreateVersion7(), HandingOver = Guid.CreateVersion7(), Suspended = Guid.CreateVersion7();

    [Test]
    public async Task Come_to_their_end_under_this_one()
    {
        await using var service = await OrderingService.Start(await StoreBefore(), new StepOptions { LookEvery = TimeSpan.FromMilliseconds(50) });
        var totals = new OrderTotals { Currency = "EUR", LinesNet = 10m, Allowance = 0m, Net = 10m, Vat = 2.2m, Gross = 12.2m, VatBreakdown = [] };
        await service.Deliver(new OrderDetailsReady { OrderId = GettingDetails, Customer = OrderJourney.Customer, Lines = [], Totals = totals });
        await service.Hears<GenerateInvoice>();
        await service.Deliver(new ResumeOrder { OrderId = Suspended });
        Assert.That((await service.Hears<GenerateInvoice>(2)).Select(invoice => (invoice.Totals.Charge, invoice.Totals.Gross)), Is.All.EqualTo((0m, 12.2m)));
        foreach (var order in new[] { GettingDetails, Invoicing, Suspended })
            await service.Deliver(new InvoiceGenerated { OrderId = order, InvoiceNumber = $"2026-{order:n}", GeneratedAt = DateTimeOffset.UtcNow });
        await service.Hears<HandOverOrder>(3);
        foreach (var order in new[] { Invoicing, HandingOver, Suspended })
            await service.Deliver(new OrderHandedOver { OrderId = order, HandedOverAt = DateTimeOffset.UtcNow });
        await service.Hears<OrderCompleted>(3);
        await service.Deliver(new CancelOrder { OrderId = GettingDetails, Reason = "The customer changed their mind." });
        await service.Hears<RecallHandOver>();
        await service.Deliver(new HandOverRecalled { OrderId = GettingDetails });
        await service.Hears<CreditInvoice>();
        await service.Deliver(new InvoiceCredited { OrderId = GettingDetails });
        await service.Hears<OrderCancelled>();

        var sagas = await service.Look(db => db.Sagas.AsNoTracking().ToDictionaryAsync(saga => saga.CorrelationId));
        Assert.That(sagas.Values.Select(saga => saga.CurrentState), Is.EquivalentTo(["Cancelled", "Completed", "Completed", "Completed"]));
        Assert.That(sagas.Values.Select(saga => (saga.Version, saga.IsWatched)), Is.All.EqualTo((1, false)));
        Assert.That(sagas[Invoicing].Timeline[0], Is.EqualTo(new OrderTransition("GettingDetails", new(2026, 11, 25, 12, 0, 0, TimeSpan.Zero))));
    }

    [Test]
    public async Task Are_watched_from_now_on()
    {
        var steps = new StepOptions { LookEvery = TimeSpan.FromMilliseconds(50), GettingDetails = TimeSpan.FromMilliseconds(200), MostAttempts = 1 };
        await using var service = await OrderingService.Start(await StoreBefore(), steps);
        await service.Sees(db => db.Sagas.CountAsync(saga => saga.SuspendedIn == "GettingDetails"), count => count == 1);
        Assert.That(await service.Look(db => db.Sagas.CountAsync(saga => saga.IsWatched)), Is.EqualTo(2), "those that invoice and hand over");
    }

    /// <remarks>Whether or not the saga has heard it: that version watched them no longer.</remarks>
    [Test]
    public async Task Are_told_again_that_they_are_overdue()
    {
        var database = await TestServers.CreateDatabaseAsync("orderingbefore");
        await using var db = new OrderingDb(Options(database));
        await db.GetService<IMigrator>().MigrateAsync("20261126155815_Callbacks");
        await db.Database.ExecuteSqlRawAsync(
            """
            insert into order_saga (correlation_id, current_state, customer_number, submitted_at, lines, timeline, is_watched)
            values ({0}, 'Invoicing', 'C-1001', now(), '[]', '[]', false), ({1}, 'Completed', 'C-1001', now(), '[]', '[]', false)
            """, Invoicing, HandingOver);

        await db.Database.MigrateAsync();
        var sagas = await db.Sagas.AsNoTracking().ToDictionaryAsync(saga => saga.CorrelationId, saga => (saga.IsWatched, saga.OverdueToldAt is not null));
        Assert.That((sagas[Invoicing], sagas[HandingOver]), Is.EqualTo(((true, true), (false, false))));
    }

    [Test]
    public async Task Know_their_client_from_now_on_so_that_it_can_be_called_back()
    {
        var database = await TestServers.CreateDatabaseAsync("orderingbefore");
        await using var db = new OrderingDb(Options(database));
        await db.GetService<IMigrator>().MigrateAsync("20261126122723_Deadlines");
        foreach (var (id, state) in new[] { (Invoicing, "Invoicing"), (Suspended, "Suspended"), (HandingOver, "Completed") })
        {
            await db.Database.ExecuteSqlRawAsync(
                """
                insert into orders (id, client, customer_number, lines, submitted_at) values ({0}, 'web-shop', 'C-1001', '[]', now());
                insert into order_saga (correlation_id, current_state, customer_number, submitted_at, lines, timeline) values ({0}, {1}, 'C-1001', now(), '[]', '[]')
                """, id, state);
        }

        await db.Database.MigrateAsync();
        var clients = await db.Sagas.AsNoTracking().ToDictionaryAsync(saga => saga.CorrelationId, saga => saga.Client);
        Assert.That((clients[Invoicing], clients[Suspended], clients[HandingOver]), Is.EqualTo(("web-shop", "web-shop", "")), "of what is over nobody is told any more");
    }

    [Test]
    public async Task Are_counted_before_a_deployment_which_is_refused_where_the_machine_does_not_know_them()
    {
        var database = await StoreBefore();
        await using var db = new OrderingDb(Options(database));
        Assert.That(await Objection(db), Is.Null, "before the migration");
        await db.Database.MigrateAsync();
        Assert.That(await Objection(db), Is.Null);

        await db.Database.ExecuteSqlRawAsync("update order_saga set current_state = 'Packing' where correlation_id = {0}", Invoicing);
        await db.Database.ExecuteSqlRawAsync("update order_saga set version = 99 where correlation_id = {0}", HandingOver);
        await db.Database.ExecuteSqlRawAsync("update order_saga set suspended_in = 'Weighing' where correlation_id = {0}", Suspended);
        Assert.That(await Objection(db), Does.Contain("1 in Packing, begun by machine 1").And.Contains("1 in HandingOver, begun by machine 99").And.Contains("1 in Weighing, begun by machine 1"));

        await using var empty = new OrderingDb(Options(await TestServers.CreateDatabaseAsync("orderingempty")));
        Assert.That(await Objection(empty), Is.Null, "without a table");
    }

    private static async Task<string?> Objection(OrderingDb db)
    {
        await using var journey = await OrderJourney.Start();
        return await OrdersUnderWay.Objection(db, journey.Machine);
    }

    /// <summary>One order in each state that is not final, as that version wrote it.</summary>
    private static async Task<string> StoreBefore()
    {
        var database = await TestServers.CreateDatabaseAsync("orderingbefore");
        await using var db = new OrderingDb(Options(database));
        await db.GetService<IMigrator>().MigrateAsync(Before);
        const string Customer = """{"name":"Orafo","street":"Via Maggio 1","postalCode":"50125","city":"Firenze","country":"IT"}""";
        const string Totals = """{"currency":"EUR","linesNet":10,"allowance":0,"net":10,"vat":2.2,"gross":12.2,"vatBreakdown":[]}""";
        foreach (var (id, state, suspendedIn) in new[]
        {
            (GettingDetails, "GettingDetails", ""), (Invoicing, "Invoicing", ""), (HandingOver, "HandingOver", ""), (Suspended, "Suspended", "Invoicing"),
        })
        {
            await db.Database.ExecuteSqlRawAsync(
                """
                insert into order_saga (correlation_id, current_state, customer_number, submitted_at, lines, customer, priced_lines, totals, currency, gross, invoice_number, suspended_in, timeline)
                values ({0}, {1}, 'C-1001', '2026-11-25 12:00Z', '[{{"sku":"MUG-01","quantity":1}}]', {2}::json, '[]', {3}::json, 'EUR', 12.2, '2026-' || {0}::text, nullif({4}, ''),
                    '[{{"state":"GettingDetails","at":"2026-11-25T12:00:00+00:00"}}]')
                """, id, state, Customer, Totals, suspendedIn);
        }

        return database;
    }

    private static DbContextOptions<OrderingDb> Options(string database) =>
        new DbContextOptionsBuilder<OrderingDb>().UseNpgsql(database).UseSnakeCaseNamingConvention().Options;
}

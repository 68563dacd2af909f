using System.Net;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using Orafo.HandOver;
using Orafo.Invoicing;
using Orafo.OrderDetails;
using Orafo.Testing;

namespace Orafo.ServiceDefaults.Tests;

/// <summary>Started in the wrong order: the database is there, and nobody has migrated it yet.</summary>
[TestFixture(typeof(OrderDetailsDb)), TestFixture(typeof(InvoicingDb)), TestFixture(typeof(HandOverDb))]
public sealed class A_service_that_comes_before_its_database<TDbContext> where TDbContext : DbContext
{
    [Test]
    public async Task Is_not_ready_until_it_is_migrated_and_then_is_by_itself()
    {
        var database = await TestServers.CreateDatabaseAsync("unmigrated");
        var factory = LoneService.Of<TDbContext>(database);
        await using var end = new ServiceEnd(factory);
        factory.StartServer();
        using var http = new HttpClient { BaseAddress = factory.ClientOptions.BaseAddress };
        using (var live = await http.GetAsync(new Uri("health/live", UriKind.Relative)))
            Assert.That(live.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        using (var ready = await http.GetAsync(new Uri("health/ready", UriKind.Relative)))
            Assert.That(ready.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable));

        await using (var db = (TDbContext)Activator.CreateInstance(typeof(TDbContext), new DbContextOptionsBuilder<TDbContext>().UseNpgsql(database).UseSnakeCaseNamingConvention().Options)!)
            await db.Database.MigrateAsync();
        await Eventually.Holds(
            async () =>
            {
                // The broker is away, and that is degraded only.
                using var ready = await http.GetAsync(new Uri("health/ready", UriKind.Relative));
                return ready.StatusCode == HttpStatusCode.OK;
            }, "the service is ready");
        await using var connection = new NpgsqlConnection(database);
        NpgsqlConnection.ClearPool(connection);
    }
}

using Microsoft.EntityFrameworkCore;
using Npgsql;
using Orafo.OrderDetails;
using Orafo.Testing;

namespace Orafo.ServiceDefaults.Tests;

/// <summary>A service with something to do before it serves anybody waits with it for its database, instead of ending.</summary>
public sealed class A_catalogue_before_its_database
{
    [Test]
    public async Task Is_loaded_once_that_is_migrated()
    {
        var database = await TestServers.CreateDatabaseAsync("uncatalogued");
        var factory = LoneService.Of<OrderDetailsDb>(database, ("Catalogue:Directory", Path.Combine(Cli.Repository.Root, "deploy", "samples")));
        await using var end = new ServiceEnd(factory);
        var started = Task.Run(factory.StartServer);
        await using var connection = new NpgsqlConnection(database);
        await connection.OpenAsync();
        await Eventually.Holds(
            async () =>
            {
                await using var others = new NpgsqlCommand("select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()", connection);
                return (long)(await others.ExecuteScalarAsync())! > 0;
            }, "the service has come to its database");
        Assert.That(started.IsCompleted, Is.False);

        await using var db = new OrderDetailsDb(new DbContextOptionsBuilder<OrderDetailsDb>().UseNpgsql(database).UseSnakeCaseNamingConvention().Options);
        await db.Database.MigrateAsync();
        await started.WaitAsync(TimeSpan.FromMinutes(3));
        Assert.That(await db.Articles.AnyAsync());
        NpgsqlConnection.ClearPool(connection);
    }
}

using Microsoft.EntityFrameworkCore;

namespace Orafo.Persistence.Tests;

/// <summary>What the model says of inbox and outbox, as PostgreSQL understood it.</summary>
public sealed class The_hot_tables
{
    [TestCase("outbox_message", "autovacuum_vacuum_scale_factor=0", "autovacuum_vacuum_threshold=1000", "autovacuum_vacuum_cost_delay=0")]
    [TestCase("inbox_state", "autovacuum_vacuum_scale_factor=0.01")]
    public async Task Are_cleaned_up_sooner_than_others(string table, params string[] settings)
    {
        await using var service = await LedgerService.Start(instances: 0);
        await using var db = service.OpenDb();
        var options = await db.Database.SqlQuery<string>($"select unnest(reloptions) as value from pg_class where oid = {table}::regclass").ToListAsync();
        Assert.That(options, Is.EquivalentTo(settings));
    }
}

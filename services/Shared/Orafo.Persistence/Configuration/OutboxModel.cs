using MassTransit.EntityFrameworkCoreIntegration;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Npgsql;

namespace MassTransit.Configuration;

/// <summary>Lets no process start whose model has other tables than the outbox's SQL names: it would store messages and never find them.</summary>
internal sealed class OutboxModel<TDbContext>(IServiceScopeFactory scopes) : IHostedLifecycleService where TDbContext : DbContext
{
    /// <exception cref="ConfigurationException">What is different, and what to do.</exception>
    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<TDbContext>();
        if (OutboxModel.Fault(db.Model, new NpgsqlConnectionStringBuilder(db.Database.GetDbConnection().ConnectionString).SearchPath) is { } fault)
            throw new ConfigurationException($"The model of {typeof(TDbContext).Name} does not fit its outbox: {fault}");
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}

/// <summary>Compares a model with what <see cref="TransactionalOutboxModelBuilderExtensions"/> puts there.</summary>
internal static class OutboxModel
{
    private static readonly IReadOnlyModel Expected = Build();

    /// <returns>The first thing that differs; null if the SQL finds what it names.</returns>
    public static string? Fault(IModel model, string? searchPath)
    {
        foreach (var expected in Expected.GetEntityTypes())
        {
            var name = expected.ClrType.Name;
            if (model.FindEntityType(expected.ClrType) is not { } entity)
                return $"it has no {name}. Call AddTransactionalOutboxEntities in OnModelCreating.";
            var table = expected.GetTableName();
            if (entity.GetTableName() != table)
                return $"{name} is in the table {entity.GetTableName()}, and must be in {table}.";
            if (entity.GetSchema() is { } schema && schema != FirstOf(searchPath))
                return $"{name} is in the schema {schema}, which SQL without a schema looks into only if the connection string says \"Search Path={schema}\".";
            foreach (var property in expected.GetProperties())
            {
                var column = property.GetColumnName();
                if (entity.FindProperty(property.Name)?.GetColumnName() is var other && other != column)
                    return $"{name}.{property.Name} is in the column {other}, and must be in {column}.";
            }
        }

        return null;
    }

    private static string? FirstOf(string? searchPath) => searchPath?.Split(',')[0].Trim().Trim('"');

    private static IReadOnlyModel Build()
    {
        var builder = new ModelBuilder();
        builder.AddTransactionalOutboxEntities();
        return builder.Model;
    }
}

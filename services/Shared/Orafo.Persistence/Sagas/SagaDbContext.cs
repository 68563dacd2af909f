using Microsoft.EntityFrameworkCore;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>Puts a saga into a DbContext's model.</summary>
public interface ISagaClassMap
{
    /// <summary>The saga.</summary>
    Type SagaType { get; }

    /// <summary>Called once, while the model is made.</summary>
    void Configure(ModelBuilder model);
}

/// <inheritdoc/>
public interface ISagaClassMap<TSaga> : ISagaClassMap where TSaga : class, ISaga;

/// <summary>A DbContext whose model is made of its <see cref="Configurations"/>.</summary>
public abstract class SagaDbContext(DbContextOptions options) : DbContext(options)
{
    /// <summary>The sagas.</summary>
    protected abstract IEnumerable<ISagaClassMap> Configurations { get; }

    /// <inheritdoc/>
    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        base.OnModelCreating(modelBuilder);
        foreach (var configuration in Configurations)
            configuration.Configure(modelBuilder);
    }
}

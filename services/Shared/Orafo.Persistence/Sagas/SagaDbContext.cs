using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

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

/// <summary>Maps a saga by its correlation id, which is its key and never generated.</summary>
public abstract class SagaClassMap<TSaga> : ISagaClassMap<TSaga> where TSaga : class, ISaga
{
    /// <inheritdoc/>
    public Type SagaType => typeof(TSaga);

    /// <inheritdoc/>
    public virtual void Configure(ModelBuilder model)
    {
        var saga = model.Entity<TSaga>();
        ConfigureCorrelationIdKey(saga.HasKey(x => x.CorrelationId));
        saga.Property(x => x.CorrelationId).ValueGeneratedNever();
        Configure(saga, model);
    }

    /// <summary>Maps the rest of it.</summary>
    protected virtual void Configure(EntityTypeBuilder<TSaga> entity, ModelBuilder model)
    {
    }

    /// <summary>Names the key, for example.</summary>
    protected virtual KeyBuilder ConfigureCorrelationIdKey(KeyBuilder keyBuilder) => keyBuilder;
}

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

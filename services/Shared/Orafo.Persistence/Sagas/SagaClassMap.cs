using MassTransit.EntityFrameworkCoreIntegration;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace MassTransit;

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

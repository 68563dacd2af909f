using System.Data;
using MassTransit.EntityFrameworkCoreIntegration;

namespace MassTransit;

/// <summary>Configures the inbox and outbox of one DbContext. Names and meaning are those of MassTransit.EntityFrameworkCore 8.5.</summary>
public interface IEntityFrameworkOutboxConfigurator : ITransactionalOutboxConfigurator
{
    /// <summary>Of the transaction around a consumed message. READ COMMITTED unless said otherwise.</summary>
    IsolationLevel IsolationLevel { set; }

    /// <summary>Accepted, and not used: the outbox has SQL of its own. Another one than <see cref="PostgresLockStatementProvider"/> is logged at the start.</summary>
    ILockStatementProvider LockStatementProvider { set; }

    /// <summary>How long a consumed message is remembered, so that a late duplicate is dropped. Seven days.</summary>
    TimeSpan DuplicateDetectionWindow { set; }

    /// <summary>How often a message may come again, and its process die of it, before it is put away with a <see cref="CrashLimitException"/>. Five times.</summary>
    int CrashLimit { set; }

    /// <summary>How often the outbox is looked through when nobody says that something is in it: the safety net. Five seconds.</summary>
    TimeSpan QueryDelay { set; }

    /// <summary>How many transactions a relay claims at once. 100.</summary>
    int QueryMessageLimit { set; }

    /// <summary>How old the oldest message that waits may be before the health check <c>outbox</c> is degraded: a minute, unless said otherwise.</summary>
    TimeSpan LagLimit { set; }

    /// <summary>How long a query of the relay may take. 30 seconds.</summary>
    TimeSpan QueryTimeout { set; }

    /// <summary>Keeps every inbox row for ever, or leaves the clean-up to another process.</summary>
    void DisableInboxCleanupService();

    /// <summary>Messages published or sent outside a consumer are stored by the DbContext's SaveChanges and relayed after its commit.</summary>
    void UseBusOutbox(Action<IEntityFrameworkBusOutboxConfigurator>? configure = null);
}

/// <summary>Configures how stored messages leave.</summary>
public interface IEntityFrameworkBusOutboxConfigurator : IBusOutboxConfigurator
{
    /// <summary>How many messages of one transaction are sent in one go. 100.</summary>
    int MessageDeliveryLimit { set; }

    /// <summary>How long the broker has to confirm. 10 seconds.</summary>
    TimeSpan MessageDeliveryTimeout { get; set; }

    /// <summary>Whether an exception of the transport is the broker's no to a message that it may take later (a full queue …): the message is not at fault.</summary>
    Func<Exception, bool> IsRefusal { set; }
}

/// <summary>The database's dialect.</summary>
public static class EntityFrameworkOutboxConfiguratorExtensions
{
    /// <summary>PostgreSQL: the only dialect there is; the call is accepted for source compatibility.</summary>
    public static IEntityFrameworkOutboxConfigurator UsePostgres(this IEntityFrameworkOutboxConfigurator configurator) => configurator;

    /// <inheritdoc cref="UsePostgres(IEntityFrameworkOutboxConfigurator)"/>
    /// <param name="configurator">The outbox.</param>
    /// <param name="enableSchemaCaching">Means nothing here: each DbContext's tables are looked up in its own model.</param>
    public static IEntityFrameworkOutboxConfigurator UsePostgres(this IEntityFrameworkOutboxConfigurator configurator, bool enableSchemaCaching) => configurator;
}

using System.Data;
using Microsoft.EntityFrameworkCore;

namespace MassTransit.Configuration;

/// <summary>How the inbox and the outbox of one DbContext behave.</summary>
internal sealed class EntityFrameworkOutboxOptions<TDbContext> where TDbContext : DbContext
{
    /// <summary>Sends what is stored.</summary>
    public required OutboxBus Bus { get; init; }

    /// <summary>Whether this process sends what it stores.</summary>
    public bool Delivers { get; set; } = true;

    public IsolationLevel IsolationLevel { get; set; } = IsolationLevel.ReadCommitted;
    public TimeSpan QueryDelay { get; set; } = TimeSpan.FromSeconds(5);
    public int QueryMessageLimit { get; set; } = 100;
    public TimeSpan QueryTimeout { get; set; } = TimeSpan.FromSeconds(30);
    public TimeSpan DuplicateDetectionWindow { get; set; } = TimeSpan.FromDays(7);
    public int CrashLimit { get; set; } = 5;
    public TimeSpan LagLimit { get; set; } = TimeSpan.FromMinutes(1);
    public int MessageDeliveryLimit { get; set; } = 100;
    public TimeSpan MessageDeliveryTimeout { get; set; } = TimeSpan.FromSeconds(10);
    public Func<Exception, bool> IsRefusal { get; set; } = _ => false;
}

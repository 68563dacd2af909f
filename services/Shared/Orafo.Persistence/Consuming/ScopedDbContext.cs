using System.Diagnostics.CodeAnalysis;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Internal;
using Microsoft.Extensions.DependencyInjection;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>Which DbContext a scope's services get: their own, or the one that several deliveries share.</summary>
/// <remarks>A scope disposes what it resolved, in reverse order: its DbContext before this.</remarks>
[SuppressMessage("Usage", "EF1001:Internal EF Core API usage.", Justification = "The pool's lease is the only way to share a DbContext between scopes.")]
internal sealed class ScopedDbContext<TDbContext>(IServiceProvider scope) : IAsyncDisposable, IDisposable where TDbContext : DbContext
{
    private TDbContext? _db;
    private SharedLease<TDbContext>? _lease;

    /// <summary>Before anybody in the scope asks for a DbContext; and again, with the same one, when the delivery is run again.</summary>
    /// <exception cref="InvalidOperationException">It is another one: what the scope's services change would not be in the transaction.</exception>
    public void Share(SharedLease<TDbContext> lease)
    {
        if (ReferenceEquals(_lease, lease))
            return;
        if (IsTaken)
            throw new InvalidOperationException("The scope has another DbContext than the transaction.");
        lease.Enter();
        (_lease, _db) = (lease, lease.Db);
    }

    /// <summary>The one that is shared; null if it is the scope's own, or if nobody has asked for one.</summary>
    public SharedLease<TDbContext>? Lease => _lease;

    /// <summary>Whether somebody in the scope has a DbContext already.</summary>
    public bool IsTaken => _db is not null;

    public TDbContext Get() => _db ??= scope.GetService<IScopedDbContextLease<TDbContext>>()?.Context ?? ActivatorUtilities.CreateInstance<TDbContext>(scope);

    public ValueTask DisposeAsync() => _lease?.Leave() ?? ValueTask.CompletedTask;

    public void Dispose() => DisposeAsync().AsTask().GetAwaiter().GetResult();

    public static bool IsPooled(IServiceProvider services) => services.GetService<IDbContextPool<TDbContext>>() is not null;
}

/// <summary>A DbContext from the pool, for as long as a group is at work on it and any scope of its deliveries has it.</summary>
/// <remarks>A pooled DbContext ignores that it is disposed while it is leased; back in the pool it would be lost, and found there by the next.</remarks>
internal sealed class SharedLease<TDbContext> where TDbContext : DbContext
{
    private readonly AsyncServiceScope _scope;
    private int _holders = 1;

    public SharedLease(IServiceScopeFactory scopes)
    {
        _scope = scopes.CreateAsyncScope();
        Db = _scope.ServiceProvider.GetRequiredService<TDbContext>();
    }

    public TDbContext Db { get; }

    /// <summary>Whoever runs a transaction on the DbContext. Deliveries of a group that failed may be tried again on it while the others of it still are.</summary>
    public SemaphoreSlim Turn { get; } = new(1);

    public void Enter() => Interlocked.Increment(ref _holders);

    /// <summary>The last one gives it back.</summary>
    public ValueTask Leave() => Interlocked.Decrement(ref _holders) == 0 ? _scope.DisposeAsync() : ValueTask.CompletedTask;
}

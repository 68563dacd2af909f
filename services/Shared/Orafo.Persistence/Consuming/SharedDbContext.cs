using System.Collections.Concurrent;
using System.Data.Common;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.EntityFrameworkCore.Internal;
using Microsoft.Extensions.DependencyInjection;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>Which DbContext a scope's services get: their own, or the one that several deliveries share.</summary>
/// <remarks>
/// A scope disposes what it resolved. A pooled DbContext does not mind for as long as it is leased, which is why only those are
/// shared, and why <see cref="SharedDbContexts{TDbContext}"/> keeps its leases for good.
/// </remarks>
[SuppressMessage("Usage", "EF1001:Internal EF Core API usage.", Justification = "The pool's lease is the only way to share a DbContext between scopes.")]
internal sealed class ScopedDbContext<TDbContext>(IServiceProvider scope) where TDbContext : DbContext
{
    private TDbContext? _db;

    /// <summary>Set before anybody in the scope asks for a DbContext.</summary>
    public void Share(TDbContext db) => _db = db;

    /// <summary>Whether somebody in the scope has a DbContext already.</summary>
    public bool IsTaken => _db is not null;

    public TDbContext Get() => _db ??= scope.GetService<IScopedDbContextLease<TDbContext>>()?.Context ?? ActivatorUtilities.CreateInstance<TDbContext>(scope);

    public static bool IsPooled(IServiceProvider services) => services.GetService<IDbContextPool<TDbContext>>() is not null;
}

/// <summary>A DbContext for one unit of work after the other, and what the guard of its queries needs to know.</summary>
internal sealed class SharedDbContext<TDbContext>(AsyncServiceScope scope, TDbContext db) where TDbContext : DbContext
{
    public AsyncServiceScope Scope => scope;
    public TDbContext Db => db;
}

/// <summary>The DbContexts that deliveries share; as many as there were units of work at one time.</summary>
internal sealed class SharedDbContexts<TDbContext>(IServiceScopeFactory scopes) : IAsyncDisposable where TDbContext : DbContext
{
    private readonly ConcurrentBag<SharedDbContext<TDbContext>> _idle = [];
    private readonly ConcurrentBag<SharedDbContext<TDbContext>> _all = [];

    public SharedDbContext<TDbContext> Take()
    {
        if (_idle.TryTake(out var idle))
            return idle;
        var scope = scopes.CreateAsyncScope();
        var context = new SharedDbContext<TDbContext>(scope, scope.ServiceProvider.GetRequiredService<TDbContext>());
        _all.Add(context);
        return context;
    }

    public void Return(SharedDbContext<TDbContext> context) => _idle.Add(context);

    public async ValueTask DisposeAsync()
    {
        foreach (var context in _all)
            await context.Scope.DisposeAsync();
    }
}

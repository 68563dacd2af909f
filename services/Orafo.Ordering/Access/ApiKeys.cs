using System.Collections.Concurrent;
using Microsoft.EntityFrameworkCore;

namespace Orafo.Ordering.Access;

/// <summary>The keys, from memory: an order pays no round trip for its client's.</summary>
/// <remarks>
/// A key that is in use is looked up anew every three seconds, beside the requests; one that was not asked for in ten seconds, before the request.
/// So a revocation takes effect within ten seconds, also while the database is away: nobody is let in by what is older. What is no key is remembered
/// as well, and both are bounded: strangers do not push clients out.
/// </remarks>
public sealed class ApiKeys(IServiceScopeFactory scopes, TimeProvider time) : IDisposable
{
    private const int Most = 10_000;
    private const int MostLookups = 8;
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Usable = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<string, Known> _clients = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Known> _strangers = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Lazy<Task<ApiKey?>>> _underWay = new(StringComparer.Ordinal);

    // Whoever makes up keys has the database asked, but by so many at a time only.
    private readonly SemaphoreSlim _lookups = new(MostLookups);
    private long _lookedUp;

    /// <summary>How often the database was asked.</summary>
    internal long LookedUp => Interlocked.Read(ref _lookedUp);

    /// <summary>How much is remembered.</summary>
    internal int Remembered => _clients.Count + _strangers.Count;

    /// <summary>The key that this is, if it lets anybody in now.</summary>
    public async ValueTask<ApiKey?> Find(string text, CancellationToken cancellationToken) =>
        ApiKey.PrefixOf(text) is { } prefix && await Named(prefix, cancellationToken) is { } key && key.LetsIn(text, time.GetUtcNow()) ? key : null;

    public void Dispose() => _lookups.Dispose();

    private async ValueTask<ApiKey?> Named(string prefix, CancellationToken cancellationToken)
    {
        if (_clients.TryGetValue(prefix, out var known) || _strangers.TryGetValue(prefix, out known))
        {
            var age = time.GetElapsedTime(known.At);
            if (age < Fresh)
                return known.Key;
            if (age < Usable)
            {
                _ = LookUp(prefix).ContinueWith(failed => failed.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
                return known.Key;
            }
        }

        return await LookUp(prefix).WaitAsync(cancellationToken);
    }

    /// <summary>Once, for all who ask at the same time.</summary>
    private Task<ApiKey?> LookUp(string prefix) =>
        _underWay.GetOrAdd(prefix, name => new Lazy<Task<ApiKey?>>(() => Ask(name))).Value;

    private async Task<ApiKey?> Ask(string prefix)
    {
        // Not on the thread of the first who asks: whoever comes meanwhile must find the task.
        await Task.Yield();
        try
        {
            var at = time.GetTimestamp();
            await _lookups.WaitAsync();
            try
            {
                Interlocked.Increment(ref _lookedUp);
                await using var scope = scopes.CreateAsyncScope();
                var key = await scope.ServiceProvider.GetRequiredService<OrderingDb>().ApiKeys.AsNoTracking()
                    .SingleOrDefaultAsync(one => one.Prefix == prefix);
                Remember(prefix, new Known(key, at));
                return key;
            }
            finally
            {
                _lookups.Release();
            }
        }
        finally
        {
            _underWay.TryRemove(prefix, out _);
        }
    }

    private void Remember(string prefix, Known known)
    {
        var (mine, other) = known.Key is null ? (_strangers, _clients) : (_clients, _strangers);
        other.TryRemove(prefix, out _);
        if (mine.Count >= Most && !mine.ContainsKey(prefix))
            mine.Clear();
        mine[prefix] = known;
    }

    private sealed record Known(ApiKey? Key, long At);
}

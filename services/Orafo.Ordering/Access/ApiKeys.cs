using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Threading.RateLimiting;
using Microsoft.EntityFrameworkCore;

namespace Orafo.Ordering.Access;

/// <summary>The keys, from memory: an order pays no round trip for its client's.</summary>
/// <remarks>
/// A key that is in use is looked up anew every three seconds, beside the requests; one that was not asked for in ten seconds, before the request.
/// So a revocation takes effect within ten seconds, also while the database is away: nobody is let in by what is older. What is no key is remembered
/// for as long, and both are bounded: strangers do not push clients out. Nor do they stand in their way: what is not known to be a key is looked up
/// on a lane of its own, so many at a time, and so often only for each address that asks.
/// </remarks>
public sealed class ApiKeys(IServiceScopeFactory scopes, TimeProvider time) : IDisposable
{
    private const int Most = 10_000;
    private const int MostLookups = 8;
    private const int MostInLine = 100;
    private const int GuessesAtOnce = 200;
    private const int GuessesPerSecond = 50;
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Usable = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<string, Known> _clients = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Known> _strangers = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Lazy<Task<Known?>>> _underWay = new(StringComparer.Ordinal);

    private readonly ConcurrencyLimiter _clientLookups = new(new() { PermitLimit = MostLookups, QueueLimit = Most });
    private readonly ConcurrencyLimiter _strangerLookups = new(new() { PermitLimit = MostLookups, QueueLimit = MostInLine });
    private readonly RateLimit<IPAddress> _guesses = new(GuessesAtOnce, GuessesPerSecond, time);

    private long _lookedUp;

    /// <summary>How often the database was asked.</summary>
    internal long LookedUp => Interlocked.Read(ref _lookedUp);

    /// <summary>How much is remembered.</summary>
    internal int Remembered => _clients.Count + _strangers.Count;

    /// <summary>The key that this is, if it lets anybody in now.</summary>
    /// <param name="text">What somebody says it is.</param>
    /// <param name="from">Who.</param>
    /// <param name="cancellationToken">Nobody waits any longer.</param>
    public async ValueTask<KeySearch> Find(string text, IPAddress from, CancellationToken cancellationToken)
    {
        if (ApiKey.PrefixOf(text) is not { } prefix)
            return new(null);
        if (await Named(prefix, from, cancellationToken) is not { } known)
            return new(null, WasLookedFor: false);
        return new(known.Key?.LetsIn(text, time.GetUtcNow()) == true ? known.Key : null);
    }

    public void Dispose()
    {
        _clientLookups.Dispose();
        _strangerLookups.Dispose();
    }

    private async ValueTask<Known?> Named(string prefix, IPAddress from, CancellationToken cancellationToken)
    {
        if (_clients.TryGetValue(prefix, out var known))
        {
            var age = time.GetElapsedTime(known.At);
            if (age < Fresh)
                return known;
            var lookup = LookUp(prefix, _clientLookups);
            if (age >= Usable)
                return await lookup.WaitAsync(cancellationToken);
            _ = lookup.ContinueWith(failed => failed.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
            return known;
        }

        if (_strangers.TryGetValue(prefix, out known) && time.GetElapsedTime(known.At) < Usable)
            return known;
        // Who waits for what is being looked up already costs nothing.
        if (!_underWay.ContainsKey(prefix) && _guesses.Take(Neighbourhood(from)) is not null)
            return null;
        return await LookUp(prefix, _strangerLookups).WaitAsync(cancellationToken);
    }

    /// <summary>Once, for all who ask at the same time.</summary>
    /// <returns>Null if too many are in line.</returns>
    private Task<Known?> LookUp(string prefix, ConcurrencyLimiter line) =>
        _underWay.GetOrAdd(prefix, name => new Lazy<Task<Known?>>(() => Ask(name, line))).Value;

    private async Task<Known?> Ask(string prefix, ConcurrencyLimiter line)
    {
        // Not on the thread of the first who asks: whoever comes meanwhile must find the task. Nor in that one's trace: it is for all.
        await Task.Yield();
        Activity.Current = null;
        try
        {
            var at = time.GetTimestamp();
            using var turn = await line.AcquireAsync();
            if (!turn.IsAcquired)
                return null;
            Interlocked.Increment(ref _lookedUp);
            await using var scope = scopes.CreateAsyncScope();
            var key = await scope.ServiceProvider.GetRequiredService<OrderingDb>().ApiKeys.AsNoTracking()
                .SingleOrDefaultAsync(one => one.Prefix == prefix);
            var known = new Known(key, at);
            Remember(prefix, known);
            return known;
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

    /// <summary>Whoever has one address of IPv6 has 2^64 of them.</summary>
    private static IPAddress Neighbourhood(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
            return address.MapToIPv4();
        if (address.AddressFamily != AddressFamily.InterNetworkV6)
            return address;
        var bytes = address.GetAddressBytes();
        bytes.AsSpan(8).Clear();
        return new(bytes);
    }

    private sealed record Known(ApiKey? Key, long At);
}

/// <param name="Key">Null if nobody is let in.</param>
/// <param name="WasLookedFor">Not if too many that nobody knows were looked for of late: to be tried again.</param>
public readonly record struct KeySearch(ApiKey? Key, bool WasLookedFor = true);

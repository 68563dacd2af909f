using System.Collections.Concurrent;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using Microsoft.Extensions.Options;
using Orafo.Devices;

namespace Orafo.Carrier;

/// <summary>The body of <c>PUT /parcels/{key}</c>. The carrier keeps none of it.</summary>
public sealed record ParcelRequest(Recipient? Recipient, IReadOnlyList<Item>? Items);

/// <summary>Where to.</summary>
public sealed record Recipient(string? Name, string? Street, string? PostalCode, string? City, string? Country);

/// <summary>What is in it.</summary>
public sealed record Item(string? Sku, int Quantity);

/// <summary>All that the carrier knows of a key: of one parcel at most.</summary>
/// <param name="Key">The sender's, of one parcel.</param>
/// <param name="TrackingNumber">Null if it was never booked.</param>
/// <param name="BookedAt">Null if it was never booked.</param>
/// <param name="RecalledAt">From then on, nothing is booked with this key.</param>
/// <param name="PickedUpAt">It has left the sender's house.</param>
/// <param name="Bookings">How often it was booked: once, or never.</param>
/// <param name="Asked">How often a booking was asked for.</param>
public sealed record Parcel(
    string Key, string? TrackingNumber, DateTimeOffset? BookedAt, DateTimeOffset? RecalledAt, DateTimeOffset? PickedUpAt, int Bookings, int Asked);

/// <summary>Configuration section <c>Carrier</c>.</summary>
public sealed class CarrierOptions
{
    /// <summary>How long after its booking a parcel is picked up; null: only when somebody says so.</summary>
    [Range(0, 1e9)]
    public double? PickUpSeconds { get; set; }

    /// <summary>Where the carrier keeps what it remembers.</summary>
    [Required]
    public string Directory { get; set; } = "parcels";
}

/// <summary>The carrier's own books: a parcel for each key, booked once, however often it is asked, and never after a recall.</summary>
/// <remarks>
/// What was booked, recalled and picked up is in an append-only file, on disk when <see cref="Saved"/> returns, and nobody is told before. How often it was
/// asked is in another, which survives the process. A recall closes its key, also one that nothing was booked with: a request that is still on its way then
/// books nothing.
/// </remarks>
public sealed class Depot : IDisposable
{
    private readonly TimeSpan? _untilPickUp;
    private readonly TimeProvider _time;
    private readonly Action _crash;
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Parcel> _parcels = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _keys = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, long> _met = new(StringComparer.Ordinal);
    private readonly AppendOnlyFile<Entry> _entries;
    private readonly AppendOnlyFile<string> _asked;
    private Faults _faults = new();
    private CancellationTokenSource _faultsChanged = new();

    public Depot(IOptions<CarrierOptions> options, TimeProvider time, ILogger<Depot> logger)
        : this(options, time, logger, () => System.Diagnostics.Process.GetCurrentProcess().Kill())
    {
    }

    /// <param name="options">How it works.</param>
    /// <param name="time">Its clock.</param>
    /// <param name="logger">Its log.</param>
    /// <param name="crash">Ends the process, at once.</param>
    internal Depot(IOptions<CarrierOptions> options, TimeProvider time, ILogger<Depot> logger, Action crash)
    {
        _untilPickUp = options.Value.PickUpSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : null;
        (_time, _crash) = (time, crash);
        Directory.CreateDirectory(options.Value.Directory);
        _entries = new(Path.Combine(options.Value.Directory, "parcels.jsonl"));
        _asked = new(Path.Combine(options.Value.Directory, "asked.jsonl"));
        foreach (var entry in _entries.Read())
            Count(entry);
        foreach (var key in _asked.Read())
            _parcels[key] = Known(key) with { Asked = Known(key).Asked + 1 };
        DepotLog.Remembered(logger, _keys.Count);
    }

    /// <summary>What was booked, asked for or recalled, in the order of its key.</summary>
    public IReadOnlyList<Parcel> Parcels
    {
        get
        {
            lock (_lock)
                return [.. _parcels.Keys.Order(StringComparer.Ordinal).Select(AsOfNow)];
        }
    }

    /// <summary>What is wrong with it, and how often that was met.</summary>
    public FaultReport FaultReport
    {
        get
        {
            lock (_lock)
                return new(_faults, _met.ToDictionary(StringComparer.Ordinal));
        }
    }

    /// <summary>Null if nobody ever said anything of that key.</summary>
    public Parcel? Find(string key)
    {
        lock (_lock)
            return _parcels.ContainsKey(key) ? AsOfNow(key) : null;
    }

    /// <summary>From now on this is wrong with it, and nothing else. Who waited for an answer in vain, waits no longer.</summary>
    public void Set(Faults faults)
    {
        CancellationTokenSource changed;
        lock (_lock)
            (_faults, changed, _faultsChanged) = (faults, _faultsChanged, new());
        changed.Cancel();
    }

    /// <summary>Whether the request gets any further than the wire.</summary>
    /// <exception cref="CarrierException">It is busy.</exception>
    public async Task<bool> Hears(CancellationToken cancellationToken)
    {
        Faults faults;
        CancellationToken changed;
        lock (_lock)
            (faults, changed) = (_faults, _faultsChanged.Token);
        if (faults.Offline)
            return !IsMet("offline");
        if (faults.NoAnswer)
        {
            IsMet("noAnswer");
            using var either = CancellationTokenSource.CreateLinkedTokenSource(changed, cancellationToken);
            await Task.Delay(Timeout.InfiniteTimeSpan, _time, either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return false;
        }

        if (faults.BusySeconds is { } seconds && IsMet("busySeconds"))
            throw new CarrierException(StatusCodes.Status503ServiceUnavailable, CarrierException.Busy, "The carrier is busy.", TimeSpan.FromSeconds(seconds));
        // Who hangs up meanwhile has asked all the same.
        if (faults.SlowSeconds > 0 && IsMet("slowSeconds"))
            await Task.Delay(TimeSpan.FromSeconds(faults.SlowSeconds), _time, CancellationToken.None);
        return true;
    }

    /// <summary>Whether the answer gets through.</summary>
    public bool Answers() => !(_faults.LoseReplies && IsMet("loseReplies"));

    /// <summary>Books the parcel of that key, unless it is booked.</summary>
    /// <returns>Whether this request did it.</returns>
    /// <exception cref="CarrierException">It is not booked, and will not be.</exception>
    public (Parcel Parcel, bool IsNew) Book(string key, string? postalCode)
    {
        lock (_lock)
        {
            _asked.Append(key);
            var known = _parcels[key] = Known(key) with { Asked = Known(key).Asked + 1 };
            if (known.RecalledAt is not null)
                throw new CarrierException(StatusCodes.Status410Gone, CarrierException.Recalled, "The parcel was recalled.");
            if (known.BookedAt is not null)
                return (AsOfNow(key), false);
            if (_faults.RefusePostalCode is { } refused && refused == postalCode && IsMet("refusePostalCode"))
                throw new CarrierException(StatusCodes.Status422UnprocessableEntity, CarrierException.UndeliverableAddress, "The carrier does not deliver there.");
            if (_faults.CrashBeforeBooking && IsMet("crashBeforeBooking"))
                _crash();
            Write(new(key, Entry.Booked, TrackingNumberOf(_keys.Count + 1), _time.GetUtcNow()));
            if (_faults.CrashAfterBooking && IsMet("crashAfterBooking"))
                _crash();
            return (_parcels[key], true);
        }
    }

    /// <summary>Closes the key: its parcel stays where it is, and none is booked with it any more.</summary>
    /// <exception cref="CarrierException">The parcel has been picked up.</exception>
    public Parcel Recall(string key)
    {
        lock (_lock)
        {
            if (Known(key).RecalledAt is not null)
                return _parcels[key];
            if (AsOfNow(key).PickedUpAt is not null)
                throw new CarrierException(StatusCodes.Status409Conflict, CarrierException.PickedUp, "The parcel has been picked up.");
            Write(new(key, Entry.Recalled, null, _time.GetUtcNow()));
            return _parcels[key];
        }
    }

    /// <summary>The parcel leaves the sender's house.</summary>
    /// <returns>Null if there is no such parcel, or it was recalled.</returns>
    public Parcel? PickUp(string trackingNumber)
    {
        lock (_lock)
        {
            if (!_keys.TryGetValue(trackingNumber, out var key) || _parcels[key].RecalledAt is not null)
                return null;
            if (AsOfNow(key).PickedUpAt is null)
                Write(new(key, Entry.PickedUp, trackingNumber, _time.GetUtcNow()));
            return _parcels[key];
        }
    }

    /// <summary>Returns when all that anybody could know by now is on disk.</summary>
    public Task Saved() => _entries.Saved();

    public void Dispose()
    {
        _entries.Dispose();
        _asked.Dispose();
        _faultsChanged.Dispose();
    }

    private Parcel Known(string key) => _parcels.GetValueOrDefault(key) ?? new(key, null, null, null, null, 0, 0);

    /// <summary>Whoever picks parcels up at their time tells nobody: it is written down when somebody looks.</summary>
    private Parcel AsOfNow(string key)
    {
        var parcel = Known(key);
        if (parcel is { BookedAt: { } bookedAt, RecalledAt: null, PickedUpAt: null } && _untilPickUp is { } until && _time.GetUtcNow() - bookedAt >= until)
            Write(new(key, Entry.PickedUp, parcel.TrackingNumber, bookedAt + until));
        return Known(key);
    }

    private void Write(Entry entry)
    {
        _entries.Append(entry);
        Count(entry);
    }

    private void Count(Entry entry)
    {
        var parcel = Known(entry.Key);
        _parcels[entry.Key] = entry.What switch
        {
            Entry.Booked => parcel with { TrackingNumber = entry.TrackingNumber, BookedAt = entry.At, Bookings = parcel.Bookings + 1 },
            Entry.Recalled => parcel with { RecalledAt = entry.At },
            Entry.PickedUp => parcel with { PickedUpAt = entry.At },
            _ => throw new InvalidOperationException($"Nobody wrote '{entry.What}' into these books."),
        };
        if (entry.What == Entry.Booked)
            _keys[entry.TrackingNumber!] = entry.Key;
    }

    /// <summary>As the Universal Postal Union has them (S10): two letters, eight digits, their check digit, a country.</summary>
    private static string TrackingNumberOf(int serial)
    {
        var digits = (serial % 100_000_000).ToString("D8", CultureInfo.InvariantCulture);
        int[] weights = [8, 6, 4, 2, 3, 5, 9, 7];
        var check = (11 - (digits.Zip(weights, (digit, weight) => (digit - '0') * weight).Sum() % 11)) switch { 10 => 0, 11 => 5, var other => other };
        return $"OR{digits}{check}IT";
    }

    /// <returns>True.</returns>
    private bool IsMet(string fault)
    {
        _met.AddOrUpdate(fault, 1, (_, times) => times + 1);
        return true;
    }

    /// <summary>A line of the books.</summary>
    private sealed record Entry(string Key, string What, string? TrackingNumber, DateTimeOffset At)
    {
        public const string Booked = "booked";
        public const string Recalled = "recalled";
        public const string PickedUp = "picked-up";
    }
}

/// <summary>The carrier does not do it, and says why.</summary>
public sealed class CarrierException(int status, string type, string title, TimeSpan? retryAfter = null) : Exception(title)
{
    public const string Busy = "busy";
    public const string Recalled = "recalled";
    public const string PickedUp = "picked-up";
    public const string UndeliverableAddress = "undeliverable-address";

    public int Status { get; } = status;

    /// <summary>The last part of the problem's type, for programs.</summary>
    public string Type { get; } = type;

    /// <summary>When to come again, if it knows.</summary>
    public TimeSpan? RetryAfter { get; } = retryAfter;
}

/// <summary>What the depot says.</summary>
internal static partial class DepotLog
{
    [LoggerMessage(LogLevel.Information, "{Parcels} parcels remembered")]
    public static partial void Remembered(ILogger logger, int parcels);
}

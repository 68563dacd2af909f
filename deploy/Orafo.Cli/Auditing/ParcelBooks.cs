using System.Net.Http.Json;

namespace Orafo.Cli.Auditing;

/// <summary>The carrier's books, taken order by order; without a carrier, empty ones.</summary>
internal sealed class ParcelBooks : IAsyncDisposable
{
    private readonly IAsyncEnumerator<ParcelRow?>? _rows;
    private readonly List<string> _strange = [];
    private ParcelRow? _current;

    private ParcelBooks(IAsyncEnumerator<ParcelRow?>? rows) => _rows = rows;

    /// <summary>The order whose parcel comes next; null at the end.</summary>
    public Guid? Next { get; private set; }

    /// <summary>Keys that are no orders' ids.</summary>
    public IReadOnlyList<string> Strange => _strange;

    public static async Task<ParcelBooks> OpenAsync(HttpClient? carrier, CancellationToken cancellationToken)
    {
        var books = new ParcelBooks(carrier?.GetFromJsonAsAsyncEnumerable<ParcelRow>(new Uri("parcels", UriKind.Relative), cancellationToken).GetAsyncEnumerator(cancellationToken));
        await books.MoveAsync();
        return books;
    }

    /// <summary>The order's parcel if it comes next, else none.</summary>
    public async Task<ParcelRow?> TakeAsync(Guid orderId)
    {
        if (Next != orderId)
            return null;
        var parcel = _current;
        await MoveAsync();
        return parcel;
    }

    public ValueTask DisposeAsync() => _rows?.DisposeAsync() ?? ValueTask.CompletedTask;

    /// <remarks>They come in the order of their keys, and a UUID as it is written sorts like its bytes.</remarks>
    private async Task MoveAsync()
    {
        Next = null;
        while (Next is null && _rows is not null && await _rows.MoveNextAsync())
        {
            _current = _rows.Current!;
            if (Guid.TryParseExact(_current.Key, "D", out var orderId))
                Next = orderId;
            else
                _strange.Add(_current.Key);
        }
    }
}

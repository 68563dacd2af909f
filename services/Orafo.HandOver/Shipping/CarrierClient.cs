using System.Net;
using System.Text.Json;
using Orafo.ServiceDefaults;

namespace Orafo.HandOver.Shipping;

/// <summary>What became of a booking.</summary>
/// <param name="TrackingNumber">Null if the carrier will never book it.</param>
/// <param name="Refusal">Why; null if it is booked.</param>
public sealed record BookingAnswer(string? TrackingNumber, string? Refusal);

/// <summary>What became of a recall.</summary>
/// <param name="IsPickedUp">It was too late.</param>
/// <param name="TrackingNumber">Of the parcel that was picked up.</param>
public sealed record RecallAnswer(bool IsPickedUp, string? TrackingNumber);

/// <summary>The carrier, over HTTP. A parcel's key is its order's id.</summary>
/// <remarks>
/// Every call may be made again, and is after an unknown outcome: a parcel that is booked is not booked again, and what is said is the same. Of what the
/// carrier says only the status and the problem's type are kept: its words may be about somebody's address.
/// </remarks>
public sealed class CarrierClient(HttpClient http, Uri address, TimeProvider time)
{
    private const string Who = "The carrier";
    private const int LongestType = 40;
    private const int LongestTrackingNumber = 64;
    private readonly string _parcels = address.AbsoluteUri.TrimEnd('/') + "/parcels/";

    /// <exception cref="RemoteRefusalException">The carrier answered, and does not do it now.</exception>
    /// <exception cref="HttpRequestException">The carrier is away, or hung up: it may be booked or not.</exception>
    /// <exception cref="TaskCanceledException">No answer within the time-out: it may be booked or not.</exception>
    public async Task<BookingAnswer> Book(Shipment shipment, CancellationToken cancellationToken)
    {
        var (to, lines) = (shipment.DeliverTo!, shipment.Lines!);
        using var answer = await http.PutAsJsonAsync(
            Of(shipment.OrderId),
            new
            {
                Recipient = new { to.Name, to.Street, to.PostalCode, to.City, to.Country },
                Items = lines.Select(line => new { line.Sku, line.Quantity }),
            },
            cancellationToken);
        if (answer.IsSuccessStatusCode)
            return new(await TrackingNumber(answer, cancellationToken), null);
        var type = await TypeOf(answer, cancellationToken);
        // These are about the parcel: it is of no use to ask again. The others are about the moment, or about us.
        return answer.StatusCode is HttpStatusCode.BadRequest or HttpStatusCode.Conflict or HttpStatusCode.Gone or HttpStatusCode.UnprocessableEntity
            ? new(null, $"The carrier refused the parcel: {type ?? "no reason given"} ({(int)answer.StatusCode}).")
            : throw new RemoteRefusalException(Who, answer.StatusCode, type, answer.RetryAfter(time));
    }

    /// <exception cref="RemoteRefusalException">As <see cref="Book"/>; so are the others.</exception>
    public async Task<RecallAnswer> Recall(Guid orderId, CancellationToken cancellationToken)
    {
        using var answer = await http.DeleteAsync(Of(orderId), cancellationToken);
        if (answer.IsSuccessStatusCode)
            return new(IsPickedUp: false, null);
        if (answer.StatusCode != HttpStatusCode.Conflict)
            throw new RemoteRefusalException(Who, answer.StatusCode, await TypeOf(answer, cancellationToken), answer.RetryAfter(time));
        // Whose booking was answered with silence does not know its number yet.
        using var parcel = await http.GetAsync(Of(orderId), cancellationToken);
        return parcel.IsSuccessStatusCode
            ? new(IsPickedUp: true, await TrackingNumber(parcel, cancellationToken))
            : throw new RemoteRefusalException(Who, parcel.StatusCode, await TypeOf(parcel, cancellationToken), parcel.RetryAfter(time));
    }

    private Uri Of(Guid orderId) => new(_parcels + orderId);

    private static async Task<string> TrackingNumber(HttpResponseMessage answer, CancellationToken cancellationToken)
    {
        try
        {
            var number = (await answer.Content.ReadFromJsonAsync<Parcel>(cancellationToken))?.TrackingNumber;
            if (number is { Length: > 0 and <= LongestTrackingNumber } && number.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.'))
                return number;
        }
        // No JSON, or in a character set that nobody knows.
        catch (Exception e) when (e is JsonException or InvalidOperationException or ArgumentException)
        {
        }

        throw new RemoteRefusalException(Who, answer.StatusCode, "without a tracking number", null);
    }

    /// <summary>The last part of the problem's type: <c>undeliverable-address</c>. What does not look like a name of a problem is nobody's reason.</summary>
    private static async Task<string?> TypeOf(HttpResponseMessage answer, CancellationToken cancellationToken)
    {
        var type = (await answer.ReadProblem(cancellationToken))?.Type;
        var name = type?[(type.LastIndexOfAny(['/', ':', '#']) + 1)..];
        return name is { Length: > 0 and <= LongestType } && name.All(c => char.IsAsciiLetterLower(c) || c == '-') ? name : null;
    }

    private sealed record Parcel(string? TrackingNumber);
}

using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using Orafo.Contracts;

namespace Orafo.Ordering.Intake;

/// <summary>The body of <c>POST /orders</c>.</summary>
public sealed record SubmitOrder
{
    public const int LongestCustomerNumber = 32;
    public const int LongestCouponCode = 32;
    public const int LongestDelivery = 16;
    public const int LongestSku = 64;
    public const int MostLines = 200;

    public required string CustomerNumber { get; init; }
    public string? CouponCode { get; init; }

    /// <summary>paper, which is printed and is what comes if nothing is said, or electronic.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? InvoiceDelivery { get; init; }

    /// <summary>1 to 200.</summary>
    public required IReadOnlyList<SubmitOrderLine> Lines { get; init; }

    /// <summary>Null if it has faults of form. Whether articles and customer exist is for the order details to say.</summary>
    internal static SubmitOrder? Read(JsonElement body, JsonReading reading)
    {
        if (reading.Members(body, "", "customerNumber", "couponCode", "invoiceDelivery", "lines") is not { } members)
            return null;
        var customer = reading.Text(members, "", "customerNumber", LongestCustomerNumber, isRequired: true);
        var coupon = reading.Text(members, "", "couponCode", LongestCouponCode, isRequired: false);
        var delivery = reading.Text(members, "", "invoiceDelivery", LongestDelivery, isRequired: false);
        if (delivery is not (null or InvoiceMedium.Paper or InvoiceMedium.Electronic))
            reading.Add("/invoiceDelivery", $"{InvoiceMedium.Paper} or {InvoiceMedium.Electronic}.");
        List<SubmitOrderLine> lines = [];
        if (!members.TryGetValue("lines", out var list) || list.ValueKind == JsonValueKind.Null)
            reading.Add("/lines", "Required.");
        else if (list.ValueKind != JsonValueKind.Array)
            reading.Add("/lines", "A list is needed.");
        else if (list.GetArrayLength() is 0 or > MostLines)
            reading.Add("/lines", $"An order has 1 to {MostLines} lines.");
        else
        {
            foreach (var (i, line) in list.EnumerateArray().Index())
            {
                if (SubmitOrderLine.Read(line, $"/lines/{i}", reading) is { } read)
                    lines.Add(read);
            }
        }

        return reading.Faults.Count > 0 ? null : new() { CustomerNumber = customer!, CouponCode = coupon, InvoiceDelivery = delivery, Lines = lines };
    }

    public IReadOnlyList<OrderLine> ToOrderLines() => [.. Lines.Select(line => new OrderLine { Sku = line.Sku, Quantity = line.Quantity })];

    /// <summary>Equal for equal orders, however the JSON was laid out.</summary>
    public byte[] Hash() => SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(this));
}

/// <summary>A line of <see cref="SubmitOrder"/>.</summary>
public sealed record SubmitOrderLine
{
    public const int LargestQuantity = 1_000_000;

    public required string Sku { get; init; }

    /// <summary>In pieces, at most a million. What is not positive is rejected with the order's other reasons.</summary>
    public required int Quantity { get; init; }

    internal static SubmitOrderLine? Read(JsonElement line, string pointer, JsonReading reading)
    {
        if (reading.Members(line, pointer, "sku", "quantity") is not { } members)
            return null;
        var sku = reading.Text(members, pointer, "sku", SubmitOrder.LongestSku, isRequired: true);
        var quantity = reading.Whole(members, pointer, "quantity", LargestQuantity);
        return sku is null || quantity is null ? null : new() { Sku = sku, Quantity = quantity.Value };
    }
}

/// <summary>The body of <c>POST /orders/{id}/cancellation</c>, which may be left out.</summary>
public sealed record CancelRequest
{
    public const int LongestReason = 200;

    /// <summary>For those who look into it later; it goes into messages, so no personal data.</summary>
    public string? Reason { get; init; }

    internal static CancelRequest? Read(JsonElement body, JsonReading reading)
    {
        if (reading.Members(body, "", "reason") is not { } members)
            return null;
        var reason = reading.Text(members, "", "reason", LongestReason, isRequired: false);
        return reading.Faults.Count > 0 ? null : new() { Reason = reason };
    }
}

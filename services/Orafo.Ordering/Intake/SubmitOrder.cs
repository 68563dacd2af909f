using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using Orafo.Contracts;

namespace Orafo.Ordering.Intake;

/// <summary>The body of <c>POST /orders</c>. A member that is not known is refused: a misspelt coupon code would otherwise go unnoticed.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record SubmitOrder
{
    public const int LongestCustomerNumber = 32;
    public const int LongestCouponCode = 32;
    public const int LongestSku = 64;
    public const int MostLines = 200;

    public string? CustomerNumber { get; init; }
    public string? CouponCode { get; init; }
    public IReadOnlyList<SubmitOrderLine>? Lines { get; init; }

    /// <summary>Every fault of the form at once, by member. Whether articles and customer exist is for the order details to say.</summary>
    public Dictionary<string, string[]> Faults()
    {
        var faults = new Dictionary<string, string[]>(StringComparer.Ordinal);
        RequireText(faults, "customerNumber", CustomerNumber, LongestCustomerNumber);
        if (CouponCode is not null)
            RequireText(faults, "couponCode", CouponCode, LongestCouponCode);
        if (Lines is null or { Count: 0 })
            faults["lines"] = ["An order has at least one line."];
        else if (Lines.Count > MostLines)
            faults["lines"] = [$"An order has at most {MostLines} lines."];
        else
        {
            for (var i = 0; i < Lines.Count; i++)
            {
                if (Lines[i] is not { } line)
                {
                    faults[$"lines[{i}]"] = ["A line has a sku and a quantity."];
                    continue;
                }

                RequireText(faults, $"lines[{i}].sku", line.Sku, LongestSku);
                if (line.Quantity is null)
                    faults[$"lines[{i}].quantity"] = ["Required."];
            }
        }

        return faults;
    }

    /// <summary>The order's lines, of a body without faults.</summary>
    public IReadOnlyList<OrderLine> ToOrderLines() => [.. Lines!.Select(line => new OrderLine { Sku = line.Sku!, Quantity = line.Quantity!.Value })];

    /// <summary>Equal for equal orders, however the JSON was laid out.</summary>
    public byte[] Hash() => SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(this));

    private static void RequireText(Dictionary<string, string[]> faults, string member, string? text, int longest)
    {
        if (string.IsNullOrWhiteSpace(text))
            faults[member] = ["Required."];
        else if (text.Length > longest)
            faults[member] = [$"At most {longest} characters."];
        else if (text.Any(char.IsControl))
            faults[member] = ["Control characters are not allowed."];
    }
}

/// <summary>A line of <see cref="SubmitOrder"/>.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record SubmitOrderLine
{
    public string? Sku { get; init; }

    /// <summary>In pieces. What is not positive is rejected with the order's other reasons.</summary>
    public int? Quantity { get; init; }
}

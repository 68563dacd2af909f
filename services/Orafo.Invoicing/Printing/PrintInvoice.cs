using System.Text.Json;
using System.Text.Json.Serialization;

namespace Orafo.Invoicing.Printing;

/// <summary>A job: an invoice is wanted on paper. Its id is that of the order, its group the printer.</summary>
/// <param name="InvoiceNumber">Null if somebody has written into the table what nobody can read.</param>
[JsonConverter(typeof(PrintInvoiceConverter))]
public sealed record PrintInvoice(string? InvoiceNumber)
{
    /// <summary>Of the jobs and their table.</summary>
    public const string Queue = "print_job";

    /// <summary>The member of a job's metadata that names the printer.</summary>
    public const string Printer = "printer";
}

/// <summary>Reads whatever JSON there is: the queue would park what it cannot read, and nobody would tell the order.</summary>
public sealed class PrintInvoiceConverter : JsonConverter<PrintInvoice>
{
    private const string Member = "invoiceNumber";

    public override bool HandleNull => true;

    public override PrintInvoice Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        using var json = JsonDocument.ParseValue(ref reader);
        return new(json.RootElement is { ValueKind: JsonValueKind.Object } payload && payload.TryGetProperty(Member, out var number) && number.ValueKind == JsonValueKind.String
            ? number.GetString()
            : null);
    }

    public override void Write(Utf8JsonWriter writer, PrintInvoice value, JsonSerializerOptions options)
    {
        writer.WriteStartObject();
        writer.WriteString(Member, value.InvoiceNumber);
        writer.WriteEndObject();
    }
}

using System.Text.Json;
using Orafo.Contracts;
using RabbitMQ.Client;

namespace Orafo.Cli.Benchmarking;

/// <summary>Asks the invoice service for invoices as the order saga does, so that it can be measured by itself.</summary>
internal sealed class InvoiceCommands : IAsyncDisposable
{
    /// <summary>That the broker has not confirmed yet.</summary>
    private const int MostUnconfirmed = 256;

    private readonly IConnection _connection;
    private readonly IChannel _channel;

    private InvoiceCommands(IConnection connection, IChannel channel) => (_connection, _channel) = (connection, channel);

    public static async Task<InvoiceCommands> ConnectAsync(Uri broker, CancellationToken stop)
    {
        var connection = await new ConnectionFactory { Uri = broker, AutomaticRecoveryEnabled = false }.CreateConnectionAsync(stop);
        return new(connection, await connection.CreateChannelAsync(new CreateChannelOptions(true, true), stop));
    }

    /// <summary>Returns when the broker has all of them.</summary>
    public async Task PublishAsync(int count, CancellationToken stop)
    {
        foreach (var some in Enumerable.Range(0, count).Chunk(MostUnconfirmed))
            await Task.WhenAll(some.Select(_ => Publish(stop)));
    }

    public async ValueTask DisposeAsync()
    {
        await _channel.DisposeAsync();
        await _connection.DisposeAsync();
    }

    private Task Publish(CancellationToken stop)
    {
        var properties = new BasicProperties { Persistent = true, ContentType = "application/vnd.masstransit+json", MessageId = Guid.CreateVersion7().ToString() };
        var body = JsonSerializer.SerializeToUtf8Bytes(
            new { properties.MessageId, MessageType = new[] { $"urn:message:{typeof(GenerateInvoice).Namespace}:{nameof(GenerateInvoice)}" }, Message = Command() },
            JsonSerializerOptions.Web);
        return _channel.BasicPublishAsync(nameof(GenerateInvoice), "", mandatory: true, properties, body, stop).AsTask();
    }

    /// <summary>For an order of its own.</summary>
    public static GenerateInvoice Command() => new()
    {
        OrderId = Guid.CreateVersion7(),
        CustomerNumber = "C-1001",
        Customer = new() { Name = "Orafo", Street = "Via Maggio 11", PostalCode = "50125", City = "Firenze", Country = "IT" },
        Lines = [new() { Sku = "MUG-01", Name = "Mug", Quantity = 1, UnitPrice = 10m, VatCategory = "S", VatRate = 22m, NetAmount = 10m }],
        Totals = new()
        {
            Currency = "EUR",
            LinesNet = 10m,
            Allowance = 0m,
            Net = 10m,
            Vat = 2.20m,
            Gross = 12.20m,
            VatBreakdown = [new() { Category = "S", Rate = 22m, TaxableAmount = 10m, VatAmount = 2.20m }],
        },
    };
}

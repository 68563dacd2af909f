using Npgsql;

namespace Orafo.Evolution;

/// <summary>Step 3. The handler writes a row and answers; a loop looks for rows and prints them.</summary>
/// <remarks>
/// The client no longer waits, and an order survives a crash. But two loops (two instances) find the same row and print it twice; each loads all that is
/// not printed, however much that is; what fails is tried again because the row is still there, in each round and for ever, and ends the round for those
/// behind it; a page whose answer was lost comes out again. And a table routes and filters nothing: whoever looks for some of the rows only (one printer's,
/// the urgent ones) writes another query and another loop.
/// </remarks>
internal static partial class AsyncHttpPrinter
{
    private const int Loops = 2;

    public static async Task<WebApplication> Build(WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton(NpgsqlDataSource.Create(builder.Configuration.GetConnectionString("Database")!));
        builder.Services.AddHostedService<Printing>();
        var app = builder.Build();

        var database = app.Services.GetRequiredService<NpgsqlDataSource>();
        await using (var create = database.CreateCommand("create table if not exists details (number text primary key, document text not null, printed boolean not null)"))
            await create.ExecuteNonQueryAsync();

        app.MapPost("/order", async (Order order, Shop shop) =>
        {
            await shop.Details();
            await using var insert = database.CreateCommand("insert into details (number, document, printed) values ($1, $2, false)");
            insert.Parameters.AddWithValue(order.Number);
            insert.Parameters.AddWithValue(order.Document);
            await insert.ExecuteNonQueryAsync();
            return TypedResults.Accepted((string?)null, order);
        });
        app.MapGet("/left", async () =>
        {
            await using var count = database.CreateCommand("select count(*) from details where not printed");
            return (long)(await count.ExecuteScalarAsync())!;
        });
        return app;
    }

    /// <summary>All of them, in memory.</summary>
    private static async Task<List<Order>> NotPrinted(NpgsqlDataSource database)
    {
        List<Order> orders = [];
        await using var select = database.CreateCommand("select number, document from details where not printed");
        await using var rows = await select.ExecuteReaderAsync();
        while (await rows.ReadAsync())
            orders.Add(new(rows.GetString(0), rows.GetString(1)));
        return orders;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "A page did not come out: {Error}")]
    private static partial void Failed(ILogger logger, string error);

    private sealed class Printing(NpgsqlDataSource database, Shop shop, ILogger<Printing> logger) : BackgroundService
    {
        protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
            Task.WhenAll(Enumerable.Range(0, Loops).Select(_ => PrintOnAndOn(stoppingToken)));

        private async Task PrintOnAndOn(CancellationToken stoppingToken)
        {
            while (!stoppingToken.IsCancellationRequested)
            {
                try
                {
                    foreach (var order in await NotPrinted(database))
                        await PrintOne(order);
                }
                catch (Exception e) when (e is HttpRequestException or TaskCanceledException or NpgsqlException)
                {
                    Failed(logger, e.Message);
                }

                await Task.Delay(shop.Scaled(1), CancellationToken.None);
            }
        }

        private async Task PrintOne(Order order)
        {
            await shop.Print(order);
            await shop.HandOver();
            await using var update = database.CreateCommand("update details set printed = true where number = $1");
            update.Parameters.AddWithValue(order.Number);
            await update.ExecuteNonQueryAsync();
        }
    }
}

using Npgsql;
using Orafo.Pgq;

namespace Orafo.Evolution;

/// <summary>Step 6. The order and its print job are committed together; a worker holds a lease, and asks for a page by its number.</summary>
/// <remarks>
/// Nothing can come between the order and its job, for they are one commit. A worker that dies loses its lease, and another one goes on; what fails
/// is put off, longer each time; and because the page is asked for by its number, asking again after an answer that was lost prints nothing twice. The broker
/// is not needed for it: what it is for, step 7 shows.
/// </remarks>
internal static class AsyncPgq
{
    private const int Hands = 2;

    public static async Task<WebApplication> Build(WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton(NpgsqlDataSource.Create(builder.Configuration.GetConnectionString("Database")!));
        builder.Services.AddJobQueue<PrintPage>("print_job");
        builder.Services.AddJobHandler<PrintPage, PrintPageHandler>(worker =>
        {
            // The longest pause after a failure; a printer may be away for hours.
            (worker.Parallelism, worker.MaxAttempts, worker.LongestPause) = (Hands, 1000, TimeSpan.FromSeconds(2));
        });
        var app = builder.Build();

        var database = app.Services.GetRequiredService<NpgsqlDataSource>();
        await Create(database);

        app.MapPost("/order", async (Order order, Shop shop, JobQueue<PrintPage> queue) =>
        {
            await shop.Details();
            await using var connection = await database.OpenConnectionAsync();
            await using var transaction = await connection.BeginTransactionAsync();
            // Who was not answered may place the order again: it is the same one.
            await using var insert = new NpgsqlCommand("insert into details (number) values ($1) on conflict do nothing", connection, transaction);
            insert.Parameters.AddWithValue(order.Number);
            if (await insert.ExecuteNonQueryAsync() == 1)
                await queue.PublishAsync(transaction, [new(new PrintPage(order))]);
            await transaction.CommitAsync();
            queue.Wake();
            return TypedResults.Accepted((string?)null, order);
        });
        app.MapGet("/left", async () =>
        {
            await using var count = database.CreateCommand("select count(*) from print_job");
            return (long)(await count.ExecuteScalarAsync())!;
        });
        return app;
    }

    private static async Task Create(NpgsqlDataSource database)
    {
        await using var connection = await database.OpenConnectionAsync();
        await using var look = new NpgsqlCommand("select to_regclass('details') is not null", connection);
        if ((bool)(await look.ExecuteScalarAsync())!)
            return;
        await new JobQueueSchema("print_job").CreateAsync(connection);
        // Last: it says that the queue is there, too.
        await using var create = new NpgsqlCommand("create table details (number text primary key)", connection);
        await create.ExecuteNonQueryAsync();
    }

    private sealed record PrintPage(Order Order);

    private sealed class PrintPageHandler(Shop shop) : IJobHandler<PrintPage>
    {
        public async Task<JobOutcome> Handle(Job<PrintPage> job, CancellationToken cancellationToken)
        {
            await shop.PrintOnce(job.Payload.Order, cancellationToken);
            await shop.HandOver();
            return JobOutcome.Done();
        }
    }
}

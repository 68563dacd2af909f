using System.Globalization;
using Npgsql;
using Orafo.Cli.Mesh;

namespace Orafo.Cli.Commands;

/// <summary><c>outbox</c>: the messages that the broker refused, why, and when they are sent again.</summary>
internal static class OutboxCommand
{
    /// <param name="data">The mesh.</param>
    /// <param name="retries">Whether they are sent again now, parked or not.</param>
    public static async Task<int> RunAsync(DataDirectory data, bool retries, CancellationToken stop)
    {
        var state = MeshState.Running(data);
        var secrets = Secrets.LoadOrCreate(data.Secrets);
        try
        {
            foreach (var service in MeshService.All)
            {
                var database = Databases.ConnectionString(state.PostgresPort, service.Database, service.Database, secrets.Services[service.Name], connections: 1);
                await using var connection = new NpgsqlConnection(database);
                await connection.OpenAsync(stop);
                await Show(service, connection, stop);
                if (retries)
                    await Retry(connection, stop);
            }
        }
        catch (NpgsqlException e)
        {
            throw new OrafoException($"The outboxes cannot be read now: {e.Message}", e);
        }

        return 0;
    }

    private static async Task Show(MeshService service, NpgsqlConnection connection, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand(OutboxStatements.Refused, connection);
        await using var row = await command.ExecuteReaderAsync(stop);
        for (var shown = 0; await row.ReadAsync(stop); shown++)
        {
            if (shown == 0)
                Console.WriteLine($"{service.Name}: {row.GetInt64(6)} transactions whose first message was refused");
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"  {row.GetGuid(0)} {row.GetString(1)}: {row.GetInt32(2)} attempts, {(row.GetBoolean(3) ? "parked, " : "")}next {row.GetDateTime(4):yyyy-MM-dd HH:mm:ss}Z"));
            Console.WriteLine($"    {row.GetString(5)}");
        }

        if (!row.HasRows)
            Console.WriteLine($"{service.Name}: nothing was refused");
    }

    private static async Task Retry(NpgsqlConnection connection, CancellationToken stop)
    {
        await using var retry = new NpgsqlCommand(OutboxStatements.Retry, connection);
        if (await retry.ExecuteNonQueryAsync(stop) is var transactions and not 0)
            Console.WriteLine($"  {transactions} are sent again now");
    }
}

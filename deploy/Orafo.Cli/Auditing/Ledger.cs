using System.Data;
using Npgsql;

namespace Orafo.Cli.Auditing;

/// <summary>The rows of one ledger, taken order by order. Only the rows of one order are in memory.</summary>
internal sealed class Ledger<TRow> : IAsyncDisposable
{
    private readonly NpgsqlConnection _connection;
    private readonly NpgsqlCommand _command;
    private readonly NpgsqlDataReader _reader;
    private readonly Func<NpgsqlDataReader, TRow> _read;

    private Ledger(NpgsqlConnection connection, NpgsqlCommand command, NpgsqlDataReader reader, Func<NpgsqlDataReader, TRow> read)
    {
        _connection = connection;
        _command = command;
        _reader = reader;
        _read = read;
    }

    /// <summary>The order whose rows come next; null at the end.</summary>
    public Guid? Next { get; private set; }

    /// <summary>Starts to read: what commits later is not seen.</summary>
    /// <param name="connectionString">The ledger's database.</param>
    /// <param name="statement">Its first column is the order's id, and it is sorted by it.</param>
    /// <param name="read">Makes a row of the reader's current one.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async Task<Ledger<TRow>> OpenAsync(
        string connectionString, string statement, Func<NpgsqlDataReader, TRow> read, CancellationToken cancellationToken)
    {
        var connection = new NpgsqlConnection(connectionString);
        NpgsqlCommand? command = null;
        try
        {
            await connection.OpenAsync(cancellationToken);
            command = new NpgsqlCommand(statement, connection) { CommandTimeout = 0 };
            var ledger = new Ledger<TRow>(connection, command, await command.ExecuteReaderAsync(CommandBehavior.SingleResult, cancellationToken), read);
            await ledger.MoveAsync(cancellationToken);
            return ledger;
        }
        catch
        {
            if (command is not null)
                await command.DisposeAsync();
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>All rows of the order if they come next, else none.</summary>
    public async Task<IReadOnlyList<TRow>> TakeAsync(Guid orderId, CancellationToken cancellationToken)
    {
        if (Next != orderId)
            return [];

        var rows = new List<TRow>(1);
        while (Next == orderId)
        {
            rows.Add(_read(_reader));
            await MoveAsync(cancellationToken);
        }

        return rows;
    }

    public async ValueTask DisposeAsync()
    {
        await _reader.DisposeAsync();
        await _command.DisposeAsync();
        await _connection.DisposeAsync();
    }

    private async Task MoveAsync(CancellationToken cancellationToken) =>
        Next = await _reader.ReadAsync(cancellationToken) ? await _reader.GetFieldValueAsync<Guid>(0, cancellationToken) : null;
}

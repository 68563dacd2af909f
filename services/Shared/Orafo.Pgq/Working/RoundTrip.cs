using System.Globalization;
using Npgsql;

namespace Orafo.Pgq;

/// <summary>Several statements in one round trip and one transaction, prepared once for each connection.</summary>
internal sealed class RoundTrip
{
    private readonly NpgsqlDataSource _database;
    private readonly List<NpgsqlBatchCommand> _commands = [];
    private readonly List<Action<NpgsqlDataReader>> _readers = [];

    private readonly QueueStatements _statements;
    private readonly int _timeout;

    /// <summary>Statements that mean nothing by themselves.</summary>
    private int _preparations = 1;

    /// <param name="database">Where.</param>
    /// <param name="statements">The queue's.</param>
    /// <param name="patience">How long it may take, about, and wait for a lock.</param>
    public RoundTrip(NpgsqlDataSource database, QueueStatements statements, TimeSpan patience)
    {
        (_database, _statements, _timeout) = (database, statements, (int)Math.Ceiling(patience.TotalSeconds));
        var milliseconds = ((long)Math.Ceiling(patience.TotalMilliseconds)).ToString(CultureInfo.InvariantCulture);
        Add(statements.PlanOnce, _ => { }, new NpgsqlParameter<string> { TypedValue = milliseconds });
    }

    /// <summary>Nobody waits for the disk: if the server dies, what this trip wrote may be undone. Before anything is added.</summary>
    public void NeedNotLast()
    {
        _preparations++;
        Add(_statements.NotDurable, _ => { });
    }

    /// <summary>A statement that returns rows.</summary>
    public void Add(string statement, Action<NpgsqlDataReader> read, params IEnumerable<NpgsqlParameter> parameters)
    {
        Add(statement, parameters);
        _readers.Add(read);
    }

    /// <summary>A statement that returns none.</summary>
    public void Add(string statement, params IEnumerable<NpgsqlParameter> parameters)
    {
        var command = new NpgsqlBatchCommand(statement);
        foreach (var parameter in parameters)
            command.Parameters.Add(parameter);
        _commands.Add(command);
    }

    /// <summary>Executes and reads them, and commits; without any, does nothing.</summary>
    public async Task Go()
    {
        if (_commands.Count == _preparations)
            return;
        await using var connection = await _database.OpenConnectionAsync();
        await using var batch = connection.CreateBatch();
        foreach (var command in _commands)
            batch.BatchCommands.Add(command);
        batch.Timeout = _timeout;
        await batch.PrepareAsync();
        await using var reader = await batch.ExecuteReaderAsync();
        foreach (var read in _readers)
        {
            while (await reader.ReadAsync())
                read(reader);
            await reader.NextResultAsync();
        }
    }
}

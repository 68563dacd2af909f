using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Npgsql;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>A DbContext's connection, open until this is disposed of.</summary>
/// <remarks>
/// EF Core counts how often a connection was opened. A DbContext that goes back to its pool without having closed what it opened brings that count along:
/// whoever gets it next holds a connection from the first query to the end, for the closing after a query is then one too few.
/// </remarks>
internal readonly struct OpenedConnection : IAsyncDisposable
{
    private readonly DatabaseFacade _database;

    private OpenedConnection(DatabaseFacade database) => _database = database;

    public NpgsqlConnection Connection => (NpgsqlConnection)_database.GetDbConnection();

    public static async Task<OpenedConnection> Open(DbContext db, CancellationToken cancellationToken)
    {
        await db.Database.OpenConnectionAsync(cancellationToken);
        return new(db.Database);
    }

    public ValueTask DisposeAsync() => new(_database.CloseConnectionAsync());
}

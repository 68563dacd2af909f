using System.Diagnostics.CodeAnalysis;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.EntityFrameworkCore.Update;
using Npgsql;
using Npgsql.EntityFrameworkCore.PostgreSQL.Update.Internal;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>Makes <see cref="SetBasedBatch"/>.</summary>
[SuppressMessage("Usage", "EF1001:Internal EF Core API usage.", Justification = "What is not written set-based is left to the provider's own batch.")]
internal sealed class SetBasedBatchFactory(ModificationCommandBatchFactoryDependencies dependencies, IDbContextOptions options) : IModificationCommandBatchFactory
{
    private readonly NpgsqlModificationCommandBatchFactory _provider = new(dependencies, options);

    public ModificationCommandBatch Create() => new SetBasedBatch(dependencies.CurrentContext, _provider);
}

/// <summary>What a SaveChanges writes: one statement for all rows of a table that are written alike, whose values come as arrays.</summary>
/// <remarks>
/// One statement for each row, as EF Core has it, is parsed by the client, bound and answered one by one. The last batch of a
/// transaction takes with it what ends the transaction (<see cref="SharedWork.Closing"/>). Rows that the database completes (identity columns …),
/// keys of several columns and types that make no array go the provider's own way, in batches of their own, in EF Core's order.
/// </remarks>
internal sealed class SetBasedBatch(ICurrentDbContext current, IModificationCommandBatchFactory provider) : ModificationCommandBatch
{
    /// <summary>An update looks each of its rows up among those that it was given.</summary>
    private const int MostRows = 256;

    private readonly List<IReadOnlyModificationCommand> _rows = [];
    private readonly List<(RowShape Shape, List<IReadOnlyModificationCommand> Rows)> _sets = [];
    private ModificationCommandBatch? _others;
    private bool _areMoreBatchesExpected;

    public override IReadOnlyList<IReadOnlyModificationCommand> ModificationCommands => _others?.ModificationCommands ?? _rows;

    /// <summary>Its statements are a transaction by themselves.</summary>
    public override bool RequiresTransaction => _others?.RequiresTransaction ?? false;

    public override bool AreMoreBatchesExpected => _areMoreBatchesExpected;

    public override bool TryAddCommand(IReadOnlyModificationCommand modificationCommand)
    {
        var shape = RowShape.Of(modificationCommand);
        if (shape is null)
        {
            if (_rows.Count > 0)
                return false;
            _others ??= provider.Create();
            return _others.TryAddCommand(modificationCommand);
        }

        if (_others is not null || _rows.Count == MostRows)
            return false;
        _rows.Add(modificationCommand);
        SetOf(shape, modificationCommand).Add(modificationCommand);
        return true;
    }

    public override void Complete(bool moreBatchesExpected)
    {
        _areMoreBatchesExpected = moreBatchesExpected;
        _others?.Complete(moreBatchesExpected);
    }

    public override void Execute(IRelationalConnection connection)
    {
        if (_others is not null)
        {
            _others.Execute(connection);
            return;
        }

        using var batch = Statements(connection);
        try
        {
            batch.ExecuteNonQuery();
        }
        catch (NpgsqlException e)
        {
            throw Explain(e);
        }
    }

    public override async Task ExecuteAsync(IRelationalConnection connection, CancellationToken cancellationToken = default)
    {
        if (_others is not null)
        {
            await _others.ExecuteAsync(connection, cancellationToken);
            return;
        }

        await using var batch = Statements(connection);
        try
        {
            await batch.ExecuteNonQueryAsync(cancellationToken);
        }
        catch (NpgsqlException e)
        {
            throw Explain(e);
        }
    }

    /// <summary>Rows of a table that are inserted, updated or deleted may change places with each other, and with no others.</summary>
    private List<IReadOnlyModificationCommand> SetOf(RowShape shape, IReadOnlyModificationCommand row)
    {
        for (var i = _sets.Count - 1; i >= 0 && ReferenceEquals(_sets[i].Rows[0].Table, row.Table) && _sets[i].Shape.State == shape.State; i--)
        {
            if (ReferenceEquals(_sets[i].Shape, shape))
                return _sets[i].Rows;
        }

        _sets.Add((shape, []));
        return _sets[^1].Rows;
    }

    private NpgsqlBatch Statements(IRelationalConnection connection)
    {
        var batch = new NpgsqlBatch((NpgsqlConnection)connection.DbConnection, (NpgsqlTransaction?)connection.CurrentTransaction?.GetDbTransaction());
        if (connection.CommandTimeout is { } timeout)
            batch.Timeout = timeout;
        foreach (var (shape, rows) in _sets)
            batch.BatchCommands.Add(shape.Write(rows));
        if (!_areMoreBatchesExpected && SharedWork.TryGet(current.Context, out var work))
        {
            foreach (var closing in work.TakeClosing())
                batch.BatchCommands.Add(closing);
        }

        return batch;
    }

    /// <summary>As EF Core reports it. Which statement it was Npgsql tells on demand only, and then keeps its parameters in the exception.</summary>
    private DbUpdateException Explain(NpgsqlException e)
    {
        var changed = _sets.Where(set => set.Shape.State != EntityState.Added).SelectMany(set => set.Rows).SelectMany(row => row.Entries).ToList();
        return e.SqlState == RowShape.OtherRowsThanExpected && changed.Count > 0
            ? new DbUpdateConcurrencyException("Rows that were to be changed or deleted are not there any longer, or were changed meanwhile.", e, changed)
            : new DbUpdateException("The changes could not be written; the inner exception says why.", e, [.. _rows.SelectMany(row => row.Entries)]);
    }
}

using MassTransit;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using Orafo.Testing;

namespace Orafo.Persistence.Tests;

/// <summary>Rows that one SaveChanges writes, on a real PostgreSQL that counts the statements it gets.</summary>
public sealed class A_saved_set
{
    private ServiceProvider _services = null!;

    [SetUp]
    public async Task CreateTables()
    {
        var database = await TestServers.CreateDatabaseAsync("sets");
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddDbContextPool<ShelfDb>(options => options.UseNpgsql(database));
        services.AddMassTransit(bus =>
        {
            bus.AddEntityFrameworkOutbox<ShelfDb>(outbox => outbox.UsePostgres().UseBusOutbox());
            bus.UsingInMemory();
        });
        _services = services.BuildServiceProvider();
        await using var db = Open();
        await db.Database.EnsureCreatedAsync();
        await db.Database.ExecuteSqlRawAsync(
            """
            create table statements (id int generated always as identity, operation text not null);
            create function note() returns trigger language plpgsql as 'begin insert into statements (operation) values (tg_op); return null; end';
            create trigger note after insert or update or delete on boxes for each statement execute function note();
            """);
    }

    [TearDown]
    public ValueTask CloseTables() => _services.DisposeAsync();

    /// <remarks>One row has statements of its own; the first and the second box differ in what is null.</remarks>
    [TestCase(0, 100), TestCase(0, 1), TestCase(1, 1)]
    public async Task Is_written_and_changed_and_deleted_in_one_statement_each(int first, int count)
    {
        var boxes = Enumerable.Range(first, count).Select(Box.Filled).ToArray();
        await using (var db = Open())
        {
            db.AddRange(boxes);
            await db.SaveChangesAsync();
        }

        await using (var db = Open())
        {
            var stored = await db.Boxes.OrderBy(box => box.Number).ToListAsync();
            Assert.That(stored, Is.EqualTo(boxes).Using<Box, Box>((a, b) => a.IsLike(b)));
            foreach (var box in stored)
                (box.Label, box.Price, box.Seal) = (box.Label is null ? "now" : null, box.Number, Guid.CreateVersion7());
            await db.SaveChangesAsync();
            Assert.That(await db.Boxes.AsNoTracking().OrderBy(box => box.Number).ToListAsync(), Is.EqualTo(stored).Using<Box, Box>((a, b) => a.IsLike(b)));
            db.RemoveRange(stored);
            await db.SaveChangesAsync();
            Assert.That(await db.Boxes.CountAsync(), Is.Zero);
        }

        Assert.That(await Statements(), Is.EqualTo(new[] { "INSERT", "UPDATE", "DELETE" }));
    }

    [TestCase(3, false), TestCase(3, true), TestCase(1, false), TestCase(1, true)]
    public async Task Is_not_written_at_all_when_one_of_its_rows_was_changed_meanwhile(int count, bool isDeleted)
    {
        await using var db = Open();
        var boxes = Enumerable.Range(1, count).Select(Box.Filled).ToArray();
        db.AddRange(boxes);
        await db.SaveChangesAsync();
        await using (var other = Open())
        {
            var lost = await other.Boxes.SingleAsync(box => box.Number == 1);
            lost.Seal = Guid.CreateVersion7();
            if (isDeleted)
                other.Remove(lost);
            await other.SaveChangesAsync();
        }

        foreach (var box in boxes)
            box.Label = "too late";
        var error = (await Assert.ThrowsAsync<DbUpdateConcurrencyException>(() => db.SaveChangesAsync()))!;
        Assert.That(error.Entries.Select(entry => ((Box)entry.Entity).Number), Is.SupersetOf(new[] { 1 }));
        await using var look = Open();
        Assert.That(await look.Boxes.CountAsync(box => box.Label == "too late"), Is.Zero);
    }

    [Test]
    public async Task Is_refused_by_a_constraint_like_any_other()
    {
        await using var db = Open();
        db.AddRange(Box.Filled(1), Box.Filled(2));
        await db.SaveChangesAsync();
        db.ChangeTracker.Clear();
        var twice = Box.Filled(2);
        db.AddRange(Box.Filled(3), new Box { Id = Guid.CreateVersion7(), Number = twice.Number });
        var error = (await Assert.ThrowsAsync<DbUpdateException>(() => db.SaveChangesAsync()))!;
        Assert.That((error.InnerException as PostgresException)?.SqlState, Is.EqualTo(PostgresErrorCodes.UniqueViolation));
        await using var look = Open();
        Assert.That(await look.Boxes.CountAsync(), Is.EqualTo(2));
    }

    /// <remarks>Identity columns come back from the database, a key of two columns, an array and a value that must be unique go EF Core's own way.</remarks>
    [Test]
    public async Task Shares_a_SaveChanges_with_what_is_written_row_by_row()
    {
        await using (var db = Open())
        {
            for (var i = 0; i < 10; i++)
                db.AddRange(Box.Filled(i), new Ticket { Of = i }, new Pair { Left = i, Right = 1, Tags = ["a", $"{i}"] });
            await db.SaveChangesAsync();
            Assert.That(db.ChangeTracker.Entries<Ticket>().Select(entry => entry.Entity.Id), Is.Unique.And.All.GreaterThan(0));
        }

        await using (var db = Open())
        {
            foreach (var box in await db.Boxes.ToListAsync())
                box.Number += 100;
            foreach (var pair in await db.Pairs.ToListAsync())
                pair.Tags = [.. pair.Tags, "b"];
            await db.SaveChangesAsync();
        }

        await using var look = Open();
        Assert.That(await look.Boxes.Select(box => box.Number).Order().ToListAsync(), Is.EqualTo(Enumerable.Range(100, 10)));
        Assert.That((await look.Pairs.ToListAsync()).Select(pair => pair.Tags[^1]), Has.Exactly(10).EqualTo("b"));
        Assert.That(await look.Set<Ticket>().SumAsync(ticket => ticket.Of), Is.EqualTo(45));
    }

    private ShelfDb Open() => new(_services.CreateScope().ServiceProvider.GetRequiredService<DbContextOptions<ShelfDb>>());

    private async Task<List<string>> Statements()
    {
        await using var db = Open();
        return await db.Database.SqlQueryRaw<string>("select operation as \"Value\" from statements order by id").ToListAsync();
    }
}

public sealed class ShelfDb(DbContextOptions<ShelfDb> options) : DbContext(options)
{
    public DbSet<Box> Boxes => Set<Box>();
    public DbSet<Pair> Pairs => Set<Pair>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<Box>(box =>
        {
            box.ToTable("boxes");
            box.Property(x => x.Id).ValueGeneratedNever();
            box.HasIndex(x => x.Number).IsUnique();
            box.Property(x => x.Label).HasMaxLength(40);
            box.Property(x => x.Price).HasColumnType("numeric(12,3)");
            box.Property(x => x.Size).HasConversion<string>();
            box.Property(x => x.Note).HasColumnType("jsonb");
            box.Property(x => x.Seal).IsConcurrencyToken();
        });
        modelBuilder.Entity<Ticket>().ToTable("tickets");
        modelBuilder.Entity<Pair>().ToTable("pairs").HasKey(x => new { x.Left, x.Right });
        modelBuilder.AddTransactionalOutboxEntities();
    }
}

public enum BoxSize
{
    Small,
    Large,
}

/// <summary>A row of many types, some of them null.</summary>
public sealed class Box
{
    public required Guid Id { get; init; }
    public required int Number { get; set; }
    public string? Label { get; set; }
    public decimal? Price { get; set; }
    public bool IsOpen { get; init; }
    public BoxSize Size { get; init; }
    public BoxSize? Lid { get; init; }
    public DateTimeOffset? PackedAt { get; init; }
    public DateOnly? Due { get; init; }
    public byte[]? Stamp { get; init; }
    public double Weight { get; init; }
    public string? Note { get; init; }
    public Guid? Seal { get; set; }

    public static Box Filled(int number) => new()
    {
        Id = Guid.CreateVersion7(),
        Number = number,
        Label = number % 3 == 0 ? null : $"'quoted' \"{number}\" \\ ä",
        Price = number % 4 == 0 ? null : number + 0.125m,
        IsOpen = number % 2 == 0,
        Size = (BoxSize)(number % 2),
        Lid = number % 5 == 0 ? null : BoxSize.Large,
        PackedAt = number % 2 == 0 ? null : DateTimeOffset.UnixEpoch.AddDays(number),
        Due = number % 2 == 1 ? null : DateOnly.FromDayNumber(700_000 + number),
        Stamp = number % 3 == 1 ? null : [1, 2, (byte)number],
        Weight = number / 8.0,
        Note = number % 2 == 0 ? null : $$"""{"n": {{number}}}""",
        Seal = number % 2 == 0 ? null : Guid.CreateVersion7(),
    };

    public bool IsLike(Box other) =>
        (Id, Number, Label, Price, IsOpen, Size, Lid, PackedAt) == (other.Id, other.Number, other.Label, other.Price, other.IsOpen, other.Size, other.Lid, other.PackedAt)
        && (Due, Weight, Note, Seal) == (other.Due, other.Weight, other.Note, other.Seal)
        && (Stamp is null ? other.Stamp is null : other.Stamp is not null && Stamp.SequenceEqual(other.Stamp));
}

/// <summary>Numbered by the database.</summary>
public sealed class Ticket
{
    public long Id { get; init; }
    public required int Of { get; init; }
}

/// <summary>With a key of two columns, and an array.</summary>
public sealed class Pair
{
    public required int Left { get; init; }
    public required int Right { get; init; }
    public required string[] Tags { get; set; }
}

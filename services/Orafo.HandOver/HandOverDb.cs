using MassTransit;
using Microsoft.EntityFrameworkCore;
using Orafo.Contracts;
using Orafo.ServiceDefaults;

namespace Orafo.HandOver;

/// <summary>What was given to those who pack and ship.</summary>
public sealed class HandOverDb(DbContextOptions<HandOverDb> options) : DbContext(options)
{
    public DbSet<HandedOverOrder> HandOvers => Set<HandedOverOrder>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<HandedOverOrder>(handOver =>
        {
            handOver.ToTable("hand_overs", table =>
            {
                table.HasCheckConstraint("ck_hand_overs_total", "total >= 0");
                table.HasCheckConstraint("ck_hand_overs_currency", "currency ~ '^[A-Z]{3}$'");
            });
            handOver.HasKey(x => x.OrderId);
            handOver.Property(x => x.OrderId).ValueGeneratedNever();
            handOver.HasIndex(x => x.InvoiceNumber).IsUnique();
            handOver.Property(x => x.Total).HasColumnType("numeric");
            handOver.Property(x => x.DeliverTo).HasJson();
            handOver.Property(x => x.Lines).HasJson();
        });
        modelBuilder.AddInboxStateEntity();
        modelBuilder.AddOutboxMessageEntity();
    }
}

/// <summary>One order that was handed over; at most one an order.</summary>
public sealed class HandedOverOrder
{
    public required Guid OrderId { get; init; }
    public required string CustomerNumber { get; init; }
    public required string InvoiceNumber { get; init; }

    [PersonalData]
    public required Party DeliverTo { get; init; }

    public required IReadOnlyList<OrderLine> Lines { get; init; }
    public required string Currency { get; init; }

    /// <summary>With VAT, as invoiced.</summary>
    public required decimal Total { get; init; }

    public required DateTimeOffset HandedOverAt { get; init; }
}

using MassTransit;
using Microsoft.EntityFrameworkCore;
using Orafo.Ordering.Intake;
using Orafo.Ordering.Saga;
using Orafo.ServiceDefaults;

namespace Orafo.Ordering;

/// <summary>What the intake accepted, how far each order is, and the messages that have not left yet.</summary>
public sealed class OrderingDb(DbContextOptions<OrderingDb> options) : DbContext(options)
{
    public DbSet<Order> Orders => Set<Order>();
    public DbSet<IdempotencyKey> IdempotencyKeys => Set<IdempotencyKey>();
    public DbSet<OrderSaga> Sagas => Set<OrderSaga>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<Order>(order =>
        {
            order.ToTable("orders");
            order.Property(x => x.Id).ValueGeneratedNever();
            order.Property(x => x.CustomerNumber).HasMaxLength(SubmitOrder.LongestCustomerNumber);
            order.Property(x => x.CouponCode).HasMaxLength(SubmitOrder.LongestCouponCode);
            order.Property(x => x.Lines).HasJson();
        });

        modelBuilder.Entity<IdempotencyKey>(key =>
        {
            key.ToTable("idempotency_keys");
            key.HasKey(x => x.Key).HasName("pk_idempotency_keys");
            key.Property(x => x.Key).HasMaxLength(IdempotencyKey.Longest);
        });

        modelBuilder.Entity<OrderSaga>(saga =>
        {
            // Changed four times on its way: with room on its page, and no index on what changes, a new version needs no index entry.
            saga.ToTable("order_saga").HasStorageParameter("fillfactor", 50);
            saga.HasKey(x => x.CorrelationId);
            saga.Property(x => x.CorrelationId).ValueGeneratedNever();
            saga.Property(x => x.CurrentState).HasMaxLength(32);
            saga.Property(x => x.SuspendedIn).HasMaxLength(32);
            saga.Property(x => x.Lines).HasJson();
            saga.Property(x => x.Customer).HasJson();
            saga.Property(x => x.PricedLines).HasJson();
            saga.Property(x => x.Totals).HasJson();
            saga.Property(x => x.Reasons).HasJson();
            saga.Property(x => x.Timeline).HasJson();
            saga.Property(x => x.Currency).HasMaxLength(3);
            saga.Property(x => x.Gross).HasColumnType("numeric");
        });

        modelBuilder.AddInboxStateEntity();
        modelBuilder.AddOutboxMessageEntity();
    }
}

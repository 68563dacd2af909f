using MassTransit;
using Microsoft.EntityFrameworkCore;
using Orafo.Ordering.Access;
using Orafo.Ordering.Intake;
using Orafo.Ordering.Notifying;
using Orafo.Ordering.Saga;
using Orafo.Pgq;
using Orafo.ServiceDefaults;

namespace Orafo.Ordering;

/// <summary>What the intake accepted, how far each order is, and the messages that have not left yet.</summary>
public sealed class OrderingDb(DbContextOptions<OrderingDb> options) : DbContext(options)
{
    public DbSet<Order> Orders => Set<Order>();
    public DbSet<IdempotencyKey> IdempotencyKeys => Set<IdempotencyKey>();
    public DbSet<ApiKey> ApiKeys => Set<ApiKey>();
    public DbSet<Callback> Callbacks => Set<Callback>();
    public DbSet<OrderSaga> Sagas => Set<OrderSaga>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<Order>(order =>
        {
            order.ToTable("orders");
            order.Property(x => x.Id).ValueGeneratedNever();
            order.Property(x => x.Client).HasMaxLength(ApiKey.LongestClient);
            // A client's own orders, in the order of time, and nobody else's.
            order.HasIndex(x => new { x.Client, x.Id });
            order.Property(x => x.CustomerNumber).HasMaxLength(SubmitOrder.LongestCustomerNumber);
            order.Property(x => x.CouponCode).HasMaxLength(SubmitOrder.LongestCouponCode);
            order.Property(x => x.InvoiceDelivery).HasMaxLength(SubmitOrder.LongestDelivery);
            order.Property(x => x.Lines).HasJson();
        });

        modelBuilder.Entity<IdempotencyKey>(key =>
        {
            key.ToTable("idempotency_keys");
            key.HasKey(x => new { x.Client, x.Key }).HasName("pk_idempotency_keys");
            key.Property(x => x.Client).HasMaxLength(ApiKey.LongestClient);
            key.Property(x => x.Key).HasMaxLength(IdempotencyKey.Longest);
            // For the clean-up, which takes the oldest.
            key.HasIndex(x => x.UsedAt);
        });

        modelBuilder.Entity<ApiKey>(key =>
        {
            key.ToTable("api_keys");
            key.HasKey(x => x.Prefix);
            key.Property(x => x.Prefix).HasMaxLength(ApiKey.PrefixLength);
            key.Property(x => x.Client).HasMaxLength(ApiKey.LongestClient);
        });

        modelBuilder.Entity<Callback>(callback =>
        {
            callback.ToTable("callbacks");
            callback.HasKey(x => x.Client);
            callback.Property(x => x.Client).HasMaxLength(ApiKey.LongestClient);
            callback.Property(x => x.Url).HasMaxLength(Callback.LongestUrl);
            callback.Property(x => x.Secrets).HasJson();
            callback.Property(x => x.Version).IsConcurrencyToken();
        });

        modelBuilder.Entity<OrderSaga>(saga =>
        {
            // Changed four times on its way: with room on its page, and no index on what changes, a new version needs no index entry.
            saga.ToTable("order_saga").HasStorageParameter("fillfactor", 50);
            saga.HasKey(x => x.CorrelationId);
            saga.Property(x => x.CorrelationId).ValueGeneratedNever();
            saga.Property(x => x.CurrentState).HasMaxLength(32);
            saga.Property(x => x.Client).HasMaxLength(ApiKey.LongestClient);
            saga.Property(x => x.InvoiceDelivery).HasMaxLength(SubmitOrder.LongestDelivery);
            saga.Property(x => x.SuspendedIn).HasMaxLength(32);
            saga.Property(x => x.Lines).HasJson();
            saga.Property(x => x.Customer).HasJson();
            saga.Property(x => x.PricedLines).HasJson();
            saga.Property(x => x.Totals).HasJson();
            saga.Property(x => x.Reasons).HasJson();
            saga.Property(x => x.Timeline).HasJson();
            saga.Property(x => x.Currency).HasMaxLength(3);
            saga.Property(x => x.Gross).HasColumnType("numeric");
            // Changes once in an order's life, unless something goes wrong.
            saga.HasIndex(x => x.CorrelationId).HasDatabaseName("ix_order_saga_watched").HasFilter("is_watched");
            // Nothing in the life of an order that goes well: only one that is suspended is in it, and found.
            saga.HasIndex(x => x.CorrelationId, "Suspended").HasDatabaseName("ix_order_saga_suspended").HasFilter("suspended_in is not null");
        });

        modelBuilder.AddJobQueue(TellClient.Queue);
        modelBuilder.AddInboxStateEntity();
        modelBuilder.AddOutboxMessageEntity();
    }
}

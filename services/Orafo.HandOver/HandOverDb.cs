using MassTransit;
using Microsoft.EntityFrameworkCore;
using Orafo.HandOver.Notifying;
using Orafo.HandOver.Shipping;
using Orafo.Pgq;
using Orafo.ServiceDefaults;

namespace Orafo.HandOver;

/// <summary>What was given to those who pack and ship, and what is to be said to the carrier and the shop.</summary>
public sealed class HandOverDb(DbContextOptions<HandOverDb> options) : DbContext(options)
{
    public DbSet<Shipment> Shipments => Set<Shipment>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<Shipment>(shipment =>
        {
            shipment.ToTable("hand_overs", table =>
            {
                table.HasCheckConstraint("ck_hand_overs_total", "total >= 0");
                table.HasCheckConstraint("ck_hand_overs_currency", "currency ~ '^[A-Z]{3}$'");
                table.HasCheckConstraint("ck_hand_overs_state", "state in ('booking', 'handed-over', 'recalling', 'recalled')");
                table.HasCheckConstraint("ck_hand_overs_handed_over_at", "state <> 'handed-over' or handed_over_at is not null");
                table.HasCheckConstraint("ck_hand_overs_recalled_at", "(state = 'recalled') = (recalled_at is not null)");
                table.HasCheckConstraint(
                    "ck_hand_overs_order",
                    "state = 'recalled' or (customer_number is not null and invoice_number is not null and deliver_to is not null and lines is not null and currency is not null and total is not null)");
            });
            // Changed once or twice: with room on its page, a new version needs no index entry.
            shipment.HasStorageParameter("fillfactor", 70);
            shipment.HasKey(x => x.OrderId);
            shipment.Property(x => x.OrderId).ValueGeneratedNever();
            shipment.Property(x => x.State).IsConcurrencyToken();
            shipment.HasIndex(x => x.InvoiceNumber).IsUnique();
            shipment.Property(x => x.Total).HasColumnType("numeric");
            shipment.Property(x => x.DeliverTo).HasJson();
            shipment.Property(x => x.Lines).HasJson();
        });
        modelBuilder.AddJobQueue(BookParcel.Queue);
        modelBuilder.AddJobQueue(RecallParcel.Queue);
        modelBuilder.AddJobQueue(TellShop.Queue);
        modelBuilder.AddInboxStateEntity();
        modelBuilder.AddOutboxMessageEntity();
    }
}

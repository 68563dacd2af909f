using MassTransit;
using Microsoft.EntityFrameworkCore;
using Orafo.OrderDetails.Catalogue;
using Orafo.OrderDetails.Details;
using Orafo.ServiceDefaults;

namespace Orafo.OrderDetails;

/// <summary>The catalogue, what was found out about each order, and what it holds of the catalogue.</summary>
public sealed class OrderDetailsDb(DbContextOptions<OrderDetailsDb> options) : DbContext(options)
{
    public DbSet<Article> Articles => Set<Article>();
    public DbSet<Customer> Customers => Set<Customer>();
    public DbSet<Coupon> Coupons => Set<Coupon>();
    public DbSet<OrderDetail> OrderDetails => Set<OrderDetail>();
    public DbSet<OrderHold> OrderHolds => Set<OrderHold>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<Article>(article =>
        {
            article.ToTable("articles", table =>
            {
                table.HasCheckConstraint("ck_articles_price", "price >= 0");
                table.HasCheckConstraint("ck_articles_stock", "stock >= 0 and taken >= 0 and taken <= stock");
                table.HasCheckConstraint("ck_articles_vat", "vat_rate >= 0 and vat_category in ('S', 'Z', 'E', 'AE', 'K', 'G', 'O')");
            });
            article.HasKey(x => x.Sku);
            article.Property(x => x.Price).HasPrecision(19, 4);
            article.Property(x => x.VatRate).HasPrecision(5, 2);
            // Locked before it is read. Should that fail one day, the write finds another number, and fails too.
            article.Property(x => x.Taken).IsConcurrencyToken();
            article.Ignore(x => x.Available);
        });

        modelBuilder.Entity<Customer>(customer =>
        {
            customer.ToTable("customers", table => table.HasCheckConstraint("ck_customers_country", "country ~ '^[A-Z]{2}$'"));
            customer.HasKey(x => x.Number);
        });

        modelBuilder.Entity<Coupon>(coupon =>
        {
            coupon.ToTable("coupons", table =>
            {
                table.HasCheckConstraint("ck_coupons_worth", "num_nonnulls(percent, amount) + free_shipping::int = 1 and coalesce(percent, 1) between 0 and 100 and coalesce(amount, 1) >= 0");
                table.HasCheckConstraint("ck_coupons_uses", "uses >= 0 and (most_uses is null or uses <= most_uses) and most_uses_per_customer > 0");
                table.HasCheckConstraint("ck_coupons_period", "valid_from < valid_until");
            });
            coupon.HasKey(x => x.Code);
            coupon.Property(x => x.Uses).IsConcurrencyToken();
            coupon.Property(x => x.Percent).HasPrecision(5, 2);
            coupon.Property(x => x.Amount).HasPrecision(19, 4);
            coupon.Property(x => x.MinimumNet).HasPrecision(19, 4);
        });

        modelBuilder.Entity<OrderDetail>(detail =>
        {
            detail.ToTable("order_details", table =>
                table.HasCheckConstraint("ck_order_details_accepted", "accepted = (gross is not null and currency is not null)"));
            detail.HasKey(x => x.OrderId);
            detail.Property(x => x.OrderId).ValueGeneratedNever();
            detail.Property(x => x.Customer).HasJson();
            detail.Property(x => x.Lines).HasJson();
            detail.Property(x => x.Totals).HasJson();
            detail.Property(x => x.Reasons).HasJson();
            detail.Property(x => x.Gross).HasColumnType("numeric");
        });

        modelBuilder.Entity<OrderHold>(hold =>
        {
            hold.ToTable("order_holds", table =>
            {
                table.HasCheckConstraint("ck_order_holds_state", "state in ('held', 'final', 'released')");
                table.HasCheckConstraint("ck_order_holds_coupon", "(coupon_code is null) = (customer_number is null)");
            });
            // A row is changed once, soon after it was added: on the same page, and no index is touched.
            hold.HasStorageParameter("fillfactor", 70);
            hold.HasKey(x => x.OrderId);
            hold.Property(x => x.OrderId).ValueGeneratedNever();
            hold.Property(x => x.State).IsConcurrencyToken();
            hold.Property(x => x.Taken).HasJson();
            hold.HasOne<Coupon>().WithMany().HasForeignKey(x => x.CouponCode);
            hold.HasIndex(x => new { x.CouponCode, x.CustomerNumber }).HasFilter("coupon_code is not null");
        });

        modelBuilder.AddInboxStateEntity();
        modelBuilder.AddOutboxMessageEntity();
    }
}

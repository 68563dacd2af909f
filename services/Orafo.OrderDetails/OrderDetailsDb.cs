using MassTransit;
using Microsoft.EntityFrameworkCore;
using Orafo.OrderDetails.Catalogue;
using Orafo.OrderDetails.Details;
using Orafo.ServiceDefaults;

namespace Orafo.OrderDetails;

/// <summary>The catalogue, and what was found out about each order.</summary>
public sealed class OrderDetailsDb(DbContextOptions<OrderDetailsDb> options) : DbContext(options)
{
    public DbSet<Article> Articles => Set<Article>();
    public DbSet<Customer> Customers => Set<Customer>();
    public DbSet<Coupon> Coupons => Set<Coupon>();
    public DbSet<CouponRedemption> CouponRedemptions => Set<CouponRedemption>();
    public DbSet<OrderDetail> OrderDetails => Set<OrderDetail>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<Article>(article =>
        {
            article.ToTable("articles", table =>
            {
                table.HasCheckConstraint("ck_articles_price", "price >= 0");
                table.HasCheckConstraint("ck_articles_stock", "stock >= 0");
                table.HasCheckConstraint("ck_articles_vat", "vat_rate >= 0 and vat_category in ('S', 'Z', 'E', 'AE', 'K', 'G', 'O')");
            });
            article.HasKey(x => x.Sku);
            article.Property(x => x.Price).HasPrecision(19, 4);
            article.Property(x => x.VatRate).HasPrecision(5, 2);
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
                table.HasCheckConstraint("ck_coupons_worth", "(percent is null) <> (amount is null) and coalesce(percent, 1) between 0 and 100 and coalesce(amount, 1) >= 0");
                table.HasCheckConstraint("ck_coupons_uses", "uses >= 0 and (most_uses is null or uses <= most_uses)");
                table.HasCheckConstraint("ck_coupons_period", "valid_from < valid_until");
            });
            coupon.HasKey(x => x.Code);
            coupon.Property(x => x.Percent).HasPrecision(5, 2);
            coupon.Property(x => x.Amount).HasPrecision(19, 4);
            coupon.Property(x => x.MinimumNet).HasPrecision(19, 4);
        });

        modelBuilder.Entity<CouponRedemption>(redemption =>
        {
            redemption.ToTable("coupon_redemptions");
            redemption.HasKey(x => new { x.CouponCode, x.OrderId });
            redemption.HasOne<Coupon>().WithMany().HasForeignKey(x => x.CouponCode);
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

        modelBuilder.AddInboxStateEntity();
        modelBuilder.AddOutboxMessageEntity();
    }
}

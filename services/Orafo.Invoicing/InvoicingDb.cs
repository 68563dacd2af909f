using MassTransit;
using Microsoft.EntityFrameworkCore;
using Orafo.Invoicing.Printing;
using Orafo.ServiceDefaults;

namespace Orafo.Invoicing;

/// <summary>Invoices, their series and the print jobs.</summary>
public sealed class InvoicingDb(DbContextOptions<InvoicingDb> options) : DbContext(options)
{
    public DbSet<Invoice> Invoices => Set<Invoice>();
    public DbSet<InvoiceSeries> Series => Set<InvoiceSeries>();
    public DbSet<PrintJob> PrintJobs => Set<PrintJob>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<Invoice>(invoice =>
        {
            invoice.ToTable("invoices", table =>
            {
                table.HasCheckConstraint("ck_invoices_sequence", "sequence > 0");
                table.HasCheckConstraint("ck_invoices_currency", "currency ~ '^[A-Z]{3}$'");
                table.HasCheckConstraint("ck_invoices_gross", "gross >= 0");
            });
            invoice.HasKey(x => x.Number);
            invoice.HasIndex(x => x.OrderId).IsUnique();
            invoice.HasIndex(x => new { x.Series, x.Sequence }).IsUnique();
            invoice.Property(x => x.Buyer).HasJson();
            invoice.Property(x => x.Lines).HasJson();
            invoice.Property(x => x.Totals).HasJson();
            invoice.Property(x => x.Gross).HasColumnType("numeric");
        });

        modelBuilder.Entity<InvoiceSeries>(series =>
        {
            series.ToTable("invoice_series", table => table.HasCheckConstraint("ck_invoice_series_last", "last >= 0"));
            series.HasKey(x => x.Name);
        });

        modelBuilder.Entity<PrintJob>(job =>
        {
            job.ToTable("print_jobs", table =>
            {
                table.HasCheckConstraint("ck_print_jobs_state", "state in ('waiting', 'printing', 'printed', 'parked')");
                table.HasCheckConstraint("ck_print_jobs_lease", "(state = 'printing') = (lease_token is not null and lease_expires_at is not null)");
            });
            job.HasKey(x => x.InvoiceNumber);
            job.HasOne<Invoice>().WithOne().HasForeignKey<PrintJob>(x => x.InvoiceNumber);
            job.HasIndex(x => x.OrderId).IsUnique();
            job.Property(x => x.LeaseToken).IsConcurrencyToken();
            // Whatever can be claimed, and nothing of the millions that are done.
            job.HasIndex(x => x.NextAttemptAt).HasFilter("state in ('waiting', 'printing')");
        });

        modelBuilder.AddInboxStateEntity();
        modelBuilder.AddOutboxMessageEntity();
    }
}

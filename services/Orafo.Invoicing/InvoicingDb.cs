using MassTransit;
using Microsoft.EntityFrameworkCore;
using Orafo.Invoicing.Documents;
using Orafo.Invoicing.Printing;
using Orafo.Pgq;
using Orafo.ServiceDefaults;

namespace Orafo.Invoicing;

/// <summary>Invoices, credit notes, their series, how they got out, and the print jobs of those that did not yet.</summary>
public sealed class InvoicingDb(DbContextOptions<InvoicingDb> options) : DbContext(options)
{
    public DbSet<Invoice> Invoices => Set<Invoice>();
    public DbSet<InvoiceSeries> Series => Set<InvoiceSeries>();
    public DbSet<InvoiceDelivery> Deliveries => Set<InvoiceDelivery>();
    public DbSet<InvoiceDocument> InvoiceDocuments => Set<InvoiceDocument>();
    public DbSet<CreditNoteDocument> CreditNoteDocuments => Set<CreditNoteDocument>();
    public DbSet<CreditNote> CreditNotes => Set<CreditNote>();
    public DbSet<WithheldInvoice> WithheldInvoices => Set<WithheldInvoice>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<Invoice>(invoice =>
        {
            invoice.ToTable("invoices", table =>
            {
                table.HasCheckConstraint("ck_invoices_sequence", "sequence > 0");
                table.HasCheckConstraint("ck_invoices_currency", "currency ~ '^[A-Z]{3}$'");
                table.HasCheckConstraint("ck_invoices_gross", "gross >= 0");
                table.HasCheckConstraint("ck_invoices_chain", "octet_length(chain) = 32");
            });
            invoice.HasKey(x => x.Number);
            invoice.HasIndex(x => x.OrderId).IsUnique();
            invoice.HasIndex(x => new { x.Series, x.Sequence }).IsUnique();
            invoice.Property(x => x.Buyer).HasJson();
            invoice.Property(x => x.Seller).HasJson();
            invoice.Property(x => x.Lines).HasJson();
            invoice.Property(x => x.Totals).HasJson();
            invoice.Property(x => x.Gross).HasColumnType("numeric");
        });

        AddFiles<InvoiceDocument, Invoice>(modelBuilder, "invoice_documents", "invoice_number");
        AddFiles<CreditNoteDocument, CreditNote>(modelBuilder, "credit_note_documents", "credit_note_number");

        modelBuilder.Entity<InvoiceSeries>(series =>
        {
            series.ToTable("invoice_series", table =>
            {
                table.HasCheckConstraint("ck_invoice_series_last", "last >= 0");
                table.HasCheckConstraint("ck_invoice_series_head", "octet_length(head) = 32");
            });
            series.HasKey(x => x.Name);
        });

        modelBuilder.Entity<CreditNote>(creditNote =>
        {
            creditNote.ToTable("credit_notes", table =>
            {
                table.HasCheckConstraint("ck_credit_notes_sequence", "sequence > 0");
                table.HasCheckConstraint("ck_credit_notes_chain", "octet_length(chain) = 32");
            });
            creditNote.HasKey(x => x.Number);
            creditNote.HasOne<Invoice>().WithOne().HasForeignKey<CreditNote>(x => x.InvoiceNumber).OnDelete(DeleteBehavior.Restrict);
            creditNote.HasIndex(x => x.OrderId).IsUnique();
            creditNote.HasIndex(x => new { x.Series, x.Sequence }).IsUnique();
            creditNote.Property(x => x.Gross).HasColumnType("numeric");
        });

        modelBuilder.Entity<WithheldInvoice>(withheld =>
        {
            withheld.ToTable("withheld_invoices");
            withheld.HasKey(x => x.OrderId);
            withheld.Property(x => x.OrderId).ValueGeneratedNever();
        });

        modelBuilder.Entity<InvoiceDelivery>(delivery =>
        {
            delivery.ToTable("invoice_deliveries", table =>
                table.HasCheckConstraint("ck_invoice_deliveries_medium", "(medium = 'paper' and printer is not null) or (medium = 'electronic' and printer is null)"));
            delivery.HasKey(x => x.InvoiceNumber);
            delivery.HasOne<Invoice>().WithOne().HasForeignKey<InvoiceDelivery>(x => x.InvoiceNumber);
            delivery.HasIndex(x => x.OrderId).IsUnique();
        });

        modelBuilder.AddJobQueue(PrintInvoice.Queue);
        modelBuilder.AddInboxStateEntity();
        modelBuilder.AddOutboxMessageEntity();
    }

    private static void AddFiles<TFile, TDocument>(ModelBuilder modelBuilder, string name, string number)
        where TFile : StoredDocument
        where TDocument : class =>
        modelBuilder.Entity<TFile>(file =>
        {
            file.ToTable(name, table =>
            {
                table.HasCheckConstraint($"ck_{name}_media_type", "media_type in ('application/pdf', 'application/xml')");
                table.HasCheckConstraint($"ck_{name}_content", "length(content) > 0");
            });
            file.HasKey(x => new { x.Number, x.MediaType });
            file.Property(x => x.Number).HasColumnName(number);
            file.HasOne<TDocument>().WithMany().HasForeignKey(x => x.Number).OnDelete(DeleteBehavior.Restrict);
            file.Property(x => x.Hash).HasComputedColumnSql("sha256(content)", stored: true);
        });
}

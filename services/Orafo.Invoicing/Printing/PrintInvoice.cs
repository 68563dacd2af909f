namespace Orafo.Invoicing.Printing;

/// <summary>A job: an invoice is wanted on paper. Its id is that of the order, its group the printer.</summary>
public sealed record PrintInvoice(string InvoiceNumber)
{
    /// <summary>Of the jobs and their table.</summary>
    public const string Queue = "print_job";

    /// <summary>The member of a job's metadata that names the printer.</summary>
    public const string Printer = "printer";
}

namespace Orafo.Invoicing;

/// <summary>The SQL of numbering.</summary>
internal static class InvoiceStatements
{
    /// <summary>Holds a series until the transaction ends.</summary>
    /// <remarks>Why no SEQUENCE: it does not give a number back that a rolled-back transaction took, and leaves a gap.</remarks>
    public const string LockSeries = "select name, last from invoice_series where name = {0} for update";

    /// <summary>The first one of a series.</summary>
    public const string BeginSeries = "insert into invoice_series (name, last) values ({0}, 0) on conflict do nothing";

    /// <summary>What is issued stays as it was issued, whoever asks, the owner of the table included.</summary>
    public const string RefuseChanges =
        """
        create function refuse_change() returns trigger language plpgsql as $$
        begin
            raise exception 'An issued invoice is never changed or deleted.' using errcode = 'restrict_violation';
        end $$;

        create trigger invoices_are_immutable before update or delete on invoices
        for each row execute function refuse_change();

        create trigger invoices_are_not_truncated before truncate on invoices
        for each statement execute function refuse_change();
        """;

    /// <summary>Takes <see cref="RefuseChanges"/> back.</summary>
    public const string AllowChanges = "drop function refuse_change() cascade";
}

namespace Orafo.Invoicing.Documents;

/// <summary>The SQL of the documents' archive; {0} … are parameters.</summary>
internal static class DocumentStatements
{
    /// <summary>Keeps an invoice's two files, unless somebody was quicker.</summary>
    /// <remarks>Both in one statement, and always in this order: two that render at the same time keep both files of one of them, never one of each.</remarks>
    public const string KeepInvoice =
        """
        insert into invoice_documents (invoice_number, media_type, content, rendered_at)
        values ({0}, 'application/pdf', {1}, {3}), ({0}, 'application/xml', {2}, {3})
        on conflict do nothing
        """;

    /// <summary>The same of a credit note.</summary>
    public const string KeepCreditNote =
        """
        insert into credit_note_documents (credit_note_number, media_type, content, rendered_at)
        values ({0}, 'application/pdf', {1}, {3}), ({0}, 'application/xml', {2}, {3})
        on conflict do nothing
        """;

    /// <summary>What was given to somebody once stays as it was given, whoever asks, the owner of the table included.</summary>
    public const string RefuseChanges =
        """
        create trigger invoice_documents_are_immutable before update or delete on invoice_documents
        for each row execute function refuse_change();

        create trigger invoice_documents_are_not_truncated before truncate on invoice_documents
        for each statement execute function refuse_change();
        """;

    /// <summary>The same of credit notes.</summary>
    public const string RefuseChangesOfCreditNotes =
        """
        create trigger credit_note_documents_are_immutable before update or delete on credit_note_documents
        for each row execute function refuse_change();

        create trigger credit_note_documents_are_not_truncated before truncate on credit_note_documents
        for each statement execute function refuse_change();
        """;
}

namespace Orafo.Invoicing.Migrations;

/// <summary>Brings what was to be printed, and what was, to the tables that are theirs from <see cref="PrintQueue"/> on, and back.</summary>
internal static class PrintQueueStatements
{
    public const string Move =
        """
        -- Whoever still prints by the old table waits, and then finds that it is gone.
        lock table print_jobs in access exclusive mode;

        insert into invoice_deliveries (invoice_number, order_id, medium, printer, delivered_at)
        select invoice_number, order_id, 'paper', 'main', finished_at from print_jobs where state = 'printed';

        insert into print_job (id, payload, metadata, created_at)
        select order_id, jsonb_build_object('invoiceNumber', invoice_number), '{"printer": "main"}', created_at
        from print_jobs where state <> 'printed'
        order by next_attempt_at;

        update print_job q set state = 'parked', attempts = p.attempts, last_error = p.last_error
        from print_jobs p where p.order_id = q.id and p.state = 'parked';
        """;

    public const string MoveBack =
        """
        insert into print_jobs (invoice_number, order_id, state, attempts, created_at, next_attempt_at, finished_at)
        select invoice_number, order_id, 'printed', 1, delivered_at, delivered_at, delivered_at from invoice_deliveries;

        insert into print_jobs (invoice_number, order_id, state, attempts, created_at, next_attempt_at, last_error)
        select payload ->> 'invoiceNumber', id, case state when 'parked' then 'parked' else 'waiting' end, attempts, created_at, due, last_error from print_job;
        """;
}

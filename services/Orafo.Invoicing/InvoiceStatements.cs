namespace Orafo.Invoicing;

/// <summary>The SQL of numbering.</summary>
internal static class InvoiceStatements
{
    /// <summary>Holds a series until the transaction ends, and says which orders get no invoice.</summary>
    /// <remarks>
    /// Why no SEQUENCE: it does not give a number back that a rolled-back transaction took, and leaves a gap. Why the withheld orders can be read in the same
    /// statement although it may wait for the row: none is added while anybody holds a series or waits for one (<see cref="HoldAllSeries"/>), and this
    /// statement has its lock on the table before it looks.
    /// </remarks>
    public const string LockSeries =
        """
        select name, last, head, last_issued_at,
               array(select order_id from withheld_invoices where order_id = any ({1})) as withheld
        from invoice_series
        where name = {0}
        for update
        """;

    /// <summary>The first one of a series.</summary>
    public const string BeginSeries = "insert into invoice_series (name, last, head) values ({0}, 0, {1}) on conflict do nothing";

    /// <summary>Waits until nobody holds any series, and keeps everybody from taking one until the transaction ends.</summary>
    public const string HoldAllSeries = "lock table invoice_series in exclusive mode";

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

    /// <summary>Before <see cref="ChainIssued"/>: whoever issues is waited for, in the order in which he takes his locks.</summary>
    public const string HoldForChaining = "lock table invoice_series, invoices in access exclusive mode";

    /// <summary>Gives what was issued before there were chains its place in one. The same bytes as <see cref="Invoice.ChainTo"/> of one that does not say how it was rounded.</summary>
    public const string ChainIssued =
        """
        alter table invoices disable trigger invoices_are_immutable;

        do $$
        declare
            issued record;
            of_series text;
            head bytea;
        begin
            for issued in
                select number, series,
                       (select string_agg(octet_length(field) || ':' || field || ',', '' order by place)
                        from unnest(array['orafo-invoice/1', number, series, sequence::text, order_id::text, to_char(issue_date, 'YYYY-MM-DD'),
                                          to_char(issued_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), customer_number,
                                          buyer::text, coalesce(seller::text, ''), lines::text, totals::text, currency, gross::text]) with ordinality f (field, place)) as canonical
                from invoices
                order by series, sequence
            loop
                if issued.series is distinct from of_series then
                    of_series := issued.series;
                    head := sha256(convert_to('14:orafo-series/1,' || octet_length(of_series) || ':' || of_series || ',', 'UTF8'));
                end if;
                head := sha256(head || convert_to(issued.canonical, 'UTF8'));
                update invoices set chain = head where number = issued.number;
            end loop;
        end $$;

        alter table invoices enable trigger invoices_are_immutable;
        alter table invoices alter column chain drop default;

        update invoice_series
        set head = coalesce(
                (select chain from invoices where series = name and sequence = last),
                sha256(convert_to('14:orafo-series/1,' || octet_length(name) || ':' || name || ',', 'UTF8'))),
            last_issued_at = (select max(issued_at) from invoices where series = name);
        alter table invoice_series alter column head drop default;
        """;

    /// <summary>Credit notes stay as they were issued, too. A series only ever grows, by as many numbers as documents with them, and its head is the last one's.</summary>
    /// <remarks>The check of a number is put off to the commit: number and document are written in either order. Once for each transaction and series.</remarks>
    public const string GuardSeries =
        """
        create trigger credit_notes_are_immutable before update or delete on credit_notes
        for each row execute function refuse_change();

        create trigger credit_notes_are_not_truncated before truncate on credit_notes
        for each statement execute function refuse_change();

        create function refuse_step_back() returns trigger language plpgsql as $$
        begin
            raise exception 'A series of invoices only ever grows.' using errcode = 'restrict_violation';
        end $$;

        create trigger series_grow before update on invoice_series
        for each row when (new.name <> old.name or new.last <= old.last) execute function refuse_step_back();

        create trigger series_are_not_deleted before delete on invoice_series
        for each row execute function refuse_step_back();

        create trigger series_are_not_truncated before truncate on invoice_series
        for each statement execute function refuse_step_back();

        create function require_documents() returns trigger language plpgsql as $$
        declare
            before integer := coalesce(old.last, 0);
        begin
            if new.last - before <> (select count(*) from invoices where series = new.name and sequence > before and sequence <= new.last)
                    + (select count(*) from credit_notes where series = new.name and sequence > before and sequence <= new.last)
                or new.last > 0
                    and not exists (select from invoices where series = new.name and sequence = new.last and chain = new.head)
                    and not exists (select from credit_notes where series = new.name and sequence = new.last and chain = new.head)
            then
                raise exception 'A number is taken by a document with it.' using errcode = 'restrict_violation';
            end if;
            return null;
        end $$;

        create constraint trigger numbers_have_documents after insert or update on invoice_series
        deferrable initially deferred for each row execute function require_documents();
        """;

    /// <summary>Takes <see cref="GuardSeries"/> back.</summary>
    public const string UnguardSeries =
        """
        drop function require_documents() cascade;
        drop function refuse_step_back() cascade;
        """;
}

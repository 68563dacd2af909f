namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>The relay's SQL. $1 … are parameters.</summary>
internal static class OutboxStatements
{
    /// <summary>Writes messages in their order, left to their writer for $20; each other parameter is a column of all of them.</summary>
    /// <remarks>The messages of a transaction are due at the very same time: a claim never sees some of them only.</remarks>
    public const string Insert =
        """
        insert into outbox_message (
            outbox_id, is_first, due, attempts, message_id, conversation_id, correlation_id, initiator_id, request_id, source_address,
            destination_address, response_address, fault_address, sent_time, expiration_time, headers, properties, content_type,
            message_type, body)
        select m.outbox_id, m.is_first, coalesce(m.due, statement_timestamp() + $20), 0, m.message_id, m.conversation_id, m.correlation_id, m.initiator_id, m.request_id, m.source_address,
            m.destination_address, m.response_address, m.fault_address, m.sent_time, m.expiration_time, m.headers, m.properties, m.content_type,
            m.message_type, m.body
        from unnest(
            $1::uuid[], $2::boolean[], $3::timestamptz[], $4::uuid[], $5::uuid[], $6::uuid[], $7::uuid[], $8::uuid[], $9::text[], $10::text[],
            $11::text[], $12::text[], $13::timestamptz[], $14::timestamptz[], $15::text[], $16::text[], $17::text[], $18::text[], $19::text[])
            with ordinality as m (
            outbox_id, is_first, due, message_id, conversation_id, correlation_id, initiator_id, request_id, source_address, destination_address,
            response_address, fault_address, sent_time, expiration_time, headers, properties, content_type, message_type, body, place)
        order by m.place
        """;

    /// <summary>Writes one message, left to its writer for $20.</summary>
    public const string InsertOne =
        """
        insert into outbox_message (
            outbox_id, is_first, due, attempts, message_id, conversation_id, correlation_id, initiator_id, request_id, source_address,
            destination_address, response_address, fault_address, sent_time, expiration_time, headers, properties, content_type,
            message_type, body)
        values ($1, $2, coalesce($3, statement_timestamp() + $20), 0, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
        """;

    /// <summary>Locks up to $1 transactions that are due, and were never refused, and reads up to $2 messages of each, in the order in which they were published.</summary>
    /// <remarks>
    /// Whoever locks the first message of a transaction owns it whole. Claim and read may share a statement although the read sees
    /// the rows as of its start: a relay that is done with a transaction has deleted its first row or moved it into the future,
    /// and the lock looks at the row afresh, so it fails for whatever another relay finished in between.
    /// </remarks>
    public const string Claim =
        """
        with claimed as materialized (
            select outbox_id
            from outbox_message
            where is_first and attempts = 0 and due <= now() - $3
            order by due
            limit $1
            for update skip locked)
        select m.sequence_number, m.outbox_id, m.message_id, m.conversation_id, m.correlation_id, m.initiator_id, m.request_id,
               m.source_address, m.destination_address, m.response_address, m.fault_address, m.sent_time, m.expiration_time,
               m.headers, m.properties, m.content_type, m.message_type, m.body, m.failures
        from claimed c
        cross join lateral (
            select *
            from outbox_message
            where outbox_id = c.outbox_id and due <= now()
            order by sequence_number
            limit $2) m
        order by m.sequence_number
        """;

    /// <summary>The same for transactions whose first message was refused before.</summary>
    public static readonly string ClaimRefused = OfRefused(Claim);

    /// <summary>How long it is until the next transaction is due that was never refused, of those that were not due when this one began.</summary>
    public const string NextDue = "select due + $1 - clock_timestamp() from outbox_message where is_first and attempts = 0 and due > now() - $1 order by due limit 1";

    /// <summary>The same for transactions whose first message was refused before.</summary>
    public static readonly string NextRefusedDue = OfRefused(NextDue);

    /// <summary>
    /// How long it is until the first transaction is due that was never refused, and until the first one is that was; not positive if it is due,
    /// though another process may be at it.
    /// </summary>
    public const string Look =
        """
        select
            (select due from outbox_message where is_first and attempts = 0 order by due limit 1) - clock_timestamp(),
            (select due from outbox_message where is_first and attempts > 0 order by due limit 1) - clock_timestamp()
        """;

    /// <summary>Takes the scheduled messages with the tokens $1 back. What a relay is sending at this moment is too late, and not waited for.</summary>
    public const string Cancel =
        """
        delete from outbox_message
        where (outbox_id, sequence_number) in (
            select outbox_id, sequence_number from outbox_message where outbox_id = any ($1) for update skip locked)
        """;

    /// <summary>Deletes what the broker confirmed: messages with the outbox ids $1 and the sequence numbers $2.</summary>
    public const string Delete =
        """
        delete from outbox_message m
        using unnest($1::uuid[], $2::bigint[]) as c (outbox_id, sequence_number)
        where m.outbox_id = c.outbox_id and m.sequence_number = c.sequence_number
        """;

    /// <summary>Deletes all messages of the transactions $1.</summary>
    public const string DeleteTransactions = "delete from outbox_message where outbox_id = any ($1)";

    /// <summary>Ends the lease of the transactions $1 that has not ended yet.</summary>
    public const string GiveBack = "update outbox_message set due = now() where outbox_id = any ($1) and due > now()";

    /// <summary>How many messages wait that are not scheduled for later, for how many seconds the oldest of them, how many rows the inbox has, and how many transactions are parked.</summary>
    /// <remarks>By the indexes of those that wait: the table itself is mostly what was deleted and not yet cleaned up.</remarks>
    public const string Watch =
        """
        with waiting as materialized (
            select outbox_id, failures from outbox_message where is_first and attempts = 0 and due <= now()
            union all
            select outbox_id, failures from outbox_message where is_first and attempts > 0)
        select count(*), coalesce(extract(epoch from now() - min(m.sent_time))::float8, 0),
            (select greatest(reltuples, 0)::bigint from pg_class where oid = 'inbox_state'::regclass),
            count(*) filter (where m.is_first and w.failures >= 3)
        from waiting w
        join outbox_message m on m.outbox_id = w.outbox_id
        """;

    /// <summary>Makes the earliest message that is left of each transaction in $1 its first one.</summary>
    public const string Promote =
        """
        update outbox_message
        set is_first = true
        where (outbox_id, sequence_number) in (
            select outbox_id, min(sequence_number)
            from outbox_message
            where outbox_id = any ($1)
            group by outbox_id)
        """;

    /// <summary>Puts off the transactions in $1 because of what the broker said ($2): 0.25 s, doubling to a minute, with jitter.</summary>
    /// <remarks>One that failed by itself ($3) for the third time is parked: it is tried again after an hour, or when somebody says so.</remarks>
    public const string PutOff =
        """
        update outbox_message m
        set attempts = m.attempts + 1,
            failures = m.failures + e.failed::int,
            last_error = coalesce(e.error, m.last_error),
            due = clock_timestamp() + (0.5 + random()) * case
                when m.failures + e.failed::int >= 3 then interval '1 hour'
                else least(interval '1 minute', interval '0.25 s' * (2 ^ least(m.attempts, 10)))
            end
        from unnest($1::uuid[], $2::text[], $3::boolean[]) as e (outbox_id, error, failed)
        where m.outbox_id = e.outbox_id and m.is_first
        """;

    private static string OfRefused(string statement) => statement.Replace("attempts = 0", "attempts > 0", StringComparison.Ordinal);
}

namespace Orafo.Invoicing.Printing;

/// <summary>The SQL of the print jobs. All times are the database's; {0} … are parameters.</summary>
internal static class PrintStatements
{
    /// <summary>
    /// Leases the {2} jobs that have waited longest for {1} to whoever holds the token {0}. A lease that ran out is one that may be
    /// claimed.
    /// </summary>
    public const string Claim =
        """
        update print_jobs
        set state = 'printing', attempts = attempts + 1, lease_token = {0}, lease_expires_at = clock_timestamp() + {1}
        where invoice_number = any (array(
            select invoice_number
            from print_jobs
            where state in ('waiting', 'printing') and next_attempt_at <= now()
                and (lease_expires_at is null or lease_expires_at < now())
            order by next_attempt_at
            limit {2}
            for update skip locked))
        returning *
        """;

    /// <summary>How long it is until the next job may be tried again. A lease that runs out is not looked for.</summary>
    public const string NextDue =
        """
        select next_attempt_at - clock_timestamp() as "Value"
        from print_jobs
        where state in ('waiting', 'printing') and next_attempt_at > now()
        order by next_attempt_at
        limit 1
        """;

    /// <summary>Keeps the job for {2} from now. No row: the lease was lost.</summary>
    public const string Renew = "update print_jobs set lease_expires_at = clock_timestamp() + {2} where invoice_number = {0} and lease_token = {1}";

    /// <summary>It did not work; it is tried again after {2}.</summary>
    public const string TryLater =
        """
        update print_jobs
        set state = 'waiting', next_attempt_at = clock_timestamp() + {2}, lease_token = null, lease_expires_at = null, last_error = {3}
        where invoice_number = {0} and lease_token = {1}
        """;

    /// <summary>It did not work, and nobody tries any longer until an operator says so.</summary>
    public const string Park =
        """
        update print_jobs
        set state = 'parked', finished_at = clock_timestamp(), lease_token = null, lease_expires_at = null, last_error = {2}
        where invoice_number = {0} and lease_token = {1}
        """;
}

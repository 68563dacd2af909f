namespace Orafo.Ordering.Saga;

/// <summary>The SQL about sagas that EF Core does not write; {0} … are parameters.</summary>
internal static class SagaStatements
{
    /// <summary>Up to {2} orders whose step is watched, with ids after {0} and before {1}.</summary>
    public const string UnderWay =
        """
        select correlation_id as id, current_state as state, step_since as since, step_attempts as attempts, waits_for_paper, overdue_told_at
        from order_saga
        where is_watched and correlation_id > {0} and correlation_id < {1}
        order by correlation_id
        limit {2}
        """;

    /// <summary>
    ///     Of the orders {0}, those whose step is still watched, was asked for at {1} and last told overdue at {2} are told so at {3}. It waits for nobody: what a
    ///     saga is just changing has moved. What is in none of the states {4} needs not be watched.
    /// </summary>
    public const string TellOverdue =
        """
        with overdue as (
            select saga.correlation_id from order_saga saga
            join unnest({0}, {1}, {2}) as seen (id, since, told_at) on saga.correlation_id = seen.id and saga.step_since = seen.since
            where saga.is_watched and saga.overdue_told_at is not distinct from seen.told_at
            order by saga.correlation_id
            for update of saga skip locked
        )
        update order_saga set overdue_told_at = {3}, is_watched = current_state = any ({4})
        where correlation_id in (select correlation_id from overdue)
        returning correlation_id as "Value"
        """;

    /// <summary>How many of the oldest {0} orders whose step is watched, and of the oldest {0} that are suspended, are in each state, and when the first of those was placed.</summary>
    public const string Census =
        """
        with not_over as materialized (
            (select current_state, submitted_at from order_saga where is_watched order by correlation_id limit {0})
            union all
            (select current_state, submitted_at from order_saga where suspended_in is not null and not is_watched order by correlation_id limit {0}))
        select current_state as state, count(*) as orders, min(submitted_at) as oldest_at from not_over group by 1
        """;

    /// <summary>Whether there is a table of sagas: not before the first migration.</summary>
    public const string HasSagas = """select to_regclass('order_saga') is not null as "Value" """;

    /// <summary>
    ///     How many orders are not over, by state and by the version of the machine that began them; of an older schema, too. One that is suspended counts in the
    ///     state that it is to go on in as well.
    /// </summary>
    public const string NotOver =
        """
        select needed.state, coalesce((to_jsonb(saga) ->> 'version')::int, 1) as version, count(*) as orders
        from order_saga saga
        cross join lateral (values (current_state), (to_jsonb(saga) ->> 'suspended_in')) needed (state)
        where current_state <> all ({0}) and needed.state is not null
        group by 1, 2
        order by 1, 2
        """;
}

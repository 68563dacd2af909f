-- Ends the jobs $1 with the tokens $2: outcomes $3, results $4, errors $5. Returns those whose lease still held; the others are not ours any more.
-- {locked}: a worker skips rows that somebody else has locked, and comes back for them; a handler's own transaction waits.
with ours as (
    select q.id, e.outcome, e.result, e.error
    from "{queue}" q join unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[]) as e (id, token, outcome, result, error)
        on q.id = e.id and q.lease_token = e.token
    where q.lease_expires_at > clock_timestamp()
    for update of q {locked}
), ended as (
    delete from "{queue}" q
    using ours o
    where q.id = o.id
    returning q.*, o.outcome, o.result, o.error
), kept as (
    insert into "{queue}_history" (id, outcome, priority, group_key, deduplication_key, payload, metadata, attempts, result, error, trace_parent,
        created_at, due, started_at)
    select id, outcome, priority, group_key, deduplication_key, payload, metadata, attempts, result, error, trace_parent, created_at, due, started_at
    from ended
)
select id, lease_token from ended

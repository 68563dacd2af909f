-- Ends the jobs $1 with the tokens $2: outcomes $3, results $4, errors $5. Returns those whose lease still held; the others are not ours any more.
with ended as (
    delete from "{queue}" q
    using unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[]) as e (id, token, outcome, result, error)
    where q.id = e.id and q.lease_token = e.token and q.lease_expires_at > clock_timestamp()
    returning q.*, e.outcome, e.result, e.error
), kept as (
    insert into "{queue}_history" (id, outcome, priority, group_key, deduplication_key, payload, metadata, attempts, result, error, trace_parent,
        created_at, due, started_at)
    select id, outcome, priority, group_key, deduplication_key, payload, metadata, attempts, result, error, trace_parent, created_at, due, started_at
    from ended
)
select id, lease_token from ended

-- Writes jobs: $1 ids, $2 payloads, $3 metadata, $4 priorities, $5 not before, $6 delays from now, $7 de-duplication keys, $8 and $9 trace context.
-- Returns the ids of those that were written: a job with the de-duplication key of another that is not over is not.
insert into "{queue}" (id, payload, metadata, priority, due, deduplication_key, trace_parent, trace_state)
select j.id, j.payload, j.metadata, j.priority, coalesce(j.not_before, now() + j.delay), j.deduplication_key, $8, $9
from unnest($1::uuid[], $2::jsonb[], $3::jsonb[], $4::smallint[], $5::timestamptz[], $6::interval[], $7::text[])
    with ordinality as j (id, payload, metadata, priority, not_before, delay, deduplication_key, place)
order by j.place
on conflict (deduplication_key) where deduplication_key is not null do nothing
returning id

-- Second of two: nobody runs the job $1, so it is over now. Whoever runs it is told when it renews its lease.
with ended as (
    delete from "{queue}" where id = $1 and state <> 'running' returning *
)
insert into "{queue}_history" (id, outcome, priority, group_key, deduplication_key, payload, metadata, attempts, error, trace_parent, created_at, due, started_at)
select id, 'cancelled', priority, group_key, deduplication_key, payload, metadata, attempts, last_error, trace_parent, created_at, due, started_at
from ended

-- The job $1, in line or over.
select id, state, priority, group_key, deduplication_key, payload::text, metadata::text, attempts, progress, null as result, last_error, created_at, due,
    started_at, null::timestamptz as finished_at
from "{queue}" where id = $1
union all
select id, outcome, priority, group_key, deduplication_key, payload::text, metadata::text, attempts, null, result, error, created_at, due,
    started_at, finished_at
from "{queue}_history" where id = $1
limit 1

-- Up to $3 jobs in the state $1, or in any if it is null, after the id $2.
select id, state, priority, group_key, deduplication_key, payload::text, metadata::text, attempts, progress, null as result, last_error, created_at, due,
    started_at, null::timestamptz as finished_at
from "{queue}"
where ($1::text is null or state = $1) and id > $2
order by id
limit $3

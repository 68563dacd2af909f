-- Up to $2 jobs after the id $1 that are {state}; in any state, if none is named. A name, not a parameter: the plan knows which index it is.
select id, state, priority, group_key, deduplication_key, payload::text, metadata::text, attempts, progress, null as result, last_error, created_at, due,
    started_at, null::timestamptz as finished_at
from "{queue}"
where ('{state}' = '' or state = '{state}') and id > $1
order by id
limit $2

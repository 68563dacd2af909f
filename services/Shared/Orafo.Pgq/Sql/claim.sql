-- Leases up to $1 jobs to the token $2 for the time $3. Groups take turns, from the last to the first, beginning after the group $4; within a group the
-- lowest rank goes first. $5: only jobs whose metadata contain one of these, or null; $11: none of these, or null. However many jobs wait, it reads about as many
-- as it takes: each group is found by a step in the index, at its end, for at its beginning lies what was claimed and has not been vacuumed yet. Of the groups
-- $12 it passes that over: what is looked for has the ranks $13 or higher. $6: whether one of them may be a suspect; that one goes first. Of the groups $7 none, of the groups $8 no more than $9 jobs each,
-- of any other no more than $10. Plain parameters: a subquery costs something even if there is nothing in it.
with recursive
after as (
    (select q.group_key from "{queue}" q
        where q.state = 'waiting' and q.group_key < $4 and ($5::jsonb[] is null or q.metadata @> any ($5)) and ($11::jsonb[] is null or not q.metadata @> any ($11))
        order by q.group_key desc, q.rank desc limit 1)
    union all
    select n.group_key from after a, lateral (
        select q.group_key from "{queue}" q
        where q.state = 'waiting' and q.group_key < a.group_key and ($5::jsonb[] is null or q.metadata @> any ($5)) and ($11::jsonb[] is null or not q.metadata @> any ($11))
        order by q.group_key desc, q.rank desc limit 1) n
),
again as (
    (select q.group_key from "{queue}" q
        where q.state = 'waiting' and q.group_key >= $4 and ($5::jsonb[] is null or q.metadata @> any ($5)) and ($11::jsonb[] is null or not q.metadata @> any ($11))
        order by q.group_key desc, q.rank desc limit 1)
    union all
    select n.group_key from again a, lateral (
        select q.group_key from "{queue}" q
        where q.state = 'waiting' and q.group_key < a.group_key and q.group_key >= $4 and ($5::jsonb[] is null or q.metadata @> any ($5)) and ($11::jsonb[] is null or not q.metadata @> any ($11))
        order by q.group_key desc, q.rank desc limit 1) n
),
turns as materialized (
    select * from (
        (select group_key from after where group_key <> all ($7::text[]) limit $1)
        union all
        (select group_key from again where group_key <> all ($7::text[]) limit $1)) g
    limit $1
),
suspect as materialized (
    select q.id, q.group_key from "{queue}" q
    where $6 and q.state = 'suspect' and ($5::jsonb[] is null or q.metadata @> any ($5)) and ($11::jsonb[] is null or not q.metadata @> any ($11)) and q.group_key <> all ($7::text[])
    order by q.rank limit 1
    for update skip locked
),
picked as (
    select j.id
    from (select group_key, count(*) over () as groups from turns) t, lateral (
        select q.id from "{queue}" q
        where q.state = 'waiting' and q.group_key = t.group_key
            and q.rank >= coalesce(($13::timestamptz[])[array_position($12::text[], t.group_key)], '-infinity') and ($5::jsonb[] is null or q.metadata @> any ($5)) and ($11::jsonb[] is null or not q.metadata @> any ($11))
        order by q.rank, q.id
        limit greatest(0, least(
            ($1 + t.groups - 1) / t.groups,
            coalesce(($9::int[])[array_position($8::text[], t.group_key)], $10)
                - (t.group_key is not distinct from (select s.group_key from suspect s))::int))
        for update skip locked) j
    limit $1 - (select count(*) from suspect)
)
update "{queue}" q
set state = 'running', attempts = least(q.attempts, 999999) + 1, lease_token = $2, lease_expires_at = now() + $3, started_at = now()
where q.id = any (array(select id from picked union all select id from suspect))
returning q.id, q.group_key, q.rank, q.priority, q.deduplication_key, q.payload::text, q.metadata::text, q.attempts, q.cancel_requested,
    q.trace_parent, q.trace_state, q.created_at, q.due, q.started_at, extract(epoch from clock_timestamp() - q.due)::float8, q.id = any (array(select id from suspect)), (select count(*) > 1 from turns)

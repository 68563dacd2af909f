-- How many jobs are in each state, counted to 100,000, and for how many seconds the first of some group in line has been due: of a thousand groups.
with recursive first as (
    (select group_key, due from "{queue}" where state = 'waiting' order by group_key, rank limit 1)
    union all
    select n.group_key, n.due from first f, lateral (
        select q.group_key, q.due from "{queue}" q
        where q.state = 'waiting' and q.group_key > f.group_key
        order by q.group_key, q.rank limit 1) n
)
select
    (select count(*) from (select from "{queue}" where state = 'waiting' limit 100000) w),
    (select count(*) from (select from "{queue}" where state = 'scheduled' limit 100000) s),
    (select count(*) from (select from "{queue}" where state = 'running' limit 100000) r),
    (select count(*) from (select from "{queue}" where state = 'suspect' limit 100000) u),
    (select count(*) from (select from "{queue}" where state = 'parked' limit 100000) p),
    coalesce((select extract(epoch from now() - min(due)) from (select due from first limit 1000) f), 0)::float8

-- An operator's decision: jobs of the group $1 belong to the group $2 from now on, unless they are running. A thousand at a time.
update "{queue}"
set group_key = left($2, 200)
where id in (select id from "{queue}" where group_key = $1 and state <> 'running' limit 1000 for update skip locked)

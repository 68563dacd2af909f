-- An operator's decision: jobs of the group $1 that are {state} belong to the group $2 from now on, with all attempts before them. A thousand at a time.
update "{queue}"
set group_key = left($2, 200), attempts = 0
where id in (select id from "{queue}" where state = '{state}' and group_key = $1 limit 1000 for update skip locked)

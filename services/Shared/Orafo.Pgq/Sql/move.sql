-- An operator's decision: the job $1 belongs to the group $2 from now on, with all attempts before it, unless it is running.
update "{queue}" set group_key = left($2, 200), attempts = 0 where id = $1 and state <> 'running'

-- Gives back the jobs $1 with the tokens $2 as if they had not been begun. Rows that somebody else has locked are skipped.
with ours as (
    select q.id, r.token
    from "{queue}" q join unnest($1::uuid[], $2::uuid[]) as r (id, token) on q.id = r.id and q.lease_token = r.token
    where q.lease_expires_at > now()
    for update of q skip locked
)
update "{queue}" q
set state = 'waiting', attempts = greatest(q.attempts - 1, 0), lease_token = null, lease_expires_at = null
from ours o
where q.id = o.id
returning q.id, o.token

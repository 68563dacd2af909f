-- Gives back the jobs $1 with the tokens $2 as if they had not been begun.
update "{queue}" q
set state = 'waiting', attempts = q.attempts - 1, lease_token = null, lease_expires_at = null
from unnest($1::uuid[], $2::uuid[]) as r (id, token)
where q.id = r.id and q.lease_token = r.token and q.lease_expires_at > now()
returning q.id, r.token

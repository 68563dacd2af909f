-- Renews the leases on the jobs $1 with the tokens $2 for the time $3. Returns those that still hold, and whether they are to be cancelled.
update "{queue}" q
set lease_expires_at = now() + $3
from unnest($1::uuid[], $2::uuid[]) as l (id, token)
where q.id = l.id and q.lease_token = l.token and q.lease_expires_at > now()
returning q.id, q.lease_token, q.cancel_requested

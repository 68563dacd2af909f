-- Second of two: those of the leases on the jobs $1 with the tokens $2 that still hold, and whether the job is to be cancelled.
select q.id, q.lease_token, q.cancel_requested
from "{queue}" q join unnest($1::uuid[], $2::uuid[]) as l (id, token) on q.id = l.id and q.lease_token = l.token
where q.lease_expires_at > now()

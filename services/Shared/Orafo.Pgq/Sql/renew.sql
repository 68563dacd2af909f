-- First of two: renews the leases on the jobs $1 with the tokens $2 for the time $3. A row that is locked, because its handler ends it in a transaction
-- of its own, is nobody else's to claim, and nobody waits for it.
update "{queue}"
set lease_expires_at = now() + $3
where id = any (array(
    select q.id
    from "{queue}" q join unnest($1::uuid[], $2::uuid[]) as l (id, token) on q.id = l.id and q.lease_token = l.token
    where q.lease_expires_at > now()
    for update of q skip locked))

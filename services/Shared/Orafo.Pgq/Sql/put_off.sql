-- Gives back the jobs $1 with the tokens $2 because of the errors $3: to be tried again after the times $4, or parked ($5). Returns those whose lease still held.
-- The time is not that at which a handler's transaction began.
update "{queue}" q
set state = case
        when q.cancel_requested then 'waiting'
        when p.is_parked then 'parked'
        when p.pause > interval '0' then 'scheduled'
        else 'waiting'
    end,
    due = clock_timestamp() + p.pause, rank = clock_timestamp() + p.pause - (q.due - q.rank),
    lease_token = null, lease_expires_at = null, last_error = p.error
from unnest($1::uuid[], $2::uuid[], $3::text[], $4::interval[], $5::boolean[]) as p (id, token, error, pause, is_parked)
where q.id = p.id and q.lease_token = p.token and q.lease_expires_at > clock_timestamp()
returning q.id, p.token

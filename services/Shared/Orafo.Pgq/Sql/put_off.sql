-- Gives back the jobs $1 with the tokens $2 because of the errors $3: to be tried again after the times $4, or parked ($5). Returns those whose lease still held.
-- The time is not that at which a handler's transaction began. {locked}: a worker skips rows that somebody else has locked, and comes back for them.
with ours as (
    select q.id, p.token, p.error, p.pause, p.is_parked
    from "{queue}" q join unnest($1::uuid[], $2::uuid[], $3::text[], $4::interval[], $5::boolean[]) as p (id, token, error, pause, is_parked)
        on q.id = p.id and q.lease_token = p.token
    where q.lease_expires_at > clock_timestamp()
    for update of q {locked}
)
update "{queue}" q
set state = case
        when q.cancel_requested then 'waiting'
        when o.is_parked then 'parked'
        when o.pause > interval '0' then 'scheduled'
        else 'waiting'
    end,
    due = clock_timestamp() + o.pause, rank = clock_timestamp() + o.pause - (q.due - q.rank),
    lease_token = null, lease_expires_at = null, last_error = o.error
from ours o
where q.id = o.id
returning q.id, o.token

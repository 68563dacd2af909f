-- Takes jobs from workers whose lease ran out: they died, or hang. The second time they are suspects, and each worker does one of them at a time, so
-- that none is parked for the company it kept. A suspect that was begun $1 times is parked: perhaps it killed its worker each time.
-- Returns them, with their new state.
update "{queue}"
set state = case
        when cancel_requested or lost_leases = 0 then 'waiting'
        when lost_leases = 1 or attempts < $1 then 'suspect'
        else 'parked'
    end,
    lost_leases = least(lost_leases, 999999) + 1, lease_token = null, lease_expires_at = null,
    last_error = 'The lease ran out: the worker died, or was away for too long.'
where id in (
    select id from "{queue}" where state = 'running' and lease_expires_at <= now() order by lease_expires_at limit 1000 for update skip locked)
returning id, state

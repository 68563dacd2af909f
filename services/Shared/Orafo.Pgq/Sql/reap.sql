-- Takes jobs from workers whose lease ran out: they died, or hang. Those that were begun $1 times are parked: perhaps they killed their worker each
-- time. Those that were begun $2 times are suspects: each worker does one of them at a time, so that none is parked for the company it kept.
-- Returns them, with their new state.
update "{queue}"
set state = case
        when cancel_requested then 'waiting'
        when attempts >= $1 then 'parked'
        when attempts >= $2 then 'suspect'
        else 'waiting'
    end,
    lease_token = null, lease_expires_at = null,
    last_error = 'The lease ran out: the worker died, or was away for too long.'
where id in (
    select id from "{queue}" where state = 'running' and lease_expires_at <= now() order by lease_expires_at limit 1000 for update skip locked)
returning id, state

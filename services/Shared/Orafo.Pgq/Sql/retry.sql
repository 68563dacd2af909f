-- An operator's decision: the parked or scheduled job $1 is tried now, with all attempts before it. Returns whose trace it belongs to.
update "{queue}"
set state = 'waiting', attempts = 0, lost_leases = 0, cancel_requested = false, due = now(), rank = now() - (due - rank)
where id = $1 and state in ('parked', 'scheduled')
returning trace_parent

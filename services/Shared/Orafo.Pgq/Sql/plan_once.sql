-- For what follows in this transaction: one plan for all values, by the indexes. The table's statistics may be of a moment when it was empty, or full;
-- and to plan a claim anew each time costs more than to run it. And nobody waits longer than $1 for a lock: leases have to be renewed meanwhile.
select set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_seqscan', 'off', true), set_config('lock_timeout', $1, true)

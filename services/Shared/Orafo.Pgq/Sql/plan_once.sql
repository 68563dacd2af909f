-- For what follows in this transaction: one plan for all values, by the indexes. The table's statistics may be of a moment when it was empty, or full;
-- and to plan a claim anew each time costs more than to run it.
select set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_seqscan', 'off', true)

-- For what follows in this transaction: if the server dies, it may be undone, and nobody is the worse for it.
select set_config('synchronous_commit', 'off', true)

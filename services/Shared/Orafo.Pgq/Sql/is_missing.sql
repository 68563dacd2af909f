-- Whether there is no such queue in the search path.
select to_regclass('"{queue}"') is null

-- In how many seconds the next scheduled job is due; null if there is none.
select extract(epoch from min(due) - now())::float8 from "{queue}" where state = 'scheduled'

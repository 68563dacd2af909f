-- Partitions for the coming days, and none that are older than $1.
select "{queue}_keep_history"($1)

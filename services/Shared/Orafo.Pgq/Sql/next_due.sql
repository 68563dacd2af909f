-- In how many seconds the next scheduled job is due, null if there is none; and, if asked for ($2), whether a job is in line that this worker may do
-- ($1 and $3: its filters, or null): a claim passes over what another one is just about to take.
select
    (select extract(epoch from min(due) - now())::float8 from "{queue}" where state = 'scheduled'),
    $2 and exists (select from "{queue}" where state = 'waiting' and ($1::jsonb[] is null or metadata @> any ($1)) and ($3::jsonb[] is null or not metadata @> any ($3)))

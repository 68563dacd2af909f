-- What rows need that somebody wrote by hand, and what keeps them from stopping all. A queue that was created without it gets it by a migration; where it is, it changes nothing.

-- UUIDv7 (RFC 9562): jobs that came one after another are neighbours in the index. With random ones, each claim of a long backlog reads and writes pages of
-- its own.
alter table "{queue}" alter column id set default
    overlay(replace(gen_random_uuid()::text, '-', '') placing lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0') || '7' from 1)::uuid;

-- What is beyond all reason already.
update "{queue}"
set attempts = least(greatest(attempts, 0), 1000000), lost_leases = least(greatest(lost_leases, 0), 1000000),
    due = coalesce(due, now()),
    rank = case when rank between timestamptz '1900-01-01 00:00+00' and timestamptz '3100-01-01 00:00+00' then rank else coalesce(due, now()) end,
    created_at = case when created_at between timestamptz '2000-01-01 00:00+00' and timestamptz '2999-12-31 00:00+00' then created_at else now() end,
    started_at = case when started_at between timestamptz '2000-01-01 00:00+00' and timestamptz '2999-12-31 00:00+00' then started_at end,
    lease_expires_at = case
            when lease_expires_at is not null then least(greatest(lease_expires_at, timestamptz '2000-01-01 00:00+00'), timestamptz '2999-12-31 00:00+00')
        end
where attempts not between 0 and 1000000 or lost_leases not between 0 and 1000000 or due is null or rank is null
    or rank not between timestamptz '1900-01-01 00:00+00' and timestamptz '3100-01-01 00:00+00'
    or created_at not between timestamptz '2000-01-01 00:00+00' and timestamptz '2999-12-31 00:00+00'
    or started_at not between timestamptz '2000-01-01 00:00+00' and timestamptz '2999-12-31 00:00+00'
    or lease_expires_at not between timestamptz '2000-01-01 00:00+00' and timestamptz '2999-12-31 00:00+00';

-- What a claim cannot count any further, or a worker not read, would fail for all jobs that are claimed with it.
alter table "{queue}"
    drop constraint if exists "ck_{queue}_counts",
    drop constraint if exists "ck_{queue}_times",
    add constraint "ck_{queue}_counts" check (attempts between 0 and 1000000 and lost_leases between 0 and 1000000),
    add constraint "ck_{queue}_times" check (
        due is not null and rank is not null
        and rank between timestamptz '1900-01-01 00:00+00' and timestamptz '3100-01-01 00:00+00'
        and created_at between timestamptz '2000-01-01 00:00+00' and timestamptz '2999-12-31 00:00+00'
        and (started_at is null or started_at between timestamptz '2000-01-01 00:00+00' and timestamptz '2999-12-31 00:00+00')
        and (lease_expires_at is null or lease_expires_at between timestamptz '2000-01-01 00:00+00' and timestamptz '2999-12-31 00:00+00'));

-- Whoever deletes a job by its token alone, as a DbContext does, may be too late by the database's clock without knowing it.
create or replace function "{queue}_refuse"() returns trigger language plpgsql as $$
begin
    raise notice 'Job % stays: its lease ran out, and it is about to be done again.', old.id;
    return null;
end
$$;

drop trigger if exists "{queue}_refuse" on "{queue}";
create trigger "{queue}_refuse" before delete on "{queue}" for each row when (old.lease_expires_at <= clock_timestamp())
execute function "{queue}_refuse"();

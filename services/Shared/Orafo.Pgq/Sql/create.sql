-- A queue is this table: one row for each job that is not over. What is over lies in its history.
-- Other programs may insert, too: a payload is enough, the trigger below fills in the rest.

create table "{queue}" (
    id uuid not null,
    state text not null default 'waiting',
    -- A unit of it is a head start of {head_start}: nobody is overtaken for ever.
    priority smallint not null default 0,
    -- Who shares with whom: the metadata's member '{group_by}'.
    group_key text collate "C" not null default '',
    -- Among the jobs that are not over, each is there once.
    deduplication_key text,
    payload jsonb not null,
    metadata jsonb not null default '{}',
    -- Not to be run before.
    due timestamptz,
    -- The place in line: when it was due, less its head start.
    rank timestamptz,
    -- How often it was begun, but for those who stopped in an orderly way.
    attempts integer not null default 0,
    -- How often its lease ran out.
    lost_leases integer not null default 0,
    -- Who runs it now, and until when that holds unless it is renewed.
    lease_token uuid,
    lease_expires_at timestamptz,
    started_at timestamptz,
    cancel_requested boolean not null default false,
    -- What the handler last said about how far it is.
    progress text,
    last_error text,
    -- W3C Trace Context of whoever published it.
    trace_parent text,
    trace_state text,
    created_at timestamptz not null default now(),
    constraint "pk_{queue}" primary key (id),
    constraint "ck_{queue}_state" check (state in ('scheduled', 'waiting', 'running', 'suspect', 'parked')),
    constraint "ck_{queue}_lease" check ((state = 'running') = (lease_token is not null) and (lease_token is null) = (lease_expires_at is null)),
    constraint "ck_{queue}_priority" check (priority between -1000 and 1000),
    -- What is beyond it can be subtracted from no other time.
    constraint "ck_{queue}_due" check (due between timestamptz '2000-01-01 00:00+00' and timestamptz '2999-12-31 00:00+00'),
    constraint "ck_{queue}_metadata" check (jsonb_typeof(metadata) = 'object')
);

-- Every row is written a few times and then dies: cleaned up by count, not when a fifth of a backlog of a million is dead.
alter table "{queue}" set (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 5000);

create index "ix_{queue}_waiting" on "{queue}" (group_key, rank, id) where state = 'waiting';
create index "ix_{queue}_scheduled" on "{queue}" (due) where state = 'scheduled';
create index "ix_{queue}_running" on "{queue}" (lease_expires_at) where state = 'running';
create index "ix_{queue}_suspect" on "{queue}" (rank) where state = 'suspect';
create index "ix_{queue}_parked" on "{queue}" (id) where state = 'parked';
create unique index "ux_{queue}_deduplication_key" on "{queue}" (deduplication_key) where deduplication_key is not null;

create function "{queue}_prepare"() returns trigger language plpgsql as $$
begin
    -- Those that are inserted together keep their order.
    new.rank := coalesce(new.due, clock_timestamp()) - new.priority * interval '{head_start}';
    new.due := coalesce(new.due, now());
    new.state := case when new.due > now() then 'scheduled' else 'waiting' end;
    -- An index has to hold it.
    new.group_key := left(coalesce(new.metadata ->> '{group_by}', ''), 200);
    return new;
end
$$;

create trigger "{queue}_prepare" before insert on "{queue}" for each row execute function "{queue}_prepare"();

-- Who moves a job to another group need not know what its metadata call it.
create function "{queue}_move"() returns trigger language plpgsql as $$
begin
    new.metadata := jsonb_set(new.metadata, array['{group_by}'], to_jsonb(new.group_key));
    return new;
end
$$;

create trigger "{queue}_move" before update of group_key on "{queue}" for each row when (old.group_key <> new.group_key)
execute function "{queue}_move"();

create table "{queue}_history" (
    id uuid not null,
    outcome text not null,
    priority smallint not null,
    group_key text collate "C" not null,
    deduplication_key text,
    payload jsonb not null,
    metadata jsonb not null,
    attempts integer not null,
    result text,
    error text,
    trace_parent text,
    created_at timestamptz not null,
    due timestamptz not null,
    started_at timestamptz,
    finished_at timestamptz not null default clock_timestamp(),
    duration interval generated always as (finished_at - started_at) stored,
    constraint "pk_{queue}_history" primary key (id, finished_at),
    constraint "ck_{queue}_history_outcome" check (outcome in ('done', 'rejected', 'cancelled'))
) partition by range (finished_at);

create index "ix_{queue}_history_finished_at" on "{queue}_history" (finished_at);

-- For days that nobody made a partition for in time.
create table "{queue}_history_rest" partition of "{queue}_history" default;

-- Makes a partition for each of the coming days (UTC) and drops those that are older than it is told. Whoever runs the queue may call it, but
-- may not create or drop tables otherwise: so it runs as the owner of the queue. Returns how many partitions it made and dropped.
create function "{queue}_keep_history"(keep interval) returns integer
language plpgsql security definer as $$
declare
    today constant date := (now() at time zone 'UTC')::date;
    day date;
    partition text;
    changed integer := 0;
begin
    if not has_table_privilege(session_user, '"{queue}_history"', 'insert') then
        raise insufficient_privilege using message = 'Who may not write the history may not keep it either.';
    end if;
    if keep < interval '1 day' then
        raise invalid_parameter_value using message = 'A history is kept for a day at least.';
    end if;
    -- One of several processes is enough, and nobody's job waits for the lock of a table that somebody reads.
    if not pg_try_advisory_xact_lock('"{queue}_history"'::regclass::oid::bigint) then
        return 0;
    end if;
    perform set_config('lock_timeout', '1s', true);
    delete from "{queue}_history_rest" where finished_at < now() - keep;

    for day in select today + ahead from generate_series(0, 7) as ahead loop
        partition := '{queue}_history_' || to_char(day::timestamp, 'YYYYMMDD');
        if to_regclass(quote_ident(partition)) is null then
            begin
                execute format('create table %I partition of "{queue}_history" for values from (%L) to (%L)',
                    partition, day::timestamp at time zone 'UTC', (day + 1)::timestamp at time zone 'UTC');
                changed := changed + 1;
            exception
                -- Something of that day is in the rest already, and stays there; or somebody reads for long.
                when check_violation or lock_not_available then null;
            end;
        end if;
    end loop;

    for partition in
        select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = '"{queue}_history"'::regclass and c.relname::text ~ '_history_\d{8}$'
            and (right(c.relname::text, 8)::date + 1)::timestamp at time zone 'UTC' < now() - keep
    loop
        begin
            execute format('drop table %I', partition);
            changed := changed + 1;
        exception
            when lock_not_available then null;
        end;
    end loop;
    return changed;
end
$$;

-- It finds this schema's tables and nobody's temporary ones; and of functions, all it calls with their exact types, PostgreSQL's own.
do $$
begin
    execute format('alter function "{queue}_keep_history"(interval) set search_path = %I, pg_temp', current_schema());
end
$$;

do $$ begin perform "{queue}_keep_history"(interval '30 days'); end $$;

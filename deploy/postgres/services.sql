-- Roles and databases of the services; for psql, as a superuser, on a server that is new or has them already.
-- Each service owns one database, in two roles: the owner changes the schema (migrate), the service itself only rows.
-- orafo_audit reads, everywhere. Passwords come from the environment, so that they are in no file and no command line.

\set ON_ERROR_STOP on
\set QUIET on

\getenv ordering_password ORAFO_ORDERING_PASSWORD
\getenv ordering_owner_password ORAFO_ORDERING_OWNER_PASSWORD
\getenv order_details_password ORAFO_ORDER_DETAILS_PASSWORD
\getenv order_details_owner_password ORAFO_ORDER_DETAILS_OWNER_PASSWORD
\getenv invoicing_password ORAFO_INVOICING_PASSWORD
\getenv invoicing_owner_password ORAFO_INVOICING_OWNER_PASSWORD
\getenv hand_over_password ORAFO_HAND_OVER_PASSWORD
\getenv hand_over_owner_password ORAFO_HAND_OVER_OWNER_PASSWORD
\getenv audit_password ORAFO_AUDIT_PASSWORD

-- What it is a stranger's right to do in the maintenance database is nobody's here.
revoke connect on database postgres from public;

create temporary table role_wanted (name text, password text);
insert into role_wanted values
    ('orafo_ordering', :'ordering_password'),
    ('orafo_ordering_owner', :'ordering_owner_password'),
    ('orafo_order_details', :'order_details_password'),
    ('orafo_order_details_owner', :'order_details_owner_password'),
    ('orafo_invoicing', :'invoicing_password'),
    ('orafo_invoicing_owner', :'invoicing_owner_password'),
    ('orafo_hand_over', :'hand_over_password'),
    ('orafo_hand_over_owner', :'hand_over_owner_password'),
    ('orafo_audit', :'audit_password');

select format('create role %I login', name) from role_wanted
where not exists (select from pg_roles where rolname = name)
\gexec
select format('alter role %I with login nosuperuser nocreatedb nocreaterole password %L', name, password) from role_wanted
\gexec

-- A service that freezes within a transaction keeps its locks, the row of the invoice numbers among them, until the server ends its session. The longest
-- that one idles in a transaction by design is the relay of messages: some 20 s, while the broker is away. Counts for sessions that begin after this.
select format('alter role %I set idle_in_transaction_session_timeout = %L', name, '60s') from role_wanted
where name in ('orafo_ordering', 'orafo_order_details', 'orafo_invoicing', 'orafo_hand_over')
\gexec

create temporary table database_wanted (name text);
insert into database_wanted values ('orafo_ordering'), ('orafo_order_details'), ('orafo_invoicing'), ('orafo_hand_over');

select format('create database %I owner %I', name, name || '_owner') from database_wanted
where not exists (select from pg_database where datname = name)
\gexec
select format('alter database %I owner to %I', name, name || '_owner') from database_wanted
\gexec
select format('revoke all on database %I from public', name) from database_wanted
\gexec
select format('grant connect on database %I to %I, orafo_audit', name, name) from database_wanted
\gexec

-- In each database: what its owner creates, its service may read and write, and the audit may read.
\connect orafo_ordering
revoke create on schema public from public;
grant create, usage on schema public to orafo_ordering_owner;
grant usage on schema public to orafo_ordering, orafo_audit;
alter default privileges for role orafo_ordering_owner grant select, insert, update, delete on tables to orafo_ordering;
alter default privileges for role orafo_ordering_owner grant usage on sequences to orafo_ordering;
alter default privileges for role orafo_ordering_owner grant select on tables to orafo_audit;

\connect orafo_order_details
revoke create on schema public from public;
grant create, usage on schema public to orafo_order_details_owner;
grant usage on schema public to orafo_order_details, orafo_audit;
alter default privileges for role orafo_order_details_owner grant select, insert, update, delete on tables to orafo_order_details;
alter default privileges for role orafo_order_details_owner grant usage on sequences to orafo_order_details;
alter default privileges for role orafo_order_details_owner grant select on tables to orafo_audit;

\connect orafo_invoicing
revoke create on schema public from public;
grant create, usage on schema public to orafo_invoicing_owner;
grant usage on schema public to orafo_invoicing, orafo_audit;
alter default privileges for role orafo_invoicing_owner grant select, insert, update, delete on tables to orafo_invoicing;
alter default privileges for role orafo_invoicing_owner grant usage on sequences to orafo_invoicing;
alter default privileges for role orafo_invoicing_owner grant select on tables to orafo_audit;

\connect orafo_hand_over
revoke create on schema public from public;
grant create, usage on schema public to orafo_hand_over_owner;
grant usage on schema public to orafo_hand_over, orafo_audit;
alter default privileges for role orafo_hand_over_owner grant select, insert, update, delete on tables to orafo_hand_over;
alter default privileges for role orafo_hand_over_owner grant usage on sequences to orafo_hand_over;
alter default privileges for role orafo_hand_over_owner grant select on tables to orafo_audit;

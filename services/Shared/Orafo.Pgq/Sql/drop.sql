-- The queue, its history and everything in them.
drop table "{queue}_history";
drop table "{queue}";
drop function "{queue}_prepare"();
drop function "{queue}_move"();
drop function if exists "{queue}_refuse"();
drop function "{queue}_keep_history"(interval);

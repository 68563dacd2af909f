-- What is due gets in line: a thousand at a time, so that nobody who claims waits for more.
update "{queue}"
set state = 'waiting'
where id in (select id from "{queue}" where state = 'scheduled' and due <= now() order by due limit 1000 for update skip locked)

-- The handler of the job $1 with the token $2 says how far it is: $3.
update "{queue}" set progress = $3 where id = $1 and lease_token = $2 and lease_expires_at > now()

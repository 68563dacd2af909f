-- First of two: the job $1 is to be cancelled. Returns its state, and holds it there until the second.
update "{queue}" set cancel_requested = true where id = $1 returning state

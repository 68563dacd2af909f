#!/bin/sh
# Stops everything that is registered when its standard input ends, that is, when the process that started it is gone, however.
# Lines: "+ PID START" registers a process (START: field 22 of /proc/PID/stat, so that a reused pid is never hit), "- PID" forgets it.
# "x DIRECTORY" has a directory removed at the end. Each registered process leads a session of its own; whatever is left of that session is killed with it.
trap '' HUP INT TERM
registered=""
rubbish=""

stat_field() { # PID INDEX: a field of /proc/PID/stat counted after the command name, which may contain anything
    line=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    set -- "$2" ${line##*) }
    shift "$1"
    echo "$1"
}

is_running() { # PID START
    [ "$(stat_field "$1" 20)" = "$2" ] && [ "$(stat_field "$1" 1)" != Z ]
}

kill_session() { # SESSION
    for process in /proc/[0-9]*; do
        pid=${process#/proc/}
        [ "$(stat_field "$pid" 4)" = "$1" ] && kill -KILL "$pid" 2>/dev/null
    done
}

while read -r what pid start; do
    case $what in
        +) registered="$registered $pid:$start" ;;
        -) kept=""
           for entry in $registered; do [ "${entry%%:*}" = "$pid" ] || kept="$kept $entry"; done
           registered=$kept ;;
        x) rubbish="$rubbish $pid" ;;
    esac
done

for entry in $registered; do
    is_running "${entry%%:*}" "${entry#*:}" && kill -TERM "${entry%%:*}" 2>/dev/null
done
for attempt in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    left=""
    for entry in $registered; do is_running "${entry%%:*}" "${entry#*:}" && left="$left $entry"; done
    [ -z "$left" ] && break
    sleep 0.5
done
for entry in $registered; do kill_session "${entry%%:*}"; done
[ -z "$rubbish" ] || rm -rf $rubbish
exit 0

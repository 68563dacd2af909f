#!/bin/sh
# Installs Debian packages without starting their services or creating a PostgreSQL cluster.
# Debian asks policy-rc.d about the one and createcluster.conf about the other; both are put back exactly as they were.
set -eu
policy=/usr/sbin/policy-rc.d
cluster=/etc/postgresql-common/createcluster.conf
kept=$(mktemp -d)

put_back() {
    for file in "$policy" "$cluster"; do
        name=$(basename "$file")
        if [ -e "$kept/$name" ]; then cp -p "$kept/$name" "$file"
        elif [ -e "$kept/$name.absent" ]; then rm -f "$file"
        fi
    done
    rm -rf "$kept"
}
trap put_back EXIT
trap 'exit 130' HUP INT TERM

keep() {
    if [ -e "$1" ]; then cp -p "$1" "$kept/"; else : >"$kept/$(basename "$1").absent"; fi
}

keep "$policy"
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 755 "$policy"

export DEBIAN_FRONTEND=noninteractive
apt-get update
# createcluster.conf comes with postgresql-common, which therefore goes first.
case " $* " in
    *" postgresql "*)
        apt-get install -y --no-install-recommends postgresql-common
        keep "$cluster"
        echo 'create_main_cluster = false' >"$cluster"
        ;;
esac
apt-get install -y --no-install-recommends "$@"

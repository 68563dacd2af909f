#!/bin/sh
# Takes promtool out of Debian's package of Prometheus and puts it into the directory $1. The package is not installed: its server would be started.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
# Who may not update the lists may still download by those that are there.
apt-get download prometheus || { apt-get update && apt-get download prometheus; }
dpkg --fsys-tarfile prometheus_*.deb | tar -x ./usr/bin/promtool
mkdir -p "$1"
# In one step, for whoever looks at the same time.
cp usr/bin/promtool "$1/promtool.$$"
mv "$1/promtool.$$" "$1/promtool"

#!/usr/bin/env bash
# Runs the service that is named, in its own directory: its settings lie there. What follows the name is a command of it.
set -euo pipefail
cd "/app/$1"
exec dotnet "$1.dll" "${@:2}"

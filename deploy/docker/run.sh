#!/usr/bin/env bash
# Runs the service that is named, in its own directory: its settings lie there.
set -euo pipefail
cd "/app/$1"
exec dotnet "$1.dll"

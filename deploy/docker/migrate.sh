#!/usr/bin/env bash
# Brings every database up to date, as its owner.
set -euo pipefail
migrate() {
    cd "/app/$1"
    ConnectionStrings__Database=$2 dotnet "$1.dll" migrate
}
migrate Orafo.Ordering "$ORDERING"
migrate Orafo.OrderDetails "$ORDER_DETAILS"
migrate Orafo.Invoicing "$INVOICING"
migrate Orafo.HandOver "$HAND_OVER"

#!/bin/bash
# Becomes the server, with the password of its environment. That gets there by the standard input: everybody on the host can
# read a command line.
set -euo pipefail

if [ -z "${REDISCLI_AUTH:-}" ]; then
    echo "REDISCLI_AUTH is not set, and without a password everybody on the host could reach the data." >&2
    exit 1
fi

quoted() {
    local text=${1//\\/\\\\}
    printf '"%s"' "${text//\"/\\\"}"
}
exec redis-server "$@" - <<CONF
bind 0.0.0.0
dir /data
requirepass $(quoted "$REDISCLI_AUTH")
CONF

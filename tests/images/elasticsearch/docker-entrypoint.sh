#!/bin/bash
# Becomes the server as the user elasticsearch, with the change of root that the official image makes for that.
set -euo pipefail

if [ "$1" != eswrapper ]; then exec "$@"; fi
if [ "$(id --user)" = 0 ]; then
    chown --recursive 1000:0 /usr/share/elasticsearch/data
    exec chroot --userspec=1000:0 / entrypoint
fi
exec entrypoint

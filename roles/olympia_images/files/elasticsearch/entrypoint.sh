#!/bin/bash
# Runs the stand-in and the proxy before it, and ends with whichever ends first.
set -euo pipefail

version=${ELASTICSEARCH_VERSION:-7.17.24}
echo "This is osmem-server, a stand-in that answers as Elasticsearch $version and keeps every index in memory." >&2
sed "s/@VERSION@/$version/g" /etc/nginx/nginx.conf > /tmp/nginx.conf

osmem-server -addr 127.0.0.1:9201 -no-stdin-watch -parent-pid $$ &
processes=($!)
nginx -e stderr -c /tmp/nginx.conf -g 'daemon off;' &
processes+=($!)
trap 'trap "" TERM INT; kill "${processes[@]}"; wait; exit 0' TERM INT
code=0
wait -n || code=$?
kill "${processes[@]}" 2> /dev/null || true
exit "$code"

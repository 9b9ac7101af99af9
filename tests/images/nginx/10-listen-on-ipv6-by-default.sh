#!/bin/sh
# Adds a listener for IPv6 to the default server, if nobody has changed it.
set -e

configuration=/etc/nginx/conf.d/default.conf
if [ -f /proc/net/if_inet6 ] && [ -w "$configuration" ] && grep --quiet 'server_name localhost;' "$configuration"; then
    sed --in-place 's/listen 80;/listen 80;\n    listen [::]:80;/' "$configuration"
fi

#!/bin/sh
# Gives the data to the user redis, and becomes the server as that one. Options and configuration files alone mean the server.
set -e

case ${1:-} in -* | *.conf) set -- redis-server "$@" ;; esac
if [ "$1" = redis-server ] && [ "$(id -u)" = 0 ]; then
    find . ! -user redis -exec chown redis '{}' +
    exec gosu redis "$0" "$@"
fi
# As compiled for the official image: reachable without a password from other hosts.
if [ "$1" = redis-server ]; then
    umask 0077
    set -- "$@" --protected-mode no
fi
exec "$@"

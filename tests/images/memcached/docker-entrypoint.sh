#!/bin/sh
# Options alone mean the server.
set -e

case ${1:-} in -*) set -- memcached "$@" ;; esac
exec "$@"

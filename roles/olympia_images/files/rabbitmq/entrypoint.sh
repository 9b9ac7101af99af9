#!/bin/bash
# Writes the user and the virtual host of the environment as definitions, which the broker applies at every start, so that
# a password that was made anew locks nobody out; then becomes the broker.
set -euo pipefail
umask 0077

if [ -z "${RABBITMQ_DEFAULT_PASS:-}" ]; then
    echo "RABBITMQ_DEFAULT_PASS is not set, and without a password nobody could reach the broker." >&2
    exit 1
fi

quoted() {
    local text=${1//\\/\\\\}
    printf '"%s"' "${text//\"/\\\"}"
}
user=$(quoted "${RABBITMQ_DEFAULT_USER:-guest}")
vhost=$(quoted "${RABBITMQ_DEFAULT_VHOST:-/}")
password=$(quoted "$RABBITMQ_DEFAULT_PASS")

cat > /etc/rabbitmq/definitions.json <<JSON
{
  "users": [{"name": $user, "password": $password, "tags": "administrator"}],
  "vhosts": [{"name": $vhost}],
  "permissions": [{"user": $user, "vhost": $vhost, "configure": ".*", "write": ".*", "read": ".*"}]
}
JSON
cat > /etc/rabbitmq/rabbitmq.conf <<CONF
definitions.import_backend = local_filesystem
definitions.local.path = /etc/rabbitmq/definitions.json
loopback_users = none
log.console = true
log.file = false
CONF

# Erlang prepares for as many files as the limit allows, and engines allow a billion.
[ "$(ulimit -n)" -le 65536 ] || ulimit -n 65536
# One scheduler, and no busy waiting: the broker of one developer is idle most of the time.
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}"
exec /usr/lib/rabbitmq/bin/rabbitmq-server "$@"

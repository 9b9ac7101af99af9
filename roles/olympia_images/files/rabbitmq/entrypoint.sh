#!/bin/bash
# Writes the user and virtual host of the environment as definitions, which the broker applies with every start, so that
# a password that was made anew locks nobody out; then becomes the broker.
set -euo pipefail
umask 0077

user=${RABBITMQ_DEFAULT_USER:-guest}
vhost=${RABBITMQ_DEFAULT_VHOST:-/}
password=${RABBITMQ_DEFAULT_PASS:?must be set}
password=${password//\\/\\\\}
password=${password//\"/\\\"}

cat > /etc/rabbitmq/definitions.json <<JSON
{
  "users": [{"name": "$user", "password": "$password", "tags": "administrator"}],
  "vhosts": [{"name": "$vhost"}],
  "permissions": [{"user": "$user", "vhost": "$vhost", "configure": ".*", "write": ".*", "read": ".*"}]
}
JSON
cat > /etc/rabbitmq/rabbitmq.conf <<CONF
definitions.import_backend = local_filesystem
definitions.local.path = /etc/rabbitmq/definitions.json
loopback_users = none
log.console = true
log.file = false
CONF

# One scheduler, and no busy waiting: the broker of one developer is idle most of the time.
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none"
export RABBITMQ_MNESIA_BASE=/var/lib/rabbitmq/mnesia RABBITMQ_LOGS=-
exec /usr/lib/rabbitmq/bin/rabbitmq-server "$@"

#!/bin/bash
# Becomes the server, or one of its tools, as the user rabbitmq. A tool that is run by 'docker exec' stays root.
set -euo pipefail

if [[ $1 == rabbitmq* ]] && [ "$(id --user)" = 0 ]; then
    if [ "$1" = rabbitmq-server ]; then
        find /var/lib/rabbitmq ! -user rabbitmq -exec chown rabbitmq '{}' +
    fi
    exec gosu rabbitmq "${BASH_SOURCE[0]}" "$@"
fi
exec "$@"

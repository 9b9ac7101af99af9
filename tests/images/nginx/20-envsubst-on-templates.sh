#!/bin/sh
# Fills the templates in /etc/nginx/templates from the environment.
set -e

for template in /etc/nginx/templates/*.template; do
    if [ -f "$template" ]; then
        # Only what the environment has: nginx has variables of its own.
        # shellcheck disable=SC2016
        names=$(env | sed 's/=.*//; s/^/${/; s/$/}/')
        name=$(basename "$template" .template)
        envsubst "$names" < "$template" > "/etc/nginx/conf.d/$name"
    fi
done

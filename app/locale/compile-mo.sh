#!/bin/bash
# Compiles every catalogue below a directory: compile-mo.sh DIRECTORY
set -euo pipefail

find "$1" -name '*.po' | while read -r catalogue; do
    msgfmt --check --output-file="${catalogue%.po}.mo" "$catalogue"
done

#!/usr/bin/env bash
# Builds the collection of the release before this one, from the history, installs it into a directory, and prints its version.
# A release is the last commit that has its version in galaxy.yml.
set -euo pipefail
directory=$1

if [ "$(git rev-parse --is-shallow-repository)" = true ]; then git fetch --quiet --unshallow; fi
begun=$(git log --max-count=1 --format=%H -G'^version: ' -- galaxy.yml)
if ! release=$(git rev-parse --verify --quiet "$begun^"); then
    echo "The history does not go back to the release before this one: fetch it whole." >&2
    exit 1
fi
rm -rf "$directory"
mkdir -p "$directory/source" "$directory/ansible_collections"
: > "$directory/ansible.cfg"
git archive "$release" | tar --extract --directory "$directory/source"
ansible-galaxy collection build --output-path "$directory" "$directory/source" >&2
ansible-galaxy collection install --no-deps --collections-path "$directory" "$directory"/addons-olympia-*.tar.gz >&2
cp --recursive collections/ansible_collections/{ansible,community} "$directory/ansible_collections/"
sed -n 's/^version: //p' "$directory/source/galaxy.yml"

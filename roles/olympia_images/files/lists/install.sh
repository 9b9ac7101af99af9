#!/bin/sh
# install: fetches the package lists.
# install PACKAGE...: installs packages with the lists beside this script, and leaves nothing else in the layer.
# A mirror behind https is trusted as the host trusts it.
set -eu
export DEBIAN_FRONTEND=noninteractive
packages=$*
set --
if [ -s /run/secrets/ca_bundle ]; then set -- -o Acquire::https::CAInfo=/run/secrets/ca_bundle; fi
if [ -z "$packages" ]; then
    # A mirror that does not answer is an error, and not a package that does not exist.
    exec apt-get update --option APT::Update::Error-Mode=any "$@"
fi
# shellcheck disable=SC2086
apt-get install --yes --no-install-recommends "$@" \
    -o Dir::State::Lists=/lists/var/lib/apt/lists -o Dir::Cache=/tmp/apt $packages
rm -rf /tmp/apt /var/log/apt /var/log/*.log /var/cache/debconf/*-old /var/lib/dpkg/*-old

#!/bin/sh
# What bench/bare_machine.py measures the provisioner against: the same steps, one after the other, as root on a Debian 13 with systemd.
set -eu
export DEBIAN_FRONTEND=noninteractive BUILDX_NO_DEFAULT_ATTESTATIONS=1 SOURCE_DATE_EPOCH=1700000000 TMPDIR=/var/lib
project=/root/.local/state/olympia/addons-server
files='--file docker-compose.yml --file docker-compose.ci.yml'

apt-get update
apt-get install --yes --no-install-recommends \
    ca-certificates containerd docker-buildx docker-cli docker-compose docker.io iptables mmdebstrap procps

sh -eu /straight/base.sh

cd /straight/images
PIP_CONF=$(cat /straight/pip.conf) docker buildx bake --set '*.output=type=docker,compression=uncompressed'

cd "$project"
# shellcheck disable=SC2086
docker buildx bake $files --set web.output=type=docker,compression=uncompressed web
docker volume create addons-server_data_mysqld
docker compose up --detach --wait
docker compose exec --no-TTY web olympia-entrypoint make --file=Makefile-docker initialize
docker compose up --detach --wait

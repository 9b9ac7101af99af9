#!/bin/sh
# Runs on the host before the first package is there, with the root's directory as $1.
set -eu
# Merged from the start: else the package usrmerge does it, and brings all of perl along.
for directory in bin sbin lib lib64; do
    mkdir -p "$1/usr/$directory"
    ln -s "usr/$directory" "$1/$directory"
done
mkdir -p "$1/etc/apt/preferences.d" "$1/etc/dpkg/dpkg.cfg.d"
cat > "$1/etc/apt/preferences.d/no-usrmerge" <<CONF
Package: usrmerge
Pin: release *
Pin-Priority: -1
CONF
# Nobody reads manuals in a container, and an image that is made anew after a crash needs no fsync.
cat > "$1/etc/dpkg/dpkg.cfg.d/container" <<CONF
force-unsafe-io
path-exclude=/usr/share/doc/*
path-include=/usr/share/doc/*/copyright
path-exclude=/usr/share/info/*
path-exclude=/usr/share/locale/*
path-exclude=/usr/share/man/*
CONF

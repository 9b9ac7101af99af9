#!/bin/sh
# Runs on the host when all packages are there, with the root's directory as $1.
set -eu
rm "$1/etc/apt/preferences.d/no-usrmerge"
# This host's own, which would make its base image another one than every other host's.
rm -f "$1/etc/hostname" "$1/etc/resolv.conf"
# The essential packages were unpacked before dpkg knew what to leave out.
rm -rf "$1"/usr/share/info/* "$1"/usr/share/locale/* "$1"/usr/share/man/* "$1"/var/log/*.log "$1"/var/log/apt/*
find "$1/usr/share/doc" -type f ! -name copyright -delete
# In a build no package starts its service.
printf '#!/bin/sh\nexit 101\n' > "$1/usr/sbin/policy-rc.d"
chmod 0755 "$1/usr/sbin/policy-rc.d"

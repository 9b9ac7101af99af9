#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Prints what a run in check mode could have changed on a host: packages, configuration, the engine's process.
dpkg-query --show
find /etc -type f -exec sha256sum {} + | sort
find /etc -printf '%p %m %u %g %l\n' | sort
ls /run/docker.pid /run/olympia-docker.pending 2>&1
if test -e /run/docker.pid; then cat /run/docker.pid; fi

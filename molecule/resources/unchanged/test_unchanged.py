# SPDX-License-Identifier: BSD-3-Clause
"""The hosts after the role in check mode: as they were."""

from __future__ import annotations

from testinfra.host import Host


def test_check_mode_has_changed_nothing(host: Host) -> None:
    with host.sudo():
        before = host.check_output("cat /var/lib/host_state")
        assert host.check_output("host_state").splitlines() == before.splitlines()

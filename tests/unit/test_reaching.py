# SPDX-License-Identifier: BSD-3-Clause
"""What is said of a host key that ssh does not accept."""

from __future__ import annotations

import pytest
from ansible_collections.addons.olympia.plugins.plugin_utils.actions.reaching import unknown_key

UNKNOWN = "Failed to connect to the host via ssh: Host key verification failed."


@pytest.mark.parametrize(
    ("port", "user", "command"),
    [
        (None, None, "'ssh vm1.example.org'"),
        (22, "ana", "'ssh -p 22 ana@vm1.example.org'"),
    ],
)
def test_the_command_that_verifies_a_key_leads_to_where_ansible_went(
    port: int | None, user: str | None, command: str
) -> None:
    said = unknown_key(UNKNOWN, "vm1.example.org", port, user)
    assert said.startswith("The SSH host key of vm1.example.org is not known here.")
    assert command in said


def test_other_failures_are_left_to_ssh() -> None:
    assert unknown_key("ssh: connect to host vm1.example.org port 22: Connection refused", "vm1", None, None) == ""
    # Nobody is told to take another key for good.
    changed = "WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!\nHost key verification failed."
    assert unknown_key(changed, "vm1", None, None) == ""

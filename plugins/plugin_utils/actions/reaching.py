# SPDX-License-Identifier: BSD-3-Clause
"""Action plugins that a run can begin with on a host: they explain an unknown host key. Runs on the controller."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

# ssh's own messages. That about a changed key needs no explanation.
REFUSED = "Host key verification failed"
CHANGED = "REMOTE HOST IDENTIFICATION HAS CHANGED"


def unknown_key(said: str, host: str, port: int | None, user: str | None) -> str:
    """Return how to accept an unknown host key; the empty string for other errors.

    Args:
        said: What the connection has said.
        host: The machine's address.
        port: Its port; SSH's own where it is None.
        user: Who logs in; the caller where it is None.
    """
    if REFUSED not in said or CHANGED in said:
        return ""
    login = " ".join(["ssh", *([f"-p {port}"] if port else []), f"{user}@{host}" if user else host])
    return (
        f"The SSH host key of {host} is not known here. Log in once with '{login}', and compare the fingerprint that it shows "
        "with the machine's own (docs/shared.md#host-keys)"
    )


class ReachingAction(ActionBase):
    """Runs modules, and explains an unknown host key. By default, it runs the module of the same name."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module and return its result."""
        super().run(tmp, task_vars)
        return self._execute_module(task_vars=task_vars)

    def _execute_module(self, *arguments: Any, **named: Any) -> dict[str, Any]:
        """Run a module and return its result.

        Raises:
            AnsibleConnectionFailure: The host cannot be reached.
        """
        try:
            result: dict[str, Any] = super()._execute_module(*arguments, **named)
        except AnsibleConnectionFailure as error:
            if self._connection.transport == "ssh":
                place = [self._connection.get_option(option) for option in ("host", "port", "remote_user")]
                if problem := unknown_key(str(error), *place):
                    raise AnsibleConnectionFailure(problem) from error
            raise
        return result

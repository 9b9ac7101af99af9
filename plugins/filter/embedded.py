# SPDX-License-Identifier: BSD-3-Clause
"""Filter of the role olympia_stack: the embedded application as data, to be written to a host in one step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.addons.olympia.plugins.plugin_utils.rendering.app_source import source_files


class FilterModule:
    """Ansible's way to find the filter."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"source_files": source_files}

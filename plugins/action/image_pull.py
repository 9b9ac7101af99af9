# SPDX-License-Identifier: BSD-3-Clause
"""Action: run the module of the same name, and show its progress."""

from __future__ import annotations

from ansible_collections.addons.olympia.plugins.plugin_utils.actions.live import LiveAction


class ActionModule(LiveAction):
    """Takes what the module takes."""

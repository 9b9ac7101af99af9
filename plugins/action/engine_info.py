# SPDX-License-Identifier: BSD-3-Clause
"""Action: run the module of the same name, and explain an unknown host key."""

from __future__ import annotations

from ansible_collections.addons.olympia.plugins.plugin_utils.actions.reaching import ReachingAction


class ActionModule(ReachingAction):
    """Takes what the module takes."""

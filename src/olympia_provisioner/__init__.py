# SPDX-License-Identifier: BSD-3-Clause
"""The driver of the addons.olympia collection: runs its playbooks and says what happened."""

from .api import Result, Stack
from .errors import OlympiaError

__all__ = ["OlympiaError", "Result", "Stack"]

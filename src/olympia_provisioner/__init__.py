# SPDX-License-Identifier: BSD-3-Clause
"""The driver of the addons.olympia collection: it runs the playbooks and reports the outcome."""

from .api import Result, Stack
from .errors import Problem

__all__ = ["Problem", "Result", "Stack"]

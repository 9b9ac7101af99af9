# SPDX-License-Identifier: BSD-3-Clause
"""Mask texts that look like credentials before they leave the host. Known secrets are masked by Ansible itself."""

from __future__ import annotations

import re
from typing import Any

MASK = "********"
# user:password@ in an address, and what npm and Docker write into their configurations.
URL_CREDENTIALS = re.compile(r"(?<=://)[^/\s\"']+(?=@)")
TOKENS = re.compile(r"(_auth|_authToken|_password|\"auth\"|\"identitytoken\")(\s*[=:]\s*\"?)[^\s\"]+")

# What variables are called whose values nobody else is to see.
SECRET_NAME = re.compile(r"SECRET|TOKEN|PASSW|PASSPHRASE|CREDENTIAL|PRIVATE|(^|_)(API)?KEY($|_)", re.IGNORECASE)


def looks_secret(name: str) -> bool:
    """Return whether a variable's name says that its value is a secret."""
    return bool(SECRET_NAME.search(name))


def mask_named(value: Any) -> Any:
    """Return a value without what stands in its dictionaries under names that say so.

    Args:
        value: Any value.
    """
    if isinstance(value, dict):
        return {key: MASK if looks_secret(str(key)) and item != "" else mask_named(item) for key, item in value.items()}
    return [mask_named(item) for item in value] if isinstance(value, list) else value


def mask(value: Any) -> Any:
    """Return a value without the credentials in its texts.

    Args:
        value: Any text, such as a log or a configuration; or lists and dictionaries with texts in them.
    """
    if isinstance(value, dict):
        return {key: mask(item) for key, item in value.items()}
    if isinstance(value, list):
        return [mask(item) for item in value]
    if isinstance(value, str):
        return TOKENS.sub(rf"\1\2{MASK}", URL_CREDENTIALS.sub(MASK, value))
    return value

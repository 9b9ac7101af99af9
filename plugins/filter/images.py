# SPDX-License-Identifier: BSD-3-Clause
"""Filters of the role olympia_images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.addons.olympia.plugins.module_utils import images


def image_tags(role_path: str, release: str) -> dict[str, str]:
    """Return the tags of the role's images, by name.

    Args:
        role_path: The role's directory.
        release: Debian release.
    """
    return images.image_tags(images.image_files(Path(role_path, "files")), release)


def image_project(role_path: str, release: str, with_pip_config: bool = False) -> dict[str, str]:
    """Return the bake project of the role's images, as text by path.

    Args:
        role_path: The role's directory.
        release: Debian release.
        with_pip_config: Whether bake's environment has PIP_CONF.
    """
    return images.bake_project(images.image_files(Path(role_path, "files")), release, with_pip_config)


class FilterModule:
    """Ansible's way to find the filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"image_tags": image_tags, "image_project": image_project}

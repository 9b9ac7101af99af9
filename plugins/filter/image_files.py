# SPDX-License-Identifier: BSD-3-Clause
"""Filters about images. Most take the directory of the role olympia_images, whose files are the images' inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.addons.olympia.plugins.module_utils.stack import service_images as images
from ansible_collections.addons.olympia.plugins.module_utils.stack import services
from ansible_collections.addons.olympia.plugins.module_utils.stack.derived import in_registry


def image_tags(
    role_path: str, release: str, sources: Sequence[str], mysql: str, on_request: Sequence[str] = ()
) -> dict[str, str]:
    """Return the tags of the role's images, by name.

    Args:
        role_path: The role's directory.
        release: Debian release.
        sources: Package sources of the images.
        mysql: Package source of MySQL's image, or the empty string.
        on_request: The services that are wanted though no stack has them by default.
    """
    return images.image_tags(_files(role_path), release, sources, mysql, on_request)


def image_bases(role_path: str, release: str, sources: Sequence[str], mysql: str) -> list[dict[str, Any]]:
    """Return the role's base images: the name, tag, release and package sources of each.

    Args:
        role_path: The role's directory.
        release: Debian release.
        sources: Package sources of the images.
        mysql: Package source of MySQL's image, or the empty string.
    """
    return images.image_bases(_files(role_path), release, sources, mysql)


def image_base_options(role_path: str) -> list[str]:
    """Return the options with which mmdebstrap makes each of the role's base images.

    Args:
        role_path: The role's directory.
    """
    return images.base_options(_files(role_path))


def image_project(role_path: str, tags: Mapping[str, str], **build: Any) -> dict[str, str]:
    """Return the bake project of the role's service images, as text by path.

    Args:
        role_path: The role's directory.
        tags: The images' tags.
        build: The further arguments of `bake_project`.
    """
    return images.bake_project(_files(role_path), tags, **build)


def asked_image(registry: str) -> str:
    """Return the image, a small one, that a registry is asked for to see whether it answers.

    Args:
        registry: The registry; empty for Docker Hub.
    """
    return in_registry(registry, services.registry_references()[services.roles()["cache"]])


def _files(role_path: str) -> dict[str, str]:
    return images.image_files(Path(role_path, "files"))


class FilterModule:
    """Ansible's way to find the filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {
            "asked_image": asked_image,
            "image_base_options": image_base_options,
            "image_bases": image_bases,
            "image_project": image_project,
            "image_tags": image_tags,
        }

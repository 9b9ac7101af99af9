# SPDX-License-Identifier: BSD-3-Clause
"""The application image: which one the settings mean, whether it is pulled or built, and what is wrong with its name.

Pure functions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.addons.olympia.plugins.module_utils.core.problem import Problem
from ansible_collections.addons.olympia.plugins.module_utils.host.registry import MISSING, SENTENCES

LOCAL = "local"  # the version of an image that no registry has
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# The grammar of the distribution project's reference package; a name starts with its registry's host, if any.
_HOST = r"[a-zA-Z0-9]+(-+[a-zA-Z0-9]+)*(\.[a-zA-Z0-9]+(-+[a-zA-Z0-9]+)*)*(:[0-9]+)?"
_PART = r"[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*"
IMAGE_NAME = re.compile(rf"({_HOST}/)?{_PART}(/{_PART})*")
LONGEST_NAME = 255
IMAGE_VERSION = re.compile(r"\w[\w.-]{0,127}", re.ASCII)


@dataclass(frozen=True)
class ApplicationImage:
    """The application image that the settings ask for.

    Attributes:
        name: Its name, without version and digest.
        version: Its version; `local` for one that is built here.
        digest: Its digest, or the empty string. It is stronger than the version.
    """

    name: str
    version: str
    digest: str

    @property
    def pulled(self) -> bool:
        """Whether it comes from a registry."""
        return bool(self.digest) or self.version != LOCAL

    @property
    def reference(self) -> str:
        """What names it for the engine."""
        return f"{self.name}@{self.digest}" if self.digest else f"{self.name}:{self.version}"

    def built_here(self) -> ApplicationImage:
        """Return the image that stands in for it when it has to be built."""
        return replace(self, digest="")


def application_image(values: Mapping[str, Any]) -> ApplicationImage:
    """Return the application image that the settings ask for.

    Args:
        values: Resolved settings by variable.
    """
    rest, _separator, digest = values["olympia_stack_tag"].partition("@")
    # A colon before the last slash is that of a registry's port.
    path, slash, last = rest.rpartition("/")
    last, _separator, version = last.partition(":")
    given_version = values["olympia_stack_version"]
    return ApplicationImage(
        name=values["olympia_stack_image"] or f"{path}{slash}{last}" or f"olympia/{values['olympia_stack_instance']}",
        version=given_version or version or LOCAL,
        digest=values["olympia_stack_digest"] or ("" if given_version else digest),
    )


def is_name(text: str) -> bool:
    """Return whether a text can name an image, without version and digest."""
    return len(text) <= LONGEST_NAME and bool(IMAGE_NAME.fullmatch(text))


def is_reference(text: str) -> bool:
    """Return whether a text can name an image, with or without version and digest."""
    rest, at, digest = text.partition("@")
    path, slash, last = rest.rpartition("/")
    last, colon, version = last.partition(":")
    return (
        is_name(f"{path}{slash}{last}")
        and (not colon or bool(IMAGE_VERSION.fullmatch(version)))
        and (not at or bool(DIGEST.fullmatch(digest)))
    )


def check_purpose(values: Mapping[str, Any], purpose: str) -> list[Problem]:
    """Return every reason why the settings do not fit what they are for.

    Args:
        values: Resolved settings by variable.
        purpose: As the preflight action takes it.
    """
    image = application_image(values)
    problems = []
    if purpose in ("build", "push") and image.digest:
        problems.append(
            Problem(
                what=f"a {purpose} makes a new image, and a digest names one that there is",
                setting=_given(values, "olympia_stack_digest"),
                fix="Name a version in its place: DOCKER_DIGEST= DOCKER_VERSION=...",
            )
        )
    if purpose == "push" and not image.pulled:
        problems.append(
            Problem(
                what=f"a push publishes a version, and '{LOCAL}' is none",
                setting="olympia_stack_version",
                fix="Name one: DOCKER_VERSION=..., or DOCKER_TAG=IMAGE:VERSION",
            )
        )
    return problems


def check_name(values: Mapping[str, Any]) -> list[Problem]:
    """Return every reason why the settings cannot name an image.

    Args:
        values: Resolved settings by variable.
    """
    image = application_image(values)
    problems = []
    if image.digest and not DIGEST.fullmatch(image.digest):
        problems.append(
            Problem(
                what=f"'{image.digest}' is not a digest",
                setting=_given(values, "olympia_stack_digest"),
                fix="A digest is sha256: and 64 digits of 0-9a-f, as 'push' prints it.",
            )
        )
    # Without a name of its own the image is named after the instance, whose name is another setting's affair.
    if (values["olympia_stack_image"] or values["olympia_stack_tag"]) and not is_name(image.name):
        problems.append(
            Problem(
                what=f"'{image.name}' cannot name an image",
                setting=_given(values, "olympia_stack_image"),
                fix="Use lower-case letters and digits, with . _ - / between them, behind the registry's host if it needs one.",
            )
        )
    if not IMAGE_VERSION.fullmatch(image.version):
        problems.append(
            Problem(
                what=f"'{image.version}' cannot be the version of an image",
                setting=_given(values, "olympia_stack_version"),
                fix="Use letters, digits and . _ -, 128 at most.",
            )
        )
    if image.pulled and values["olympia_stack_target"] == "development":
        problems.append(
            Problem(
                what=f"{image.reference} comes from a registry, and no development image is published",
                setting="olympia_stack_target",
                fix="Use DOCKER_TARGET=production, or take back what names the image: "
                "make up DOCKER_TAG= DOCKER_VERSION= DOCKER_DIGEST=",
            )
        )
    return problems


def _given(values: Mapping[str, Any], setting: str) -> str:
    """Return the setting that an image's name, version or digest was given with."""
    return setting if values[setting] else "olympia_stack_tag"


def check_registry(values: Mapping[str, Any], facts: Mapping[str, Any]) -> list[Problem]:
    """Return a problem where the registry has no such image.

    Args:
        values: Resolved settings by variable.
        facts: What the probe found.
    """
    if facts["application"]["registry"] != MISSING:
        return []
    image = application_image(values)
    return [
        Problem(
            what=f"{image.reference}: {SENTENCES[MISSING]}",
            setting=_given(values, "olympia_stack_digest" if image.digest else "olympia_stack_version"),
            cause=facts["application"]["evidence"],
            fix="Check name, version and digest; 'make push DOCKER_VERSION=...' publishes one. "
            "Without any the image is built here: make up DOCKER_TAG= DOCKER_VERSION= DOCKER_DIGEST=",
        )
    ]

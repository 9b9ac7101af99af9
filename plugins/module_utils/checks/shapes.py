# SPDX-License-Identifier: BSD-3-Clause
"""What the values of settings have to look like, so that each file and program that they get into takes them as they are meant.

Pure functions.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..core.problem import Problem
from ..settings.sources import STACK_PREFIX, short_name
from ..stack import database, services
from ..stack.application import is_name, is_reference

LONGEST_HOST_NAME = 253
HOST_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
SITE_URL = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?")
SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
VERSION = re.compile(r"\d+\.\d+\.\d+")
PACKAGE_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")
# What apt-get takes: behind the name an architecture, and a version or a release.
PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+(:[a-z0-9-]+)?([=/][A-Za-z0-9.+:~-]+)?")


@dataclass(frozen=True)
class Shape:
    """What a text has to be.

    Attributes:
        accepts: Whether it is.
        wanted: What that is, in words that follow "is not".
        fix: What to do, in a sentence.
    """

    accepts: Callable[[str], object]
    wanted: str
    fix: str


def is_host_name(text: str) -> bool:
    """Return whether a text can be the name of a host."""
    return len(text) <= LONGEST_HOST_NAME and all(HOST_LABEL.fullmatch(label) for label in text.split("."))


def is_address(text: str) -> bool:
    """Return whether a text is an IP address; no zone behind it, for the engine knows none."""
    try:
        return bool(ipaddress.ip_address(text)) and "%" not in text
    except ValueError:
        return False


def is_directory(text: str) -> bool:
    """Return whether a text names the same directory wherever it is read; for Docker, a colon ends the host's part of a mount."""
    return text.startswith(("/", "~/")) and ":" not in text


def is_bundle(text: str) -> bool:
    """Return whether a text can name the file of a build's secret, which Bake writes into a list with commas."""
    return text == "auto" or (text.startswith("/") and not {",", '"'} & set(text))


def one_of(names: Mapping[str, Any] | tuple[str, ...]) -> Shape:
    """Return the shape of a name of a service."""
    return Shape(names.__contains__, "a service that this can be set for", f"Name any of {', '.join(names)}.")


def key_shapes() -> dict[str, Shape]:
    """Return what the keys of settings have to be. On the controller, which knows the services."""
    return {
        "olympia_stack_service_images": one_of(services.registry_references()),
        "olympia_stack_debian_package_replacements": Shape(
            PACKAGE_NAME.fullmatch, "the name of a package", "Use that alone."
        ),
        "olympia_stack_environment": Shape(
            VARIABLE.fullmatch, "the name of a variable", "Use letters, digits and _, and begin with no digit."
        ),
        # Users' own Compose files add services of other names.
        "olympia_stack_wait_timeouts": Shape(
            SERVICE.fullmatch,
            "the name of a service",
            f"Name any of {', '.join(services.started())}, or one of your own.",
        ),
    }


DIRECTORY = Shape(is_directory, "the path of a directory, without a colon", "Begin it with / or ~/.")
REFERENCE = Shape(
    is_reference, "the reference of an image", "Use NAME, NAME:VERSION or NAME@DIGEST, the name in lower case."
)
PACKAGES = Shape(PACKAGE.fullmatch, "a Debian package", "Use NAME, NAME=VERSION or NAME/RELEASE.")
SHAPES = {
    "olympia_stack_project_dir": DIRECTORY,
    "olympia_stack_source_dir": DIRECTORY,
    "olympia_stack_host_name": Shape(
        is_host_name, "a host name", "Use lower-case letters, digits and '-', with dots between."
    ),
    "olympia_stack_site_url": Shape(
        SITE_URL.fullmatch, "the address of a site", "Begin it with http:// or https://, and end it before the path."
    ),
    "olympia_stack_bind_address": Shape(is_address, "an IP address", "Use one of the host's, or 0.0.0.0 for all."),
    "olympia_stack_ca_bundle": Shape(is_bundle, "the path of a file, without a comma", "Begin it with /, or use auto."),
    "olympia_stack_elasticsearch_version": Shape(
        VERSION.fullmatch, "a version", "Use numbers with dots between, such as 8.19.8."
    ),
    "olympia_stack_base_image": REFERENCE,
    "olympia_stack_registry": Shape(is_name, "a registry", "Use its host and, if it needs one, a path in lower case."),
    "olympia_stack_service_images": REFERENCE,
    "olympia_stack_base_packages": PACKAGES,
    "olympia_stack_debian_package_replacements": PACKAGES,
    "olympia_images_database": Shape(
        database.WANTED.fullmatch, "a database server", "Use auto, mariadb, mysql, or mysql/RELEASE."
    ),
    "olympia_stack_wait_timeouts": Shape(str.isdecimal, "a number of seconds", "Give each service that you name one."),
}
# Those for which an empty text would mean something else: Docker takes it for all addresses, or for the latest version.
NEVER_EMPTY = ("olympia_images_database", "olympia_stack_bind_address", "olympia_stack_elasticsearch_version")
LINE = Shape(str.isprintable, "one line of text that can be shown", "Leave out line breaks and control characters.")


def texts(value: Any) -> Iterator[str]:
    """Yield each text in the value of a setting, but for keys; none for a setting that is empty.

    Args:
        value: Any value: a text or a number, or a list or a dictionary of such.
    """
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from texts(item) if isinstance(item, list) else (str(item),)
    elif value != "":
        yield str(value)


def check(values: Mapping[str, Any]) -> list[Problem]:
    """Return every reason why a text in a setting cannot be what it stands for, one for each setting at most.

    Args:
        values: Resolved settings by variable.
    """
    problems, shapes_of_keys = [], key_shapes()
    for variable, value in values.items():
        if not variable.startswith(STACK_PREFIX) and variable not in SHAPES:
            continue
        keys = [str(key) for key in value] if isinstance(value, dict) else []
        found = [(text, SHAPES.get(variable, LINE)) for text in texts(value)]
        found += [("", SHAPES[variable])] if value == "" and variable in NEVER_EMPTY else []
        found += [(key, shapes_of_keys.get(variable, LINE)) for key in keys]
        for text, shape in found:
            broken = next((one for one in (LINE, shape) if not one.accepts(text)), None)
            if broken:
                problems.append(
                    Problem(
                        what=f"{short_name(variable)}: {text!a} is not {broken.wanted}",
                        setting=variable,
                        fix=broken.fix,
                    )
                )
                break
    return problems

# SPDX-License-Identifier: BSD-3-Clause
"""The package indexes of the host's pip and npm configuration, for builds."""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Mapping
from pathlib import Path

PIP_KEYS = ("index-url", "extra-index-url", "trusted-host")
# The sections of what a build does, weakest first (pip user guide, "Configuration").
PIP_SECTIONS = ("global", "install")
VARIABLE = re.compile(r"\$\{(\w+)\}")


def home(environment: Mapping[str, str]) -> Path:
    """Return the home directory; the root directory, which has no settings, for a user without one.

    Args:
        environment: The process environment.
    """
    if environment.get("HOME"):
        return Path(environment["HOME"])
    try:
        return Path.home()
    except RuntimeError:
        return Path("/")


def pip_files(environment: Mapping[str, str]) -> list[Path]:
    """Return the files that pip reads, weakest first (pip documentation, "Configuration", "Location").

    Args:
        environment: The process environment. With PIP_CONFIG_FILE=/dev/null pip reads none.
    """
    own = environment.get("PIP_CONFIG_FILE", "")
    if own == os.devnull:
        return []
    configuration = Path(environment.get("XDG_CONFIG_HOME") or home(environment) / ".config")
    shared = (environment.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":")
    files = [*(Path(folder, "pip/pip.conf") for folder in reversed(shared)), Path("/etc/pip.conf")]
    return [*files, home(environment) / ".pip/pip.conf", configuration / "pip/pip.conf", *([Path(own)] if own else [])]


def pip_config(files: list[Path] | None = None, environment: Mapping[str, str] | None = None) -> str:
    """Return a pip configuration with the host's package indexes, or the empty string if it uses pip's own.

    Indexes that are files on the host are left out: a build does not see them.

    Args:
        files: Configuration files, weakest first; by default those that pip reads.
        environment: Environment, by default the process's; PIP_INDEX_URL and its kin are stronger than the files.
    """
    environment = os.environ if environment is None else environment
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.read(pip_files(environment) if files is None else files)
    found: dict[str, str] = {}
    for section in PIP_SECTIONS:
        found |= dict(parser[section]) if parser.has_section(section) else {}
    found |= {
        key: environment[name] for key in PIP_KEYS if (name := "PIP_" + key.upper().replace("-", "_")) in environment
    }
    usable = {
        key: " ".join(part for part in found.get(key, "").split() if not part.startswith(("file:", "/")))
        for key in PIP_KEYS
    }
    lines = [f"{key} = {value}" for key, value in usable.items() if value]
    return "\n".join(["[global]", *lines, ""]) if lines else ""


def npm_config(files: list[Path] | None = None, environment: Mapping[str, str] | None = None) -> str:
    """Return an npm configuration with the host's registries and their credentials, or the empty string.

    A line with a variable that is not there is left out, as a build has no variables of the host's (npm documentation, "npmrc").

    Args:
        files: Configuration files, weakest first; by default the global and the user's.
        environment: Environment, by default the process's; npm_config_registry, in any case, is stronger than the files.
    """
    environment = os.environ if environment is None else environment
    given = {name.lower(): value for name, value in environment.items() if name.lower().startswith("npm_config_")}
    own = [Path(given.get("npm_config_globalconfig") or "/etc/npmrc")]
    own.append(Path(given.get("npm_config_userconfig") or home(environment) / ".npmrc"))
    lines: dict[str, str] = {}
    for path in own if files is None else files:
        try:
            text = path.read_text(encoding="utf-8")
        except OSError:
            continue
        for line in text.splitlines():
            key, separator, value = (part.strip() for part in line.partition("="))
            wanted = key == "registry" or key.startswith("//") or key.endswith(":registry")
            if separator and wanted and all(name in environment for name in VARIABLE.findall(value)):
                lines[key] = VARIABLE.sub(lambda found: environment[found[1]], value)
    if registry := given.get("npm_config_registry"):
        lines["registry"] = registry
    return "".join(f"{key}={value}\n" for key, value in lines.items())

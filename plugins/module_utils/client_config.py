# SPDX-License-Identifier: BSD-3-Clause
"""The host's own pip and npm settings, reduced to what a build can use: where packages come from."""

from __future__ import annotations

import configparser
import os
from collections.abc import Mapping
from pathlib import Path

PIP_KEYS = ("index-url", "extra-index-url", "trusted-host")


def pip_config(files: list[Path] | None = None, environment: Mapping[str, str] | None = None) -> str:
    """Return a pip configuration with the host's package indexes, or the empty string where it uses pip's own.

    Indexes that are files on the host are left out: a build does not see them.

    Args:
        files: Configuration files, weakest first; by default those that pip reads (pip user guide, "Location").
        environment: Environment, by default the process's; PIP_INDEX_URL and its kin are stronger than the files.
    """
    environment = os.environ if environment is None else environment
    home = Path.home()
    candidates = files or [Path("/etc/pip.conf"), home / ".pip/pip.conf", home / ".config/pip/pip.conf"]
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.read(candidates)
    found = dict(parser["global"]) if parser.has_section("global") else {}
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
    """Return an npm configuration with the host's registry and its credentials, or the empty string.

    Args:
        files: Configuration files, weakest first; by default the global and the user's.
        environment: Environment, by default the process's; NPM_CONFIG_REGISTRY is stronger than the files.
    """
    environment = os.environ if environment is None else environment
    lines: dict[str, str] = {}
    for path in files or [Path("/etc/npmrc"), Path.home() / ".npmrc"]:
        try:
            text = path.read_text(encoding="utf-8")
        except OSError:
            continue
        for line in text.splitlines():
            key, separator, value = (part.strip() for part in line.partition("="))
            if separator and (key == "registry" or key.startswith("//")):
                lines[key] = value
    if registry := environment.get("NPM_CONFIG_REGISTRY"):
        lines["registry"] = registry
    return "".join(f"{key}={value}\n" for key, value in lines.items())

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Write docs/settings.md from the roles' argument specifications."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/settings.md"
ROLES = ("olympia_stack", "olympia_docker", "olympia_images")
INTRODUCTION = """# Settings

Every setting is a variable of a role. Give it in an inventory, with `-e NAME=value`, or with `make up NAME=value`, where
those of the stack role also have the short name that stands below in brackets. What is given on a command line or in the
environment (`COMPOSE_FILE`, `HOST_UID`, `DOCKER_*`, `OLYMPIA_STACK_*`) persists in the instance's `.env`; an empty value
(`make up HTTP_PORT=`) takes it back. Strongest first: command line, environment, persisted choice, inventory, default.

This page is made from the roles' argument specifications (`make docs`).
"""


def plain(text: str | list[str]) -> str:
    """Return a description without Ansible's markup, as Markdown.

    Args:
        text: The description of an option: a sentence, or several.
    """
    joined = text if isinstance(text, str) else " ".join(text)
    return re.sub(r"\b[COVP]\(([^)]*)\)", r"`\1`", joined)


def section(role: str, short_names: dict[str, str]) -> str:
    """Return the section of one role.

    Args:
        role: The role's name.
        short_names: Short name by variable, where there is one.
    """
    text = (ROOT / "roles" / role / "meta/argument_specs.yml").read_text(encoding="utf-8")
    main: dict[str, Any] = yaml.safe_load(text)["argument_specs"]["main"]
    lines = [f"## {role}", "", plain(main["short_description"]) + ".", ""]
    for name, option in main["options"].items():
        short = f" [{short_names[name]}]" if name in short_names else ""
        kind = f"{option['type']} of {option['elements']}" if "elements" in option else option["type"]
        choices = f", one of {', '.join(repr(choice) for choice in option['choices'])}" if "choices" in option else ""
        lines += [
            f"- **`{name}`**{short} ({kind}{choices}; default `{option['default']!r}`):",
            f"  {plain(option['description'])}",
        ]
    return "\n".join([*lines, ""])


def page() -> str:
    """Return the page's whole text."""
    sys.path.insert(0, str(ROOT / "collections"))
    from ansible_collections.addons.olympia.plugins.module_utils.settings import STACK_PREFIX, short_name

    text = (ROOT / "roles/olympia_stack/defaults/main.yml").read_text(encoding="utf-8")
    short_names = {name: short_name(name) for name in yaml.safe_load(text) if name.startswith(STACK_PREFIX)}
    return "\n".join([INTRODUCTION, *(section(role, short_names) for role in ROLES)])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

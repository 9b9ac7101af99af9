#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Write docs/settings.md and the roles' README.md from the argument specifications."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
ROLES = ("olympia_stack", "olympia_docker", "olympia_images", "olympia_tenant", "olympia_proxy", "olympia_builds")
INTRODUCTION = """# Settings

Every setting is a variable of a role. Give it in an inventory, with `-e NAME=value`, or with `make up NAME=value`, where
those of the stack role also have the short name that stands below in brackets. What is given on a command line or in the
[environment](reference/environment.md) persists in the instance's `.env`; an empty value (`make up HTTP_PORT=`) takes it back.
Strongest first: command line, environment, persisted choice, inventory, what the host gives (a worktree's name, free ports),
default.

This page is made from the roles' argument specifications (`make docs`).
"""


def plain(text: str | list[str]) -> str:
    """Return a description without Ansible's markup, as Markdown.

    Args:
        text: The description of an option: a sentence, or several.
    """
    joined = text if isinstance(text, str) else " ".join(text)
    return re.sub(r"\b[COVP]\(([^)]*)\)", r"`\1`", joined)


def entry_points(role: str) -> dict[str, Any]:
    """Return the specifications of a role's entry points, by name."""
    text = (ROOT / "roles" / role / "meta/argument_specs.yml").read_text(encoding="utf-8")
    specs: dict[str, Any] = yaml.safe_load(text)["argument_specs"]
    return specs


def section(role: str, short_names: dict[str, str]) -> str:
    """Return the section of one role.

    Args:
        role: The role's name.
        short_names: Short name by variable, where there is one.
    """
    main = entry_points(role)["main"]
    lines = [f"## {role}", "", plain(main["short_description"]) + ".", ""]
    for name, option in main["options"].items():
        lines += entry(name, option, short_names)
        for part, of_part in option.get("options", {}).items():
            lines += [f"  {line}" for line in entry(part, of_part, {})]
    return "\n".join([*lines, ""])


def entry(name: str, option: dict[str, Any], short_names: dict[str, str]) -> list[str]:
    """Return the lines about one setting, or about one part of it.

    Args:
        name: Its name.
        option: Its specification.
        short_names: Short name by variable, where there is one.
    """
    short = f" [{short_names[name]}]" if name in short_names else ""
    kind = f"{option['type']} of {option['elements']}" if "elements" in option else option["type"]
    choices = f", one of {', '.join(repr(choice) for choice in option['choices'])}" if "choices" in option else ""
    default = f"default `{option['default']!r}`" if "default" in option else "no default"
    return [f"- **`{name}`**{short} ({kind}{choices}; {default}):", f"  {plain(option['description'])}"]


def readme(role: str) -> str:
    """Return the page of one role, as a collection's readers look for it.

    Args:
        role: The role's name.
    """
    main, others = entry_points(role)["main"], {k: v for k, v in entry_points(role).items() if k != "main"}
    lines = [f"# addons.olympia.{role}", "", f"{plain(main['short_description'])}.", ""]
    for paragraph in main["description"]:
        lines += [plain(paragraph), ""]
    lines += ["```yaml", "- hosts: all", "  roles:", f"    - addons.olympia.{role}", "```", ""]
    if others:
        lines += ["| `tasks_from` | what it does |", "|---|---|"]
        lines += [f"| `{name}` | {plain(spec['short_description'])} |" for name, spec in others.items()]
        lines += [""]
    lines += [f"Settings: [docs/settings.md](../../docs/settings.md#{role})."]
    return "\n".join([*lines, ""])


def settings_page() -> str:
    """Return the text of docs/settings.md."""
    sys.path.insert(0, str(ROOT / "collections"))
    from ansible_collections.addons.olympia.plugins.module_utils.settings.sources import (
        STACK_PREFIX,
        short_name,
    )

    text = (ROOT / "roles/olympia_stack/defaults/main.yml").read_text(encoding="utf-8")
    short_names = {name: short_name(name) for name in yaml.safe_load(text) if name.startswith(STACK_PREFIX)}
    return "\n".join([INTRODUCTION, *(section(role, short_names) for role in ROLES)])


def pages() -> dict[Path, str]:
    """Return the text of each page, by file."""
    return {ROOT / "docs/settings.md": settings_page()} | {
        ROOT / "roles" / role / "README.md": readme(role) for role in ROLES
    }


if __name__ == "__main__":
    for file, text in pages().items():
        file.write_text(text, encoding="utf-8")

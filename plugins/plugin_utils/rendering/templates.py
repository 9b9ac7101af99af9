# SPDX-License-Identifier: BSD-3-Clause
"""How files are rendered on the controller, many at once."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import jinja2
from ansible_collections.addons.olympia.plugins.module_utils.host.trees import MANAGED_MARK

MANAGED = f"This file is {MANAGED_MARK} (Ansible). Changes made here are lost with the next run."


# An environment keeps the templates that it has compiled.
@cache
def environment(templates: Path) -> jinja2.Environment:
    """Return what renders the templates of a folder: a value that is not there is an error that names it.

    Args:
        templates: The folder.
    """
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )

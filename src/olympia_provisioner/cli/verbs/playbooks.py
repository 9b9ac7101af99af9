# SPDX-License-Identifier: BSD-3-Clause
"""The verbs that run the playbook of the same name."""

from __future__ import annotations

from collections.abc import Callable

from ..assignments import TENANT
from . import nightly
from .base import Context, Verb


def run(context: Context) -> None:
    """Run the playbook of the same name.

    Args:
        context: The command.

    Raises:
        Problem: The playbook failed.
    """
    with context.alone():
        context.prepare(context.arguments.verb).execute()


def up(context: Context) -> None:
    """Bring the stack up.

    Args:
        context: The command.

    Raises:
        Problem: The playbook failed.
    """
    if context.arguments.adopt:
        context.given["__olympia_stack_adopt"] = "true"
    run(context)


def run_machines(context: Context) -> None:
    """Run a playbook that sets up shared machines. It locks the instances of all tenants, also where one is named.

    Args:
        context: The command.

    Raises:
        Problem: The playbook failed.
    """
    named = context.given.pop(TENANT, None)
    with context.alone():
        if named:
            context.given[TENANT] = named
        context.prepare(context.arguments.verb).execute()


def changing(name: str, summary: str, do: Callable[[Context], None] = run) -> Verb:
    """Return a verb that changes something by running the playbook of the same name.

    Args:
        name: The name.
        summary: What it does.
        do: Does it.
    """
    return Verb(name, summary, do, changes=True)


VERBS = (
    Verb(
        "up",
        "bring the stack up, changing only what differs",
        up,
        {"--adopt": {"action": "store_true", "help": "take the instance over from another project directory"}},
        changes=True,
    ),
    changing("down", "remove containers and networks; data is kept"),
    changing("restart", "restart the services, and wait until they are healthy"),
    changing("rebuild", "build the image and fill ./deps again even if they are current, and run it"),
    changing("build", "build the application image"),
    changing("push", "build the application image and push it under its version"),
    changing("init", "initialize again: migrations, search index, initial data"),
    changing("test-site", "bring the stack up and run the site's own tests in it"),
    changing(
        "bootstrap",
        "set up shared machines: an engine, an account with an engine for each tenant, one reverse proxy",
        run_machines,
    ),
    changing("fleet", "bootstrap shared machines, and bring the instances of all tenants up", run_machines),
    *nightly.VERBS,
    changing("prune", "clear the build cache"),
)

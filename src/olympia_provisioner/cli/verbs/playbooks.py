# SPDX-License-Identifier: BSD-3-Clause
"""Verbs that run the playbook of their name."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from .. import given as settings
from . import nightly
from .base import Context, Verb


def run(context: Context) -> None:
    """Run the playbook of the verb's name.

    Args:
        context: The command.

    Raises:
        OlympiaError: It did not end well.
    """
    with context.alone():
        context.prepare(context.arguments.verb).execute()


def up(context: Context) -> None:
    """Bring the stack up.

    Args:
        context: The command.

    Raises:
        OlympiaError: It did not end well.
    """
    if context.arguments.adopt:
        context.given["__olympia_stack_adopt"] = "true"
    run(context)


def run_machines(context: Context) -> None:
    """Make shared machines ready, which concerns everybody on them.

    Args:
        context: The command.

    Raises:
        OlympiaError: It did not end well.
    """
    named = context.given.pop(settings.TENANT, None)
    with context.alone():
        if named:
            context.given[settings.TENANT] = named
        context.prepare(context.arguments.verb).execute()


def add_up_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `up`.

    Args:
        parser: Its parser.
    """
    parser.add_argument("--adopt", action="store_true", help="take the instance over from another project directory")


def changing(name: str, summary: str, do: Callable[[Context], None] = run) -> Verb:
    """Return a verb that changes something by running the playbook of its name.

    Args:
        name: What it is called.
        summary: What it does.
        do: Does it.
    """
    return Verb(name, summary, do, changes=True)


VERBS = (
    Verb("up", "bring the stack up, changing only what differs", up, add_up_arguments, changes=True),
    changing("down", "remove containers and networks; data stays"),
    changing("restart", "restart the services, and wait until they are healthy"),
    changing("rebuild", "build and fill ./deps again, whatever is current, and run it"),
    changing("build", "build the application's image"),
    changing("push", "build the application's image and publish it under its version"),
    changing("init", "initialize again: migrations, search index, first content"),
    changing("test-site", "bring the stack up and run the site's own tests in it"),
    changing(
        "bootstrap",
        "make shared machines ready: engine, an account with an engine for each tenant, one reverse proxy",
        run_machines,
    ),
    changing("fleet", "bootstrap shared machines, and bring everybody's instance up", run_machines),
    *nightly.VERBS,
    changing("prune", "clear the builder's cache"),
)

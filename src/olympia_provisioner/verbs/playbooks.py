# SPDX-License-Identifier: BSD-3-Clause
"""Verbs that run the playbook of their name."""

from __future__ import annotations

from .base import Context, Verb


def run(context: Context) -> None:
    """Run the playbook of the verb's name.

    Args:
        context: The command.

    Raises:
        OlympiaError: It did not end well.
    """
    context.prepare(context.arguments.verb).execute()


VERBS = (
    Verb("up", "bring the stack up, changing only what differs", run),
    Verb("down", "remove containers and networks; data stays", run),
    Verb("build", "build the application's image", run),
    Verb("push", "build the application's image and publish it under its version", run),
    Verb("test-site", "bring the stack up and run the site's own tests in it", run),
    Verb("prune", "clear the builder's cache", run),
)

# SPDX-License-Identifier: BSD-3-Clause
"""The command line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from . import artifacts
from .console import Console, JsonLines, Observer
from .errors import ExitCode, OlympiaError
from .paths import collection_root, make_importable
from .report import Report
from .verbs import VERBS, Context


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "assignments",
        nargs="*",
        metavar="NAME=value",
        help="a setting, such as HTTP_PORT=8080 or COMPOSE_FILE=a.yml:b.yml",
    )
    common.add_argument("-e", action="append", default=[], metavar="NAME=value", dest="more", help="the same")
    parser = argparse.ArgumentParser(prog="olympia", description="Runs the addons-server stack.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb in VERBS:
        one = verbs.add_parser(
            verb.name,
            help=verb.summary,
            description=verb.summary.capitalize() + ".",
            parents=[common] if verb.takes_settings else [],
        )
        one.set_defaults(artifacts=None)
        if not verb.takes_settings:
            one.set_defaults(assignments=[], more=[])
        verb.add_arguments(one)
        if verb.on_hosts:
            add_host_arguments(one)
    return parser


def add_host_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of verbs that run a playbook.

    Args:
        parser: The verb's parser.
    """
    parser.add_argument(
        "-i", default="local", metavar="local|ci|PATH", dest="inventory", help="the inventory (default: local)"
    )
    parser.add_argument("--limit", default="", metavar="HOSTS", help="only these hosts of the inventory")
    parser.add_argument("--check", action="store_true", help="say what would change, and change nothing")
    parser.add_argument("--diff", action="store_true", help="show what changes in files")
    parser.add_argument(
        "--artifacts", type=Path, metavar="DIR", help="leave result, logs and rendered files in this folder, for CI"
    )
    parser.add_argument("--plain", action="store_true", help="print Ansible's own lines, also on a terminal")
    parser.add_argument("--json", action="store_true", dest="events", help="print an event a line, for programs")
    parser.add_argument("-K", "--ask-become-pass", action="store_true", help="ask for the password of sudo first")
    parser.add_argument("-v", action="count", default=0, dest="verbosity", help="say more; up to -vvvv")


def choose_console(arguments: argparse.Namespace, report: Report) -> Observer:
    """Return what tells of a run: events for programs, a drawing on a terminal that can be drawn on, else lines.

    Args:
        arguments: The command line.
        report: The run.
    """
    if getattr(arguments, "events", False):
        return JsonLines(report, sys.stdout)
    # Who asks for more than progress wants to read Ansible's own lines.
    asked = [getattr(arguments, name, False) for name in ("verbosity", "check", "diff", "plain")]
    if not sys.stdout.isatty() or os.environ.get("TERM", "dumb") == "dumb" or any(asked):
        return Console(report, os.environ, sys.stdout)
    from .terminal import Terminal

    return Terminal(report, sys.stdout)


def execute(arguments: argparse.Namespace, root: Path, report: Report, console: Observer) -> None:
    """Do what a parsed command line says.

    Args:
        arguments: The command line.
        root: The checkout.
        report: What is to be told of a run.
        console: What prints it.

    Raises:
        OlympiaError: It cannot be done, or was not.
    """
    folder = arguments.artifacts and arguments.artifacts.expanduser().absolute()
    if folder:
        artifacts.prepare(folder)
    verb = next(verb for verb in VERBS if verb.name == arguments.verb)
    try:
        verb.run(Context(arguments, root, report, console, folder))
    except OlympiaError as error:
        report.end(error.code, str(error))
        if folder:
            artifacts.write(folder, report)
        raise


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    Args:
        argv: The arguments; those of the process when None.
    """
    parser = make_parser()
    arguments, rest = parser.parse_known_args(argv)
    # argparse takes positional arguments in one place only; assignments may stand between options.
    wrong = [argument for argument in rest if argument.startswith("-")]
    if wrong:
        parser.error(f"there is no option {' '.join(wrong)}; olympia {arguments.verb} --help lists them")
    arguments.assignments += rest
    report = Report(arguments.verb)
    console = choose_console(arguments, report)
    try:
        root = collection_root()
        make_importable(root)
        execute(arguments, root, report, console)
    except OlympiaError as error:
        report.end(error.code, str(error))
        console.fail()
        print(f"olympia: {error}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    finally:
        console.close()
    return ExitCode.DONE

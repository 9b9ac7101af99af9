# SPDX-License-Identifier: BSD-3-Clause
"""The command line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from . import artifacts, runner, settings, shell
from .console import Console
from .errors import ExitCode, OlympiaError
from .paths import collection_root, find_inventory, make_importable, state_dir
from .playbook import Options
from .report import Report

PLAYBOOKS = {
    "up": "bring the stack up, changing only what differs",
    "down": "remove containers and networks; data stays",
    "build": "build the application's image",
    "push": "build the application's image and publish it under its version",
    "test-site": "bring the stack up and run the site's own tests in it",
    "prune": "clear the builder's cache",
}
SHELLS = {
    "shell": ("open a shell in the web container", ["bash"]),
    "djshell": ("open Django's shell in the web container", ["python3", "manage.py", "shell"]),
}


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
    for verb, summary in PLAYBOOKS.items():
        one = verbs.add_parser(verb, help=summary, description=summary.capitalize() + ".", parents=[common])
        one.add_argument(
            "-i", default="local", metavar="local|ci|PATH", dest="inventory", help="the inventory (default: local)"
        )
        one.add_argument("--limit", default="", metavar="HOSTS", help="only these hosts of the inventory")
        one.add_argument("--check", action="store_true", help="say what would change, and change nothing")
        one.add_argument("--diff", action="store_true", help="show what changes in files")
        one.add_argument(
            "--artifacts", type=Path, metavar="DIR", help="leave result, logs and rendered files in this folder, for CI"
        )
        one.add_argument("-K", "--ask-become-pass", action="store_true", help="ask for the password of sudo first")
        one.add_argument("-v", action="count", default=0, dest="verbosity", help="say more; up to -vvvv")
    for verb, (summary, _inside) in SHELLS.items():
        one = verbs.add_parser(verb, help=summary, description=summary.capitalize() + ".", parents=[common])
        one.set_defaults(artifacts=None)
    return parser


def execute(arguments: argparse.Namespace, root: Path, report: Report, console: Console) -> None:
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
    try:
        run_verb(arguments, root, folder, report, console)
    except OlympiaError as error:
        report.end(error.code, str(error))
        if folder:
            artifacts.write(folder, report)
        raise


def run_verb(arguments: argparse.Namespace, root: Path, folder: Path | None, report: Report, console: Console) -> None:
    """Run the verb of a parsed command line.

    Args:
        arguments: The command line.
        root: The checkout.
        folder: The folder for artifacts, if any.
        report: What is to be told of a run.
        console: What prints it.

    Raises:
        OlympiaError: It cannot be done, or was not.
    """
    given = settings.parse([*arguments.assignments, *arguments.more], root)
    if arguments.verb in SHELLS:
        shell.enter(SHELLS[arguments.verb][1], shell.project_dir(given, os.environ))
    report.inventory = str(find_inventory(arguments.inventory, root))
    options = Options(
        inventory=report.inventory,
        settings=given,
        limit=arguments.limit,
        check=arguments.check,
        diff=arguments.diff,
        artifacts=folder,
        ask_become_pass=arguments.ask_become_pass,
        verbosity=arguments.verbosity,
    )
    playbook = root / "playbooks" / f"{arguments.verb}.yml"
    runner.Run(
        playbook, options, root=root, runs=state_dir(os.environ) / "runs", report=report, console=console
    ).execute()


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
    console = Console(report, os.environ, sys.stdout)
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
    return ExitCode.DONE

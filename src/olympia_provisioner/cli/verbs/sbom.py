# SPDX-License-Identifier: BSD-3-Clause
"""What the application image is made of."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ...errors import ExitCode, OlympiaError
from .base import Context, Verb


def run(context: Context) -> None:
    """Print the bill of materials of the application image, or write it to a file.

    Args:
        context: The command.

    Raises:
        OlympiaError: A host did not answer, there are several, or the file cannot be written.
    """
    answers = context.prepare("sbom").ask()
    if len(answers) != 1:
        raise OlympiaError(
            "A bill of materials is of one image, and the inventory has several hosts",
            evidence=", ".join(sorted(answers)),
            way_out="--limit HOST names the one that is meant",
            code=ExitCode.USAGE,
        )
    (document,) = answers.values()
    text = json.dumps(document, indent=2)
    if not context.arguments.output:
        print(text)
        return
    try:
        context.arguments.output.write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise OlympiaError(
            "The bill of materials cannot be written",
            where=str(context.arguments.output),
            evidence=error.strerror or str(error),
            way_out="--output FILE names another place; without it, it is printed",
            code=ExitCode.USAGE,
        ) from error
    print(f"{len(document['packages']) - 1} packages: {context.arguments.output}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `sbom`.

    Args:
        parser: Its parser.
    """
    parser.add_argument("--output", type=Path, metavar="FILE", help="write it there instead of printing it")


VERBS = (Verb("sbom", "say what the application image is made of, as SPDX 2.3", run, add_arguments),)

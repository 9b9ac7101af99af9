# SPDX-License-Identifier: BSD-3-Clause
"""The verb that prints the bill of materials of the application image."""

from __future__ import annotations

import json
from pathlib import Path

from ...errors import ExitCode, Problem
from .base import Context, Verb, only


def run(context: Context) -> None:
    """Print the bill of materials of the application image, or write it to a file.

    Args:
        context: The command.

    Raises:
        Problem: A host did not answer, there are several hosts, or the file cannot be written.
    """
    _host, document = only(context.prepare("sbom").ask(), "sbom", "Select one with --limit HOST")
    text = json.dumps(document, indent=2)
    if not context.arguments.output:
        print(text)
        return
    try:
        context.arguments.output.write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise Problem(
            "The bill of materials cannot be written",
            where=str(context.arguments.output),
            cause=error.strerror or str(error),
            fix="Pass another path with --output FILE; without it, the bill of materials is printed",
            code=ExitCode.USAGE,
        ) from error
    print(f"{len(document['packages']) - 1} packages: {context.arguments.output}")


VERBS = (
    Verb(
        "sbom",
        "print the bill of materials of the application image, as SPDX 2.3",
        run,
        {"--output": {"type": Path, "metavar": "FILE", "help": "write it to a file instead"}},
    ),
)

# SPDX-License-Identifier: BSD-3-Clause
"""The folder of artifacts that a run writes for CI."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path
from typing import Any

from ..errors import ExitCode, Problem
from ..present.outcome import Report
from ..words import harmless

RESULT, JUNIT, LOG, HOSTS = "result.json", "junit.xml", "ansible.log", "hosts"
LEFT_OUT = "left-out.txt"  # the files of a host that were not written, and why
# The collected files whose content is part of the result, by key.
SUMMARIES = {"settings": "settings.json", "image": "image.json"}


def prepare(directory: Path) -> None:
    """Create the folder, and remove the artifacts of an earlier run.

    Args:
        directory: The folder.

    Raises:
        Problem: It cannot be written, or it contains other files.
    """
    ours = {RESULT, JUNIT, LOG, HOSTS}
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if foreign := sorted({path.name for path in directory.iterdir()} - ours):
            raise Problem(
                "The folder for artifacts contains other files",
                where=str(directory),
                cause=", ".join(foreign[:5]),
                fix="Pass an empty folder, or one that does not exist, to --artifacts",
                code=ExitCode.USAGE,
            )
        shutil.rmtree(directory / HOSTS, ignore_errors=True)
        for name in ours:
            # A folder that is still there could not be removed.
            if name != HOSTS or (directory / name).is_symlink():
                (directory / name).unlink(missing_ok=True)
    except OSError as error:
        raise Problem(
            "The folder for artifacts cannot be written",
            where=str(directory),
            cause=str(error),
            fix="Fix its permissions, or pass another folder to --artifacts",
            code=ExitCode.USAGE,
        ) from error


def write_log(directory: Path, log: Path) -> None:
    """Write the output of Ansible, with masked credentials.

    Args:
        directory: The folder.
        log: The output that ansible-runner saved; it may be missing.
    """
    from ansible_collections.addons.olympia.plugins.module_utils.core.masking import mask

    if log.is_file():
        # Text mode converts the line ends of a terminal.
        text = log.read_text(encoding="utf-8", errors="replace")
        _put(directory / LOG, harmless(mask(text)))


def write(directory: Path, report: Report) -> None:
    """Write the result in both formats, with what has been collected from the hosts so far.

    Args:
        directory: The folder.
        report: The run.
    """
    hosts = {path.name: _summary(path) for path in sorted((directory / HOSTS).glob("*"))}
    _put(directory / RESULT, json.dumps(report.as_dict(hosts), indent=2) + "\n")
    _put(directory / JUNIT, report.as_junit())


def _summary(collected: Path) -> dict[str, Any]:
    found = {}
    for key, name in SUMMARIES.items():
        # A host can send any content.
        with contextlib.suppress(OSError, ValueError, RecursionError):
            found[key] = json.loads((collected / name).read_text(encoding="utf-8"))
    return found


def _put(path: Path, text: str) -> None:
    """Replace a file. If it has become a link since the start of the run, the link is not followed."""
    path.unlink(missing_ok=True)
    with path.open("x", encoding="utf-8") as file:
        file.write(text)

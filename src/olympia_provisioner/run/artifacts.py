# SPDX-License-Identifier: BSD-3-Clause
"""The folder of artifacts: what a run leaves for those who were not there."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path
from typing import Any

from ..errors import ExitCode, OlympiaError
from ..present.outcome import Report
from ..present.words import harmless

RESULT, JUNIT, LOG, HOSTS = "result.json", "junit.xml", "ansible.log", "hosts"
LEFT_OUT = "left-out.txt"  # of a host's files, and why
# What the result tells of a host besides the files that were collected there, by key and file.
SUMMARIES = {"settings": "settings.json", "image": "image.json"}


def prepare(directory: Path) -> None:
    """Make the folder, and remove from it what an earlier run has left.

    Args:
        directory: The folder.

    Raises:
        OlympiaError: It cannot be written, or it has other files.
    """
    ours = {RESULT, JUNIT, LOG, HOSTS}
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if foreign := sorted({path.name for path in directory.iterdir()} - ours):
            raise OlympiaError(
                "The folder for artifacts has other files in it",
                where=str(directory),
                evidence=", ".join(foreign[:5]),
                way_out="Name an empty folder, or one that does not exist",
                code=ExitCode.USAGE,
            )
        shutil.rmtree(directory / HOSTS, ignore_errors=True)
        for name in ours:
            # What is still a folder could not be removed.
            if name != HOSTS or (directory / name).is_symlink():
                (directory / name).unlink(missing_ok=True)
    except OSError as error:
        raise OlympiaError(
            "The folder for artifacts cannot be written",
            where=str(directory),
            evidence=str(error),
            way_out="Mend its permissions, or name another one",
            code=ExitCode.USAGE,
        ) from error


def write_log(directory: Path, log: Path) -> None:
    """Write what Ansible has printed, credentials masked.

    Args:
        directory: The folder.
        log: What ansible-runner has kept of it; it need not exist.
    """
    from ansible_collections.addons.olympia.plugins.module_utils.core.masking import mask

    if log.is_file():
        # Opened as text, its lines end as lines do.
        text = log.read_text(encoding="utf-8", errors="replace")
        _put(directory / LOG, harmless(mask(text)))


def write(directory: Path, report: Report) -> None:
    """Write the result in its two formats, with what has been collected from the hosts by now.

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
        # A host can send anything under that name.
        with contextlib.suppress(OSError, ValueError, RecursionError):
            found[key] = json.loads((collected / name).read_text(encoding="utf-8"))
    return found


def _put(path: Path, text: str) -> None:
    """Write a file, in place of what is there; what has become a link since the run began is not followed."""
    path.unlink(missing_ok=True)
    with path.open("x", encoding="utf-8") as file:
        file.write(text)

# SPDX-License-Identifier: BSD-3-Clause
"""The folder of artifacts: what a run leaves for those who were not there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from .errors import ExitCode, OlympiaError
from .report import Report

RESULT, JUNIT, LOG, HOSTS = "result.json", "junit.xml", "ansible.log", "hosts"
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
        for name in ours - {HOSTS}:
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
    from ansible_collections.addons.olympia.plugins.module_utils.masking import mask

    if log.is_file():
        # Opened as text, its lines end as lines do.
        text = log.read_text(encoding="utf-8", errors="replace")
        directory.joinpath(LOG).write_text(mask(text), encoding="utf-8")


def write(directory: Path, report: Report) -> None:
    """Write the result in its two formats, with what has been collected from the hosts by now.

    Args:
        directory: The folder.
        report: The run.
    """
    hosts = {path.name: _summary(path) for path in sorted((directory / HOSTS).glob("*"))}
    directory.joinpath(RESULT).write_text(json.dumps(report.as_dict(hosts), indent=2) + "\n", encoding="utf-8")
    directory.joinpath(JUNIT).write_text(report.as_junit(), encoding="utf-8")


def _summary(collected: Path) -> dict[str, Any]:
    files = {key: collected / name for key, name in SUMMARIES.items()}
    return {key: json.loads(path.read_text(encoding="utf-8")) for key, path in files.items() if path.is_file()}

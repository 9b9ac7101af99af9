# SPDX-License-Identifier: BSD-3-Clause
"""Input and output of `docker buildx bake`: targets, project files, and the cause of a failed build."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from ..core.causes import ENGINE_GONE, network_of_builds
from ..host.connectivity import builds_reach_out
from ..host.process import run, tail
from .build_inputs import not_utf8
from .buildkit import BuildLog

NOT_UTF8 = "invalid UTF-8"  # what gRPC says of a name that it cannot send


def targets_to_build(definition: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the requested targets, by name, from the output of ``bake --print``.

    It also lists those that are only the context of another one; whether these get their tags depends on the builder.
    """
    groups: Mapping[str, Any] = definition.get("group", {})
    wanted: dict[str, dict[str, Any]] = {}

    def add(names: Iterable[str], inside: frozenset[str]) -> None:
        for name in names:
            if name in groups and name not in inside:
                add(groups[name]["targets"], inside | {name})
            elif name in definition["target"]:
                wanted[name] = definition["target"][name]

    add(["default"], frozenset())
    return wanted


def explain_failure(log: BuildLog, rc: int, folders: Iterable[str] = ()) -> str:
    """Return which build step failed, with the end of its output.

    ``folders`` are those that the build reads from.
    """
    errors = [line for line in log.words if line.startswith("ERROR: ")]
    reason = errors[-1].removeprefix("ERROR: ") if errors else f"return code {rc}"
    failed = log.failed()
    if ENGINE_GONE.search(reason):
        return f"The engine stopped during the build: {reason}"
    if NOT_UTF8 in reason:
        names = [name for folder in folders for name in not_utf8(Path(folder))]
        return (
            f"The build failed, because BuildKit accepts only file names in UTF-8: {', '.join(names) or reason}\n"
            "fix: Rename these files, or leave them out of the build with .dockerignore"
        )
    if not failed:
        return f"The build failed: {reason}\n{tail(log.text(), 40)}"
    cause = network_of_builds(failed.log, lambda: builds_reach_out(run))
    last = [*failed.log.splitlines()[-20:], reason, *cause.splitlines()]
    return "\n".join([f"The build failed at the step {failed.name}", *last])


def write_project(files: Mapping[str, Any], folder: Path) -> None:
    """Write ``files`` (text by relative path) into ``folder``, readable for everybody.

    The umask plays no part: a file's mode is part of what COPY copies, and of BuildKit's cache key.
    Raises ValueError for a path that would leave the folder.
    """
    for name, text in files.items():
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise ValueError(name)
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(str(text), encoding="utf-8")
        target.chmod(0o644)
        for parent in target.parents:
            if parent == folder:
                break
            parent.chmod(0o755)

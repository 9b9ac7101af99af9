# SPDX-License-Identifier: BSD-3-Clause
"""The safe fixes of `olympia doctor --fix`, by check."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.problem import Problem
from ..host import trees
from ..host.process import run
from ..stack import remembered
from .engine_checks import ended_containers
from .project_checks import deps_uid

HOSTS = Path("/etc/hosts")
MAP_COUNT = Path("/proc/sys/vm/max_map_count")
SYSCTL_FILE = Path("/etc/sysctl.d/90-olympia.conf")


@dataclass(frozen=True)
class Fix:
    """A safe fix.

    Attributes:
        what: What it does.
        apply: Does it; raises Problem or OSError where it cannot be done.
        needs_root: Whether only root can.
    """

    what: str
    apply: Callable[[], None]
    needs_root: bool = True


def add_hosts_line(line: str, hosts: Path = HOSTS) -> None:
    """Add a line to the hosts file, in place: in a container it is a mount of its own.

    Args:
        line: The line.
        hosts: The file.
    """
    text = hosts.read_text(encoding="utf-8")
    with hosts.open("a", encoding="utf-8") as file:
        file.write(f"{'' if text.endswith(chr(10)) or not text else chr(10)}{line}\n")


def raise_map_count(count: int, now: Path = MAP_COUNT, kept: Path = SYSCTL_FILE) -> None:
    """Raise the number of memory maps that a process may have, now and after each boot.

    Args:
        count: The number.
        now: The kernel's file.
        kept: The file that is read at boot.
    """
    kept.write_text(f"# {trees.MANAGED_MARK}: Elasticsearch needs it.\nvm.max_map_count = {count}\n", encoding="utf-8")
    now.write_text(f"{count}\n", encoding="ascii")


def remove_containers(names: list[str]) -> None:
    """Remove containers in which nothing runs.

    Args:
        names: Their names.

    Raises:
        Problem: The engine refuses it, as it does when one has been started since.
    """
    code, _output, errors = run(["docker", "rm", "--volumes", *names])
    if code:
        raise Problem(errors.strip())


def foreign_deps(deps: Path, uid: int) -> list[Path]:
    """Return what of the mounted dependencies does not belong to a user, and should.

    Args:
        deps: Their directory.
        uid: The user.
    """
    # A file of the provisioner's own.
    return trees.foreign_files(deps, uid, (Path(remembered.DEPS_IMAGE).name,))


def give_files(directory: Path, uid: int) -> None:
    """Change the owner of the mounted dependencies and their directory. Links are not followed.

    Args:
        directory: Their directory.
        uid: The user.
    """
    for path in foreign_deps(directory, uid):
        os.chown(path, uid, -1, follow_symlinks=False)


def fixes(settings: dict[str, Any], values: dict[str, Any], seen: dict[str, Any]) -> dict[str, Fix]:
    """Return the safe fixes by check.

    Args:
        settings: Derived settings.
        values: Resolved settings by variable.
        seen: What `look` saw.
    """
    line, count = f"127.0.0.1 {settings['host_name']}", values["olympia_stack_min_map_count"]
    deps, uid = Path(settings["project_dir"], "deps"), deps_uid(settings)
    ended = ended_containers(seen["one_off"])
    return {
        "hosts-entry": Fix(f"add the line '{line}' to {HOSTS}", lambda: add_hosts_line(line)),
        "map-count": Fix(f"set vm.max_map_count to {count}, now and in {SYSCTL_FILE}", lambda: raise_map_count(count)),
        "ownership": Fix(f"give {deps} to UID {uid}", lambda: give_files(deps, uid)),
        "leftovers": Fix(f"remove {', '.join(ended)}", lambda: remove_containers(ended), needs_root=False),
    }


def apply(fix: Fix, root: bool, check_mode: bool) -> tuple[bool, str]:
    """Apply a fix, and return whether it changed something, and what to report.

    Args:
        fix: The fix.
        root: Whether this user is root.
        check_mode: Only say what would be done.
    """
    if fix.needs_root and not root:
        return False, f"not done: only root can {fix.what}"
    if check_mode:
        return True, f"would {fix.what}"
    try:
        fix.apply()
    except (Problem, OSError) as error:
        return False, f"not done: could not {fix.what}: {error}"
    return True, f"done: {fix.what}"

# SPDX-License-Identifier: BSD-3-Clause
"""Files that modules write on a host."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule


def write(path: Path, content: str, mode: int) -> None:
    """Write a file atomically, and with its final permissions from the start, because it may hold a secret.

    Args:
        path: The file.
        content: Its text.
        mode: Its permissions.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, prefix=".new-", delete=False) as temporary:
        temporary.write(content)
    try:
        Path(temporary.name).chmod(mode)
        Path(temporary.name).replace(path)
    except OSError:
        Path(temporary.name).unlink()
        raise


def finish(module: AnsibleModule, apply: Callable[[AnsibleModule], dict[str, Any]], fix: str) -> None:
    """End a module that writes files below its option `directory`, with its result or an error that names the file.

    Args:
        module: The running module.
        apply: Writes the files, and returns the module's result.
        fix: What to do if that fails.
    """
    # Build caches depend on the modes of folders: the same tree has to have the same modes on each host.
    os.umask(0o022)
    try:
        module.exit_json(**apply(module))
    except OSError as error:
        path = error.filename or module.params["directory"]
        module.fail_json(msg=f"{path} cannot be written: {error.strerror}. {fix}")

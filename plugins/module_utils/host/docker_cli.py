# SPDX-License-Identifier: BSD-3-Clause
"""The docker command line, for modules."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule

from ..core.command_environment import commands
from .liveness import watched
from .process import Completed, complete


class DockerCli:
    """The docker command line on the host where a module runs."""

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module
        self._binary: str = module.get_bin_path("docker") or ""
        if not self._binary:
            module.fail_json(
                msg="There is no docker command on this host. "
                "The role addons.olympia.olympia_docker installs it together with the engine."
            )

    def command(self, arguments: Sequence[str]) -> list[str]:
        """Return the whole command line of ``docker ARGUMENTS``."""
        return [self._binary, *arguments]

    def run(
        self,
        arguments: Sequence[str],
        cwd: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Completed:
        """Run ``docker ARGUMENTS`` to its end and return what came of it, whatever the return code.

        Once the engine no longer answers it is ended, and `silence` says so.
        ``cwd`` is the working directory; ``environment`` is what the command needs besides.
        """
        return complete(self.command(arguments), cwd, environment)

    def stream(
        self,
        arguments: Sequence[str],
        see: Callable[[str], None],
        cwd: str,
        environment: Mapping[str, str],
    ) -> Completed:
        """Run ``docker ARGUMENTS`` to its end like :meth:`run`, and show ``see`` each line of its errors as it comes."""
        cmd = self.command(arguments)
        with (
            tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as stdout,
            subprocess.Popen(
                cmd,
                cwd=cwd,
                env=commands(environment),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                errors="replace",
            ) as process,
            watched(process) as gave_up,
        ):
            lines = []
            for line in process.stderr or ():
                lines.append(line)
                see(line.rstrip("\n"))
            rc = process.wait()
            stdout.seek(0)
            return Completed(cmd, rc, stdout.read(), "".join(lines), "".join(gave_up))

    def fail(self, msg: str, completed: Completed, **result: Any) -> NoReturn:
        """End the module with ``msg`` and the command, return code and output as evidence; a silent engine is the first cause."""
        cause = f"{completed.silence}\n" if completed.silence else ""
        self._module.fail_json(msg=f"{cause}{msg}", **completed.evidence(), **result)
        raise AssertionError("fail_json returned")

    def image_ids(self, tags: Sequence[str]) -> dict[str, str]:
        """Return the ID of every one of ``tags`` that exists locally; missing ones are left out.

        Ends the module if the engine does not answer.
        """
        if not tags:
            return {}
        template = "{{.Id}}{{range .RepoTags}} {{.}}{{end}}"
        completed = self.run(["image", "inspect", "--format", template, *tags])
        errors = [line for line in completed.stderr.splitlines() if line.strip()]
        if any("no such image" not in line.lower() for line in errors):
            self.fail(f"The engine cannot look up images: {errors[-1]}", completed)
        ids: dict[str, str] = {}
        for line in filter(None, completed.stdout.splitlines()):
            image_id, *names = line.split()
            ids.update(dict.fromkeys(names, image_id))
        return {tag: ids[name] for tag in tags if (name := familiar_name(tag)) in ids}


def familiar_name(tag: str) -> str:
    """Return ``tag`` as the engine lists it: without the default registry, with a tag.

    ``docker.io/library/redis`` becomes ``redis:latest``.
    """
    for prefix in ("docker.io/library/", "docker.io/", "index.docker.io/library/", "index.docker.io/"):
        if tag.startswith(prefix):
            tag = tag.removeprefix(prefix)
            break
    return tag if ":" in tag.rpartition("/")[2] else f"{tag}:latest"


def repository(reference: str) -> str:
    """Return an image reference without tag and digest, as the engine lists it."""
    path, slash, last = familiar_name(reference.partition("@")[0]).rpartition("/")
    return f"{path}{slash}{last.partition(':')[0]}"

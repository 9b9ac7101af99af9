#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause
"""Run the Docker engine on a host that has no service manager."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: engine_daemon
short_description: Run the Docker engine on a host that has no service manager
description:
  - Starts C(dockerd) detached, in a session of its own, and waits until it answers.
  - Stale process ID files, which would keep the next engine from starting, are removed.
  - On hosts with systemd use M(ansible.builtin.systemd_service).
author: The Olympia provisioner authors (!UNKNOWN)
options:
  state:
    description:
      - V(started) starts the engine if it does not run.
      - V(restarted) stops it first, and with it every running container.
      - V(reloaded) makes a running engine read its configuration again.
    type: str
    choices: [started, restarted, reloaded]
    default: started
  log_file:
    description: Where the engine's messages go.
    type: path
    default: /var/log/docker.log
  timeout:
    description: Seconds to wait for the old engine to stop, and again for the new one to answer.
    type: int
    default: 60
attributes:
  check_mode:
    description: Can run in check mode.
    support: full
  diff_mode:
    description: Shows whether the engine runs, before and after.
    support: full
"""

EXAMPLES = r"""
- name: Run the engine
  addons.olympia.engine_daemon:
    state: started
  become: true
"""

RETURN = r"""
pid:
  description: Process ID of the engine.
  returned: when it runs and check mode is off
  type: int
cmd:
  description: How the engine was started.
  returned: when it was
  type: list
  elements: str
log:
  description: The last lines that the engine wrote.
  returned: on failure
  type: str
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PID_FILE = Path("/run/docker.pid")
# The engine runs a containerd of its own where no service manager does, and trusts this file in the same way.
CONTAINERD_PID_FILE = Path("/run/docker/containerd/containerd.pid")
SOCKET = Path("/run/docker.sock")
PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")


def running_pid(pid_file: Path = PID_FILE, program: str = "dockerd") -> int | None:
    """Return the process ID in a file, None if that is not the live program, whatever the file says.

    The number may meanwhile belong to another program. A zombie is not alive either: where the first process is no
    real init nobody collects it.
    """
    try:
        pid = int(pid_file.read_text(encoding="ascii"))
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    return pid if fields.get("Name") == program and not fields.get("State", "").startswith("Z") else None


def answers() -> bool:
    """Return whether an engine answers on the socket."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(2)
            connection.connect(str(SOCKET))
            connection.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return b" 200 " in connection.recv(64)
    except OSError:
        return False


def last_lines(path: Path, offset: int, count: int = 20) -> str:
    """Return the last lines that were written to a file behind an offset in bytes."""
    with path.open("rb") as log:
        log.seek(offset)
        lines = log.read().decode("utf-8", "replace").splitlines()
    return "\n".join(lines[-count:])


def stop(module: AnsibleModule, pid: int, timeout: int) -> None:
    """End the engine and wait until it is gone; end the module if it does not go."""
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + timeout
    while running_pid() == pid:
        if time.monotonic() > deadline:
            module.fail_json(
                msg=f"The engine (process {pid}) did not end within {timeout} s of SIGTERM. Nothing more was done to it: "
                f"see what keeps it, end it, then run again.",
                pid=pid,
            )
        time.sleep(0.05)


def start(module: AnsibleModule, timeout: int) -> dict[str, Any]:
    """Start the engine detached and wait until it answers; end the module with its last words if it does not."""
    dockerd = shutil.which("dockerd", path=PATH)
    if dockerd is None:
        module.fail_json(msg=f"There is no dockerd on {PATH}: install the engine first.")
    PID_FILE.unlink(missing_ok=True)
    if running_pid(CONTAINERD_PID_FILE, "containerd") is None:
        CONTAINERD_PID_FILE.unlink(missing_ok=True)
    log = Path(module.params["log_file"])
    environment = {name: os.environ[name] for name in PROXY_VARIABLES if name in os.environ}
    with log.open("ab") as output:
        offset = output.tell()
        process = subprocess.Popen(
            [str(dockerd)],
            cwd="/",
            env={**environment, "PATH": PATH, "HOME": "/root", "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    deadline = time.monotonic() + timeout
    while not answers():
        ended = process.poll()
        if ended is not None or time.monotonic() > deadline:
            how = f"ended with code {ended}" if ended is not None else f"did not answer within {timeout} s"
            words = last_lines(log, offset)
            module.fail_json(
                msg=f"The engine {how}. Its last words, from {log}:\n{words}", cmd=[dockerd], rc=ended, log=words
            )
        time.sleep(0.05)
    return {"pid": process.pid, "cmd": [dockerd]}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["started", "restarted", "reloaded"], "default": "started"},
            "log_file": {"type": "path", "default": "/var/log/docker.log"},
            "timeout": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    state, timeout = module.params["state"], module.params["timeout"]
    pid = running_pid()
    result: dict[str, Any] = {
        "changed": pid is None or state != "started",
        "diff": {
            "before": "running\n" if pid else "stopped\n",
            "after": f"running ({state})\n" if state != "started" else "running\n",
        },
    }
    if pid is not None:
        result["pid"] = pid
    if result["changed"] and not module.check_mode:
        if pid is not None and state == "reloaded":
            os.kill(pid, signal.SIGHUP)
        else:
            if pid is not None:
                stop(module, pid, timeout)
            result.update(start(module, timeout))
    module.exit_json(**result)


if __name__ == "__main__":
    main()

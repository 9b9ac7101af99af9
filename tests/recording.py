# SPDX-License-Identifier: BSD-3-Clause
"""Recordings: what ansible-runner tells of small playbooks, kept so that tests can play it to the driver.

A recording is a file of JSON lines, tests/recordings/NAME.jsonl. The first line has the return code and the status. Each other
line is an event as the driver gets it, without what the driver does not read. Nothing in it depends on the machine: the
checkout's path is `<checkout>`, `created` is in seconds since the first event, and tasks are numbered.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from .checkout import HOSTS, RECORDINGS, Checkout

PLACEHOLDER = "<checkout>"
# What the driver reads of an event, of its data, and of a task's result.
EVENT_KEYS = ("event", "created", "stdout", "event_data")
DATA_KEYS = ("host", "task", "task_uuid", "task_path", "task_action", "duration", "ignore_errors", "diff", "res")
RESULT_KEYS = (
    *("changed", "msg", "reason", "censored", "olympia", "cmd", "rc", "stdout", "stderr"),
    *("settings", "versions", "files"),
)
ADDRESS = "https://ada:hunter2@example.org/nothing"
ANSWER = {
    "instance": "two", "project_dir": "/s/two", "site": "It is there", "address": "http://there", "ssh": "",
    "engine": True, "site_error": "", "expires": "", "services": ["web"],
    "containers": [], "image": True, "render": [".env"], "started": False, "initialized": True,
}  # fmt: skip


@dataclass(frozen=True)
class Story:
    """A small playbook to run.

    Attributes:
        tasks: Its tasks.
        phases: In place of them, the tasks of each phase.
        inventory: The inventory.
        arguments: What else `olympia up` is given.
        idle: Whether a play follows for which there is no host.
    """

    tasks: str = ""
    phases: Mapping[str, str] = field(default_factory=dict)
    inventory: str = HOSTS
    arguments: tuple[str, ...] = ()
    idle: bool = False

    def run(self, checkout: Checkout, *arguments: str) -> tuple[int, str, str]:
        """Run it for real, and return code, output and errors of the command.

        Args:
            checkout: Where.
            arguments: More arguments for `olympia up`.
        """
        (checkout.path / "inventories/local/hosts.yml").write_text(self.inventory)
        if self.phases:
            checkout.phases(**self.phases)
        else:
            checkout.playbook(self.tasks)
        if self.idle:
            with (checkout.path / "playbooks/up.yml").open("a") as playbook:
                playbook.write("- hosts: none_of_them\n  tasks: []\n")
        given = [one.replace(PLACEHOLDER, str(checkout.path)) for one in self.arguments]
        return checkout.run("up", *given, *arguments)


FAR = "all: {hosts: {far: {ansible_host: 127.0.0.1, ansible_port: 1}}}\n"
TWO = "all: {hosts: {one: {}, two: {}}, vars: {ansible_connection: local}}\n"
STORIES = {
    "done": Story(
        phases={
            "build": "- name: Say it\n  ansible.builtin.debug: {msg: hello}\n"
            "- name: Build what has a name that is longer than any narrow terminal is wide\n"
            "  ansible.builtin.command: echo built\n",
            "start": "- ansible.builtin.debug: {msg: at your service}\n",
        }
    ),
    "unhealthy": Story(
        phases={
            "start": "- ansible.builtin.debug: {msg: x}\n",
            "health": "- name: Wait\n  marked: {phase: health, kind: unhealthy}\n",
        }
    ),
    "marked": Story(
        "- block:\n    - ansible.builtin.command: /bin/false\n  rescue:\n    - marked: {phase: some, kind: unhealthy}\n"
    ),
    "full": Story(
        phases={"build": "- name: Try\n  ansible.builtin.fail:\n    msg: |-\n      it is full,\n      100% of it\n"}
    ),
    "failed": Story(
        f"- block:\n    - name: Fetch\n      ansible.builtin.command: cat {ADDRESS}\n"
        f"  rescue:\n    - ansible.builtin.fail: {{msg: 'cannot read {ADDRESS}'}}\n"
    ),
    "unreachable": Story(
        "- ansible.builtin.ping:", inventory=FAR, arguments=(f"ansible_ssh_executable={PLACEHOLDER}/bin/ssh",)
    ),
    "no_hosts": Story("- ansible.builtin.ping:", inventory="all: {hosts: {}}\n"),
    "idle_play": Story("- ansible.builtin.debug: {msg: x}", idle=True),
    "broken": Story("- no_such_module_at_all: {}"),
    "sudo": Story(
        "- ansible.builtin.command: echo became\n  become: true\n"
        "  vars: {ansible_become_exe: '{{ playbook_dir }}/../bin/sudo'}\n"
        "  register: result\n- ansible.builtin.debug: {var: result.stdout}"
    ),
    # The result of the second task is secret.
    "rendered": Story(
        "- name: Render it\n  project_render:\n- ansible.builtin.command: echo open-sesame\n  no_log: true\n"
    ),
    "answer": Story(f"- ansible.builtin.debug: {{msg: {json.dumps(ANSWER)}}}"),
    "two_answers": Story(f"- ansible.builtin.debug: {{msg: {json.dumps(ANSWER)}}}", inventory=TWO),
}


def recording(name: str) -> Path:
    """Return the file of a recording.

    Args:
        name: Its story.
    """
    return RECORDINGS / f"{name}.jsonl"


def recorded(checkout: Checkout) -> list[dict[str, Any]]:
    """Return the recording of the one run that a checkout has seen.

    Args:
        checkout: The checkout.
    """
    (run,) = checkout.runs()
    kept = run / "artifacts/up"
    # Named by their number.
    files = sorted((kept / "job_events").glob("*.json"), key=lambda path: int(path.name.partition("-")[0]))
    events = [json.loads(path.read_text()) for path in files]
    began = min(datetime.fromisoformat(event["created"]) for event in events)
    tasks: dict[str, str] = {}
    lines: list[dict[str, Any]] = [{"rc": int((kept / "rc").read_text()), "status": (kept / "status").read_text()}]
    for event in events:
        data = {key: value for key, value in event.get("event_data", {}).items() if key in DATA_KEYS}
        if "task_uuid" in data:
            data["task_uuid"] = tasks.setdefault(data["task_uuid"], f"task {len(tasks) + 1}")
        if "res" in data:
            data["res"] = {key: value for key, value in data["res"].items() if key in RESULT_KEYS}
        kept_of_it = {key: value for key, value in event.items() if key in EVENT_KEYS} | {"event_data": data}
        kept_of_it["created"] = round((datetime.fromisoformat(event["created"]) - began).total_seconds(), 6)
        lines.append(json.loads(json.dumps(kept_of_it).replace(str(checkout.path), PLACEHOLDER)))
    return lines


def shape(lines: list[dict[str, Any]]) -> list[Any]:
    """Return what of a recording is the same each time that its story is run.

    Args:
        lines: The recording.
    """
    result, *events = lines
    found: list[Any] = []
    part = 0
    for event in events:
        data = event["event_data"]
        told = data.get("res", {})
        fixed = {
            key: data.get(key) for key in ("host", "task", "task_uuid", "task_path", "task_action", "ignore_errors")
        }
        fixed |= {key: told.get(key) for key in ("changed", "msg", "rc", "olympia", "cmd")}
        # Within a task, each host is as fast as it is.
        part += not event["event"].startswith("runner_")
        place = (part, data.get("host", ""))
        found.append((place, event["event"], bool(event["stdout"]), sorted(event), sorted(data), sorted(told), fixed))
    return [result, *sorted(found, key=operator.itemgetter(0))]


def load(name: str) -> list[dict[str, Any]]:
    """Return a recording.

    Args:
        name: Its story.
    """
    return [json.loads(line) for line in recording(name).read_text(encoding="utf-8").splitlines()]

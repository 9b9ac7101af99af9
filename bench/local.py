# SPDX-License-Identifier: BSD-3-Clause
"""An instance of the local environment on this machine: runs with nothing changed, after `down`, `status`, and an edited file."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator

from .controller import taken_of_the_controller
from .measuring import ROOT, STATE, CommandError, Found, Row, Work, in_turn, run

INSTANCE = "olympia-bench"
PROJECT = STATE / "olympia" / INSTANCE
SOURCE = STATE / "source"
VIEWS = SOURCE / "src/olympia/amo/views.py"
BARE = "bake, compose up, clean-up"


@contextlib.contextmanager
def instance(port: int, **more: str) -> Iterator[list[str]]:
    """Run an instance with a source tree of its own meanwhile, and yield the command that brings it up.

    Args:
        port: Its port.
        more: More settings of the stack role, without its prefix.
    """
    shutil.rmtree(SOURCE, ignore_errors=True)
    shutil.copytree(ROOT / "app", SOURCE)
    up = ["ansible-playbook", "playbooks/up.yml", "-i", "inventories/local"]
    settings = {"instance": INSTANCE, "http_port": port, "source_dir": SOURCE, **more}
    up += [word for name, value in settings.items() for word in ("-e", f"olympia_stack_{name}={value}")]
    try:
        run(up)
        yield up
    finally:
        run(["olympia", "destroy", "--yes", f"INSTANCE={INSTANCE}", "SNAPSHOTS_KEPT=0"])
        shutil.rmtree(STATE)


def bare() -> None:
    """Do what an `up` does where images and files are there, with the bare commands."""
    label = f"label=com.docker.compose.project={INSTANCE}"
    run(["docker", "volume", "create", f"{INSTANCE}_data_mysqld"])
    run(["docker", "buildx", "bake", "--file", "docker-compose.yml", "web"], PROJECT)
    run(["docker", "compose", "up", "--detach", "--wait", "--remove-orphans"], PROJECT)
    run(["docker", "image", "prune", "--force", "--filter", f"label=addons.olympia.instance={INSTANCE}"])
    run(["docker", "volume", "prune", "--force", "--filter", label])


def unchanged(up: list[str]) -> None:
    """Bring the instance up, which has to find nothing to do.

    Args:
        up: The command.

    Raises:
        CommandError: It has changed something.
    """
    if "changed=0 " not in run(up):
        raise CommandError("a run with nothing changed reported a change")


def edited(rounds: int) -> dict[str, list[float]]:
    """Return how long it takes until the site answers with an edited file: as the stack reloads, and by touch-reload; in seconds.

    Args:
        rounds: How often.
    """
    touched = SOURCE / "touched"
    touched.touch()
    servers = {"autoreload": f"{INSTANCE}-web-1", "touch": f"{INSTANCE}-touch"}
    command = ["uwsgi", "--ini", "/data/olympia/docker/uwsgi.ini", "--touch-reload", "/data/olympia/touched"]
    run(
        ["docker", "compose", "run", "--detach", "--no-deps", "--name", servers["touch"], "web", *command],
        PROJECT,
    )
    original = VIEWS.read_text(encoding="utf-8")
    number = 0
    VIEWS.write_text(original.replace("the embedded application", "edit 0"), encoding="utf-8")

    def answered(name: str) -> None:
        ask = "curl --silent http://127.0.0.1:8002/__version__"
        run(
            [
                "docker",
                "exec",
                servers[name],
                "sh",
                "-c",
                f"until {ask} | grep -q 'edit {number}\"'; do sleep 0.02; done",
            ]
        )

    def edit(name: str) -> None:
        nonlocal number
        number += 1
        VIEWS.write_text(original.replace("the embedded application", f"edit {number}"), encoding="utf-8")
        if name == "touch":
            touched.touch()
        answered(name)

    def alone(name: str) -> None:
        # The other one would reload beside it.
        run(["docker", "stop", *({*servers.values()} - {servers[name]})])
        run(["docker", "start", servers[name]])
        answered(name)

    works = {
        name: Work(do=lambda name=name: edit(name), before=lambda name=name: alone(name))  # type: ignore[misc]
        for name in servers
    }
    try:
        return in_turn(rounds, works)
    finally:
        run(["docker", "rm", "--force", servers["touch"]])


def measure(rounds: int, port: int) -> Found:
    """Return rows 1, 2, 3, 8 and 9, and what a run with nothing changed takes of the controller.

    Args:
        rounds: How often each is measured.
        port: The instance's port.
    """

    def down() -> None:
        run(["docker", "compose", "down"], PROJECT)

    with instance(port) as up:
        nothing = in_turn(
            rounds,
            {
                "up": Work(lambda: unchanged(up)),
                "bare": Work(bare),
                "driver": Work(lambda: run(["olympia", "up", f"INSTANCE={INSTANCE}"])),
                "status": Work(lambda: run(["olympia", "status", f"INSTANCE={INSTANCE}"])),
                "ps": Work(lambda: run(["docker", "compose", "ps"], PROJECT)),
                "ansible": Work(lambda: run(["ansible-playbook", "bench/nothing.yml", "-i", "inventories/local"])),
            },
        )
        facts = {"controller": taken_of_the_controller(up), "ansible_alone": nothing["ansible"]}
        stopped = in_turn(rounds, {"up": Work(lambda: run(up), down), "bare": Work(bare, down)})
        reloads = edited(rounds)
    return Found(
        [
            Row(1, "ansible-playbook playbooks/up.yml, nothing changed", BARE, 2.0, nothing["up"], nothing["bare"]),
            Row(2, "olympia up, nothing changed", BARE, 2.3, nothing["driver"], nothing["bare"]),
            Row(3, "up after down", BARE, 1.2, stopped["up"], stopped["bare"]),
            Row(
                8, "an edited file until the site answers", "touch-reload", 1.5, reloads["autoreload"], reloads["touch"]
            ),
            Row(9, "olympia status", "docker compose ps", 3, nothing["status"], nothing["ps"]),
        ],
        facts,
    )

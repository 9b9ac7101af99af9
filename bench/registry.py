# SPDX-License-Identifier: BSD-3-Clause
"""The first `up` of an instance whose images come from a registry on the loopback interface, with a warm build cache."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from tests.registry import Registry, unpack_program
from tests.registry_origin.images import push_images

from .local import INSTANCE, PROJECT, instance
from .measuring import STATE, Found, Row, Work, in_turn, run

BARE = STATE / "bare"


def measure(rounds: int, port: int) -> Found:
    """Return row 11.

    Args:
        rounds: How often each is measured.
        port: The instance's port.
    """
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "data")
        with Registry(unpack_program(Path(folder)), data) as registry:
            mirror = push_images(registry.address)
            with instance(port, registry=mirror) as up:
                shutil.copytree(PROJECT, BARE, symlinks=True)
                compose = ["docker", "compose", "--project-directory", str(PROJECT)]

                def fresh() -> None:
                    run([*compose, "down", "--volumes", "--rmi", "all"], BARE)
                    run(["docker", "volume", "rm", "--force", f"{INSTANCE}_data_mysqld"])
                    shutil.rmtree(PROJECT)

                def bare() -> None:
                    run(
                        [
                            "docker",
                            "volume",
                            "create",
                            f"--label=addons.olympia.instance={INSTANCE}",
                            f"{INSTANCE}_data_mysqld",
                        ]
                    )
                    run(["docker", "compose", "up", "--detach", "--wait"], PROJECT)

                def first_bare() -> None:
                    fresh()
                    shutil.copytree(BARE, PROJECT, symlinks=True)

                found = in_turn(rounds, {"up": Work(lambda: run(up), fresh), "bare": Work(bare, first_bare)})
    row = Row(
        11, "first up, images from a registry on loopback", "docker compose up --wait", 1.3, found["up"], found["bare"]
    )
    return Found([row])

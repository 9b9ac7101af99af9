#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause
"""Ansible module: build a Debian base image."""

from __future__ import annotations

DOCUMENTATION = r"""
module: base_image
short_description: Build a Debian base image
description:
  - Creates a small Debian root with C(mmdebstrap) and imports it as an image, without an intermediate file. Does nothing if
    the tag exists.
version_added: 0.1.0
author: The Olympia provisioner authors (!UNKNOWN)
requirements:
  - mmdebstrap, and root for it
  - docker CLI
attributes:
  check_mode:
    description: Reports whether the image would be built.
    support: full
  diff_mode:
    description: An image has no text to compare.
    support: none
options:
  tag:
    description: Name and tag of the image.
    type: str
    required: true
  release:
    description: Debian release.
    type: str
    required: true
  sources:
    description: Package sources in apt's one-line format. The image keeps them.
    type: list
    elements: str
    required: true
  options:
    description: Further options of C(mmdebstrap).
    type: list
    elements: str
    default: []
  labels:
    description: Labels of the image.
    type: dict
    default: {}
  wait_for_engine:
    description:
      - How long to wait, in seconds, for an engine that is being installed at the same time. The root is created meanwhile.
    type: int
    default: 0
seealso:
  - module: community.docker.docker_image_load
"""

EXAMPLES = r"""
- name: Build a base image
  addons.olympia.base_image:
    tag: example/base:bookworm
    release: bookworm
    sources: ["deb http://mirror.example.org/debian bookworm main"]
    options: ["--variant=apt"]
  become: true
"""

RETURN = r"""
cmd:
  description: The command that failed.
  returned: failure
  type: list
  elements: str
rc:
  description: Its return code.
  returned: failure
  type: int
stdout:
  description: Empty; the standard output is the image.
  returned: failure
  type: str
stderr:
  description: What it said.
  returned: failure
  type: str
"""

import contextlib
import fcntl
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.addons.olympia.plugins.module_utils.core.command_environment import commands
from ansible_collections.addons.olympia.plugins.module_utils.host.docker_cli import DockerCli
from ansible_collections.addons.olympia.plugins.module_utils.host.process import Completed, run, tail

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
LOCK = Path("/run/lock/addons.olympia.base_image")
# Any constant after 1980, before which zip archives know no time: the same packages then make the same layer on every host, and
# a build cache of one is good for the other (reproducible-builds.org, SOURCE_DATE_EPOCH).
EPOCH = "1700000000"
# Programs of the new root run where it is made: hardened hosts forbid that in temporary directories, but not here, where
# dpkg runs its packages' scripts.
WORK_DIRECTORY = "/var/lib"


def pipe(
    source: list[str], sink: Callable[[], list[str]], ready: Callable[[], bool], environment: dict[str, str]
) -> list[Completed]:
    """Run ``source | sink`` to the end of both, and return what came of each.

    Args:
        source: A command whose standard output is not kept.
        sink: Returns the command that reads it.
        ready: Whether that one can begin, or need not be waited for any longer.
        environment: The environment of both.
    """
    with (
        tempfile.TemporaryFile("w+", errors="replace") as log,
        subprocess.Popen(source, stdout=subprocess.PIPE, stderr=log, env=environment) as producer,
    ):
        while not ready() and producer.poll() in (None, 0):
            time.sleep(0.5)
        reader = sink()
        consumer = subprocess.run(
            reader, stdin=producer.stdout, capture_output=True, text=True, check=False, env=environment
        )
        # Otherwise a producer without a reader would wait forever.
        if producer.stdout:
            producer.stdout.close()
        producer.wait()
        log.seek(0)
        return [
            Completed(source, producer.returncode, "", log.read()),
            Completed(reader, consumer.returncode, consumer.stdout, consumer.stderr),
        ]


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Wait until no other process makes a base image on this host: the one that it makes may be the one that is wanted."""
    LOCK.parent.mkdir(parents=True, exist_ok=True)
    with LOCK.open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def engine_answers() -> bool:
    """Return whether there is an engine, and it answers."""
    return not run(["docker", "version"])[0]


def make(module: AnsibleModule) -> None:
    """Make the image, or fail.

    Args:
        module: The running module.
    """
    params = module.params
    tool = module.get_bin_path("mmdebstrap", required=True)
    command = [tool, f"--keyring={KEYRING}", *params["options"], params["release"], "-", *params["sources"]]
    changes = [f"--change=LABEL {name}={value}" for name, value in params["labels"].items()]
    deadline = time.monotonic() + params["wait_for_engine"]
    made, imported = pipe(
        command,
        lambda: DockerCli(module).command(["import", *changes, "-", params["tag"]]),
        lambda: time.monotonic() >= deadline or engine_answers(),
        commands({"TMPDIR": WORK_DIRECTORY, "SOURCE_DATE_EPOCH": EPOCH}),
    )
    docker = DockerCli(module)
    if made.rc != 0:
        # What it had written until then was imported nevertheless.
        docker.run(["image", "rm", params["tag"]])
        docker.fail(f"mmdebstrap cannot build the base image:\n{tail(made.stderr, 10)}", made)
    if imported.rc != 0:
        docker.fail(f"The engine cannot import the base image: {imported.stderr.strip()}", imported)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "tag": {"type": "str", "required": True},
            "release": {"type": "str", "required": True},
            "sources": {"type": "list", "elements": "str", "required": True},
            "options": {"type": "list", "elements": "str", "default": []},
            "labels": {"type": "dict", "default": {}},
            "wait_for_engine": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    with alone():
        awaited = module.params["wait_for_engine"] > 0 and not engine_answers()
        missing = awaited or not DockerCli(module).image_ids([module.params["tag"]])
        if missing and not module.check_mode:
            make(module)
    module.exit_json(changed=missing)


if __name__ == "__main__":
    main()

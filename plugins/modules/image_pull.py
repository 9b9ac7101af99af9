#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause
"""Ansible module: pull images, with retries if they can help."""

from __future__ import annotations

DOCUMENTATION = r"""
module: image_pull
short_description: Pull images, with retries if they can help
description:
  - Pulls missing images, several at a time.
  - Retries, with growing pauses, if a registry does not answer or has had too many requests; not if it refuses the
    credentials or has no such image.
  - An existing image is left alone, even if its tag has moved in the registry. Use a digest to be exact.
version_added: 0.1.0
author: The Olympia provisioner authors (!UNKNOWN)
requirements:
  - docker CLI with the buildx plugin
attributes:
  check_mode:
    description: Reports which images would be pulled.
    support: full
  diff_mode:
    description: An image has no text to compare.
    support: none
extends_documentation_fragment:
  - addons.olympia.progress
options:
  images:
    description: References, by tag or by digest.
    type: list
    elements: str
    required: true
  platforms:
    description: Platforms by reference, such as V(linux/amd64), for images that are not published for every machine.
    type: dict
    default: {}
  attempts:
    description: Maximum number of attempts.
    type: int
    default: 5
seealso:
  - module: community.docker.docker_image_pull
"""

EXAMPLES = r"""
- name: Pull two images
  addons.olympia.image_pull:
    images:
      - redis:6.2
      - registry.example.org/site@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
"""

RETURN = r"""
pulled:
  description: What was pulled (in check mode, would be).
  returned: success
  type: list
  elements: str
  sample: ["redis:6.2"]
failures:
  description: What could not be pulled.
  returned: failure
  type: list
  elements: dict
  contains:
    image:
      description: The reference.
      type: str
    kind:
      description: One of V(refused), V(limited), V(missing), V(unreachable), V(garbled).
      type: str
    tries:
      description: Number of attempts.
      type: int
    seen:
      description: The engine's last words.
      type: str
"""

import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import tempfile
import termios
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.addons.olympia.plugins.module_utils.core import command_environment as environment
from ansible_collections.addons.olympia.plugins.module_utils.core.progress_events import ARGUMENT, teller
from ansible_collections.addons.olympia.plugins.module_utils.host import engine_objects, registry
from ansible_collections.addons.olympia.plugins.module_utils.host.liveness import watched
from ansible_collections.addons.olympia.plugins.module_utils.host.process import run

AT_ONCE = 3
# What docker pull shows of a layer on a terminal.
LAYER = re.compile(r"([0-9a-f]{12}): (?:Downloading|Extracting)\s+(?:\[[^]]*\]\s+)?([\d.]+)([kMG]?)B/([\d.]+)([kMG]?)B")
COMPLETE = re.compile(r"([0-9a-f]{12}): (?:Download|Pull) complete")
UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}


def run_watched(arguments: list[str], see: Callable[[int, int], None]) -> tuple[int, str, str]:
    """Run `docker pull` as on a terminal, where it shows bytes, and return what `run` does.

    Args:
        arguments: The command.
        see: Is called with the bytes that are here and those that are known of, when they have changed.
    """
    ours, theirs = pty.openpty()
    # Wide enough for what it shows of a layer.
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 100, 200, 0, 0))
    with (
        tempfile.TemporaryFile("w+", errors="replace") as errors,
        subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=theirs, stderr=errors, text=True, env=environment.commands()
        ) as process,
        watched(process) as gave_up,
    ):
        os.close(theirs)
        shown = ""
        layers: dict[str, tuple[int, int]] = {}
        before: tuple[int, int] = (0, 0)
        # Once the command has ended, and with it the last one who has the other end, reading fails.
        with contextlib.suppress(OSError), os.fdopen(ours, encoding="utf-8", errors="replace", newline="") as terminal:
            while text := terminal.readline():
                shown += text
                for layer, current, unit, total, of in LAYER.findall(text):
                    layers[layer] = (round(float(current) * UNITS[unit]), round(float(total) * UNITS[of]))
                for layer in COMPLETE.findall(text):
                    layers[layer] = (layers.get(layer, (0, 0))[1],) * 2
                now = (sum(layer[0] for layer in layers.values()), sum(layer[1] for layer in layers.values()))
                if now != before:
                    see(*now)
                    before = now
        code = process.wait()
        errors.seek(0)
        return code, shown, errors.read() + "".join(gave_up)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "images": {"type": "list", "elements": "str", "required": True},
            "platforms": {"type": "dict", "default": {}},
            "attempts": {"type": "int", "default": 5},
            "progress": ARGUMENT,
        },
        supports_check_mode=True,
    )
    attempts: int = module.params["attempts"]
    missing = [image for image in module.params["images"] if not engine_objects.image_id(run, image)]
    if module.check_mode or not missing:
        module.exit_json(changed=bool(missing), pulled=missing)

    tell = teller(module.params["progress"])

    def pull(image: str) -> registry.Answer:
        platform = module.params["platforms"].get(image)
        command = ["docker", "pull", *([f"--platform={platform}"] if platform else []), image]

        def exchange(arguments: list[str]) -> tuple[int, str, str]:
            # What else the registry is asked is for programs to read.
            if arguments != command:
                return run(arguments)
            return run_watched(arguments, lambda current, total: tell("pull", name=image, current=current, total=total))

        return registry.exchange(exchange, command, image, attempts)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = dict(zip(missing, pool.map(pull, missing), strict=True))
    failed = {image: answer for image, answer in answers.items() if answer.kind}
    if failed:
        module.fail_json(
            msg="\n".join(answer.explain(f"{image} cannot be pulled") for image, answer in failed.items()),
            failures=[
                {"image": image, "kind": answer.kind, "tries": answer.tries, "seen": answer.words}
                for image, answer in failed.items()
            ],
            olympia={"phase": "images", "kind": "build"},
        )
    module.exit_json(changed=True, pulled=missing)


if __name__ == "__main__":
    main()

#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause
"""Merge settings into the configuration file of the Docker engine."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: daemon_json
short_description: Merge settings into the configuration file of the Docker engine
description:
  - Merges settings into C(daemon.json), keeps everything else in it, and validates the result with C(dockerd --validate)
    before it replaces the file.
  - Returns whether a running engine needs a reload or a restart; it does neither itself.
author: The Olympia provisioner authors (!UNKNOWN)
options:
  path:
    description: The file.
    type: path
    default: /etc/docker/daemon.json
  options:
    description:
      - Settings to enforce. Mappings are merged key by key at every depth; any other value replaces the current one, lists too.
    type: dict
    default: {}
  defaults:
    description:
      - Settings for keys that are neither in the file nor in O(options).
    type: dict
    default: {}
  backup:
    description: Keep a copy of the former file beside it.
    type: bool
    default: true
  pending_file:
    description:
      - Where to write RV(effect) just before the file is replaced, so that the next run can catch up if this one is interrupted
        before the engine is reloaded. Whoever reloads the engine removes the file.
    type: path
attributes:
  check_mode:
    description: Can run in check mode; the result is validated there too if C(dockerd) is installed.
    support: full
  diff_mode:
    description: Shows the file before and after.
    support: full
"""

EXAMPLES = r"""
- name: Use a registry mirror, and rotate logs unless something else is set
  addons.olympia.daemon_json:
    options:
      registry-mirrors: ["https://mirror.example.org"]
    defaults:
      log-driver: local
  become: true
  register: daemon_json

- name: Apply it to the running engine
  ansible.builtin.systemd_service:
    name: docker
    state: "{{ 'reloaded' if daemon_json.effect == 'reload' else 'restarted' }}"
  become: true
  when: daemon_json is changed
"""

RETURN = r"""
changed_keys:
  description: The top-level keys that differ.
  returned: success
  type: list
  elements: str
  sample: ["registry-mirrors"]
effect:
  description: What a running engine needs to apply the change, V(none), V(reload) or V(restart).
  returned: success
  type: str
backup_file:
  description: Where the former file is kept.
  returned: when there was one and it changed
  type: str
cmd:
  description: The command that rejected the result; RV(rc), RV(stdout) and RV(stderr) belong to it.
  returned: on failed validation
  type: list
  elements: str
rc:
  description: Return code of the validation.
  returned: on failed validation
  type: int
stdout:
  description: Standard output of the validation.
  returned: on failed validation
  type: str
stderr:
  description: Standard error of the validation.
  returned: on failed validation
  type: str
"""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.addons.olympia.plugins.module_utils.engine.daemon_config import (
    changed_keys,
    effect_of,
    merge_options,
    parse_daemon_json,
)

DOCKERD_PATH = "/usr/bin:/usr/sbin:/usr/local/bin:/usr/local/sbin"


def read(module: AnsibleModule, path: Path) -> tuple[str, dict[str, Any]]:
    """Return text and content of the file, both empty if there is none; fail if it cannot be merged."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return "", {}
    except (OSError, UnicodeDecodeError) as error:
        module.fail_json(msg=f"{path} cannot be read: {error}.")
    content = parse_daemon_json(text, path)
    if isinstance(content, str):
        module.fail_json(msg=f"{content}. Correct the file, or move it away; it was left as it is.")
        raise AssertionError("fail_json returned")
    return text, content


def validate(module: AnsibleModule, text: str, path: Path) -> None:
    """Have the engine check the new content; end the module with its words if it refuses."""
    dockerd = shutil.which("dockerd", path=DOCKERD_PATH)
    if dockerd is None:
        if module.check_mode:
            return
        module.fail_json(
            msg=f"There is no dockerd on {DOCKERD_PATH} to validate {path} with: install the engine first."
        )
    with tempfile.NamedTemporaryFile("w", dir=module.tmpdir, suffix=".json", encoding="utf-8") as candidate:
        candidate.write(text)
        candidate.flush()
        cmd = [dockerd, "--validate", "--config-file", candidate.name]
        rc, stdout, stderr = module.run_command(cmd)
    if module.check_mode and "unknown flag: --validate" in stderr:
        # An engine older than 23.0, which would be upgraded before this.
        return
    if rc != 0:
        words = (stderr.strip() or stdout.strip()).replace(candidate.name, str(path))
        module.fail_json(
            msg=f"The engine refuses the settings for {path}, which was left as it is: {words}",
            cmd=cmd,
            rc=rc,
            stdout=stdout,
            stderr=stderr,
        )


def write(module: AnsibleModule, path: Path, text: str, effect: str) -> str | None:
    """Note what is pending, replace the file, and return where the former one is kept, if it is."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    existed = path.exists()
    backup = module.backup_local(str(path)) if existed and module.params["backup"] else None
    if module.params["pending_file"]:
        note = Path(module.params["pending_file"])
        note.write_text(effect + "\n", encoding="ascii")
        note.chmod(0o644)
    candidate = Path(module.tmpdir) / "daemon.json"
    candidate.write_text(text, encoding="utf-8")
    # Replaces the file in one step, and keeps owner, mode and extended attributes of one that is there.
    module.atomic_move(str(candidate), str(path))
    if not existed:
        path.chmod(0o644)
    return backup or None


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "default": "/etc/docker/daemon.json"},
            "options": {"type": "dict", "default": {}},
            "defaults": {"type": "dict", "default": {}},
            "backup": {"type": "bool", "default": True},
            "pending_file": {"type": "path"},
        },
        supports_check_mode=True,
    )
    path = Path(module.params["path"])
    before, current = read(module, path)
    merged = merge_options(current, module.params["options"], module.params["defaults"])
    keys = changed_keys(current, merged)
    result: dict[str, Any] = {"changed": bool(keys), "changed_keys": keys, "effect": effect_of(keys)}
    if keys:
        after = json.dumps(merged, indent=2) + "\n"
        result["diff"] = {"before": before, "after": after, "before_header": str(path), "after_header": str(path)}
        validate(module, after, path)
        if not module.check_mode:
            backup = write(module, path, after, result["effect"])
            if backup:
                result["backup_file"] = backup
    module.exit_json(**result)


if __name__ == "__main__":
    main()

#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause
"""Ansible module: run the site's own tests beside its running services."""

from __future__ import annotations

DOCUMENTATION = r"""
module: site_tests
short_description: Run the site's own tests beside its running services
description:
  - Runs a service of the Compose project once, like C(docker compose run), and saves the JUnit report from its container.
author: The Olympia provisioner authors (!UNKNOWN)
extends_documentation_fragment:
  - addons.olympia.secrets
options:
  project_src:
    description: The project directory. The report goes to C(test-results/junit.xml) in it.
    type: path
    required: true
  project:
    description: Name of the Compose project.
    type: str
    required: true
  service:
    description: The service whose command runs the tests.
    type: str
    default: tests
  report:
    description: Path of the report in its container.
    type: str
    default: /tmp/junit.xml
attributes:
  check_mode:
    support: full
    description: Runs nothing.
  diff_mode:
    support: none
    description: Tests have no diff.
seealso:
  - module: community.docker.docker_compose_v2_run
"""

EXAMPLES = r"""
- name: Test the site
  addons.olympia.site_tests:
    project_src: /srv/olympia/addons-server
    project: addons-server
"""

RETURN = r"""
tests:
  description: Number of tests that passed.
  returned: success, but not in check mode
  type: int
failures:
  description: Names of the tests that failed.
  returned: failure
  type: list
  elements: str
report:
  description: The JUnit report, or the empty string if there is none.
  returned: success, but not in check mode
  type: str
stdout:
  description: Output of the tests; of a failure, the end of it.
  returned: always, but not in check mode
  type: str
"""

from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.addons.olympia.plugins.module_utils.host.docker_cli import DockerCli
from ansible_collections.addons.olympia.plugins.module_utils.host.process import tail
from ansible_collections.addons.olympia.plugins.module_utils.stack.remembered import TEST_RESULTS

OUTPUT_LINES = 200
NAMED_TESTS = 20


def read_report(path: Path) -> tuple[list[str], list[str]]:
    """Return the names of the tests that passed, and of those that did not, by a JUnit report.

    Args:
        path: The report; where there is none, there were no tests.
    """
    passed: list[str] = []
    failed: list[str] = []
    if path.is_file():
        for case in ElementTree.parse(path).iter("testcase"):
            name = f"{case.get('classname')}::{case.get('name')}"
            if case.find("failure") is not None or case.find("error") is not None:
                failed.append(name)
            elif case.find("skipped") is None:
                passed.append(name)
    return passed, failed


def explain(rc: int, failed: list[str], output: str) -> str:
    """Return a message for people.

    Args:
        rc: Return code of the tests.
        failed: Names of the tests that failed.
        output: What was printed.
    """
    if not failed:
        return (
            f"The site's tests failed with return code {rc}, but the report names no failed test:\n{tail(output, 40)}"
        )
    more = [f"and {len(failed) - NAMED_TESTS} more"] if len(failed) > NAMED_TESTS else []
    names = "\n".join(f"  {name}" for name in [*failed[:NAMED_TESTS], *more])
    return f"{len(failed)} of the site's tests failed:\n{names}\n{tail(output, 40)}"


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "project_src": {"type": "path", "required": True},
            "project": {"type": "str", "required": True},
            "service": {"type": "str", "default": "tests"},
            "report": {"type": "str", "default": "/tmp/junit.xml"},
            "secrets": {"type": "list", "elements": "str", "default": [], "no_log": True},
        },
        supports_check_mode=True,
    )
    params: dict[str, Any] = module.params
    docker = DockerCli(module)
    if module.check_mode:
        module.exit_json(changed=True)
    project, container = params["project_src"], f"{params['project']}-{params['service']}-run"
    report = Path(project, TEST_RESULTS, "junit.xml")
    report.parent.mkdir(exist_ok=True)
    report.unlink(missing_ok=True)
    # One that an interrupted run has left would be in the way.
    docker.run(["rm", "--force", "--volumes", container])
    command = ["compose", "--project-directory", project, "run", "--no-TTY", "--name", container, params["service"]]
    completed = docker.run(command, cwd=project)
    docker.run(["cp", f"{container}:{params['report']}", str(report)])
    docker.run(["rm", "--force", "--volumes", container])
    passed, failed = read_report(report)
    if completed.rc or failed or not passed:
        output = completed.stdout + completed.stderr
        docker.fail(
            explain(completed.rc, failed, output),
            replace(
                completed, stdout=tail(completed.stdout, OUTPUT_LINES), stderr=tail(completed.stderr, OUTPUT_LINES)
            ),
            failures=failed,
            olympia={"phase": "test-site", "kind": "tests"},
        )
    module.exit_json(changed=True, tests=len(passed), report=str(report), stdout=tail(completed.stdout, OUTPUT_LINES))


if __name__ == "__main__":
    main()

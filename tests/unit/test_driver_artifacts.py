# SPDX-License-Identifier: BSD-3-Clause
"""What the driver leaves in the folder for artifacts and prints for CI services, from real runs in a miniature checkout."""

from __future__ import annotations

import json
import signal
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from ansible_collections.addons.olympia.plugins.module_utils.masking import MASK
from tests.unit.test_driver_run import ROOT, Checkout, wait_for

from olympia_provisioner import artifacts
from olympia_provisioner.errors import ExitCode
from olympia_provisioner.report import Report

SETTINGS = {"olympia_stack_debug": {"value": True, "source": "inventory"}}
# The real one asks an engine.
COLLECT = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.copy:
        src: "{{ playbook_dir }}/collected/"
        dest: "{{ olympia_stack_artifacts }}/{{ inventory_hostname }}/"
"""
# Fails as the role's own modules do, with a marker in its result.
MARKED = """
from ansible.plugins.action import ActionBase
class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        return dict(failed=True, msg='no good', rc=3, olympia=dict(phase='health', kind='unhealthy'))
"""
GITHUB = {"GITHUB_ACTIONS": "true"}


@pytest.fixture(autouse=True)
def no_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let these tests themselves be run by a CI service."""
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.delenv("GITLAB_CI", raising=False)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """Return a checkout in miniature that has something to collect."""
    checkout = Checkout(tmp_path)
    playbooks = tmp_path / "playbooks"
    (playbooks / "collect.yml").write_text(COLLECT)
    for folder in ("collected", "action_plugins"):
        (playbooks / folder).mkdir()
    (playbooks / "collected/settings.json").write_text(json.dumps(SETTINGS))
    (playbooks / "action_plugins/marked.py").write_text(MARKED)
    return checkout


def phases(checkout: Checkout, **tasks: str) -> None:
    """Write an up.yml of task files that stand where the stack role's do, a phase each."""
    folder = checkout.path / "playbooks/roles/olympia_stack/tasks"
    folder.mkdir(parents=True)
    for phase, text in tasks.items():
        (folder / f"{phase}.yml").write_text(text)
    checkout.playbook(
        "\n".join(f"- ansible.builtin.include_tasks: roles/olympia_stack/tasks/{phase}.yml" for phase in tasks)
    )


def result_in(folder: Path) -> dict[str, Any]:
    """Return the JSON result in a folder, which is as its schema says."""
    result: dict[str, Any] = json.loads((folder / "result.json").read_text())
    schema = json.loads((ROOT / "docs/ci/result.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(result)
    return result


def cases_in(folder: Path) -> list[tuple[str, ...]]:
    """Return what the JUnit report in a folder says of each case: class, name, and what became of it."""
    found = ElementTree.parse(folder / "junit.xml").iter("testcase")
    return [(case.get("classname", ""), case.get("name", ""), *(child.tag for child in case)) for case in found]


def files_in(folder: Path) -> dict[str, str]:
    """Return the content of every file in a folder."""
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_a_run_that_is_done_leaves_its_result_and_log_and_what_was_collected(checkout: Checkout) -> None:
    phases(checkout, build="- name: Say it\n  ansible.builtin.debug: {msg: hello}\n")
    code, output, errors = checkout.run("up", "--artifacts", "some/where")
    assert (code, errors) == (0, "")
    folder = checkout.path / "some/where"
    assert set(files_in(folder)) == {"result.json", "junit.xml", "ansible.log", "hosts/localhost/settings.json"}
    result = result_in(folder)
    assert (result["verb"], result["result"], result["exit_code"], result["error"]) == ("up", "done", 0, "")
    assert result["inventory"] == str(checkout.path / "inventories/local")
    assert [(phase["name"], phase["result"]) for phase in result["phases"]] == [("build", "ok")]
    assert result["failures"] == []
    assert result["hosts"] == {"localhost": {"settings": SETTINGS}}
    assert cases_in(folder) == [("build.localhost", "Say it")]
    assert (folder / "ansible.log").read_text().strip() == output.strip()
    assert output.count("PLAY RECAP") == 1, "Collecting is not the user's affair"


def test_a_run_that_fails_keeps_its_code_and_leaves_the_reason(checkout: Checkout) -> None:
    phases(checkout, start="- ansible.builtin.debug: {msg: x}\n", health="- name: Wait\n  marked:\n")
    code, output, errors = checkout.run("up", "--artifacts", "out")
    assert (code, "no good" in output) == (5, True)
    assert errors.startswith("olympia: up failed in the phase health\n")
    folder = checkout.path / "out"
    result = result_in(folder)
    assert (result["result"], result["exit_code"]) == ("failed", 5)
    assert result["error"] == errors.removeprefix("olympia: ").strip()
    assert result["failures"] == [
        {
            "host": "localhost",
            "phase": "health",
            "task": "Wait",
            "kind": "unhealthy",
            "message": "no good",
            "evidence": {"rc": 3},
        }
    ]
    assert [(phase["name"], phase["result"]) for phase in result["phases"]] == [("start", "ok"), ("health", "failed")]
    assert result["hosts"] == {"localhost": {"settings": SETTINGS}}
    assert cases_in(folder)[1:] == [("health.localhost", "Wait", "failure"), ("olympia", "up", "error")]
    assert "no good" in (folder / "ansible.log").read_text()


def test_an_interrupted_run_is_told_and_collected_too(checkout: Checkout, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    phases(checkout, build=f"- name: Take long\n  ansible.builtin.shell: 'touch {begun}; exec sleep 1000'\n")
    process = checkout.start("up", "--artifacts", "out")
    wait_for(begun.exists, "the task has started")
    process.send_signal(signal.SIGTERM)
    _output, errors = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in errors) == (130, False)
    folder = checkout.path / "out"
    result = result_in(folder)
    assert (result["result"], result["exit_code"]) == ("interrupted", 130)
    assert "up was interrupted" in result["error"]
    assert result["hosts"] == {"localhost": {"settings": SETTINGS}}
    assert ("olympia", "up", "error") in cases_in(folder)
    assert "User interrupted execution" in (folder / "ansible.log").read_text()


def test_a_usage_error_is_told_though_nothing_was_run(checkout: Checkout) -> None:
    checkout.playbook("- ansible.builtin.debug: {msg: x}")
    code, output, _errors = checkout.run("up", "HTTP_PROT=1", "--artifacts", "out")
    assert (code, output) == (2, "")
    folder = checkout.path / "out"
    assert set(files_in(folder)) == {"result.json", "junit.xml"}
    result = result_in(folder)
    assert (result["result"], result["exit_code"], result["phases"], result["hosts"]) == ("failed", 2, [], {})
    assert result["error"].startswith("HTTP_PROT is not a setting. Did you mean HTTP_PORT?")
    assert cases_in(folder) == [("olympia", "up", "error")]


def test_a_run_that_could_not_begin_is_told(checkout: Checkout) -> None:
    checkout.playbook("- ansible.builtin.debug: {msg: x}")
    checkout.state.write_text("a file where the folder for runs should go")
    assert checkout.run("up", "--artifacts", "out")[0] == 1
    result = result_in(checkout.path / "out")
    assert (result["exit_code"], result["error"].splitlines()[0]) == (1, "The lock of the instance cannot be made")


def test_a_folder_with_other_files_is_refused_and_left_as_it_is(checkout: Checkout) -> None:
    checkout.playbook("- ansible.builtin.debug: {msg: x}")
    folder = checkout.path / "out"
    (folder / "hosts").mkdir(parents=True)
    for name in ("precious.txt", "result.json", "hosts/theirs"):
        (folder / name).write_text(name)
    before = files_in(folder)
    code, output, errors = checkout.run("up", "--artifacts", "out")
    assert (code, output) == (2, "")
    assert "has other files in it" in errors and "precious.txt" in errors
    assert files_in(folder) == before
    assert not checkout.state.exists(), "nothing was to be run"


def test_a_folder_that_cannot_be_made_is_a_sentence(checkout: Checkout) -> None:
    checkout.playbook("- ansible.builtin.debug: {msg: x}")
    (checkout.path / "out").write_text("a file")
    code, output, errors = checkout.run("up", "--artifacts", "out")
    assert (code, output) == (2, "")
    assert "The folder for artifacts cannot be written" in errors


def test_a_second_run_replaces_what_the_first_has_left(checkout: Checkout) -> None:
    folder = checkout.path / "out"
    checkout.playbook("- ansible.builtin.fail: {msg: the first}")
    assert checkout.run("up", "--artifacts", "out")[0] == 1
    assert "the first" in files_in(folder)["result.json"]
    (folder / "hosts/localhost").rename(folder / "hosts/one-that-is-gone")
    checkout.playbook("- ansible.builtin.debug: {msg: the second}")
    assert checkout.run("up", "--artifacts", "out")[0] == 0
    assert not [name for name, text in files_in(folder).items() if "the first" in text]
    assert result_in(folder)["result"] == "done"
    assert set(result_in(folder)["hosts"]) == {"localhost"}
    assert "the second" in files_in(folder)["ansible.log"]
    # One that runs nothing has no log.
    assert checkout.run("up", "--artifacts", "out", "NO_SUCH=1")[0] == 2
    assert set(files_in(folder)) == {"result.json", "junit.xml"}


def test_hosts_that_cannot_be_asked_do_not_change_what_a_run_came_to(checkout: Checkout) -> None:
    checkout.playbook("- ansible.builtin.debug: {msg: x}")
    (checkout.path / "playbooks/collect.yml").write_text(
        "- hosts: all\n  gather_facts: false\n  tasks: [ansible.builtin.fail: {msg: no engine}]\n"
    )
    code, _output, errors = checkout.run("up", "--artifacts", "out")
    assert code == 0
    assert "The host was not asked" in errors and "no engine" in errors
    result = result_in(checkout.path / "out")
    assert (result["result"], result["failures"], result["hosts"]) == ("done", [], {})


def test_the_logs_lines_end_as_lines_do(checkout: Checkout) -> None:
    checkout.playbook("- ansible.builtin.debug: {msg: x}")
    assert checkout.run("up", "--artifacts", "out")[0] == 0
    assert b"\r" not in (checkout.path / "out/ansible.log").read_bytes()


def test_a_password_in_an_address_does_not_get_into_the_results(checkout: Checkout) -> None:
    address = "https://me:s3cret@host.test/simple"
    checkout.playbook(
        f"- block:\n    - ansible.builtin.shell: echo cannot read {address} >&2; exit 1\n"
        f"  rescue:\n    - ansible.builtin.fail: {{msg: 'cannot read {address}'}}\n"
    )
    assert checkout.run("up", "--artifacts", "out")[0] == 1
    folder = checkout.path / "out"
    shell, fail = result_in(folder)["failures"]
    masked = f"cannot read https://{MASK}@host.test/simple"
    assert (shell["evidence"]["stderr"], fail["message"]) == (masked, masked)
    assert masked in (folder / "junit.xml").read_text()
    assert {"result.json", "junit.xml", artifacts.LOG} <= {path.name for path in folder.iterdir()}
    assert [path.name for path in folder.rglob("*") if path.is_file() and "s3cret" in path.read_text()] == []


@pytest.mark.parametrize(
    ("message", "masked"),
    [
        ("npm said: //host.test/:_authToken=s3cret", f"npm said: //host.test/:_authToken={MASK}"),
        ('found "auth": "s3cret" in it', f'found "auth": "{MASK}" in it'),
        ("//host.test/:_password=s3<&>cret&more", f"//host.test/:_password={MASK}"),
    ],
)
def test_masking_leaves_junit_whole(tmp_path: Path, message: str, masked: str) -> None:
    report = Report("up")
    report.see({"event": "runner_on_failed", "event_data": {"host": "one", "task": "Do it", "res": {"msg": message}}})
    report.end(ExitCode.UNEXPECTED, message)
    artifacts.write(tmp_path, report)
    assert "cret" not in (tmp_path / "junit.xml").read_text()
    root = ElementTree.parse(tmp_path / "junit.xml").getroot()
    for element in (*root.iter("failure"), *root.iter("error")):
        assert (element.get("message"), element.text) == (masked, masked)


def test_github_gets_an_annotation_for_a_failing_task(checkout: Checkout) -> None:
    phases(checkout, build="- ansible.builtin.fail:\n    msg: |-\n      it is full,\n      100% of it\n")
    code, output, _errors = checkout.run("up", **GITHUB)
    assert code == 4
    annotations = [line for line in output.splitlines() if line.startswith("::error")]
    assert annotations == ["::error title=olympia up failed in build on localhost::it is full,%0A100%25 of it"]
    assert not any(line.startswith("::") for line in checkout.run("up")[1].splitlines())


def test_github_gets_an_annotation_for_what_is_refused(checkout: Checkout) -> None:
    checkout.playbook("- ansible.builtin.debug: {msg: x}")
    (checkout.path / "out").mkdir()
    (checkout.path / "out/precious.txt").touch()
    for arguments, words in (
        (["HTTP_PROT=1"], "HTTP_PROT is not a setting"),
        (["--artifacts", "out"], "The folder for artifacts has other files in it"),
    ):
        code, output, _errors = checkout.run("up", *arguments, **GITHUB)
        assert code == 2
        assert output.startswith(f"::error title=olympia up failed::{words}")


def test_github_gets_a_group_for_each_phase_that_is_closed_in_the_end(checkout: Checkout) -> None:
    phases(checkout, **dict.fromkeys(("build", "start"), "- ansible.builtin.debug: {msg: x}\n"))
    code, output, _errors = checkout.run("up", **GITHUB)
    assert code == 0
    marks = [line for line in output.splitlines() if line.startswith("::")]
    assert marks == ["::group::build", "::endgroup::", "::group::start", "::endgroup::"]


def test_a_silent_run_gives_signs_of_life(checkout: Checkout, tmp_path: Path) -> None:
    console = checkout.path / "src/olympia_provisioner/console.py"
    source = console.read_text()
    assert source.count("HEARTBEAT = 30.0") == 1
    console.write_text(source.replace("HEARTBEAT = 30.0", "HEARTBEAT = 0.5"))
    seen = tmp_path / "seen"
    # It ends only because the test has seen the line, else it fails.
    task = f"- name: Be silent\n  ansible.builtin.wait_for: {{path: {seen}, timeout: 30}}\n"
    phases(checkout, build=task)
    process = checkout.start("up")
    assert process.stdout
    for line in process.stdout:
        if line == "... still at it, build: Be silent\n":
            seen.touch()
    _output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")

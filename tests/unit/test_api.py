# SPDX-License-Identifier: BSD-3-Clause
"""The verbs for programs, on real playbooks."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.unit.test_driver_run import Checkout

from olympia_provisioner import OlympiaError, Stack
from olympia_provisioner.errors import ExitCode
from olympia_provisioner.verbs.status import Status


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """Return a checkout in miniature, which the API takes for its own."""
    made = Checkout(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(made.state))
    monkeypatch.setattr("olympia_provisioner.api.collection_root", lambda: made.path)
    return made


def silent(capfd: pytest.CaptureFixture[str]) -> bool:
    """Return whether nothing was printed."""
    return capfd.readouterr() == ("", "")


def test_a_run_returns_what_it_has_come_to_and_prints_nothing(
    checkout: Checkout, capfd: pytest.CaptureFixture[str]
) -> None:
    target = checkout.path / "written"
    checkout.playbook(f"- ansible.builtin.copy: {{dest: {target}, content: '{{{{ olympia_stack_http_port }}}}'}}")
    plan = Stack(http_port=8080).up(check=True)
    assert (plan.verb, plan.changed, target.exists()) == ("up", 1, False)
    assert Stack(HTTP_PORT=8080).up().changed == 1
    assert Stack(olympia_stack_http_port="8080").up().changed == 0
    assert target.read_text() == "8080"
    assert silent(capfd)


def test_values_of_any_type_reach_the_playbook(checkout: Checkout) -> None:
    checkout.playbook("- ansible.builtin.debug: {msg: x}")
    Stack(debug=True, wait_timeouts={"web": 3}, target=None, ansible_user="ada").up()
    (run,) = checkout.runs()
    assert json.loads((run / "up.json").read_text()) == {
        "olympia_stack_debug": "true",
        "olympia_stack_wait_timeouts": '{"web": 3}',
        "olympia_stack_target": "",
        "ansible_user": "ada",
    }


def test_a_failure_is_an_exception_with_its_reason(checkout: Checkout, capfd: pytest.CaptureFixture[str]) -> None:
    checkout.playbook("- ansible.builtin.fail: {msg: no luck}")
    with pytest.raises(OlympiaError) as caught:
        Stack().up()
    assert (caught.value.code, "no luck" in caught.value.evidence) == (ExitCode.UNEXPECTED, True)
    assert silent(capfd)


def test_a_wrong_setting_is_an_exception(checkout: Checkout) -> None:
    with pytest.raises(OlympiaError, match="Did you mean HTTP_PORT") as caught:
        Stack(http_prot=1).up()
    assert caught.value.code is ExitCode.USAGE


def test_it_works_in_a_thread(checkout: Checkout) -> None:
    checkout.playbook("- ansible.builtin.debug: {msg: x}")
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(Stack().up()))
    thread.start()
    thread.join(60)
    assert [result.verb for result in results] == ["up"]


def test_a_look_returns_a_typed_answer(checkout: Checkout, capfd: pytest.CaptureFixture[str]) -> None:
    answer = {
        "instance": "two", "project_dir": "/s/two", "site": "It is there", "address": "http://there", "ssh": "",
        "engine": True, "expires": "", "services": ["web"],
        "containers": [], "image": True, "render": [".env"], "started": False, "initialized": True,
    }  # fmt: skip
    checkout.playbook(f"- ansible.builtin.debug: {{msg: {json.dumps(answer)}}}")
    (checkout.path / "playbooks/up.yml").rename(checkout.path / "playbooks/status.yml")
    found = Stack().status()
    assert isinstance(found, Status)
    assert (found.instance, found.healthy, len(found.pending)) == ("two", False, 2)
    assert silent(capfd)
    assert checkout.runs() == []
    (checkout.path / "two.yml").write_text("all: {hosts: {one: {}, two: {}}, vars: {ansible_connection: local}}\n")
    with pytest.raises(OlympiaError, match="2 hosts have answered"):
        Stack(str(checkout.path / "two.yml")).status()


def test_what_is_said_of_snapshots_reaches_their_playbooks(checkout: Checkout) -> None:
    checkout.playbook("- ansible.builtin.debug: {msg: x}")
    for name in ("snapshot_restore", "data_export"):
        (checkout.path / f"playbooks/{name}.yml").write_text((checkout.path / "playbooks/up.yml").read_text())
    assert Stack().snapshot_restore("one/first", force=True).verb == "snapshot_restore"
    Stack().data_export("dump.sql")
    said = {path.stem: json.loads(path.read_text()) for run in checkout.runs() for path in run.glob("*_*.json")}
    assert said == {
        "snapshot_restore": {
            "__olympia_stack_snapshot_name": "one/first",
            "__olympia_stack_snapshot_force": "true",
        },
        "data_export": {"__olympia_stack_sql_file": str(Path.cwd() / "dump.sql")},
    }

# SPDX-License-Identifier: BSD-3-Clause
"""What is told of a run, from its events: the JSON result, which its schema describes, and the JUnit report."""

from __future__ import annotations

import functools
import json
import operator
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from ansible_collections.addons.olympia.plugins.module_utils.core.masking import MASK
from ansible_collections.addons.olympia.plugins.module_utils.settings.sources import SOURCES
from olympia_provisioner.cli.verbs import VERBS

from olympia_provisioner.errors import ExitCode
from olympia_provisioner.present.outcome import SCHEMA, Report
from olympia_provisioner.run.playbook import KINDS

ROOT = Path(__file__).resolve().parents[2]
START = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
TASKS = "/somewhere/roles/olympia_stack/tasks"
DESCRIPTION: dict[str, Any] = json.loads((ROOT / "docs/ci/result.schema.json").read_text())
HOSTS = {
    "one": {
        "settings": {"olympia_stack_debug": {"value": True, "source": "inventory"}},
        "image": {"reference": "olympia/addons-server:local", "id": "sha256:1", "digest": ""},
    },
    "two": {},
}


def event(name: str, at: float = 0, **data: Any) -> dict[str, Any]:
    """Return an event of ansible-runner, so many seconds after the first."""
    return {"event": name, "created": (START + timedelta(seconds=at)).isoformat(), "event_data": data}


def begun(phase: str, at: float = 0) -> dict[str, Any]:
    """Return the event of a task that starts in a task file of the stack role."""
    return event("playbook_on_task_start", at, task="Do it", task_path=f"{TASKS}/{phase}.yml:3")


def ended(name: str = "runner_on_ok", at: float = 0, **more: Any) -> dict[str, Any]:
    """Return the event of a task that ends, by default well and in the phase build."""
    data = {"host": "one", "task": "Do it", "task_action": "command", "task_path": f"{TASKS}/build.yml:3", "res": {}}
    return event(name, at, **data | more)


def failed(res: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return the event of a task that fails with a result."""
    return ended("runner_on_failed", res=res, **more)


def told(*events: dict[str, Any], code: ExitCode | None = ExitCode.DONE, error: str = "") -> Report:
    """Return the report of a run that is over."""
    report = Report("up", "inventories/local")
    for one in events:
        report.see(one)
    if code is not None:
        report.end(code, error)
    return report


def suites(report: Report) -> dict[str, ElementTree.Element]:
    """Return the suites of the JUnit report by name."""
    return {suite.attrib["name"]: suite for suite in ElementTree.fromstring(report.as_junit())}


def counts(suite: ElementTree.Element) -> tuple[int, ...]:
    """Return what a suite says of its cases: all, failed, skipped, broken ones; each as often as it has them."""
    found = tuple(len(suite.findall(path)) for path in ("testcase", "*/failure", "*/skipped", "*/error"))
    assert found == tuple(int(suite.get(name, "0")) for name in ("tests", "failures", "skipped", "errors"))
    return found


def test_the_time_between_two_events_belongs_to_the_phase_that_the_run_is_in() -> None:
    report = told(
        event("playbook_on_start", 0),
        begun("preflight", 1),
        ended(at=2.5),
        begun("build", 4),
        {"event": "verbose", "event_data": None},
        begun("preflight", 10.25),
        event("playbook_on_stats", 12),
    )
    phases = report.as_dict({})["phases"]
    assert [(phase["name"], phase["seconds"]) for phase in phases] == [("preflight", 4.75), ("build", 6.25)]
    assert told(begun("build", 4), ended(at=5.5)).as_dict({})["phases"][0]["seconds"] == 1.5
    assert told(begun("build", 4), begun("start", 6.25)).as_dict({})["phases"][0]["seconds"] == 2.25
    assert suites(report)["build"].get("time") == "6.250"


@pytest.mark.parametrize(
    ("path", "phase"),
    [
        (f"{TASKS}/build.yml:7", "build"),
        (f"{TASKS}/test-site.yml:7", "test-site"),
        ("/somewhere/roles/olympia_docker/tasks/packages.yml:7", "engine"),
        ("/somewhere/roles/olympia_images/tasks/main.yml:7", "images"),
        (f"{TASKS}/main.yml:7", "before"),
        (f"{TASKS}/image.yml:7", "before"),
        ("/somewhere/roles/another/tasks/build.yml:7", "before"),
        ("/somewhere/playbooks/up.yml:7", "before"),
        ("", "before"),
    ],
)
def test_a_tasks_place_tells_its_phase_or_the_one_before_goes_on(path: str, phase: str) -> None:
    report = told(begun("before"), event("playbook_on_task_start", 1, task="Next", task_path=path))
    assert (report.phase, report.task) == (phase, "Next")
    report.see(ended(task="Next", task_path=path))
    assert phase in suites(report)


def test_what_is_run_before_the_first_phase_has_a_suite_of_its_own() -> None:
    report = told(ended(task_path=f"{TASKS}/main.yml:3"))
    assert set(suites(report)) == {"run"}
    assert report.as_dict({})["phases"] == []


def test_a_failed_task_is_told_with_its_evidence() -> None:
    evidence = {
        "cmd": ["docker", "logs", "web"],
        "rc": 3,
        "stdout": "out",
        "stderr": "no space left",
        "services": {"web": {"state": "running", "health": "unhealthy"}},
        "failures": [{"service": "web", "wrong": "is unhealthy"}],
        "history": [{"seconds": 1.5, "service": "web", "state": "running", "health": "starting"}],
    }
    noise = {"changed": True, "invocation": {"module_args": {}}, "_ansible_no_log": False}
    marker = {"phase": "health", "kind": "unhealthy"}
    report = told(failed({"msg": "web is unhealthy", "olympia": marker, **evidence, **noise}), code=ExitCode.UNHEALTHY)
    assert report.as_dict({})["failures"] == [
        {
            "host": "one",
            "phase": "health",
            "task": "Do it",
            "kind": "unhealthy",
            "message": "web is unhealthy",
            "evidence": evidence,
        }
    ]


@pytest.mark.parametrize(
    ("res", "message"),
    [({"msg": "no"}, "no"), ({"msg": ""}, "it failed and did not say why"), (None, "it failed and did not say why")],
)
def test_a_failed_task_that_says_little_is_told_by_its_place(res: Any, message: str) -> None:
    (failure,) = told(failed(res), code=ExitCode.UNEXPECTED).as_dict({})["failures"]
    assert failure == {
        "host": "one",
        "phase": "build",
        "task": "Do it",
        "kind": "",
        "message": message,
        "evidence": {},
    }


def test_an_unreachable_host_is_a_failure() -> None:
    report = told(
        begun("build"),
        ended("runner_on_unreachable", at=1, host="far", res={"unreachable": True, "msg": "Connection refused"}),
        code=ExitCode.UNREACHABLE,
    )
    (failure,) = report.as_dict({})["failures"]
    assert (failure["host"], failure["message"]) == ("far", "Connection refused")
    assert counts(suites(report)["build"]) == (1, 1, 0, 0)


def test_a_rescued_failure_is_none() -> None:
    events = (begun("start"), failed({"msg": "no"}, task_path=f"{TASKS}/start.yml:3", at=1), ended())
    rescued = told(*events).as_dict({})
    assert (rescued["failures"], rescued["phases"][0]["result"]) == ([], "ok")
    lost = told(*events, code=ExitCode.UNHEALTHY).as_dict({})
    assert (len(lost["failures"]), lost["phases"][0]["result"]) == (1, "failed")


def test_a_rescued_failure_is_none_in_junit_either() -> None:
    assert counts(suites(told(failed({"msg": "no"}), ended()))["build"]) == (2, 0, 0, 0)


def test_an_ignored_error_is_no_failure_even_in_a_run_that_fails() -> None:
    report = told(begun("build"), failed({"msg": "no"}, ignore_errors=True, at=1), code=ExitCode.UNEXPECTED)
    result = report.as_dict({})
    assert (result["failures"], result["phases"][0]["result"]) == ([], "ok")
    assert counts(suites(report)["build"]) == (1, 0, 0, 0)


@pytest.mark.parametrize(
    ("ends", "result"),
    [
        ([ended()], "ok"),
        ([ended("runner_on_skipped")], "ok"),
        ([ended(), ended(res={"changed": True}), ended()], "changed"),
        ([ended(res={"changed": True}), failed({"msg": "no"})], "failed"),
        ([failed({"msg": "no", "changed": True}, ignore_errors=True)], "changed"),
    ],
)
def test_a_phase_is_what_its_tasks_came_to(ends: list[dict[str, Any]], result: str) -> None:
    report = told(begun("build", -1), *ends, code=ExitCode.UNEXPECTED)
    assert [phase["result"] for phase in report.as_dict({})["phases"]] == [result]


@pytest.mark.parametrize("action", ["include_tasks", "import_tasks", "include_role", "ansible.builtin.include_role"])
def test_what_only_includes_tasks_is_none(action: str) -> None:
    report = told(ended(task_action=f"ansible.builtin.{action}"), ended("runner_on_skipped", task_action=action))
    assert suites(report) == {}
    assert counts(suites(told(ended(task_action="ansible.builtin.include_vars")))["build"]) == (1, 0, 0, 0)


def test_tasks_that_cannot_be_included_are_a_failure() -> None:
    # As Ansible has it: it is the including task that fails, and it gives its reason apart from others.
    event_of_it = failed({"include": "no.yml", "reason": "Could not find no.yml"}, task_action="include_tasks")
    (failure,) = told(event_of_it, code=ExitCode.BUILD).as_dict({})["failures"]
    assert failure["message"] == "Could not find no.yml"


def test_junit_has_a_suite_for_each_phase_and_a_case_for_each_task_on_a_host() -> None:
    report = told(
        ended(task="Look", task_path=f"{TASKS}/preflight.yml:3", duration=0.25),
        ended(task="Look", task_path=f"{TASKS}/preflight.yml:3", host="two", duration=1.5),
        ended("runner_on_skipped", task="Fill"),
        ended(task="Bake", res={"changed": True}),
        failed({"msg": "it is full:\nno space left"}, task="Bake", host="two"),
        event("runner_on_start", task="Never ended"),
        code=ExitCode.BUILD,
    )
    found = suites(report)
    assert {name: counts(suite) for name, suite in found.items()} == {"preflight": (2, 0, 0, 0), "build": (3, 1, 1, 0)}
    cases = [(case.get("classname"), case.get("name"), case.get("time")) for case in found["preflight"]]
    assert cases == [("preflight.one", "Look", "0.250"), ("preflight.two", "Look", "1.500")]
    failure = found["build"].find("testcase[@classname='build.two']/failure")
    assert failure is not None
    assert (failure.get("message"), failure.text) == ("it is full:", "it is full:\nno space left")


def test_junit_has_the_commands_own_error_as_a_case() -> None:
    (suite,) = suites(told(code=ExitCode.USAGE, error="No host matched\n  where: here")).values()
    assert counts(suite) == (1, 0, 0, 1)
    case, error = suite.find("testcase"), suite.find("testcase/error")
    assert case is not None and error is not None
    assert case.get("name") == "up"
    assert (error.get("message"), error.text) == ("No host matched", "No host matched\n  where: here")
    assert suites(told()) == {}


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("\N{ROCKET} Größe <&> ]]> \"x\" 'y'\ttab", "\N{ROCKET} Größe <&> ]]> \"x\" 'y'\ttab"),
        ("\033[31mred\033[0m", "\N{REPLACEMENT CHARACTER}[31mred\N{REPLACEMENT CHARACTER}[0m"),
        ("a\0b\bc\x0cd", "a\ufffdb\ufffdc\ufffdd"),
        ("half a pair: \ud83d!", "half a pair: \ufffd!"),
        ("no characters: \ufffe\uffff", "no characters: \ufffd\ufffd"),
    ],
)
def test_junit_can_say_everything_that_xml_can(text: str, written: str) -> None:
    report = told(failed({"msg": f"first\n{text}"}, task=text), code=ExitCode.UNEXPECTED, error=text)
    document = report.as_junit().encode()
    root = ElementTree.fromstring(document)
    assert [case.get("name") for case in root.iter("testcase")] == [written, "up"]
    assert [failure.text for failure in root.iter("failure")] == [f"first\n{written}"]
    assert [error.text for error in root.iter("error")] == [written]


@pytest.mark.parametrize(
    ("code", "result", "exit_code"),
    [
        (ExitCode.DONE, "done", 0),
        (ExitCode.INTERRUPTED, "interrupted", 130),
        (ExitCode.BUILD, "failed", 4),
        (None, "failed", 1),
    ],
)
def test_the_result_follows_the_exit_code(code: ExitCode | None, result: str, exit_code: int) -> None:
    found = told(code=code).as_dict({})
    assert (found["result"], found["exit_code"]) == (result, exit_code)


def test_the_phase_that_an_interruption_came_in_is_told() -> None:
    report = told(begun("preflight"), begun("build", 1), begun("build", 2), code=ExitCode.INTERRUPTED)
    assert [phase["result"] for phase in report.as_dict({})["phases"]] == ["ok", "interrupted"]


def test_the_result_says_what_was_run_and_when() -> None:
    report = Report("push", "inventories/ci", started=datetime.now(UTC) - timedelta(seconds=100))
    report.end(ExitCode.USAGE, "No host matched")
    found = report.as_dict(HOSTS)
    assert (found["schema"], found["verb"], found["inventory"]) == (SCHEMA, "push", "inventories/ci")
    assert (found["error"], found["hosts"]) == ("No host matched", HOSTS)
    assert datetime.fromisoformat(found["started"]) == report.started.replace(microsecond=0)
    assert 100 <= found["seconds"] < 200


FULL = told(
    begun("build"),
    failed({"msg": "no", "cmd": "make", "rc": 2, "stdout": "", "stderr": "x", "failures": ["test_one"]}, at=1),
    begun("health", 2),
    failed(
        {
            "msg": "no",
            "cmd": ["docker", "ps"],
            "services": {"web": {"state": "running", "health": ""}},
            "failures": [{"service": "web"}],
            "history": [{"seconds": 0.5, "service": "web"}],
            "olympia": {"phase": "health", "kind": "unhealthy"},
        },
        at=3,
    ),
    code=ExitCode.UNHEALTHY,
    error="up failed",
)
RESULTS = [
    FULL.as_dict(HOSTS),
    told(begun("build"), ended(at=1, res={"changed": True})).as_dict(HOSTS),
    told(begun("build"), code=ExitCode.INTERRUPTED, error="up was interrupted").as_dict({"one": {}}),
    Report("down").as_dict({}),
]


@pytest.mark.parametrize("result", RESULTS)
def test_results_are_as_their_schema_says(result: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(DESCRIPTION).validate(json.loads(json.dumps(result)))


# Where the schema knows every key; where all of them are needed.
COMPLETE: list[list[Any]] = [
    [],
    ["phases", 0],
    ["failures", 1],
    ["hosts", "one", "settings", "olympia_stack_debug"],
    ["hosts", "one", "image"],
]
CLOSED = [*COMPLETE, ["failures", 1, "evidence"], ["hosts", "one"]]


def result_and_place(path: list[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a copy of the fullest result, and the dictionary at a place in it."""
    result = json.loads(json.dumps(RESULTS[0]))
    return result, functools.reduce(operator.getitem, path, result)


@pytest.mark.parametrize("path", CLOSED)
def test_the_schema_refuses_what_it_does_not_know(path: list[Any]) -> None:
    result, place = result_and_place(path)
    place["surprise"] = ""
    (error,) = jsonschema.Draft202012Validator(DESCRIPTION).iter_errors(result)
    assert list(error.path) == path


@pytest.mark.parametrize("path", COMPLETE)
def test_the_schema_misses_what_is_not_there(path: list[Any]) -> None:
    for key in result_and_place(path)[1]:
        result, place = result_and_place(path)
        del place[key]
        (error,) = jsonschema.Draft202012Validator(DESCRIPTION).iter_errors(result)
        assert f"'{key}' is a required property" in error.message


def properties(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every property that a schema describes, with its place."""
    if isinstance(schema, dict):
        for name, described in schema.get("properties", {}).items():
            yield f"{path}/{name}", described
            yield from properties(described, f"{path}/{name}")
        for inner in ("items", "additionalProperties"):
            yield from properties(schema.get(inner), f"{path}/*")


def test_the_schema_is_valid_and_describes_every_property() -> None:
    jsonschema.Draft202012Validator.check_schema(DESCRIPTION)
    found = dict(properties(DESCRIPTION))
    assert {"/verb", "/phases/*/name", "/failures/*/evidence/cmd", "/hosts/*/settings/*/value"} <= set(found)
    assert [path for path, described in found.items() if not described.get("description")] == []


def test_the_schema_knows_the_words_of_the_code() -> None:
    found = dict(properties(DESCRIPTION))
    assert found["/schema"]["const"] == SCHEMA
    assert found["/verb"]["enum"] == [verb.name for verb in VERBS if verb.changes]
    assert found["/exit_code"]["enum"] == [code.value for code in ExitCode]
    assert found["/failures/*/kind"]["enum"] == ["", *KINDS]
    assert found["/hosts/*/settings/*/source"]["enum"] == list(SOURCES)


def test_a_tasks_name_gives_no_credentials_away() -> None:
    report = told(failed({"msg": "no"}, task="Ask http://me:s3cret@host.test"), code=ExitCode.BUILD)
    assert report.as_dict({})["failures"][0]["task"] == f"Ask http://{MASK}@host.test"

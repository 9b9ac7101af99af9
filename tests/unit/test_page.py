# SPDX-License-Identifier: BSD-3-Clause
"""The page of a run, as text: a record goes in, HTML comes out."""

from __future__ import annotations

import itertools
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from tests import records

from olympia_provisioner.errors import ExitCode
from olympia_provisioner.present import page
from olympia_provisioner.present.tables import duration

LINKS = [("Ansible's output", "./artifacts/up/stdout")]
VOID = {"meta", "wbr", "link", "br", "hr", "img", "input"}


class Page(HTMLParser):
    """A page as its tags, attributes and text; complains about tags that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.parts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep a tag."""
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close it."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep what can be read."""
        if self.open and self.open[-1] != "style":
            self.parts.append(data)

    @property
    def text(self) -> str:
        """What can be read, with single spaces; names may be broken after an underscore."""
        return " ".join(" ".join(self.parts).split()).replace("_ ", "_")

    def attributes(self, name: str) -> list[str]:
        """Return all values of an attribute."""
        return [attributes[name] for _, attributes in self.tags if name in attributes]


def shown(record: dict[str, Any]) -> Page:
    """Return the page of a record that has been in a file meanwhile."""
    return Page(page.render(json.loads(json.dumps(record)), LINKS))


ALL = [records.succeeded, records.failed, records.interrupted, records.on_two_hosts, records.hostile]


@pytest.mark.parametrize("make", ALL)
def test_a_page_loads_nothing_and_runs_nothing(make: Any) -> None:
    found = shown(make())
    names = {tag for tag, _ in found.tags}
    assert names.isdisjoint({"script", "img", "link", "iframe", "object", "embed", "base", "form", "audio", "video"})
    assert not [name for _, attributes in found.tags for name in attributes if name.startswith("on") or name == "src"]
    assert "default-src 'none'; style-src 'unsafe-inline'" in found.attributes("content")
    assert not re.search(r"url\(|@import", page.render(make(), LINKS))


@pytest.mark.parametrize("make", ALL)
def test_links_lead_into_the_page_or_to_files_beside_it(make: Any) -> None:
    found = shown(make())
    ids = found.attributes("id")
    assert len(ids) == len(set(ids))
    for address in found.attributes("href"):
        assert address.removeprefix("#") in ids or address.startswith("./")


@pytest.mark.parametrize("make", ALL)
def test_headings_and_tables_tell_what_they_are(make: Any) -> None:
    found = shown(make())
    levels = [int(tag[1]) for tag, _ in found.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels)), levels
    tags = [tag for tag, _ in found.tags]
    assert tags.count("table") == tags.count("caption") == tags.count("thead")
    assert all(attributes.get("scope") in ("col", "row") for tag, attributes in found.tags if tag == "th")
    assert ("html", {"lang": "en"}) in found.tags


def test_hostile_names_stay_text() -> None:
    found = shown(records.hostile())
    assert "<script>alert('x')</script>" in found.text
    assert "\x1b" not in found.text
    # Also in places such as the label of a log.
    assert any("<script>" in label for label in found.attributes("aria-label"))


def test_credentials_are_on_no_page_and_in_no_record() -> None:
    address = "https://ada:hunter2@example.org/simple"
    record = records.begun().task(
        "build", f"Fetch {address}", event="runner_on_failed", msg=f"no {address}", cmd=["pip", address], stderr=address
    )
    told = record.end(ExitCode.BUILD, f"up failed at {address}")
    assert "hunter2" not in json.dumps(told)
    found = shown(told)
    assert "hunter2" not in found.text
    assert "********@example.org" in found.text


def test_a_run_that_is_done_shows_no_failure() -> None:
    found = shown(records.succeeded())
    assert "olympia up succeeded" in found.text
    assert "What failed" not in found.text
    assert "5, 3 of them changed something" in found.text
    for text in ("demo", "2026-01-01 12:00:00 UTC", "docker-compose.yml", "Docker Engine", "26.1.5", "0.1.0"):
        assert text in found.text
    assert "Healthy since before the run: mysqld" in found.text


def test_a_failure_comes_first_with_its_evidence() -> None:
    text = shown(records.failed()).text
    assert text.index("worker is not healthy in time") < text.rindex("Timeline")
    assert "Likely cause: The application's code does not start" in text
    assert "no answer from the worker" in text
    assert "line 99" in text and "line 59 " not in text, "the end of the log is enough"
    assert "exit code 5" in text


def test_a_failed_command_is_shown_with_its_return_code() -> None:
    record = records.Story().task(
        "build", "Make", event="runner_on_failed", msg="It broke.\nHere is why.", cmd=["make", "a b"], rc=2, stderr="no"
    )
    text = shown(record.end(ExitCode.BUILD)).text
    for part in ("It broke.", "Here is why.", "Command, return code 2", "make 'a b'", "End of its errors no"):
        assert part in text


def test_output_that_the_message_ends_with_is_shown_once() -> None:
    story = records.Story().task(
        "build",
        "Make",
        event="runner_on_failed",
        msg="It broke:\n  one\n  two",
        rc=2,
        stderr="one\ntwo",
        stdout="three",
    )
    text = shown(story.end(ExitCode.BUILD)).text
    assert "End of its errors" not in text
    assert "End of its output three" in text


def test_an_interruption_names_what_was_going_on() -> None:
    found = shown(records.interrupted())
    assert "Where it was interrupted" in found.text
    assert "Build the image in the phase build, on localhost, after 7.0 s" in found.text
    assert "Run the same command again to continue" in found.text


def test_an_end_before_the_first_task_is_a_page_too() -> None:
    text = shown(records.Story().end(ExitCode.USAGE, "No host matched\n  where: here")).text
    assert "No host matched" in text
    assert "ended before its first task" in text
    assert "ended before the settings were resolved" in text


def test_a_rescued_failure_is_no_failure() -> None:
    record = records.Story().task("start", "Try", event="runner_on_failed", msg="no").task("start", "Mend").end()
    assert [task["status"] for task in record["tasks"]] == ["rescued", "ok"]
    assert "What failed" not in shown(record).text


def test_several_hosts_are_told_apart() -> None:
    text = shown(records.on_two_hosts()).text
    assert "Hosts one, two" in text
    for part in ("Build the image on one", "Build the image on two", "Containers on one", "Connection refused"):
        assert part in text


def test_chosen_settings_come_before_defaults() -> None:
    text = shown(records.succeeded()).text
    chosen, more, rest = text.partition("2 more have role defaults")
    assert more
    assert 'olympia_stack_wait_timeouts {"worker": 20} inventory' in chosen
    assert "olympia_stack_debug true role default" in rest
    assert "olympia_stack_hosts empty role default" in rest


def test_stages_have_a_bar_for_each_step_and_containers_one_until_they_were_healthy() -> None:
    record = records.succeeded()
    view = page.view(record)
    (build,) = next(phase for phase in view["phases"] if phase["name"] == "build")["builds"]
    assert [(stage["name"], stage["cached"], stage["seconds"]) for stage in build["stages"]] == [
        ("base", 1, 4.5),
        ("web", 1, 0.0),
    ]
    assert build["stages"][0]["steps"][1]["bar"] == {"left": 16.67, "width": 21.43, "start": 3.5, "end": 8.0}
    (wait,) = next(phase for phase in view["phases"] if phase["name"] == "health")["waits"]
    told = {one["service"]: (one["kind"], one["before"], one["at_most"], one["seconds"]) for one in wait["containers"]}
    assert told["web"] == ("ready", False, False, 4.0)
    assert told["worker"] == ("ready", False, True, pytest.approx(2.1))
    assert told["mysqld"][:2] == ("ready", True)


def test_what_failed_is_told_from_what_was_waited_for() -> None:
    (wait,) = next(phase for phase in page.view(records.failed())["phases"] if phase["name"] == "health")["waits"]
    assert {one["service"]: one["kind"] for one in wait["containers"]} == {
        "mysqld": "ready",
        "web": "ready",
        "worker": "failed",
    }


def test_the_slowest_are_ten_at_most() -> None:
    story = records.Story()
    for number in range(15):
        story.task("build", f"Task {number}", seconds=number)
    slowest = page.view(story.end())["slowest"]
    assert [one["seconds"] for one in slowest] == list(range(14, 4, -1))


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0.0 s"), (9.96, "10.0 s"), (60, "1 min 0 s"), (119.6, "2 min 0 s"), (3720, "1 h 2 min")]
)
def test_durations_are_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize("span", [0.001, 0.4, 1, 7, 59, 61, 3600, 20000])
def test_the_axis_has_a_handful_of_times(span: float) -> None:
    ticks = page.ticks(span)
    assert 1 <= len(ticks) <= 8
    assert ticks[0]["label"] == "0 s"
    assert all(0 <= tick["left"] <= 100 for tick in ticks)


def test_links_are_relative_and_only_to_what_exists(tmp_path: Path) -> None:
    run = tmp_path / "runs/one: 100%"
    (run / "artifacts/up").mkdir(parents=True)
    (run / "artifacts/up/stdout").write_text("x")
    (run / "artifacts/up/stderr").touch()
    assert page.links(run, run) == [
        ("Ansible's output", "./artifacts/up/stdout"),
        ("the record of this page", "./record.json"),
    ]
    assert page.links(run, tmp_path / "elsewhere")[0][1] == "./../runs/one%3A%20100%25/artifacts/up/stdout"

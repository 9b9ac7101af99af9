# SPDX-License-Identifier: BSD-3-Clause
"""The recordings as data. That they are what real runs tell, tests/integration/test_driver.py shows."""

from __future__ import annotations

import getpass
import re
import socket
import sys
from pathlib import Path

import pytest
from tests.checkout import RECORDINGS, ROOT
from tests.recording import STORIES, load, recording


def test_each_story_has_a_recording_and_each_recording_a_story() -> None:
    assert {path.stem for path in RECORDINGS.glob("*.jsonl")} == set(STORIES)


@pytest.mark.parametrize("name", STORIES)
def test_nothing_in_a_recording_is_of_the_machine_that_made_it(name: str) -> None:
    text = recording(name).read_text()
    assert len(text) < 30_000
    own = (str(ROOT), str(Path.home()), sys.executable, socket.gethostname(), f"/{getpass.getuser()}/")
    assert [word for word in own if word in text] == []
    # Any other absolute path would be one, too.
    assert set(re.findall(r"(?<![\w/.>:])/\w[\w/]*", text)) <= {"/bin/false", "/s/two"}


@pytest.mark.parametrize("name", STORIES)
def test_a_recording_ends_with_what_its_last_event_says(name: str) -> None:
    result, *events = load(name)
    assert (result["rc"] == 0) == (result["status"] == "successful")
    assert [event["created"] for event in events] == sorted(event["created"] for event in events)

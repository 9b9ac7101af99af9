# SPDX-License-Identifier: BSD-3-Clause
"""The recordings as data. That they are what real runs tell, tests/integration/test_driver.py shows."""

from __future__ import annotations

import re

import pytest
from tests.checkout import RECORDINGS
from tests.recording import STORIES, load, recording


def test_each_story_has_a_recording_and_each_recording_a_story() -> None:
    assert {path.stem for path in RECORDINGS.glob("*.jsonl")} == set(STORIES)


@pytest.mark.parametrize("name", STORIES)
def test_nothing_in_a_recording_is_of_the_machine_that_made_it(name: str) -> None:
    text = recording(name).read_text()
    assert len(text) < 30_000
    # The only absolute paths are those that the stories themselves name.
    assert set(re.findall(r"(?<![\w/.>:])/\w[\w/]*", text)) <= {"/bin/false", "/s/two"}


@pytest.mark.parametrize("name", STORIES)
def test_events_are_in_order_and_the_status_fits_the_return_code(name: str) -> None:
    result, *events = load(name)
    assert (result["rc"] == 0) == (result["status"] == "successful")
    assert [event["created"] for event in events] == sorted(event["created"] for event in events)

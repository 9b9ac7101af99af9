# SPDX-License-Identifier: BSD-3-Clause
"""What a failure mostly comes from."""

from __future__ import annotations

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.causes import likely_cause


@pytest.mark.parametrize(
    ("wrong", "said", "words"),
    [
        ("was killed, most likely for lack of memory (exit 137)", "", "too little memory"),
        ("is unhealthy", "mkdir: cannot create directory: No space left on device", "The disk is full"),
        ("restarts", "max virtual memory areas vm.max_map_count [65530] is too low", "vm.max_map_count=262144"),
        ("restarts", "(1045, \"Access denied for user 'root'@'10.0.0.3'\")", "another password than .env has"),
        (
            "is late",
            "  File \"x.py\", line 1\nModuleNotFoundError: No module named 'celerx'\n",
            "No module named 'celerx'",
        ),
        ("is late", "Traceback:\nRuntimeError: a typo, say\n", "code does not start: RuntimeError: a typo, say"),
        ("is late", "chown: Permission denied", "HOST_UID"),
    ],
)
def test_a_services_last_words_tell_what_to_do(wrong: str, said: str, words: str) -> None:
    assert words in likely_cause(wrong, said)


@pytest.mark.parametrize("said", ["", "INFO ready", "a page about a TypeError: in the middle of a line"])
def test_nothing_is_guessed_from_nothing(said: str) -> None:
    assert likely_cause("is not healthy in time", said) == ""

# SPDX-License-Identifier: BSD-3-Clause
"""The page of a run in a real browser: nothing is loaded, all of it fits and can be read, the failure is seen first."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from olympia_provisioner.present import page
from tests import records
from tests.chromium import Chromium

RUNS = {
    "good": records.succeeded,
    "failed": records.failed,
    "interrupted": records.interrupted,
    "hosts": records.on_two_hosts,
    "hostile": records.hostile,
}
SIZES = [(360, 800), (1280, 800)]
SCHEMES = ["light", "dark"]
# For each piece of text that is seen: its contrast with what is behind it, as WCAG 2 reckons.
CONTRASTS = """
(() => {
  const rgb = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = node => {
    for (let one = node; one; one = one.parentElement) {
      const colour = rgb(getComputedStyle(one).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim(), node = walker.currentNode.parentElement;
    if (!text || node.closest('.unseen') || !node.checkVisibility()) continue;
    const [a, b] = [light(rgb(getComputedStyle(node).color)), light(behind(node))];
    found.push([text, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)]);
  }
  return found;
})()
"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return pages by name, each in the directory of a run."""
    found = {}
    for name, make in RUNS.items():
        run = tmp_path_factory.mktemp(name)
        (run / "artifacts/up").mkdir(parents=True)
        (run / "artifacts/up/stdout").write_text("Ansible's output\n")
        record = make()
        (run / "record.json").write_text(json.dumps(record))
        found[name] = run / "report.html"
        found[name].write_text(page.render(record, page.links(run, run)))
    return found


@pytest.fixture(params=RUNS)
def opened(request: pytest.FixtureRequest, browser: Chromium, pages: dict[str, Path]) -> Callable[..., Chromium]:
    """Return what opens a page in the browser, all of its parts unfolded."""

    def open_it(width: int = 1280, height: int = 800, scheme: str = "light") -> Chromium:
        browser.open(pages[request.param].as_uri(), width, height, scheme)
        browser.js("document.querySelectorAll('details').forEach(one => one.open = true)")
        return browser

    return open_it


def test_nothing_but_the_page_is_loaded(opened: Callable[..., Chromium]) -> None:
    browser = opened()
    assert [url.rpartition("/")[2] for url in browser.requests] == ["report.html"]
    assert browser.requests[0].startswith("file://")
    assert browser.js("performance.getEntriesByType('resource').length") == 0
    # The page's own policy has had nothing to refuse.
    assert browser.problems == []
    assert browser.js("document.scripts.length") == 0


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_nothing_is_wider_than_the_window(opened: Callable[..., Chromium], width: int, height: int) -> None:
    browser = opened(width, height)
    assert browser.js("innerWidth") == width
    assert browser.js("document.documentElement.scrollWidth") == width
    wide = browser.js(
        "[...document.querySelectorAll('body *')].filter(one => !one.closest('.unseen, .bar, .scale'))"
        ".filter(one => one.getBoundingClientRect().right > innerWidth + 0.5).map(one => one.outerHTML.slice(0, 80))"
    )
    assert wide == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_all_text_stands_out_from_what_is_behind_it(opened: Callable[..., Chromium], scheme: str) -> None:
    browser = opened(scheme=scheme)
    contrasts = browser.js(CONTRASTS)
    assert len(contrasts) > 20
    assert [(text, ratio) for text, ratio in contrasts if ratio < 4.5] == []


def test_the_colour_scheme_is_the_readers(browser: Chromium, pages: dict[str, Path]) -> None:
    colours = []
    for scheme in SCHEMES:
        browser.open(pages["good"].as_uri(), 1280, 800, scheme)
        colours.append(browser.js("getComputedStyle(document.body).backgroundColor"))
    assert colours == ["rgb(246, 245, 242)", "rgb(23, 22, 27)"]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_what_failed_and_why_is_seen_without_scrolling(
    browser: Chromium, pages: dict[str, Path], width: int, height: int
) -> None:
    def bottom(selector: str) -> float:
        found: float = browser.js(f"document.querySelector({json.dumps(selector)}).getBoundingClientRect().bottom")
        return found

    browser.open(pages["failed"].as_uri(), width, height)
    assert bottom("article.failed h3") < height
    assert bottom("article.failed .cause") < height
    # Of a log that is longer than its place the end is seen.
    browser.open(pages["failed"].as_uri(), 1280, 800)
    last = browser.js(
        "(() => { const logs = [...document.querySelectorAll('.log')], log = logs[logs.length - 1];"
        "const pre = log.querySelector('pre'); return [pre.textContent.trim().endsWith('line 99'),"
        "pre.offsetHeight > log.clientHeight,"
        "Math.abs(pre.getBoundingClientRect().bottom - log.getBoundingClientRect().bottom) < 3] })()"
    )
    assert last == [True, True, True]


def test_all_local_links_lead_to_something(opened: Callable[..., Chromium]) -> None:
    browser = opened()
    places = browser.js("[...document.links].filter(one => one.hash).map(one => !!document.querySelector(one.hash))")
    assert len(places) >= 6 and all(places)
    files = browser.js("[...document.links].filter(one => !one.hash).map(one => one.href)")
    assert len(files) == 2
    assert all(Path(unquote(url.removeprefix("file://"))).is_file() for url in files)


def test_bars_are_where_their_times_say(browser: Chromium, pages: dict[str, Path]) -> None:
    browser.open(pages["good"].as_uri(), 1280, 800)
    found: list[Any] = browser.js(
        "[...document.querySelectorAll('.phase > .row')].map(row => {"
        "const track = row.querySelector('.track').getBoundingClientRect();"
        "const bar = row.querySelector('.bar').getBoundingClientRect();"
        "return [row.querySelector('h3').textContent, (bar.left - track.left) / track.width, bar.width / track.width] })"
    )
    # 21 seconds: one each of preflight and render, ten of build, five of start, nothing, three of health.
    places = {name: (left, width) for name, left, width in found}
    assert places["build"] == pytest.approx((2 / 21, 10 / 21), abs=0.01)
    assert places["health"] == pytest.approx((18 / 21, 3 / 21), abs=0.01)


def test_the_keyboard_reaches_links_logs_and_folded_parts(browser: Chromium, pages: dict[str, Path]) -> None:
    browser.open(pages["failed"].as_uri(), 1280, 800)
    reached = set()
    for _ in range(30):
        browser.press("Tab", 9)
        reached.add(browser.js("document.activeElement.tagName + '.' + document.activeElement.className"))
    assert {"A.", "DIV.log", "SUMMARY."} <= {name.replace("SUMMARY.label", "SUMMARY.") for name in reached}


def test_a_screen_reader_hears_the_timeline(browser: Chromium, pages: dict[str, Path]) -> None:
    browser.open(pages["failed"].as_uri(), 1280, 800)
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    seen = [node for node in nodes if not node.get("ignored")]
    heard = " ".join(str(node.get("name", {}).get("value", "")) for node in seen)
    heard = " ".join(heard.split())
    assert "from 18.0 s to 38.0 s, failed" in heard
    roles = [node["role"]["value"] for node in seen]
    assert {"main", "navigation", "banner", "contentinfo", "table", "columnheader", "rowheader"} <= set(roles)

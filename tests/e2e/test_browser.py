# SPDX-License-Identifier: BSD-3-Clause
"""The site of a real stack in a real browser, used as people use it: by the stack's address and by the site's name."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.chromium import Chromium

from .conftest import Watched
from .stack import SERVICES, Stack, xpi

ENTER = ("Enter", 13, "\r")
INVENTORY = ("-i", "inventories/ci")
# The phases that have something to do where an engine and the images are there already.
PHASES = ["preflight", "render", "build", "start", "initialize", "health"]
# What somebody could not read, hear or reach.
FAULTS = """
[
  ...(document.documentElement.lang ? [] : ['the page has no language']),
  ...(document.title.endsWith(' · Olympia') ? [] : ['the page has no title']),
  ...(document.querySelectorAll('h1').length === 1 ? [] : ['the page has not one heading']),
  ...[...document.querySelectorAll('input:not([type=hidden]), select, textarea')]
    .filter(one => ![...one.labels].some(label => label.textContent.trim())).map(one => 'no label: ' + one.outerHTML),
  ...[...document.querySelectorAll('img:not([alt])')].map(one => 'no alt: ' + one.outerHTML),
  ...[...document.querySelectorAll('a, button')].filter(one => !one.textContent.trim())
    .map(one => 'no text: ' + one.outerHTML),
]
"""
PAGES = ["home", "results", "no results", "add-on", "upload", "listed", "refused", "uploaded add-on"]


@dataclass(frozen=True)
class Site:
    """The site, as the browser's user sees it.

    Attributes:
        browser: The browser.
        url: The address that the user knows.
    """

    browser: Chromium
    url: str

    def open(self, path: str, width: int = 1280) -> None:
        """Open a page by its address."""
        self.browser.open(self.url + path, width)

    def arrive(self, title: str) -> None:
        """Wait until a page is there."""
        self.browser.wait(f"document.readyState + document.title == {json.dumps(f'complete{title} · Olympia')}")

    def read(self, text: str) -> None:
        """Wait until a text can be read."""
        self.browser.wait(f"document.readyState == 'complete' && document.body.innerText.includes({json.dumps(text)})")

    def upload(self, file: Path) -> str:
        """Upload a file and return the address of its status page."""
        self.open("/")
        self.browser.click("a", "Upload an add-on")
        self.arrive("Upload an add-on")
        self.browser.choose("input[type=file]", file)
        self.browser.click("main button", "Upload")
        self.arrive(file.name)
        return str(self.browser.js("location.pathname"))

    def search(self, words: str) -> None:
        """Type words into the search field and press Enter."""
        self.browser.click("input[type=search]")
        self.browser.type(words)
        self.browser.press(*ENTER)
        self.arrive("Search")

    def find(self, addon: Addon) -> None:
        """Search an add-on and open its page."""
        self.open("/")
        self.search(addon.word)
        self.read("1 add-on found")
        self.browser.click("main a", addon.name)
        self.arrive(addon.name)

    def assert_well(self) -> None:
        """Assert that since a page was opened nothing failed, nothing came from elsewhere, and nothing is hard to use."""
        assert self.browser.js(FAULTS) == []
        assert self.browser.problems == []
        assert [url for url in self.browser.requests if not url.startswith(f"{self.url}/")] == []
        assert self.browser.requests


@dataclass(frozen=True)
class Addon:
    """An add-on that a test uploads.

    Attributes:
        word: What it is searched by.
        file: The file.
    """

    word: str
    file: Path

    @property
    def name(self) -> str:
        """Its name, with a word that is wider than a phone."""
        return f"{self.word} Blütenblätterzählmaschinenverwaltungswerkzeug"


@pytest.fixture(scope="module", params=["address", pytest.param("name", marks=pytest.mark.full)])
def site(request: pytest.FixtureRequest, ci: Stack, browser: Chromium) -> Site:
    """Return the site, by either of its addresses."""
    name = f"http://{ci.instance}.olympia.test:{ci.port}"
    return Site(browser, {"address": ci.url, "name": name}[request.param])


@pytest.fixture(scope="module")
def make_addon(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Addon]:
    """Return a function that makes add-ons, each found by a word of its own."""
    words = iter(["Marigold", "Cornflower", "Snowdrop", "Foxglove", "Buttercup"])

    def make() -> Addon:
        word = next(words)
        addon = Addon(
            word, tmp_path_factory.mktemp("addon") / f"{word.lower()}_petal_counting_add_on_for_all_seasons.xpi"
        )
        addon.file.write_bytes(xpi(addon.name, f"{word}@example.org", description="Counts petals."))
        # Larger than what nginx lets through by itself.
        with zipfile.ZipFile(addon.file, "a") as archive:
            archive.writestr("petals.bin", os.urandom(2 * 1024 * 1024))
        return addon

    return make


@pytest.fixture(scope="module")
def listed(site: Site, make_addon: Callable[[], Addon]) -> tuple[Addon, str]:
    """Return an add-on that the site has listed, and the address of its status page."""
    addon = make_addon()
    status = site.upload(addon.file)
    site.read("The add-on is listed:")
    return addon, status


@pytest.fixture(scope="module")
def refused(site: Site, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the address of the status page of a file that is no add-on."""
    file = tmp_path_factory.mktemp("refused") / "a_letter_that_somebody_has_taken_for_an_add_on_for_all_seasons.xpi"
    file.write_text("Dear Madam or Sir")
    status = site.upload(file)
    site.read("The add-on was refused:")
    return status


@pytest.fixture
def german(browser: Chromium) -> Iterator[None]:
    """Let the browser's user prefer German."""
    agent = browser.js("navigator.userAgent")
    browser.call("Emulation.setUserAgentOverride", userAgent=agent, acceptLanguage="de,en")
    yield
    browser.call("Emulation.setUserAgentOverride", userAgent=agent, acceptLanguage="en")


def test_the_report_of_the_run_shows_its_phases_and_services(watched: Watched, browser: Chromium) -> None:
    page = (watched.artifacts / "report.html").as_uri()
    browser.open(page, 360)
    assert browser.js("[innerWidth, document.documentElement.scrollWidth]") == [360, 360]
    browser.open(page)
    header = browser.js("document.querySelector('header').innerText")
    assert "Done" in header
    assert watched.stack.instance in header
    assert browser.js("[...document.querySelectorAll('.phase h3')].map(one => one.innerText)") == PHASES
    ready = browser.js("[...document.querySelectorAll('.row .chip.ready')].map(one => one.parentElement.innerText)")
    assert set(ready) == {f"{service} healthy" for service in SERVICES}
    assert (browser.problems, browser.requests) == ([], [page])


def test_an_addon_is_opened_from_the_home_page_and_home_is_a_click_away(site: Site) -> None:
    site.open("/")
    site.browser.click("main a", "Tab Gardener")
    site.arrive("Tab Gardener")
    site.read("Keeps rows of tabs in order")
    site.browser.click("header a", "Olympia")
    site.arrive("Add-ons")
    site.read("Link Lantern")
    site.assert_well()


def test_what_is_typed_is_searched(site: Site) -> None:
    site.open("/")
    site.search("forgotten")
    site.read("1 add-on found")
    assert site.browser.js("document.querySelector('input[type=search]').value") == "forgotten"
    site.browser.click("main a", "Tab Gardener")
    site.arrive("Tab Gardener")
    site.assert_well()


def test_a_search_that_finds_nothing_says_so(site: Site) -> None:
    site.open("/")
    site.search("submarine")
    site.read("No add-on matches.")
    site.assert_well()


def test_the_site_speaks_the_language_that_the_browsers_user_prefers(site: Site, german: None) -> None:
    site.open("/")
    site.arrive("Erweiterungen")
    assert site.browser.js("document.documentElement.lang") == "de"
    site.browser.click("a", "Eine Erweiterung hochladen")
    site.arrive("Eine Erweiterung hochladen")
    site.read("Datei der Erweiterung")
    site.assert_well()


def test_a_page_that_waits_for_the_worker_tells_what_became_of_the_upload(
    site: Site, ci: Stack, make_addon: Callable[[], Addon]
) -> None:
    addon = make_addon()
    ci.docker("compose", "pause", "worker")
    try:
        site.upload(addon.file)
        site.read("The add-on is being checked.")
        site.assert_well()
    finally:
        ci.docker("compose", "unpause", "worker")
    # Nothing but waiting brings the news.
    site.read("The add-on is listed:")
    site.browser.click("main a", addon.name)
    site.arrive(addon.name)
    site.read("Counts petals.")
    site.browser.click("header a", "Olympia")
    site.read(addon.name)
    site.assert_well()


def test_a_listed_addon_is_found_and_downloaded_as_it_was_uploaded(
    site: Site, listed: tuple[Addon, str], tmp_path: Path
) -> None:
    addon, _ = listed
    site.find(addon)
    file = site.browser.download(tmp_path, "main a", "Download")
    assert file.suffix == ".xpi"
    assert file.read_bytes() == addon.file.read_bytes()
    site.assert_well()


def test_a_file_that_is_no_addon_is_refused_with_its_reason(site: Site, refused: str) -> None:
    site.open(refused)
    site.read("The add-on was refused: The file is not a readable zip archive.")
    site.assert_well()


def test_a_page_that_does_not_exist_says_so_and_leads_on(site: Site) -> None:
    site.open("/addon/no-such-addon/")
    site.arrive("Page not found")
    assert site.browser.problems == [
        "Failed to load resource: the server responded with a status of 404 (Not Found) "
        f"{site.url}/addon/no-such-addon/"
    ]
    assert site.browser.js(FAULTS) == []
    site.browser.click("main a", "All add-ons")
    site.arrive("Add-ons")


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest, listed: tuple[Addon, str], refused: str) -> str:
    """Return the path of a page."""
    addon, status = listed
    paths = {
        "home": "/",
        "results": f"/search/?q={addon.word}+forgotten",
        "no results": "/search/?q=submarine",
        "add-on": "/addon/tab-gardener/",
        "upload": "/upload/",
        "listed": status,
        "refused": refused,
        "uploaded add-on": f"/addon/{addon.word.lower()}-blutenblatterzahlmaschinenverwaltungswerkzeug/",
    }
    return paths[request.param]


def test_a_page_loads_in_full_from_nowhere_else_and_is_labelled(site: Site, page: str) -> None:
    site.open(page)
    site.assert_well()


def test_a_page_fits_a_phone(site: Site, page: str) -> None:
    site.open(page, width=360)
    assert site.browser.js("[innerWidth, document.documentElement.scrollWidth]") == [360, 360]


@pytest.mark.full
def test_what_was_uploaded_is_there_after_down_and_up(
    ci: Stack, browser: Chromium, make_addon: Callable[[], Addon], tmp_path: Path
) -> None:
    site, addon = Site(browser, ci.url), make_addon()
    site.upload(addon.file)
    site.read("The add-on is listed:")
    for verb in ("down", "up"):
        run = ci.olympia(verb, *INVENTORY)
        assert run.code == 0, run.output
    site.find(addon)
    assert site.browser.download(tmp_path, "main a", "Download").read_bytes() == addon.file.read_bytes()

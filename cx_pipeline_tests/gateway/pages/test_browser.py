"""The pages in a real browser: they play, seek, show when, fit a phone, and ask nobody else for anything."""

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from cx_pipeline_tests.gateway.pages.conftest import SAMPLE_S, Stage
from cx_pipeline_tests.gateway.pages.test_recording_page import link_to, path_of

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
]  # fmt: skip
PHONE = {"width": 360, "height": 740}

pytestmark = pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="Chromium is not on this machine")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Tab:
    """A page that is open, and what went wrong on it."""

    page: Page
    stage: Stage
    wrong: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        url = path if path.startswith("http") else self.stage.gateway.url + path
        self.page.goto(url)
        if self.page.locator("#picture").count():
            self.page.wait_for_selector(".picture.drawn")
        return self.page

    @property
    def time_s(self) -> float:
        """Where the audio is."""
        return float(self.page.evaluate("document.getElementById('audio').currentTime"))

    def plays_beyond(self, seconds: float) -> None:
        """Wait until it has played so far."""
        self._until(lambda: self.time_s > seconds)

    def reaches(self, seconds: float, slack_s: float = 0.6) -> None:
        """Wait until the audio and what the page shows are there."""
        self._until(lambda: abs(self.time_s - seconds) < slack_s)
        shown = float(self.page.get_attribute("#scrub", "aria-valuenow") or "nan")
        assert shown == pytest.approx(seconds, abs=slack_s + 0.1)

    def _until(self, is_so: Callable[[], bool]) -> None:
        # The browser's own waiting evaluates text on the page, which the page forbids.
        for _ in range(400):
            if is_so():
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"the audio stays at {self.time_s} s: {self.page.text_content('#message')}")


@dataclass
class Tabs:
    """Opens pages, and watches them."""

    browser: Browser
    stage: Stage
    opened: list[Tab] = field(default_factory=list)

    def new(self, *, is_logged_in: bool = True, **options: Any) -> Tab:
        given = {"timezone_id": "Asia/Kolkata", "locale": "en-GB", "viewport": {"width": 1180, "height": 900}}
        if is_logged_in:
            given["extra_http_headers"] = {"Authorization": f"Bearer {self.stage.gateway.tokens['all']}"}
        context = self.browser.new_context(**{**given, **options})
        context.set_default_timeout(20_000)
        tab = Tab(context.new_page(), self.stage)
        tab.page.on("console", lambda m: tab.wrong.append(m.text) if m.type in ("error", "warning") else None)
        tab.page.on("pageerror", lambda error: tab.wrong.append(str(error)))
        tab.page.on("request", lambda request: self._is_ours(tab, request.url))
        self.opened.append(tab)
        return tab

    def _is_ours(self, tab: Tab, url: str) -> None:
        if not url.startswith(self.stage.gateway.url + "/"):
            tab.wrong.append(f"asked elsewhere: {url}")


@pytest.fixture
def tabs(browser: Browser, stage: Stage) -> Iterator[Tabs]:
    tabs = Tabs(browser, stage)
    yield tabs
    for tab in tabs.opened:
        tab.page.context.close()
        assert tab.wrong == []


def test_a_recording_plays_and_is_sought_by_mouse_and_keys(tabs: Tabs, tmp_path: Path) -> None:
    tab = tabs.new()
    page = tab.open(path_of(tabs.stage.samples.transferred))
    page.get_by_role("button", name="Play", exact=True).click()
    tab.plays_beyond(0.3)
    expect(page.locator("#position")).to_have_text(re.compile(r"0:0\d"))
    page.get_by_role("button", name="Pause", exact=True).click()
    assert page.evaluate("document.getElementById('audio').paused")

    box = page.locator("#scrub").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tab.reaches(SAMPLE_S / 2)
    for key, seconds in (
        ("ArrowLeft", SAMPLE_S / 2 - 5), ("ArrowRight", SAMPLE_S / 2), ("Home", 0), ("8", SAMPLE_S * 0.8),
        ("ArrowLeft", SAMPLE_S * 0.8 - 5), ("End", SAMPLE_S), ("1", SAMPLE_S * 0.1),
    ):  # fmt: skip
        page.keyboard.press(key)
        tab.reaches(seconds)
    page.keyboard.press("Shift+>")
    assert page.evaluate("document.getElementById('audio').playbackRate") == 1.25
    expect(page.locator("#message")).to_have_text("Speed 1.25")
    page.keyboard.press("Space")
    tab.plays_beyond(SAMPLE_S * 0.1 + 0.2)
    assert page.get_attribute("#scrub", "aria-valuetext") is not None
    page.screenshot(path=tmp_path / "recording.png", full_page=True)


def test_a_marked_moment_and_one_side_alone_are_one_click_away(tabs: Tabs) -> None:
    tab = tabs.new()
    page = tab.open(path_of(tabs.stage.samples.transferred))
    page.get_by_role("button", name=re.compile("0:05 – 0:06")).click()
    tab.reaches(SAMPLE_S * 25.5 / 60)
    page.get_by_role("radio", name="Other party").check()
    page.keyboard.press("k")
    tab.plays_beyond(SAMPLE_S * 25.5 / 60 + 0.3)
    assert page.locator(".lane .share").all_text_contents()[0].startswith("speaks 0:0")


def test_a_signed_link_opens_the_page_that_plays_without_any_login(tabs: Tabs) -> None:
    tab = tabs.new(is_logged_in=False)
    page = tab.open(link_to(tabs.stage, tabs.stage.samples.transferred))
    page.locator("body").press("Space")
    tab.plays_beyond(0.3)


def test_times_are_those_of_the_viewer_with_utc_beside(tabs: Tabs) -> None:
    page = tabs.new().open(path_of(tabs.stage.samples.transferred))
    start = tabs.stage.samples.transferred.legs[0]["start_time"]
    shown = page.locator(".when")
    assert f"{start:%H:%M:%S} UTC" in (shown.text_content() or "")
    local = page.evaluate(
        f"new Date('{start.isoformat()}').toLocaleTimeString('en-GB', {{timeZone: 'Asia/Kolkata'}})"
    )
    assert str(local) in (shown.text_content() or "")


def test_a_search_asks_in_the_viewers_time_and_is_told_in_utc(tabs: Tabs) -> None:
    page = tabs.new().open("/calls")
    page.get_by_label("Agent").fill("Chiara")
    page.get_by_role("button", name="Search").click()
    page.wait_for_url("**/calls?agent=Chiara")  # the last 24 hours stay the last 24 hours
    assert set(page.locator('td[data-label="Agent"]').all_text_contents()) != set()
    page.get_by_label(re.compile("^From")).fill("2026-04-01T05:30:00")
    page.get_by_label(re.compile("^To")).fill("2026-04-02T05:30:00")
    page.get_by_role("button", name="Search").click()
    page.wait_for_url("**from=2026-04-01T00%3A00%3A00Z**")
    expect(page.get_by_label(re.compile("^From"))).to_have_value("2026-04-01T05:30")
    assert "Nothing found" in (page.locator(".found").text_content() or "")


def test_a_phone_shows_everything_without_scrolling_sideways(tabs: Tabs, tmp_path: Path) -> None:
    tab = tabs.new(viewport=PHONE, has_touch=True)
    for name, path in (
        ("recording", path_of(tabs.stage.samples.transferred)),
        ("conference", path_of(tabs.stage.samples.conference)),
        ("calls", "/calls"),
    ):
        page = tab.open(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        page.screenshot(path=tmp_path / f"{name}.png", full_page=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_as_light_or_dark_as_its_viewer_wants(tabs: Tabs, scheme: str) -> None:
    page = tabs.new(color_scheme=scheme).open("/calls")
    ground = str(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert (sum(map(int, re.findall(r"\d+", ground)[:3])) < 200) == (scheme == "dark")


def test_everything_is_reached_by_tab_and_seen_when_it_is(tabs: Tabs) -> None:
    page = tabs.new().open(path_of(tabs.stage.samples.transferred))
    reached = []
    for _ in range(14):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()")
        )
        width = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert width != "none" or reached[-1] == "" or page.evaluate("document.activeElement.type") == "radio"
    assert {"scrub", "back", "play", "forward", "speed", "volume"} <= set(reached)

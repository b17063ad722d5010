"""A conversation on the chat page, as its readers have it."""

from __future__ import annotations

import threading

import pytest

from tests.browser.conftest import Visit
from tests.channels.fake_pipeline import ENGLISH_PARALLEL, FRENCH_QUOTE, FakePipeline

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect


def test_an_answer_comes_with_its_sources(visit: Visit) -> None:
    visit.ask("When?")
    turn = visit.answered()
    expect(turn.locator(".question")).to_have_text("When?")
    expect(turn.locator(".answer")).to_contain_text("The French article says")
    expect(turn.locator(".source blockquote").first).to_have_text(FRENCH_QUOTE)
    expect(turn.locator(".source blockquote").first).to_have_attribute("lang", "fr")
    expect(turn.locator(".parallel blockquote")).to_have_text(ENGLISH_PARALLEL)


def test_an_answer_is_shown_while_it_is_written_and_can_be_stopped(visit: Visit, pipeline: FakePipeline) -> None:
    pipeline.hold = threading.Event()
    page = visit.page
    visit.ask("When?")
    expect(page.locator(".answer")).to_have_text("The")
    expect(page.locator(".progress")).to_have_text("Writing…")
    expect(page.locator(".turn")).to_have_attribute("aria-busy", "true")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".note")).to_contain_text("not checked against the articles")
    expect(page.get_by_role("button", name="Stop")).to_be_hidden()
    expect(page.locator(".answer")).to_have_text("The")
    pipeline.hold.set()
    page.get_by_role("button", name="Try again").click()
    expect(visit.answered().locator(".answer")).to_contain_text("The French article says")
    expect(page.locator(".note")).to_have_count(0)

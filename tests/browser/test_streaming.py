"""The whole service behind the page, with a language model that writes slowly: what its reader sees meanwhile."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from qa_service import create_app
from qa_service.settings import Settings
from tests.browser.conftest import Visit, serving, visiting
from tests.llm_server import LlmServer, fails, says, stalls

if TYPE_CHECKING:
    from playwright.sync_api import Browser

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect

QUESTIONS = {
    "en": "When did the footbridge over the Alder open?",
    "fr": "Quand la passerelle sur l’Aulne a-t-elle été inaugurée ?",
}
WRITTEN = {
    "en": "The footbridge over the river Alder opened on 12 May 2024 [1].",
    "fr": "La passerelle sur la rivière Aulne a été inaugurée le 12 mai 2024 [1].",
}
INVENTED = {"en": " Boris Kozlov paid 612 euros for it [1].", "fr": " Boris Kozlov l’a payée 612 euros [1]."}


@pytest.fixture(scope="module")
def model() -> Iterator[LlmServer]:
    pytest.importorskip("langchain_openai")
    with LlmServer().running() as server:
        yield server


@pytest.fixture(scope="module")
def service(model: LlmServer, built: Settings) -> Iterator[str]:
    app = create_app(model.settings(documents=built.documents, index=built.index, llm_timeout=20))
    with serving(app) as base:
        yield base
    app.extensions["qa_service"].close()


@pytest.fixture
def reader(browser: Browser, service: str) -> Iterator[Visit]:
    with visiting(browser, service, viewport={"width": 1280, "height": 800}) as made:
        yield made


@pytest.mark.parametrize("language", ["en", "fr"])
def test_text_and_markers_are_shown_before_the_model_has_finished(
    reader: Visit, model: LlmServer, language: str
) -> None:
    page = reader.page
    page.goto(f"{reader.base}/?lang={language}")
    model.script(stalls(WRITTEN[language] + " And"))
    reader.ask(QUESTIONS[language])
    expect(page.locator(".progress")).to_have_text({"en": "Writing…", "fr": "Rédaction…"}[language])
    expect(page.locator(".answer")).to_contain_text(WRITTEN[language][:50])
    page.get_by_role("button", name="Source 1").click()  # a source can be checked while the rest is written
    expect(page.get_by_role("dialog").locator("mark")).to_be_visible()
    reader.close_source()
    assert model.open_connections == 1
    page.get_by_role("button", name={"en": "Stop", "fr": "Arrêter"}[language]).click()
    assert model.wait_until_closed(6)  # nobody goes on writing for a reader who has gone
    expect(page.locator(".note")).to_be_visible()
    expect(page.locator(".source")).to_have_count(1)


def test_a_marker_can_be_used_while_the_text_grows(reader: Visit, model: LlmServer) -> None:
    page = reader.page
    model.script(says(WRITTEN["en"] + " It replaces a ferry" * 200, pause=0.02))
    reader.ask(QUESTIONS["en"])
    marker = page.get_by_role("button", name="Source 1")
    marker.focus()
    expect(page.locator(".answer")).to_contain_text("ferry It replaces a ferry It replaces a ferry")
    shown = page.locator(".answer").inner_text()
    expect(page.locator(".answer")).not_to_have_text(shown)
    expect(marker).to_be_focused()
    marker.hover()
    expect(page.get_by_role("tooltip")).to_be_visible()
    page.wait_for_timeout(300)
    expect(page.get_by_role("tooltip")).to_be_visible()
    page.mouse.down()
    page.wait_for_timeout(150)
    page.mouse.up()
    expect(page.get_by_role("dialog").locator("mark")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Stop").click()


@pytest.mark.parametrize("language", ["en", "fr"])
def test_what_the_articles_do_not_bear_out_is_withdrawn(reader: Visit, model: LlmServer, language: str) -> None:
    page = reader.page
    page.goto(f"{reader.base}/?lang={language}")
    # There is time to see it: the model is silent for a moment before it ends.
    model.script(stalls(WRITTEN[language] + INVENTED[language], finish="stop", seconds=2))
    reader.ask(QUESTIONS[language])
    expect(page.locator(".answer")).to_contain_text("Kozlov")
    page.get_by_role("button", name="Source 1").focus()
    turn = reader.answered()
    expect(page.get_by_role("button", name="Source 1")).to_be_focused()  # whatever else is put around the text
    expect(turn.locator(".answer")).not_to_contain_text("Kozlov")
    expect(turn.locator(".answer")).to_contain_text(WRITTEN[language][:50])
    notes = {"en": ["is withdrawn"], "fr": ["est retirée"]}[language]
    expect(turn.locator(".note")).to_contain_text(notes)


def test_what_is_read_is_told_while_the_model_is_silent(reader: Visit, model: LlmServer) -> None:
    model.script(stalls())
    reader.ask(QUESTIONS["en"])
    expect(reader.page.locator(".progress")).to_have_text(re.compile(r"^Reading \d+ passages…$"))
    reader.page.get_by_role("button", name="Stop").click()
    expect(reader.page.locator(".note")).to_have_text("Stopped before there was an answer.")
    assert model.wait_until_closed(8)


def test_without_its_model_the_service_quotes(reader: Visit, model: LlmServer) -> None:
    model.script(fails(401))
    reader.ask(QUESTIONS["en"])
    turn = reader.answered()
    expect(turn.locator(".note")).to_contain_text("was not available")
    expect(turn.locator(".answer")).to_contain_text("opened on 12 May 2024")


def test_a_follow_up_leans_on_the_question_before(reader: Visit, model: LlmServer) -> None:
    model.script(fails(401))
    reader.ask(QUESTIONS["en"])
    reader.answered()
    reader.ask("And how long is it?")
    expect(reader.answered(2).locator(".answer")).to_contain_text("84 metres")


@pytest.mark.parametrize(("question", "marked"), [(QUESTIONS["fr"], "12 mai 2024"), (QUESTIONS["en"], "12 May 2024")])
def test_the_span_is_marked_in_its_article(reader: Visit, model: LlmServer, question: str, marked: str) -> None:
    model.script(fails(401))
    reader.ask(question)
    turn = reader.answered()
    turn.get_by_role("button", name="Source 1").click()
    expect(reader.page.get_by_role("dialog").locator("mark")).to_contain_text(marked)
    reader.page.get_by_role("dialog").get_by_role("link", name="Open article").click()
    expect(reader.page.locator("mark#cited")).to_contain_text(marked)
    expect(reader.page.locator("mark#cited")).to_be_in_viewport()

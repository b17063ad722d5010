"""Checking a source on the chat page: what a marker shows, and the article beside the answer."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import Visit, visiting
from tests.channels.fake_pipeline import ENGLISH_PARALLEL, ENGLISH_QUOTE, FRENCH_ID, FRENCH_QUOTE, HOSTILE

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect

WIDE = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}


@pytest.fixture
def answered(visit: Visit) -> Visit:
    """A wide page with an answer that has a French and an English source."""
    visit.page.set_viewport_size(WIDE)
    visit.ask("When?")
    visit.answered()
    return visit


def test_a_marker_that_is_pointed_at_shows_its_quote(answered: Visit) -> None:
    page, card = answered.page, answered.page.get_by_role("tooltip")
    page.get_by_role("button", name="Source 1").hover()
    expect(card.locator("blockquote").first).to_have_text(FRENCH_QUOTE)
    expect(card.locator("blockquote").first).to_have_attribute("lang", "fr")
    expect(card.locator(".parallel blockquote")).to_have_text(ENGLISH_PARALLEL)
    expect(card.locator(".badge")).to_have_text("French")
    expect(card.locator("time")).to_have_text("1 March 2025")
    expect(page.get_by_role("button", name="Source 1")).to_have_attribute("aria-describedby", "card")
    card.hover()  # the pointer may go there without losing it
    page.wait_for_timeout(400)
    expect(card).to_be_visible()
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()


def test_a_marker_that_the_keyboard_reaches_shows_its_quote(answered: Visit) -> None:
    page = answered.page
    page.get_by_role("button", name="Source 1").evaluate("marker => marker.focus()")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Source 2")).to_be_focused()
    expect(page.get_by_role("tooltip").locator("blockquote")).to_have_text(ENGLISH_QUOTE)
    page.keyboard.press("Tab")
    expect(page.get_by_role("tooltip")).to_be_hidden()


@pytest.mark.parametrize("size", [WIDE, PHONE, {"width": 320, "height": 500}])
def test_a_card_stays_within_the_window(visit: Visit, size: Any) -> None:
    visit.page.set_viewport_size(size)
    visit.ask("When?")
    visit.answered()
    for name in ("Source 1", "Source 2"):
        visit.page.get_by_role("button", name=name).hover()
        box = visit.page.get_by_role("tooltip").bounding_box()
        assert box
        assert 0 <= box["x"] <= size["width"] - box["width"]
        assert 0 <= box["y"] <= size["height"] - box["height"]
        visit.page.keyboard.press("Escape")


def test_a_marker_opens_its_article_beside_the_answer(answered: Visit) -> None:
    page, panel = answered.page, answered.page.get_by_role("dialog")
    page.get_by_role("button", name="Source 1").click()
    expect(panel.locator("mark")).to_have_text(FRENCH_QUOTE)
    expect(panel.locator("mark")).to_be_in_viewport()
    expect(panel.locator(".text")).to_have_attribute("lang", "fr")
    expect(panel.get_by_role("heading")).to_be_focused()
    expect(panel.get_by_role("heading")).to_have_text("Exemption de visa : ce qui change")
    expect(panel.locator(".parallel blockquote")).to_have_text(ENGLISH_PARALLEL)
    expect(page.get_by_role("button", name="Source 1")).to_have_attribute("aria-expanded", "true")
    answer, beside = page.locator(".answer").bounding_box(), panel.bounding_box()
    assert answer
    assert beside
    assert answer["x"] + answer["width"] <= beside["x"]
    page.get_by_role("button", name="Source 2").click()
    expect(panel.locator("mark")).to_have_text(ENGLISH_QUOTE)
    expect(page.get_by_role("button", name="Source 1")).not_to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(page.get_by_role("button", name="Source 2")).to_be_focused()


def test_a_phone_shows_an_article_over_the_answer(visit: Visit) -> None:
    page = visit.page
    page.set_viewport_size(PHONE)
    visit.ask("When?")
    visit.answered()
    page.get_by_role("button", name="Source 1").click()
    panel = page.get_by_role("dialog")
    expect(panel.locator("mark")).to_be_in_viewport()
    assert page.evaluate("document.querySelector('dialog').matches(':modal')")
    page.get_by_role("button", name="Close").click()
    expect(panel).to_be_hidden()
    expect(page.get_by_role("button", name="Source 1")).to_be_focused()
    page.get_by_role("button", name="Source 1").click()
    expect(panel.locator("mark")).to_be_in_viewport()  # a click before that finds no sheet
    page.mouse.click(100, 20)  # beside the sheet
    expect(panel).to_be_hidden()


def test_an_article_can_be_opened_at_the_same_span(answered: Visit) -> None:
    page = answered.page
    page.get_by_role("button", name="Source 1").click()
    page.get_by_role("dialog").get_by_role("link", name="Open article").click()
    expect(page.locator("mark#cited")).to_have_text(FRENCH_QUOTE)
    expect(page.locator("mark#cited")).to_be_in_viewport()
    page.get_by_role("link", name="A passport is enough").click()
    expect(page.locator("h1")).to_have_text("A passport is enough")
    page.get_by_role("link", name="Ask the articles").click()
    answered.answered()  # the conversation is still there


def test_a_parallel_can_be_read_in_its_article(answered: Visit) -> None:
    page = answered.page
    page.locator(".sources").get_by_role("link", name="Open the English article").click()
    expect(page.get_by_role("dialog").locator("mark")).to_have_text(ENGLISH_PARALLEL)


def test_the_title_of_a_source_and_a_passage_open_here_too(answered: Visit) -> None:
    page = answered.page
    page.locator(".source").nth(1).get_by_role("link").click()
    expect(page.get_by_role("dialog").locator("mark")).to_have_text(ENGLISH_QUOTE)
    answered.close_source()
    answered.ask("wine")
    answered.answered(2).locator(".passage").get_by_role("link").click()
    expect(page.get_by_role("dialog").locator("mark")).to_have_text("& so on.")
    expect(page.get_by_role("dialog").get_by_role("heading")).to_have_text(HOSTILE)


def test_a_link_can_still_be_opened_in_a_tab_of_its_own(answered: Visit) -> None:
    page = answered.page
    with page.context.expect_page() as opened:
        page.locator(".source").nth(1).get_by_role("link").click(modifiers=["ControlOrMeta"])
    expect(opened.value.locator("mark#cited")).to_have_text(ENGLISH_QUOTE)
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_an_article_that_cannot_be_had_is_said_so(answered: Visit) -> None:
    page = answered.page
    page.route("**/api/documents/**", lambda route: route.fulfill(status=503, body="{}"))
    page.get_by_role("button", name="Source 1").click()
    expect(page.get_by_role("dialog")).to_contain_text("The article could not be opened here.")
    expect(page.get_by_role("dialog").get_by_role("link", name="Open article")).to_be_visible()
    answered.problems.clear()  # the browser's own line about the 503


def test_the_last_source_asked_for_is_the_one_shown(answered: Visit) -> None:
    page = answered.page
    held: list[Any] = []
    page.route("**/api/documents/fr/**", lambda route, _: held.append(route))
    page.get_by_role("button", name="Source 1").click()
    expect(page.get_by_role("dialog")).to_contain_text("Opening the article…")
    page.get_by_role("button", name="Source 2").click()
    expect(page.get_by_role("dialog").locator("mark")).to_have_text(ENGLISH_QUOTE)
    held[0].continue_()
    page.wait_for_timeout(300)
    expect(page.get_by_role("dialog").locator("mark")).to_have_text(ENGLISH_QUOTE)


@pytest.mark.parametrize("around", [0, 30_000])
def test_a_span_is_marked_to_the_character(answered: Visit, around: int) -> None:
    """Offsets are code points, and JavaScript counts other units; of a long article only the surroundings are shown."""
    page = answered.page
    line = "😀 é 𝒱\n"
    text = line * around + "avant 😀 " + FRENCH_QUOTE + " 😀 après\n" + line * around
    start = text.index(FRENCH_QUOTE)
    article = {"id": FRENCH_ID, "title": "T", "language": "fr", "published": None, "url": None, "text": text}
    page.route("**/api/documents/**", lambda route: route.fulfill(json=article))
    page.evaluate(
        """async ([id, start, end]) => {
          const { targets } = await import("/assets/answer.js");
          Object.assign(targets.get(document.querySelector(".source a")).span, { document_id: id, start, end });
        }""",
        [FRENCH_ID, start, start + len(FRENCH_QUOTE)],
    )
    page.locator(".source a").first.click()
    expect(page.get_by_role("dialog").locator("mark")).to_have_text(FRENCH_QUOTE)
    shown = page.get_by_role("dialog").locator(".text").evaluate("text => text.textContent")
    assert f"avant 😀 {FRENCH_QUOTE} 😀 après" in shown
    assert "\ufffd" not in shown
    assert len(shown) < 45_000
    assert shown.startswith("…") is (around > 0)


def test_a_window_that_becomes_narrow_closes_the_panel(browser: Any, served: str) -> None:
    with visiting(browser, served, viewport=WIDE) as visit:
        visit.ask("When?")
        visit.answered()
        visit.page.get_by_role("button", name="Source 1").click()
        expect(visit.page.get_by_role("dialog").locator("mark")).to_be_visible()
        visit.page.set_viewport_size(PHONE)
        expect(visit.page.get_by_role("dialog")).to_be_hidden()


@pytest.mark.parametrize(("text", "marked"), [("Neu. 🛂 " + FRENCH_QUOTE, FRENCH_QUOTE), ("Tout autre chose.", None)])
def test_an_article_that_has_changed_is_not_marked_wrongly(answered: Visit, text: str, marked: str | None) -> None:
    page = answered.page
    article = {"id": FRENCH_ID, "title": "T", "language": "fr", "published": None, "url": None, "text": text}
    page.route("**/api/documents/**", lambda route: route.fulfill(json=article))
    page.get_by_role("button", name="Source 1").click()
    shown = page.get_by_role("dialog").locator(".text")
    expect(shown).to_have_text(text)
    expect(shown.locator("mark")).to_have_text([marked] if marked else [])


def test_leaving_the_panel_for_the_box_moves_nothing(answered: Visit) -> None:
    page = answered.page
    page.set_viewport_size({"width": 1280, "height": 500})
    answered.ask("wine")
    answered.answered(2)
    page.evaluate("scrollTo(0, 60)")
    page.get_by_role("button", name="Source 1").click()
    expect(page.get_by_role("dialog").locator("mark")).to_be_visible()
    before = page.evaluate("scrollY")
    page.locator("#question").focus()
    assert page.evaluate("scrollY") == before
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Source 1")).to_be_focused()
    expect(page.get_by_role("button", name="Source 1")).to_be_in_viewport()

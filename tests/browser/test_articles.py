"""The list of articles in a browser: filtered while it is typed, and without a script."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from qa_service.channels.article_list import ROWS_A_PAGE
from qa_service.document_store import DocumentSummary
from tests.browser.conftest import Visit, visiting
from tests.channels.fake_pipeline import (
    ENGLISH_PARALLEL,
    FRENCH_ID,
    FRENCH_QUOTE,
    HOSTILE,
    WORKS,
    FakePipeline,
    span,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Route

MORE = tuple(
    (
        DocumentSummary(f"en/{n:03}", f"Harbour report {n:03}", "en", None, "2024-05-01", None),
        DocumentSummary(f"fr/{n:03}", f"L’état du port {n:03}", "fr", None, "2024-05-01", f"en/{n:03}"),
    )
    for n in range(ROWS_A_PAGE + 20)
)


@pytest.fixture
def pipeline() -> FakePipeline:
    pipeline = FakePipeline()
    pipeline.listed = (*WORKS, *MORE)
    return pipeline


@pytest.fixture
def visit(browser: Browser, served: str) -> Iterator[Visit]:
    with visiting(browser, served, "/articles") as made:
        yield made


@pytest.fixture
def plain_visit(browser: Browser, served: str) -> Iterator[Visit]:
    with visiting(browser, served, "/articles", java_script_enabled=False) as made:
        yield made


def titles(visit: Visit) -> list[str]:
    """The titles of the list, as they are read."""
    return visit.page.locator(".work .title").all_inner_texts()


def expect_found(visit: Visit, count: int) -> None:
    """Wait until the list says that it has found so many."""
    from playwright.sync_api import expect

    expect(visit.page.locator("#found")).to_have_text(re.compile(rf"\b{count}$"))


def test_list_is_filtered_while_it_is_typed(visit: Visit) -> None:
    page = visit.page
    page.get_by_label("Filter by title").press_sequentially("L'ETAT 007")
    expect_found(visit, 1)
    assert titles(visit) == ["Harbour report 007", "L’état du port 007"]
    assert page.url == f"{visit.base}/articles?filter=L%27ETAT+007"
    assert page.evaluate("document.activeElement.id") == "filter"
    assert page.get_by_label("Filter by title").input_value() == "L'ETAT 007"
    page.reload()
    assert titles(visit) == ["Harbour report 007", "L’état du port 007"]


def test_typing_asks_once_it_pauses(visit: Visit) -> None:
    asked: list[str] = []
    visit.page.on("request", lambda sent: asked.append(sent.url) if "/articles/rows" in sent.url else None)
    visit.page.get_by_label("Filter by title").press_sequentially("harbour 01")
    expect_found(visit, 12)
    assert len(asked) < 4  # ten keys; a machine under load may make pauses of its own


def test_scripted_rows_are_the_served_ones(visit: Visit) -> None:
    shape = """() => ['#works', '#pager', '#found', '#none'].map((id) => {
        const copy = document.querySelector(id).cloneNode(true);
        const walker = document.createTreeWalker(copy, NodeFilter.SHOW_TEXT);
        const blank = [];
        while (walker.nextNode()) if (/^\\s*\\n\\s*$/.test(walker.currentNode.data)) blank.push(walker.currentNode);
        for (const node of blank) node.remove();
        return copy.outerHTML;
    })"""
    links = "() => [...document.querySelectorAll('.switch, #pager a')].map((link) => link.href).sort()"
    for language, words, choice, count in (
        ("fr", "passport", "", 1),
        ("en", "port", "fr", ROWS_A_PAGE + 21),
        ("fr", "zzz", "alone", 0),
        ("en", "script", "alone", 1),
    ):
        visit.page.goto(f"{visit.base}/articles?lang={language}")
        visit.page.locator("#filter").fill(words)
        visit.page.locator("select").select_option(choice)
        expect_found(visit, count)
        scripted, led = visit.page.evaluate(shape), visit.page.evaluate(links)
        visit.page.goto(visit.page.url)
        assert visit.page.evaluate(shape) == scripted
        # The order of an address's parts is nobody's business.
        assert [sorted(re.split("[?&]", link)) for link in visit.page.evaluate(links)] == [
            sorted(re.split("[?&]", link)) for link in led
        ]


def test_late_reply_is_dropped(visit: Visit) -> None:
    held: list[Route] = []
    visit.page.route("**/articles/rows?filter=harbour", lambda route, _: held.append(route))
    box = visit.page.get_by_label("Filter by title")
    with visit.page.expect_request("**/articles/rows?filter=harbour"):
        box.fill("harbour")
    box.fill("passport")
    expect_found(visit, 1)
    held[0].continue_()
    visit.page.wait_for_timeout(200)
    assert titles(visit) == ["A passport is enough", "Exemption de visa : ce qui change"]


def test_list_is_used_with_the_keyboard(visit: Visit) -> None:
    page = visit.page
    page.get_by_label("Filter by title").focus()
    page.keyboard.type("passport")
    page.keyboard.press("Enter")
    expect_found(visit, 1)
    assert page.evaluate("document.activeElement.id") == "filter"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "language"
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/documents/en/visa")
    page.go_back()
    assert page.get_by_label("Filter by title").input_value() == "passport"
    assert len(titles(visit)) == 2
    page.go_forward()
    assert page.get_by_role("link", name="Articles", exact=True).get_attribute("aria-current") is None


def test_language_is_chosen(visit: Visit) -> None:
    visit.page.get_by_label("Show").select_option("Without a translation")
    expect_found(visit, 1)
    assert titles(visit) == [HOSTILE]
    visit.page.get_by_role("link", name="Français").click()
    assert visit.page.locator("select").input_value() == "alone"
    assert titles(visit) == [HOSTILE]
    assert visit.page.locator("main script, main img").count() == 0


def test_nothing_found_is_said_and_cleared(visit: Visit, pipeline: FakePipeline) -> None:
    visit.page.get_by_label("Filter by title").fill("zzz")
    expect_found(visit, 0)
    assert visit.page.get_by_text("No article matches this filter.").is_visible()
    assert not visit.page.locator(".columns").is_visible()
    visit.page.get_by_role("link", name="Clear the filter").click()
    expect_found(visit, len(pipeline.listed))
    assert visit.page.get_by_label("Filter by title").input_value() == ""


def test_pages_are_turned(visit: Visit) -> None:
    visit.page.get_by_label("Filter by title").fill("harbour")
    expect_found(visit, len(MORE))
    assert visit.page.locator(".work").count() == ROWS_A_PAGE
    visit.page.get_by_role("link", name="Next page").click()
    assert visit.page.locator(".work").count() == 20
    assert visit.page.get_by_text("Page 2 of 2").is_visible()
    visit.page.get_by_role("link", name="Previous page").click()
    assert visit.page.get_by_label("Filter by title").input_value() == "harbour"


def test_failure_is_said_and_the_list_stays(visit: Visit, pipeline: FakePipeline) -> None:
    page = visit.page
    pipeline.unavailable = True
    page.get_by_label("Filter by title").fill("passport")
    page.get_by_text("Something went wrong on our side.").wait_for()
    assert page.locator(".work").count() == ROWS_A_PAGE
    page.route("**/articles/rows*", lambda route: route.abort())
    page.get_by_label("Filter by title").press("Enter")
    page.get_by_text("The service cannot be reached.").wait_for()
    page.unroute("**/articles/rows*")
    pipeline.unavailable = False
    page.get_by_label("Filter by title").press("Enter")
    expect_found(visit, 1)
    assert len(visit.problems) == 2  # the browser's own lines about the two requests
    visit.problems.clear()


def test_list_works_without_javascript(plain_visit: Visit) -> None:
    page = plain_visit.page
    page.get_by_label("Filter by title").fill("VISA")
    page.get_by_label("Show").select_option("In French")
    page.get_by_role("button", name="Filter").click()
    assert titles(plain_visit) == ["A passport is enough", "Exemption de visa : ce qui change"]
    page.get_by_role("link", name="Exemption de visa").click()
    assert page.locator("h1").inner_text() == "Exemption de visa : ce qui change"


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_nothing_needs_sideways_scrolling(visit: Visit, width: int, language: str) -> None:
    page = visit.page
    long = DocumentSummary("long", "x" * 200, "en", None, "2026-01-01", None)
    pipeline.listed = ((long,), *WORKS, *MORE)
    page.set_viewport_size({"width": width, "height": 700})
    page.goto(f"{visit.base}/articles?lang={language}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.locator("#filter").fill("zzz" * 60)
    expect_found(visit, 0)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_columns_stand_side_by_side_where_there_is_room(visit: Visit) -> None:
    places = "() => [...document.querySelectorAll('.work:nth-child(2) .place')].map((place) => place.offsetLeft)"
    badges = visit.page.locator(".work .badge").first
    visit.page.set_viewport_size({"width": 1280, "height": 700})
    left, right = visit.page.evaluate(places)
    assert left < right
    visit.page.set_viewport_size({"width": 390, "height": 700})
    left, right = visit.page.evaluate(places)
    assert left == right
    box = badges.bounding_box()
    assert box
    assert box["width"] > 30


def test_cited_passage_leads_to_the_other_language(visit: Visit) -> None:
    page = visit.page
    place = span(FRENCH_ID, FRENCH_QUOTE)
    page.goto(f"{visit.base}/documents/{quote(FRENCH_ID)}?start={place.start}&end={place.end}")
    page.get_by_role("link", name="The same passage in English").click()
    assert page.locator("mark#cited").inner_text() == ENGLISH_PARALLEL
    assert page.evaluate("innerHeight > document.getElementById('cited').getBoundingClientRect().bottom")

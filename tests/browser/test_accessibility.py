"""The pages for everyone: what axe-core finds (WCAG 2.2 A and AA), keyboard alone, screen readers, any size."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.conftest import Visit, serving, visiting
from tests.channels.fake_pipeline import ENGLISH_QUOTE, FRENCH_QUOTE, FakePipeline, app_for, span

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect

WIDE = {"width": 1280, "height": 860}
PHONE = {"width": 390, "height": 844}
PLACE = span("en/visa", ENGLISH_QUOTE)
PAGES = (
    "/",
    "/articles",
    "/articles?filter=zzz",
    f"/documents/en/visa?start={PLACE.start}&end={PLACE.end}",
    "/documents/hostile",
    "/documents/none",
    "/docs#api_ask",
    "/none",
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_no_page_breaks_a_rule(
    browser: Browser, served: str, violations: Callable[[Page], list[str]], scheme: Any, size: Any
) -> None:
    with visiting(browser, served, None, color_scheme=scheme, viewport=size) as visit:
        for path in PAGES:
            for language in ("en", "fr"):
                address, _, anchor = path.partition("#")
                visit.page.goto(f"{served}{address}{'&' if '?' in path else '?'}lang={language}#{anchor}")
                assert violations(visit.page) == [], path
        visit.problems = [problem for problem in visit.problems if "404" not in problem]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_no_page_of_a_closed_service_or_of_the_frame_breaks_a_rule(
    browser: Browser, pipeline: FakePipeline, violations: Callable[[Page], list[str]], scheme: Any, size: Any
) -> None:
    closed = app_for(pipeline, api_keys="k-5e0d27", embed_origins="https://news.example")
    with serving(closed) as base, visiting(browser, base, None, color_scheme=scheme, viewport=size) as visit:
        page = visit.page
        for language in ("en", "fr"):
            for path in ("/embed", "/sign-in?ended=1"):
                page.goto(f"{base}{path}{'&' if '?' in path else '?'}lang={language}")
                assert violations(page) == [], path
        for key, path in (("k-5e0d", "**/sign-in*"), ("k-5e0d27", f"{base}/?lang=fr")):
            page.get_by_label("Clé d’accès").fill(key)
            with page.expect_navigation(url=path):
                page.get_by_role("button", name="S’identifier").click()
            assert violations(page) == [], path
        page.goto(f"{base}/embed")
        visit.ask("When? warn")
        visit.answered()
        assert violations(page) == []
        visit.problems = [problem for problem in visit.problems if "401" not in problem]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_no_state_of_the_conversation_breaks_a_rule(
    browser: Browser,
    served: str,
    pipeline: FakePipeline,
    violations: Callable[[Page], list[str]],
    scheme: Any,
    size: Any,
) -> None:
    with visiting(browser, served, color_scheme=scheme, viewport=size) as visit:
        page = visit.page
        pipeline.hold = threading.Event()
        visit.ask("When? warn")
        expect(page.locator(".answer")).to_have_text("The")
        assert violations(page) == []
        page.get_by_role("button", name="Stop").click()
        expect(page.locator(".note")).to_be_visible()
        assert violations(page) == []
        pipeline.hold.set()
        page.get_by_role("button", name="Try again").click()
        visit.answered()
        assert violations(page) == []
        page.get_by_role("button", name="Source 1").hover()
        expect(page.get_by_role("tooltip")).to_be_visible()
        assert violations(page) == []
        page.get_by_role("button", name="Source 1").click()
        expect(page.get_by_role("dialog").locator("mark")).to_be_visible()
        assert violations(page) == []
        visit.close_source()
        page.get_by_role("button", name="Helpful", exact=True).click()
        expect(page.get_by_label("A word on this answer?")).to_be_visible()
        assert violations(page) == []
        visit.ask("wine")
        visit.answered(2)
        assert violations(page) == []
        pipeline.unavailable = True
        visit.ask("Again?")
        expect(page.locator(".failure")).to_be_visible()
        assert violations(page) == []
        visit.problems.clear()  # the browser's own line about the 503


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_of_the_plain_form_breaks_a_rule(
    browser: Browser, served: str, violations: Callable[[Page], list[str]], scheme: Any
) -> None:
    # axe-core is a script itself: the page's own are left out instead.
    with visiting(browser, served, None, color_scheme=scheme) as visit:
        page = visit.page
        page.route("**/assets/*.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
        page.goto(served)
        for question in ("When? warn", "wine", "too long"):
            page.get_by_label("Your question").fill(question)
            with page.expect_navigation():
                page.get_by_role("button", name="Ask", exact=True).click()
            assert violations(page) == []
        page.goto(served)
        page.get_by_role("button", name="When does").click()
        with page.expect_navigation(url="**/feedback"):
            page.get_by_role("button", name="Not helpful").click()
        assert violations(page) == []
        visit.problems.clear()  # the browser's own line about the 422


def test_the_keyboard_is_enough(visit: Visit, pipeline: FakePipeline) -> None:
    page, press = visit.page, visit.page.keyboard.press
    page.set_viewport_size(WIDE)
    expect(page.locator("#question")).to_be_focused()  # one can begin at once
    page.keyboard.type("When?")
    press("Enter")
    visit.answered()
    expect(page.locator("#question")).to_be_focused()
    for _ in range(40):
        press("Shift+Tab")
        if page.evaluate("document.activeElement.matches('.marker')"):
            break
    expect(page.get_by_role("button", name="Source 2")).to_be_focused()
    press("Enter")
    expect(page.get_by_role("dialog").locator("mark")).to_have_text(ENGLISH_QUOTE)
    press("Escape")
    expect(page.get_by_role("button", name="Source 2")).to_be_focused()
    reached = []
    for _ in range(14):
        press("Tab")
        reached.append(page.evaluate("document.activeElement.textContent.trim()"))
        outlined = page.evaluate(
            "(() => { const {outlineStyle, outlineWidth, boxShadow} = getComputedStyle(document.activeElement);"
            " const box = getComputedStyle(document.activeElement.closest('.box') ?? document.body).boxShadow;"
            " return outlineStyle !== 'none' && outlineWidth !== '0px' || box !== 'none' })()"
        )
        assert outlined, reached[-1]
        if "New conversation" in reached[-1]:
            break
    assert {"Copy with sources", "Helpful", "Not helpful", "Ask", "New conversation"} <= set(reached)
    press("Enter")
    expect(page.locator("#opening")).to_be_visible()


def test_what_the_keyboard_reaches_is_not_behind_the_composer(visit: Visit) -> None:
    page = visit.page
    page.set_viewport_size({"width": 1280, "height": 500})
    visit.ask("When?")
    visit.answered()
    page.get_by_role("button", name="Source 1").focus()
    for _ in range(8):
        page.keyboard.press("Tab")
        box, composer = page.locator(":focus").bounding_box(), page.locator(".composer").bounding_box()
        assert box
        assert composer
        inside = page.evaluate("document.activeElement.closest('.composer') !== null")
        assert inside or box["y"] + box["height"] <= composer["y"] + 1


def test_the_skip_link_leads_to_the_box(plain_visit: Visit) -> None:
    """Without scripts the page does not put its reader there by itself."""
    page = plain_visit.page
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the question box")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.type("When?")
    expect(page.locator("#question")).to_have_value("When?")


def test_the_answer_is_said_once(visit: Visit) -> None:
    page = visit.page
    page.evaluate(
        """() => {
          window.said = [];
          const live = document.getElementById("said");
          const lang = () => (live.querySelector("[lang]") ?? document.documentElement).lang;
          new MutationObserver(() => live.textContent && said.push([lang(), live.textContent]))
            .observe(live, { childList: true, characterData: true, subtree: true });
        }"""
    )
    assert page.locator("[aria-live], [role=status], [role=alert], output").count() == 1
    page.get_by_label("Language of the answer").select_option("fr")
    visit.ask("When? warn")
    visit.answered()
    (_, searching), (language, answer) = page.evaluate("window.said")
    assert searching == "Searching the articles…"
    assert language == "fr"
    assert answer.count(FRENCH_QUOTE.rstrip(".")) == 1
    assert "2 sources. The sources differ on this point." in answer
    assert "[1]" not in answer


@pytest.mark.parametrize("width", [320, 390, 640, 1280, 3840])
def test_no_width_needs_sideways_scrolling(visit: Visit, width: int) -> None:
    page = visit.page
    page.set_viewport_size({"width": width, "height": 700})
    visit.ask("warn " + "x" * 300)
    visit.answered()
    page.get_by_role("button", name="Source 1").click()
    expect(page.get_by_role("dialog").locator("mark")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.querySelector('dialog').scrollWidth") <= width
    for path in ("/documents/hostile?start=1&end=4&lang=fr", "/articles", "/docs", "/none"):
        page.goto(visit.base + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    visit.problems[:] = [problem for problem in visit.problems if "404" not in problem]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_what_docs_fold_breaks_no_rule(
    browser: Browser, served: str, violations: Callable[[Page], list[str]], scheme: Any, width: int
) -> None:
    size = {"width": width, "height": 800}
    with visiting(browser, served, "/docs?lang=fr", color_scheme=scheme, viewport=size) as visit:
        page = visit.page
        page.get_by_text("Exemple En anglais").first.click()
        expect(page.get_by_text('"conversation_id": ').first).to_be_visible()
        page.evaluate("document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_docs_lead_to_what_can_be_seen_without_a_script(plain_visit: Visit) -> None:
    page = plain_visit.page
    page.goto(f"{plain_visit.base}/docs#schema-Citation")
    expect(page.get_by_role("heading", name="Citation", exact=True)).to_be_in_viewport()
    expect(page.locator("#schema-Citation dl")).to_be_visible()
    expect(page.locator("#schema-Answer dl")).to_be_hidden()
    page.get_by_role("link", name="PUT /api/documents/{document_id}").first.click()
    expect(page.get_by_role("heading", name="PUT /api/documents/{document_id}")).to_be_in_viewport()


def test_a_route_in_the_list_stands_in_one_column(visit: Visit) -> None:
    page = visit.page
    for width in (640, 800, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(f"{visit.base}/docs")
        split = page.evaluate(
            "[...document.querySelectorAll('.docs nav li')].filter((one) => new Set("
            "[...one.getClientRects()].map((part) => part.left)).size > 1).map((one) => one.textContent)"
        )
        assert split == []


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_text_of_twice_the_size_is_whole(visit: Visit, size: Any) -> None:
    """WCAG 2.2, 1.4.4: by zoom, which is a smaller window for the page, and by a larger font of the reader's own."""
    page = visit.page
    page.set_viewport_size({"width": size["width"] // 2 if size is WIDE else 320, "height": size["height"] // 2})
    visit.ask("When? warn")
    visit.answered()
    assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("innerWidth")
    page.set_viewport_size(size)
    page.evaluate("document.documentElement.style.fontSize = '212%'")
    assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("innerWidth")
    cut = page.evaluate(
        "[...document.querySelectorAll('main *')].filter((one) => !one.closest('.hidden') && !one.matches('.excerpt')"
        " && getComputedStyle(one).overflow !== 'visible' && one.scrollWidth > one.clientWidth + 1)"
        ".map((one) => one.className)"
    )
    assert cut == []


def test_a_low_window_shows_the_answer(visit: Visit) -> None:
    """1280 x 1024 pixels at 400 % (WCAG 2.2, 1.4.10)."""
    visit.page.set_viewport_size({"width": 320, "height": 256})
    visit.ask("When?")
    answer, composer = (
        visit.answered().locator(".answer").bounding_box(),
        visit.page.locator(".composer").bounding_box(),
    )
    assert answer
    assert composer
    assert composer["y"] >= answer["y"] + answer["height"]


def test_little_moves_for_those_who_want_it_so(browser: Browser, served: str) -> None:
    with visiting(browser, served) as visit:
        visit.ask("When?")
        visit.answered()
        visit.page.get_by_role("button", name="Source 1").click()
        expect(visit.page.get_by_role("dialog").locator("mark")).to_be_visible()
        assert visit.page.locator(".panel").evaluate("panel => getComputedStyle(panel).animationName") == "none"


def test_every_quote_says_its_language(visit: Visit) -> None:
    visit.page.goto(f"{visit.base}/?lang=fr")
    visit.page.locator("select").select_option("en")
    visit.ask("When?")
    visit.answered()
    told = visit.page.evaluate(
        "[...document.querySelectorAll('blockquote, .title, .answer')].map((one) => [one.textContent, one.lang])"
    )
    within = visit.page.locator(".answer span[lang]").evaluate_all(
        "all => all.map((one) => [one.textContent, one.lang])"
    )
    assert within == [[FRENCH_QUOTE.rstrip("."), "fr"]]
    assert [FRENCH_QUOTE, "fr"] in told
    assert ["A passport is enough", "en"] in told
    assert all(language in ("en", "fr") for _, language in told)

"""Hostile articles, questions and answers on the pages; what the pages may do; and how much a visit costs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from qa_service import create_app
from qa_service.channels.pages import SECURITY_HEADERS
from qa_service.indexing import index_documents
from qa_service.settings import load_settings
from tests.browser.conftest import Visit, serving, visiting
from tests.channels.fake_pipeline import HOSTILE

if TYPE_CHECKING:
    from playwright.sync_api import Browser

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect

# Bytes and requests, uncompressed.
WHOLE_PAGE = 100_000
FIRST_VIEW = 5

ATTACKS = """<img src=x onerror=alert(1)> <script>alert(2)</script> <a href="javascript:alert(3)">the ferry</a>
[the ferry](javascript:alert(4)) ![map](https://evil.example/map.png) <svg onload=alert(5)> {{ 7 * 7 }} {% raw %}
"""
ARTICLES = {
    "en/<b>ferry<b>.txt": f"""---
title: "The ferry <img src=x onerror=alert(6)> of Lake Orla"
language: en
published: 2024-05-01
---
The ferry of Lake Orla carries ninety passengers </mark></script><script>alert(8)</script> and leaves at noon [1] [7].

The ferry ticket costs four crowns \u202eneddih\u202c and a half. {ATTACKS}
""",
    'fr/bac\'s "quai".html': """<html lang="fr"><head><title>Le bac &lt;script&gt;alert(9)&lt;/script&gt; du lac</title>
<meta name="description" content="x"></head><body><article><h1>Le bac du lac d’Orla</h1>
<p>Le bac du lac d’Orla quitte le quai à midi &lt;img src=x onerror=alert(10)&gt; et transporte quatre-vingt-dix
passagers.</p><img src="https://evil.example/pixel.gif"><p onclick="alert(11)">Le billet du bac coûte quatre couronnes
et demie &lt;iframe src="https://evil.example"&gt;.</p></article></body></html>
""",
}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A whole service over articles that attack their readers."""
    folder = tmp_path_factory.mktemp("hostile")
    for name, text in ARTICLES.items():
        path = folder / "documents" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    settings = load_settings(documents=folder / "documents", index=folder / "index")
    assert not index_documents([settings.documents], settings).failed
    app = create_app(settings)
    with serving(app) as base:
        yield base
    app.extensions["qa_service"].close()


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("How many passengers does the ferry carry?", "</mark></script><script>alert(8)</script>"),
        ("Combien de passagers le bac transporte-t-il ?", "<img src=x onerror=alert(10)>"),
        ("What does the ferry ticket cost?", "four crowns"),
        (
            "<script>alert('asked')</script> How many passengers does the ferry carry?",
            "<script>alert('asked')</script>",
        ),
    ],
)
def test_hostile_articles_are_text_everywhere(browser: Browser, hostile: str, question: str, words: str) -> None:
    """A visit fails where there is a dialog, a line on the console or a request to elsewhere."""
    with visiting(browser, hostile, viewport={"width": 1280, "height": 800}) as visit:
        page = visit.page
        visit.ask(question)
        turn = visit.answered()
        assert words in turn.inner_text()
        assert page.locator("main script, main img, main iframe, main svg, [onclick]").count() == 0
        markers = turn.get_by_role("button", name=re.compile("^Source"))
        for marker in markers.all():
            marker.hover()
            expect(page.get_by_role("tooltip")).to_be_visible()
            marker.click()
            expect(page.get_by_role("dialog").locator("mark")).to_be_visible()
            visit.close_source()
        page.reload()
        visit.answered()
        visit.answered().locator(".source a").first.click()
        page.get_by_role("dialog").get_by_role("link", name="Open article").click()
        expect(page.locator("mark#cited").first).to_be_in_viewport()
        assert page.locator("main script, main img, main iframe, main svg, a[href^=javascript]").count() == 0
        page.goto(f"{hostile}/articles")
        expect(page.locator(".work").first).to_be_visible()
        page.locator("#filter").fill("ferry <img")
        expect(page.locator("#found")).to_have_text(re.compile(r"\b1$"))
        assert page.locator("main script, main img").count() == 0


def test_a_forged_marker_is_no_button(visit: Visit) -> None:
    visit.ask("When?")
    turn = visit.answered()
    assert turn.locator(".answer").get_by_text("Not a source: [7].").count() == 1
    assert turn.get_by_role("button", name="Source 7").count() == 0


def test_hostile_words_of_an_answer_are_text(visit: Visit) -> None:
    visit.ask(f"hostile {HOSTILE}")
    turn = visit.answered()
    assert HOSTILE in turn.locator(".answer").inner_text()
    assert HOSTILE in turn.locator(".question").inner_text()
    turn.get_by_role("button", name="Source 1").click()
    expect(visit.page.get_by_role("dialog").locator("mark")).to_contain_text(HOSTILE)
    visit.page.reload()
    assert HOSTILE in visit.answered().locator(".answer").inner_text()


def test_bidi_controls_of_a_title_stay_within_it(visit: Visit) -> None:
    isolated = "(selector) => getComputedStyle(document.querySelector(selector)).unicodeBidi"
    visit.ask("When?")
    visit.answered()
    for selector in (".question", ".source .title", ".source blockquote"):
        assert visit.page.evaluate(isolated, selector) in ("isolate", "isolate-override", "plaintext"), selector


def test_a_page_cannot_be_made_to_run_what_it_is_told(visit: Visit) -> None:
    """The policy holds even where a mistake in our scripts would not."""
    refused = visit.page.evaluate(
        """() => {
          const tries = {
            markup: () => { document.body.innerHTML = "<b>x</b>"; },
            parser: () => new DOMParser().parseFromString("<b>x</b>", "text/html"),
            script: () => { document.createElement("script").src = "data:text/javascript,1"; },
          };
          return Object.entries(tries).filter(([, attempt]) => {
            try { attempt(); return false; } catch { return true; }
          }).map(([name]) => name);
        }"""
    )
    assert refused == ["markup", "parser", "script"]
    assert all("Trusted" in line for line in visit.problems)
    visit.problems.clear()


def test_the_policy_lets_nothing_in() -> None:
    policy = dict(part.strip().split(" ", 1) for part in SECURITY_HEADERS["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == policy["form-action"] == "'self'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert "unsafe" not in str(policy)


def test_a_visit_costs_little(browser: Browser, hostile: str) -> None:
    """The first view, and all that a conversation needs, in bytes as they are sent (nothing is compressed)."""
    with visiting(browser, hostile, None) as visit:
        sizes: dict[str, int] = {}
        visit.page.on("response", lambda response: sizes.update({response.url: len(response.body())}))
        visit.page.goto(hostile)
        visit.page.wait_for_load_state("networkidle")
        assert len(visit.requests) <= FIRST_VIEW
        visit.ask("How many passengers does the ferry carry?")
        visit.answered().get_by_role("button", name="Source 1").click()
        expect(visit.page.get_by_role("dialog").locator("mark")).to_be_visible()
        page = {url: size for url, size in sizes.items() if "/api/" not in url}
        assert sum(page.values()) <= WHOLE_PAGE, page
        static = Path(create_app.__code__.co_filename).parent / "static"
        loaded = {url.rpartition("/")[2] for url in page}
        others = {
            "articles.css",
            "articles.js",
            "docs.css",
            "document.js",
            "embed.js",
            "embedded.js",
            "sign_in.css",
            "signed_out.js",
        }
        assert {path.name for path in static.iterdir()} - others <= loaded

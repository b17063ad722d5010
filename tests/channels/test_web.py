"""The chat page and the document page: over the test client, and in Debian's Chromium where there is one."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from html import unescape
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

import pytest
from flask import Flask, Response, json, jsonify, request
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from qa_service.answers import Answer, Citation, Quote, RelatedPassage
from qa_service.channels import web
from qa_service.channels.page_texts import TEXTS, shown_date, texts
from qa_service.errors import IndexUnavailable, InvalidQuestion, UnknownDocument
from qa_service.language import LANGUAGES, Language

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from qa_service.pipeline import Pipeline

CHROMIUM = shutil.which("chromium")
CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"
FRENCH_ID = "fr/été 100 %/exemption #1?"
FRENCH_QUOTE = "L’exemption de visa entrera en vigueur le 19 mars 2025."
ENGLISH_QUOTE = "People who hold an ordinary passport will soon no longer need a visa."
ENGLISH_PARALLEL = "The visa exemption takes effect on 19 March 2025."


@dataclass(frozen=True)
class FakeArticle:
    """An article as the pipeline gives it."""

    id: str
    title: str
    language: Language
    text: str
    url: str | None = None
    published: str | None = None


ARTICLES = (
    FakeArticle(
        "en/visa",
        "A passport is enough",
        "en",
        "A passport is enough\n\n😀 𝒱isas and cafe\u0301s: what changes.\n\nA date\n\n"
        f"{ENGLISH_QUOTE} {ENGLISH_PARALLEL}\n\nFurther on, an address:\n1 Rue de la Paix\nRabat",
        "https://example.org/en/visa",
        "2025-03-15",
    ),
    FakeArticle(
        FRENCH_ID,
        "Exemption de visa : ce qui change",
        "fr",
        f"Une nouvelle attendue. 🛂\n{FRENCH_QUOTE} La nouvelle a été donnée à Rabat.\n"
        + "Un paragraphe encore.\n" * 60,
        "javascript:alert(3)",
        "2025-03-01",
    ),
    FakeArticle("hostile", HOSTILE, "en", f"{HOSTILE}\n</mark></script>{HOSTILE} & so on.", "https://[bad", "today"),
)
TRANSLATIONS = {"en/visa": (FRENCH_ID, "gone"), FRENCH_ID: ("en/visa",)}


def span(document_id: str, words: str) -> Quote:
    """The first place of a quote in an article."""
    text = next(article.text for article in ARTICLES if article.id == document_id)
    start = text.index(words)
    return Quote(document_id, words, start, start + len(words))


def citation(n: int, document_id: str, words: str, parallel: Quote | None = None) -> Citation:
    """A citation of an article."""
    article = next(article for article in ARTICLES if article.id == document_id)
    place = asdict(span(document_id, words))
    return Citation(
        n=n,
        title=article.title,
        language=article.language,
        url=article.url,
        published=article.published,
        score=0.8,
        parallel=parallel,
        **place,
    )


class FakePipeline:
    """A pipeline of three articles that answers by what the question holds."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None, str | None]] = []
        self.unavailable = False

    def status(self) -> SimpleNamespace:
        self._check()
        return SimpleNamespace(documents={"en": 1200, "fr": 1})

    def document(self, document_id: str) -> SimpleNamespace:
        self._check()
        for article in ARTICLES:
            if article.id == document_id:
                return SimpleNamespace(article=article, translations=TRANSLATIONS.get(document_id, ()))
        raise UnknownDocument("No indexed document has this id.")

    def answer(
        self,
        question: str,
        language: Language | None = None,
        conversation_id: str | None = None,
        *,
        default_language: Language = "en",
    ) -> Answer:
        self._check()
        self.asked.append((question, language, conversation_id))
        if "too long" in question:
            raise InvalidQuestion("The question is longer than 2000 characters.")
        if "bug" in question:
            raise RuntimeError("a path: /secret")
        text, citations, related = self._reply(question, language or "en")
        return Answer(
            id="answer",
            conversation_id=conversation_id or "first",
            question=question,
            language=language or "en",
            answer=text,
            abstained=not citations,
            composer="extractive",
            citations=citations,
            warnings=("sources_disagree", "something_new") if "warn" in question else (),
            related=related,
        )

    def _reply(self, question: str, language: Language) -> tuple[str, tuple[Citation, ...], tuple[RelatedPassage, ...]]:
        if "wine" in question:
            place = span("hostile", " & so on.")
            passage = RelatedPassage("hostile", HOSTILE, "en", HOSTILE, place.start, place.end, 0.4)
            return "I could not find an answer to this in the documents.", (), (passage,)
        if "hostile" in question:
            return f"{HOSTILE} [1].", (citation(1, "hostile", f"</mark></script>{HOSTILE}"),), ()
        first = citation(1, FRENCH_ID, FRENCH_QUOTE, span("en/visa", ENGLISH_PARALLEL))
        bare = FRENCH_QUOTE.rstrip(".")
        text = f"The French article says: « {bare} » [1].\n\n{ENGLISH_QUOTE[:-1]} [2]. Not a source: [7]."
        return text, (first, citation(2, "en/visa", ENGLISH_QUOTE)), ()

    def _check(self) -> None:
        if self.unavailable:
            raise IndexUnavailable("There is no index yet: run `qa-service index`.")


@pytest.fixture
def pipeline() -> FakePipeline:
    return FakePipeline()


@pytest.fixture
def app(pipeline: FakePipeline) -> Flask:
    app = Flask("web_test")
    app.register_blueprint(web.blueprint(cast("Pipeline", pipeline)))

    @app.post("/api/ask")
    def ask() -> Response:
        body = request.get_json()
        try:
            answer = pipeline.answer(body["question"], body.get("language"), body.get("conversation_id"))
        except IndexUnavailable as error:
            problem = {"title": "Service Unavailable", "status": 503, "detail": str(error)}
            return Response(json.dumps(problem), 503, mimetype="application/problem+json")
        return jsonify(answer.to_dict())

    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def marked(page: str) -> str:
    """The marked text of a document page, its lines joined again."""
    return "\n".join(unescape(found) for found in re.findall(r"<mark[^>]*>(.*?)</mark>", page, re.DOTALL))


def test_chat_page_is_in_the_language_of_the_browser(client: FlaskClient) -> None:
    page = client.get("/", headers={"Accept-Language": "fr-CA, en;q=0.5"})
    assert '<html lang="fr">' in page.text
    assert "Que voulez-vous savoir\u202f?" in page.text
    assert "Articles disponibles\u00a0: 1 en français, 1\u202f200 en anglais." in page.text
    assert "Accept-Language" in page.headers["Vary"]


def test_address_chooses_the_language_of_the_page(client: FlaskClient) -> None:
    page = client.get("/?lang=en", headers={"Accept-Language": "fr"}).text
    assert '<html lang="en">' in page
    assert "1,200 in English, 1 in French" in page
    assert 'href="?lang=fr"' in page
    assert '<html lang="en">' in client.get("/?lang=de").text


def test_every_text_is_there_in_both_languages() -> None:
    assert all(set(versions) == set(LANGUAGES) and all(versions.values()) for versions in TEXTS.values())
    placeholder = re.compile(r"\{\w+\}")
    assert all(
        set(placeholder.findall(versions["en"])) == set(placeholder.findall(versions["fr"]))
        for versions in TEXTS.values()
    )


def test_french_texts_have_no_break_spaces() -> None:
    assert not [text for text in texts("fr").values() if re.search(r" [?!;:»]|« ", text)]


@pytest.mark.parametrize(
    ("published", "language", "shown"),
    [
        ("2025-03-19", "en", "19 March 2025"),
        ("2025-03-01", "fr", "1er mars 2025"),
        ("2025-08-14T10:00:00Z", "fr", "14 août 2025"),
        ("2025-02-30", "en", "2025-02-30"),
        ("spring", "en", "spring"),
    ],
)
def test_shown_date(published: str, language: Language, shown: str) -> None:
    assert shown_date(published, language) == shown


@pytest.mark.parametrize("path", ["/", "/documents/en/visa", "/documents/none", "/assets/chat.js"])
def test_security_headers(client: FlaskClient, path: str) -> None:
    with client.get(path) as page:
        headers = page.headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


def test_pages_hold_no_inline_script_or_style(client: FlaskClient) -> None:
    for path in ("/", "/documents/en/visa?start=1&end=5", "/documents/none"):
        page = client.get(path).text
        assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=", page)


def test_plain_form_shows_the_answer_and_its_sources(client: FlaskClient, pipeline: FakePipeline) -> None:
    page = client.post("/", data={"question": "When?", "language": "en", "conversation_id": "c7"})
    assert page.status_code == 200
    assert pipeline.asked == [("When?", "en", "c7")]
    assert f'<blockquote lang="fr" dir="auto">{FRENCH_QUOTE}</blockquote>' in page.text
    assert f'<blockquote lang="en" dir="auto">{ENGLISH_PARALLEL}</blockquote>' in page.text
    assert '<a class="marker" href="#source-0-2" aria-label="Source 2">[2]</a>' in page.text
    assert "Not a source: [7]." in page.text
    assert 'name="conversation_id" value="c7"' in page.text


def test_plain_form_links_to_the_exact_span(client: FlaskClient) -> None:
    page = client.post("/?lang=fr", data={"question": "When?"}).text
    links = [unescape(href) for href in re.findall(r'class="open" href="([^"]+)"', page)]
    quotes = [FRENCH_QUOTE, ENGLISH_PARALLEL, ENGLISH_QUOTE]
    assert len(links) == 3
    for href, words in zip(links, quotes, strict=True):
        assert href.endswith("&lang=fr#cited")
        assert marked(client.get(href).text) == words


def test_plain_form_takes_nonsense_calmly(client: FlaskClient, pipeline: FakePipeline) -> None:
    client.post("/", data={"question": "When?", "language": "de", "conversation_id": "x" * 200})
    assert pipeline.asked == [("When?", None, None)]


def test_warnings_are_words(client: FlaskClient) -> None:
    page = client.post("/?lang=fr", data={"question": "warn"}).text
    assert "Les sources divergent sur ce point." in unescape(page)
    assert "À noter\u00a0: something new." in page


@pytest.mark.parametrize(
    ("question", "status", "english", "french"),
    [
        ("  \n ", 422, "Please write a question first.", "Écrivez d’abord une question."),
        ("too long", 422, "Please make it shorter", "Abrégez-la"),
        ("bug", 500, "Something went wrong", "Un problème est survenu"),
    ],
)
def test_form_errors_are_said_in_the_language_of_the_page(
    client: FlaskClient, question: str, status: int, english: str, french: str
) -> None:
    for language, words in (("en", english), ("fr", french)):
        page = client.post(f"/?lang={language}", data={"question": question})
        assert page.status_code == status
        assert words in page.text
        assert "/secret" not in page.text


def test_question_is_kept_when_it_fails(client: FlaskClient) -> None:
    assert "\ntoo long &lt;b&gt;</textarea>" in client.post("/", data={"question": "too long <b>"}).text


def test_too_large_a_form_is_said_calmly(app: Flask) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 100
    page = app.test_client().post("/?lang=fr", data={"question": "x" * 200})
    assert page.status_code == 413
    assert "Abrégez-la" in page.text


def test_no_index_is_said_calmly(client: FlaskClient, pipeline: FakePipeline) -> None:
    pipeline.unavailable = True
    assert client.get("/").status_code == 200
    assert "not ready" in client.get("/").text
    for page in (client.post("/?lang=fr", data={"question": "When?"}), client.get("/documents/en/visa?lang=fr")):
        assert page.status_code == 503
        assert "Les articles ne sont pas encore prêts" in page.text


def test_document_page(client: FlaskClient) -> None:
    page = client.get("/documents/en/visa?lang=fr").text
    assert '<h1 lang="en" dir="auto">A passport is enough</h1>' in page
    assert page.count("A passport is enough") == 2  # the page's title and the heading: not again as the first line
    assert '<div class="body" id="text" lang="en">' in page
    assert '<span class="badge">Anglais</span> <time datetime="2025-03-15">15 mars 2025</time>' in page
    assert 'href="https://example.org/en/visa" rel="external noopener noreferrer"' in page
    assert "Exemption de visa : ce qui change</a>" in page
    assert '<h2 dir="auto">A date</h2>' in page
    assert '<p dir="auto" class="tight">1 Rue de la Paix</p>' in page
    assert "<mark" not in page


@pytest.mark.parametrize(
    "words", ["😀 𝒱isas", "𝒱isas and cafe\u0301s", "e\u0301", "\u0301s:", "A passport", "A date", ENGLISH_QUOTE]
)
def test_mark_is_exactly_the_quote(client: FlaskClient, words: str) -> None:
    place = span("en/visa", words)
    page = client.get(f"/documents/en/visa?start={place.start}&end={place.end}").text
    assert marked(page) == words
    assert page.count('<mark id="cited">') == page.count("<mark") == 1


def test_mark_over_several_lines_has_one_target(client: FlaskClient) -> None:
    place = span("en/visa", "an address:\n1 Rue de la Paix\nRabat")
    page = client.get(f"/documents/en/visa?start={place.start}&end={place.end}").text
    assert marked(page) == place.quote
    assert page.count('id="cited"') == 1


@pytest.mark.parametrize("offsets", [(0, 10**6), (5, 5), (9, 3), (20, 22), (10**6, 10**7)])
def test_lines_keep_every_character(offsets: tuple[int, int]) -> None:
    for article in ARTICLES:
        kept = [line.text for line in web.lines_of(article.text, *offsets)]
        assert kept == [line for line in article.text.split("\n") if line.strip()]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "start=3",
        "end=3",
        "start=9&end=3",
        "start=3&end=3",
        "start=-1&end=3",
        "start=0&end=999999",
        "start=a&end=b",
        "start=1.0&end=3",
        "start=%00&end=",
        "start=1_0&end=2_0",
        "start=%D9%A1&end=%D9%A3",
        f"start=0&end={'9' * 9999}",
        "start=20&end=22&start=0",  # the two line ends between the first paragraphs: nothing to mark
    ],
)
def test_offsets_that_name_nothing_mark_nothing(client: FlaskClient, query: str) -> None:
    page = client.get(f"/documents/en/visa?{query}")
    assert page.status_code == 200
    assert "<mark" not in page.text
    assert ENGLISH_QUOTE in page.text


def test_hostile_article_is_text(client: FlaskClient) -> None:
    place = span("hostile", f"</mark></script>{HOSTILE}")
    page = client.get(f"/documents/hostile?start={place.start}&end={place.end}").text
    assert "<script>alert" not in page
    assert "<img" not in page
    assert marked(page) == place.quote


def test_only_web_addresses_become_links(client: FlaskClient) -> None:
    page = client.get(f"/documents/{quote(FRENCH_ID)}").text
    assert "javascript:" not in page
    assert "[bad" not in client.get("/documents/hostile").text


def test_language_switch_cannot_leave_the_page(client: FlaskClient) -> None:
    page = client.get("/documents/en/visa?start=1&end=4&_external=1&_scheme=javascript&x=//evil.example").text
    assert 'href="?start=1&amp;end=4&amp;lang=fr#cited"' in page
    assert "evil" not in page


@pytest.mark.parametrize(("language", "words"), [("en", "There is no article"), ("fr", "Il n’y a pas d’article")])
def test_unknown_document_is_a_page(client: FlaskClient, language: str, words: str) -> None:
    page = client.get(f"/documents/none/../<b>?lang={language}")
    assert page.status_code == 404
    assert page.mimetype == "text/html"
    assert words in unescape(page.text)


# In a browser


@dataclass
class Visit:
    """A browser page on the served app, and what went wrong in it."""

    page: Page
    base: str
    pipeline: FakePipeline
    problems: list[str]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM:
        pytest.skip("Debian's chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def served(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def open_page(browser: Browser, base: str, pipeline: FakePipeline, **options: Any) -> Iterator[Visit]:
    """A page of its own, closed afterwards; dialogs, console errors and requests to elsewhere fail the test."""
    context = browser.new_context(locale="en-GB", **options)
    context.set_default_timeout(15_000)
    page = context.new_page()
    problems: list[str] = []
    # With a listener of its own a dialog would stay open and stop the page: it is dismissed after it was noted.
    page.on("dialog", lambda dialog: problems.append(f"dialog {dialog.message}"))
    page.on("dialog", lambda dialog: dialog.dismiss())
    page.on("console", lambda said: problems.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda sent: None if sent.url.startswith(base) else problems.append(f"request {sent.url}"))
    page.goto(base)
    yield Visit(page, base, pipeline, problems)
    context.close()
    assert problems == []


@pytest.fixture
def visit(browser: Browser, served: str, pipeline: FakePipeline) -> Iterator[Visit]:
    yield from open_page(browser, served, pipeline)


@pytest.fixture
def plain_visit(browser: Browser, served: str, pipeline: FakePipeline) -> Iterator[Visit]:
    yield from open_page(browser, served, pipeline, java_script_enabled=False)


def ask(page: Page, question: str) -> None:
    """Type a question and send it with Enter."""
    page.get_by_label("Your question").fill(question)
    page.get_by_label("Your question").press("Enter")


def test_browser_answers_and_leads_to_the_cited_span(visit: Visit) -> None:
    page = visit.page
    ask(page, "When?")
    assert "The French article says" in page.locator(".answer").inner_text()
    page.get_by_role("link", name="Source 1", exact=True).click()
    target = page.locator(".source:target")
    assert target.locator("blockquote").first.inner_text() == FRENCH_QUOTE
    assert target.locator("blockquote").first.get_attribute("lang") == "fr"
    target.get_by_role("link", name="Open article").click()
    mark = page.locator("mark#cited")
    assert mark.inner_text() == FRENCH_QUOTE
    assert mark.bounding_box() is not None
    assert page.evaluate("innerHeight > document.getElementById('cited').getBoundingClientRect().bottom")
    assert page.title().startswith("Exemption de visa")


def test_browser_follows_the_parallel_quote(visit: Visit) -> None:
    ask(visit.page, "When?")
    visit.page.get_by_role("link", name="Open the English article").click()
    assert visit.page.locator("mark#cited").inner_text() == ENGLISH_PARALLEL


def test_browser_scrolls_to_the_cited_span_without_a_fragment(visit: Visit) -> None:
    from playwright.sync_api import expect

    place = span(FRENCH_ID, "Un paragraphe encore.\n" * 60)
    address = f"{visit.base}/documents/{quote(FRENCH_ID)}"
    visit.page.goto(f"{address}?start={place.end - 9}&end={place.end}")
    expect(visit.page.locator("mark#cited")).to_be_in_viewport()


def test_browser_shows_what_the_form_shows(visit: Visit) -> None:
    for question in ("When? warn", "wine"):
        visit.page.goto(f"{visit.base}/?lang=fr")
        visit.page.locator("#question").fill(question)
        visit.page.locator("#question").press("Enter")
        visit.page.locator(".answer").wait_for()
        scripted = visit.page.locator(".turn").inner_text()
        links = [link.get_attribute("href") for link in visit.page.locator(".open, .passage a").all()]
        form = visit.page.request.post(f"{visit.base}/?lang=fr", form={"question": question})
        visit.page.set_content(re.sub(r"<script.*?</script>", "", form.text()))
        plain = visit.page.locator(".turn")
        assert " ".join(plain.inner_text().split()) == " ".join(scripted.split())
        assert [link.get_attribute("href") for link in plain.locator(".open, .passage a").all()] == links
        visit.problems.clear()  # a page without an address cannot load its style sheet


def test_browser_shows_hostile_words_as_text(visit: Visit) -> None:
    page = visit.page
    ask(page, f"hostile {HOSTILE}")
    page.locator(".answer").wait_for()
    assert HOSTILE in page.locator(".answer").inner_text()
    assert HOSTILE in page.locator(".question").inner_text()
    ask(page, "wine")
    assert HOSTILE in page.locator(".passage .excerpt").inner_text()
    page.locator(".passage a").click()
    page.locator("mark").wait_for()
    assert page.locator("main script, main img").count() == 0
    assert HOSTILE in page.locator("h1").inner_text()


def test_browser_keeps_the_conversation_and_the_language_asked_for(visit: Visit) -> None:
    page = visit.page
    page.get_by_label("Language of the answer").select_option("fr")
    ask(page, "Quand ?")
    page.locator(".turn .answer").wait_for()
    ask(page, "Et où ?")
    page.locator(".turn:nth-child(2) .answer").wait_for()
    assert visit.pipeline.asked == [("Quand ?", "fr", None), ("Et où ?", "fr", "first")]
    assert page.locator(".turn:nth-child(2) .source").first.get_attribute("id") == "source-2-1"


def test_browser_shift_enter_starts_a_new_line(visit: Visit) -> None:
    box = visit.page.get_by_label("Your question")
    box.fill("one")
    height = box.bounding_box()
    box.press("Shift+Enter")
    box.press_sequentially("two")
    assert box.input_value() == "one\ntwo"
    grown = box.bounding_box()
    assert height
    assert grown
    assert grown["height"] > height["height"]
    assert visit.pipeline.asked == []


def test_browser_offers_to_try_again(visit: Visit) -> None:
    page = visit.page
    visit.pipeline.unavailable = True
    ask(page, "When?")
    failure = page.locator(".reply .failure")
    failure.wait_for()
    assert "The articles are not ready" in failure.inner_text()
    visit.pipeline.unavailable = False
    page.get_by_role("button", name="Try again").click()
    page.locator(".answer").wait_for()
    assert page.locator(".turn").count() == 1
    assert len(visit.problems) == 1  # the browser's own line about the 503
    visit.problems.clear()


def test_browser_says_when_the_service_is_away(visit: Visit) -> None:
    visit.page.route("**/api/ask", lambda route: route.abort())
    ask(visit.page, "When?")
    visit.page.locator(".failure").wait_for()
    assert "cannot be reached" in visit.page.locator(".failure").inner_text()
    visit.problems.clear()  # the browser's own line about the request


def test_browser_shows_that_it_is_busy(visit: Visit) -> None:
    page = visit.page
    held: list[Any] = []
    page.route("**/api/ask", lambda route, _: held.append(route))
    ask(page, "When?")
    page.locator(".pending").wait_for()
    assert page.locator(".pending").inner_text() == "Reading the articles…"
    ask(page, "A second question")
    assert page.get_by_label("Your question").input_value() == "A second question"
    held[0].continue_()
    page.locator(".answer").wait_for()
    assert len(visit.pipeline.asked) == 1


def test_browser_works_without_javascript(plain_visit: Visit) -> None:
    page = plain_visit.page
    page.get_by_label("Your question").fill("When?")
    page.get_by_role("button", name="Ask").click()
    page.get_by_role("link", name="Source 2", exact=True).click()
    assert page.locator(".source:target blockquote").inner_text() == ENGLISH_QUOTE
    page.locator(".source:target").get_by_role("link", name="Open article").click()
    assert page.locator("mark#cited").inner_text() == ENGLISH_QUOTE


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_browser_needs_no_sideways_scrolling(visit: Visit, width: int) -> None:
    page = visit.page
    page.set_viewport_size({"width": width, "height": 700})
    ask(page, "warn " + "x" * 300)
    page.locator(".answer").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.goto(f"{visit.base}/documents/hostile?start=1&end=4&lang=fr")
    assert page.evaluate("document.documentElement.scrollWidth") <= width

"""A conversation on the chat page, as its readers have it."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from tests.browser.conftest import Visit, visiting
from tests.channels.fake_pipeline import ENGLISH_PARALLEL, ENGLISH_QUOTE, FRENCH_QUOTE, FakePipeline

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


@pytest.mark.parametrize("question", ["When? warn", "wine", "hostile"])
def test_the_scripts_show_what_the_form_shows(visit: Visit, plain_visit: Visit, question: str) -> None:
    shown = []
    for each in (visit, plain_visit):
        each.page.goto(f"{each.base}/?lang=fr")
        each.page.locator("#question").fill(question)
        each.page.get_by_role("button", name="Demander").click()
        turn = each.answered()
        links = [link.get_attribute("href") for link in turn.locator(".details a").all()]
        shown.append([*(turn.locator(part).inner_text().split() for part in (".reply", ".details")), links])
    assert shown[0] == shown[1]


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
    page.reload()
    expect(page.locator(".answer")).to_have_text("The")
    pipeline.hold.set()
    page.get_by_role("button", name="Try again").click()
    expect(visit.answered().locator(".answer")).to_contain_text("The French article says")
    expect(page.locator(".note")).to_have_count(0)


def test_the_page_tells_what_is_being_done(visit: Visit) -> None:
    page = visit.page
    held: list[Any] = []
    page.route("**/api/ask", lambda route, _: held.append(route))
    visit.ask("When?")
    expect(page.locator(".progress")).to_have_text("Searching the articles…")
    body = 'event: progress\ndata: {"passages": 12}\n\n: \n\n'
    held[0].fulfill(content_type="text/event-stream", body=body)
    expect(page.locator(".failure")).to_contain_text("cannot be reached")  # it ended without an answer


@pytest.mark.parametrize("cut", [1, 2, 7, 1000])
def test_a_stream_is_read_however_it_is_cut(visit: Visit, cut: int) -> None:
    found = visit.page.evaluate(
        """async (cut) => {
          const { ask } = await import("/assets/asking.js");
          const events = [
            ": a comment", "event: progress\\ndata: {\\"passages\\": 3}",
            'event: delta\\ndata: {"text": "Été 😀 "}', ":", 'event: delta\\ndata:{"text": "[1]\\\\n\\\\nfin"}',
            'event: citation\\ndata: {"n": 1}', 'event: done\\ndata: {"answer": "é😀"}', "",
          ];
          const bytes = new TextEncoder().encode(events.join("\\n\\n"));
          const body = new ReadableStream({ start(stream) {
            for (let at = 0; at < bytes.length; at += cut) stream.enqueue(bytes.slice(at, at + cut));
            stream.close();
          } });
          window.fetch = async () => new Response(body);
          const told = [];
          const reader = { progress: (n) => told.push(n), delta: (t) => told.push(t), citation: (c) => told.push(c.n) };
          const asked = { question: "?", language: "", conversation: "" };
          const answer = await ask("/api/", asked, reader, new AbortController().signal);
          return [...told, answer.answer];
        }""",
        cut,
    )
    assert found == [3, "Été 😀 ", "[1]\n\nfin", 1, "é😀"]


@pytest.mark.parametrize(("language", "again"), [("en", "Try again"), ("fr", "Réessayer")])
def test_a_failure_can_be_tried_again(visit: Visit, pipeline: FakePipeline, language: str, again: str) -> None:
    page = visit.page
    page.goto(f"{visit.base}/?lang={language}")
    pipeline.unavailable = True
    visit.ask("When?")
    expect(page.get_by_role("alert")).to_contain_text("There is no index yet")
    pipeline.unavailable = False
    page.get_by_role("button", name=again).click()
    visit.answered()
    assert page.locator(".turn").count() == 1
    assert len(visit.problems) == 1  # the browser's own line about the 503
    visit.problems.clear()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (413, "make it shorter"),
        (429, "Please wait a moment"),
        (500, "Something went wrong"),
        (401, "session has ended"),
    ],
)
def test_each_failure_has_its_words(visit: Visit, status: int, words: str) -> None:
    problem = {"title": "x", "status": status, "detail": "The reason."}
    visit.page.route(
        "**/api/ask",
        lambda route: route.fulfill(status=status, body=json.dumps(problem), content_type="application/problem+json"),
    )
    visit.ask("When?")
    expect(visit.page.get_by_role("alert")).to_contain_text(words)
    expect(visit.page.locator(".failure .detail")).to_have_text([] if status == 401 else ["The reason."])
    name = "Sign in" if status == 401 else "Try again"
    expect(visit.page.get_by_role("button", name=name)).to_be_visible()
    visit.problems.clear()


def test_a_service_that_is_away_is_said_so(visit: Visit) -> None:
    visit.page.route("**/api/ask", lambda route: route.abort())
    visit.ask("When?")
    expect(visit.page.get_by_role("alert")).to_contain_text("cannot be reached")
    visit.problems.clear()  # the browser's own line about the request


def test_scripts_that_cannot_be_loaded_lose_no_question(visit: Visit) -> None:
    visit.page.route("**/assets/turns.js", lambda route: route.abort())
    visit.ask("When?")
    expect(visit.page.get_by_role("alert")).to_contain_text("cannot be reached")
    expect(visit.page.locator("#question")).to_have_value("When?")
    visit.problems.clear()


def test_scripts_that_can_be_loaded_again_are(visit: Visit) -> None:
    page = visit.page
    page.route("**/assets/turns.js", lambda route: route.abort())
    page.locator("#question").press_sequentially("Wh")  # they are wanted while a question is typed
    page.wait_for_timeout(200)
    page.unroute("**/assets/turns.js")
    visit.ask("When?")
    visit.answered()
    visit.problems.clear()  # the browser's own lines about the requests


def test_a_second_question_waits_in_the_box(visit: Visit, pipeline: FakePipeline) -> None:
    pipeline.hold = threading.Event()
    visit.ask("When?")
    expect(visit.page.locator(".answer")).to_have_text("The")
    visit.ask("A second question")
    expect(visit.page.locator("#question")).to_have_value("A second question")
    pipeline.hold.set()
    visit.answered()
    assert [question for question, *_ in pipeline.asked] == ["When?"]


def test_a_conversation_goes_on_in_the_language_asked_for(visit: Visit, pipeline: FakePipeline) -> None:
    visit.page.get_by_label("Language of the answer").select_option("fr")
    visit.ask("Quand ?")
    visit.answered()
    visit.ask("Et où ?")
    visit.answered(2)
    assert pipeline.asked == [("Quand ?", "fr", None), ("Et où ?", "fr", "first")]
    expect(visit.page.locator("#source-2-1")).to_be_visible()


def test_a_reload_keeps_the_conversation(visit: Visit, pipeline: FakePipeline) -> None:
    page = visit.page
    visit.ask("When?")
    visit.answered()
    page.locator("#question").fill("Half a quest")
    page.get_by_label("Language of the answer").select_option("fr")
    page.reload()
    expect(visit.answered().locator(".answer")).to_contain_text("The French article says")
    expect(page.locator("#question")).to_have_value("Half a quest")
    expect(page.get_by_label("Language of the answer")).to_have_value("fr")
    expect(page.locator("#opening")).to_be_hidden()
    visit.ask("And then?")
    visit.answered(2)
    assert pipeline.asked[-1] == ("And then?", "fr", "first")


def test_a_reload_keeps_the_readers_place(visit: Visit) -> None:
    page = visit.page
    page.set_viewport_size({"width": 800, "height": 500})
    for turn in range(1, 4):
        visit.ask("When?")
        visit.answered(turn)
    page.evaluate("scrollTo(0, 320)")
    page.reload()
    visit.answered(3)
    expect(page.locator("html")).to_have_js_property("scrollTop", 320)
    page.get_by_role("link", name="Français").evaluate("link => link.click()")  # a test's pointer would scroll to it
    expect(page.locator("html")).to_have_attribute("lang", "fr")
    visit.answered(3)
    expect(page.locator("html")).to_have_js_property("scrollTop", 320)


def test_two_ratings_cannot_overtake_each_other(visit: Visit, pipeline: FakePipeline) -> None:
    page = visit.page
    visit.ask("When?")
    visit.answered()
    held: list[Any] = []
    page.route("**/api/feedback", lambda route, _: held.append(route))
    page.get_by_role("button", name="Helpful", exact=True).click()
    page.get_by_role("button", name="Not helpful").click()
    page.wait_for_timeout(100)
    assert len(held) == 1
    held[0].continue_()
    expect(page.get_by_role("button", name="Helpful", exact=True)).to_have_attribute("aria-pressed", "true")
    assert pipeline.rated == [("answer", 1, "")]


def test_changing_the_language_of_the_page_loses_nothing(visit: Visit) -> None:
    page = visit.page
    visit.ask("When?")
    visit.answered()
    page.locator("#question").fill("Half a quest")
    page.get_by_role("link", name="Français").click()
    expect(visit.answered().get_by_role("heading", name="Sources")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "fr")
    expect(page.locator("#question")).to_have_value("Half a quest")
    expect(page.locator(".source time").first).to_have_text("1er mars 2025")
    expect(page.get_by_role("button", name="Copier avec les sources")).to_be_visible()


def test_an_answer_that_a_reload_interrupts_can_be_asked_again(visit: Visit, pipeline: FakePipeline) -> None:
    pipeline.hold = threading.Event()
    visit.ask("When?")
    expect(visit.page.locator(".answer")).to_have_text("The")
    visit.page.reload()
    pipeline.hold.set()
    expect(visit.page.locator(".failure")).to_contain_text("interrupted")
    visit.page.get_by_role("button", name="Try again").click()
    visit.answered()


def test_a_new_conversation_begins_with_an_empty_page(visit: Visit, pipeline: FakePipeline) -> None:
    page = visit.page
    pipeline.hold = threading.Event()
    visit.ask("When?")
    expect(page.locator(".answer")).to_have_text("The")
    page.get_by_role("link", name="New conversation").click()
    pipeline.hold.set()
    expect(page.locator(".turn")).to_have_count(0)
    expect(page.locator("#opening")).to_be_visible()
    expect(page.get_by_role("button", name="Stop")).to_be_hidden()
    page.reload()
    expect(page.locator(".turn")).to_have_count(0)
    visit.ask("wine")
    visit.answered()
    assert pipeline.asked[-1] == ("wine", None, None)


@pytest.mark.parametrize(
    "kept",
    [
        "not JSON",
        "[]",
        '{"turns": 5}',
        '{"turns": [{}, null, 1]}',
        '{"turns": [{"question": "Old?", "language": "", "answer": {}}]}',
        '{"turns": [{"question": "Old?", "language": "", "stopped": {"answer": "x"}}]}',
        '{"turns": [], "conversation": 5, "draft": null, "language": {}}',
        "null",
    ],
)
def test_what_another_version_has_kept_does_no_harm(visit: Visit, kept: str) -> None:
    visit.page.evaluate("kept => sessionStorage.setItem('qa-service conversation', kept)", kept)
    visit.page.reload()
    visit.ask("When?")
    expect(visit.page.locator(".answer")).to_contain_text("The French article says")


def test_a_browser_that_keeps_nothing_still_converses(browser: Any, served: str) -> None:
    with visiting(browser, served, None) as visit:
        refused = "{ get() { throw new DOMException('', 'SecurityError'); } }"
        visit.page.add_init_script(f"Object.defineProperty(window, 'sessionStorage', {refused})")
        visit.page.goto(served)
        visit.ask("When?")
        visit.answered()
        visit.ask("And then?")
        visit.answered(2)


@pytest.mark.parametrize(("language", "example"), [("en", "When does the visa"), ("fr", "Quand commence l’exemption")])
def test_an_example_can_be_clicked(visit: Visit, language: str, example: str) -> None:
    visit.page.goto(f"{visit.base}/?lang={language}")
    visit.page.get_by_role("button", name=example).click()
    expect(visit.answered().locator(".question")).to_contain_text(example)


def test_shift_enter_starts_a_new_line_and_the_box_grows(visit: Visit, pipeline: FakePipeline) -> None:
    box = visit.page.get_by_label("Your question")
    box.fill("one")
    height = box.evaluate("box => box.offsetHeight")
    box.press("Shift+Enter")
    box.press_sequentially("two")
    expect(box).to_have_value("one\ntwo")
    assert box.evaluate("box => box.offsetHeight") > height
    assert pipeline.asked == []


def test_an_answer_can_be_copied_with_its_sources(browser: Any, served: str) -> None:
    with visiting(browser, served, permissions=["clipboard-read", "clipboard-write"]) as visit:
        visit.ask("When?")
        visit.answered()
        visit.page.get_by_role("button", name="Copy with sources").click()
        expect(visit.page.get_by_role("button", name="Copied")).to_be_visible()
        copied = visit.page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("The French article says")
    assert (
        f"[1] Exemption de visa : ce qui change (French, 1 March 2025)\n«\u202f{FRENCH_QUOTE}\u202f»\n{served}"
        in copied
    )
    assert (
        f"[2] A passport is enough (English, 15 March 2025)\n“{ENGLISH_QUOTE}”\n{served}/documents/en/visa?" in copied
    )


def test_an_answer_can_be_copied_where_there_is_no_clipboard_to_write_to(browser: Any, served: str) -> None:
    with visiting(browser, served, permissions=["clipboard-read"]) as visit:
        visit.page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
        visit.ask("When?")
        visit.answered()
        visit.page.evaluate("document.addEventListener('copy', () => { window.copied = getSelection().toString() })")
        copy = visit.page.get_by_role("button", name="Copy with sources")
        copy.click()
        expect(visit.page.get_by_role("button", name="Copied")).to_be_focused()
        assert "[1] Exemption" in visit.page.evaluate("window.copied")


def test_an_answer_can_be_rated_and_commented(visit: Visit, pipeline: FakePipeline) -> None:
    page = visit.page
    visit.ask("When?")
    visit.answered()
    page.get_by_role("button", name="Not helpful").click()
    expect(page.locator(".told")).to_have_text("Thank you. Your rating is kept with this answer.")
    expect(page.get_by_role("button", name="Not helpful")).to_have_attribute("aria-pressed", "true")
    page.get_by_label("A word on this answer?").fill("La date est fausse <b>")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".told")).to_have_text("Thank you, your comment is kept.")
    assert pipeline.rated == [("answer", -1, ""), ("answer", -1, "La date est fausse <b>")]
    page.reload()
    visit.answered()
    expect(page.get_by_role("button", name="Not helpful")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Helpful", exact=True).click()
    expect(page.get_by_role("button", name="Helpful", exact=True)).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("button", name="Not helpful")).to_have_attribute("aria-pressed", "false")


@pytest.mark.parametrize(("status", "words"), [(404, "no longer kept"), (503, "could not be kept")])
def test_a_rating_that_is_lost_is_told(visit: Visit, status: int, words: str) -> None:
    visit.page.route("**/api/feedback", lambda route: route.fulfill(status=status, body="{}"))
    visit.ask("When?")
    visit.answered()
    visit.page.get_by_role("button", name="Helpful", exact=True).click()
    expect(visit.page.locator(".told")).to_contain_text(words)
    expect(visit.page.get_by_role("button", name="Helpful", exact=True)).to_have_attribute("aria-pressed", "false")
    visit.problems.clear()


def test_nothing_can_be_rated_where_nothing_is_kept(visit: Visit, pipeline: FakePipeline) -> None:
    pipeline.keeps_answers = False
    visit.page.reload()
    visit.ask("When?")
    visit.answered()
    expect(visit.page.get_by_role("button", name="Helpful", exact=True)).to_have_count(0)


def test_a_refusal_looks_like_one(visit: Visit) -> None:
    visit.ask("wine")
    turn = visit.answered()
    expect(turn.locator(".absent")).to_have_text("Not in these articles")
    expect(turn.locator(".passage")).to_have_count(1)
    expect(turn.get_by_role("button", name="Copy with sources")).to_have_count(0)


def test_the_page_works_without_scripts(plain_visit: Visit, pipeline: FakePipeline) -> None:
    page = plain_visit.page
    page.get_by_label("Your question").fill("When?")
    page.get_by_role("button", name="Ask").click()
    page.get_by_role("link", name="Source 1", exact=True).click()
    expect(page.locator(".source:target blockquote").first).to_have_text(FRENCH_QUOTE)
    page.get_by_role("button", name="Helpful", exact=True).click()
    page.get_by_label("A word on this answer?").fill("Très bien")
    page.get_by_role("button", name="Send").click()
    assert pipeline.rated[-1] == ("answer", 1, "Très bien")
    page.goto(plain_visit.base)
    page.get_by_role("button", name="When does the visa").click()
    page.locator(".source").nth(1).get_by_role("link").click()
    expect(page.locator("mark#cited")).to_have_text(ENGLISH_QUOTE)

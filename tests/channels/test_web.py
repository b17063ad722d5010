"""The chat page as a plain form."""

from __future__ import annotations

import re
from html import unescape

import pytest
from flask.testing import FlaskClient

from tests.channels.fake_pipeline import ENGLISH_PARALLEL, ENGLISH_QUOTE, FRENCH_QUOTE, FakePipeline, marked


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
    links = [unescape(href) for href in re.findall(r'href="(/documents/[^"]+)"', page)]
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


def test_examples_are_in_the_language_of_the_page_and_can_be_sent(client: FlaskClient, pipeline: FakePipeline) -> None:
    for language, example in (
        ("en", "When does the visa exemption begin?"),
        ("fr", "Quand commence l’exemption\u202f?"),
    ):
        page = client.get(f"/?lang={language}").text
        assert f'<button class="example" name="question" value="{example}" dir="auto">' in page
        assert f'<form class="examples" method="post" action="/?lang={language}"' in page
        assert client.post(f"/?lang={language}", data={"question": example}).status_code == 200
        assert pipeline.asked[-1][0] == example


def test_what_an_answer_already_quotes_is_not_quoted_again(client: FlaskClient) -> None:
    page = client.post("/", data={"question": "When?"}).text
    assert (
        page.count("<blockquote") == 2
    )  # the French quote and the same in English: the other one is the answer's words
    assert page.count('class="source"') == 2


@pytest.mark.parametrize(("language", "label"), [("en", "Not in these articles"), ("fr", "Absent de ces articles")])
def test_a_refusal_says_what_it_is(client: FlaskClient, language: str, label: str) -> None:
    page = client.post(f"/?lang={language}", data={"question": "wine"}).text
    assert f'<p class="absent">{label}</p>' in page
    assert 'class="passage"' in page
    assert 'class="absent"' not in client.post(f"/?lang={language}", data={"question": "When?"}).text


@pytest.mark.parametrize(("language", "thanks"), [("en", "Thank you. Your rating"), ("fr", "Merci. Votre avis")])
def test_an_answer_can_be_rated_and_commented_without_scripts(
    client: FlaskClient, pipeline: FakePipeline, language: str, thanks: str
) -> None:
    page = client.post(f"/?lang={language}", data={"question": "When?"}).text
    assert f'<form class="actions" method="post" action="/feedback?lang={language}"' in page
    assert '<input type="hidden" name="answer_id" value="answer">' in page
    rated = client.post(f"/feedback?lang={language}", data={"answer_id": "answer", "rating": "-1"})
    assert rated.status_code == 200
    assert thanks in rated.text
    assert '<input type="hidden" name="rating" value="-1">' in rated.text
    client.post(f"/feedback?lang={language}", data={"answer_id": "answer", "rating": "-1", "comment": "<b>Faux</b>"})
    blank = client.post(f"/feedback?lang={language}", data={"answer_id": "answer", "rating": "-1", "comment": " \n"})
    assert thanks in blank.text  # nothing is said to be kept that is not there
    assert pipeline.rated == [("answer", -1, ""), ("answer", -1, "<b>Faux</b>"), ("answer", -1, "")]


@pytest.mark.parametrize(
    ("form", "status", "words"),
    [
        ({"answer_id": "none", "rating": "1"}, 404, "no longer kept"),
        ({"answer_id": "answer", "rating": "5", "comment": "Mon avis <b>"}, 422, "Mon avis &lt;b&gt;</textarea>"),
        ({}, 404, "no longer kept"),
    ],
)
def test_a_rating_that_cannot_be_kept_is_said_calmly(
    client: FlaskClient, pipeline: FakePipeline, form: dict[str, str], status: int, words: str
) -> None:
    page = client.post("/feedback", data=form)
    assert page.status_code == status
    assert words in page.text
    assert pipeline.rated == []


def test_nothing_is_rated_where_no_answers_are_kept(client: FlaskClient, pipeline: FakePipeline) -> None:
    pipeline.keeps_answers = False
    page = client.post("/", data={"question": "When?"}).text
    assert "/feedback" not in page
    assert "data-rated" not in page

"""The page of an article."""

from __future__ import annotations

from html import unescape
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from qa_service.channels.article_pages import lines_of
from tests.channels.fake_pipeline import ARTICLES, ENGLISH_QUOTE, FRENCH_ID, HOSTILE, marked, span


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
        kept = [line.text for line in lines_of(article.text, *offsets)]
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


@pytest.mark.parametrize(("language", "words"), [("en", "There is no article"), ("fr", "Il n’y a pas d’article")])
def test_unknown_document_is_a_page(client: FlaskClient, language: str, words: str) -> None:
    page = client.get(f"/documents/none/../<b>?lang={language}")
    assert page.status_code == 404
    assert page.mimetype == "text/html"
    assert words in unescape(page.text)

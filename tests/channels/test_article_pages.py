"""The list of articles, and the page of each."""

from __future__ import annotations

import re
import time
from html import unescape
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from qa_service.channels.article_list import ROWS_A_PAGE
from qa_service.channels.article_pages import lines_of
from qa_service.document_store import DocumentSummary
from tests.channels.fake_pipeline import (
    ARTICLES,
    ENGLISH_PARALLEL,
    ENGLISH_QUOTE,
    FRENCH_ID,
    FRENCH_QUOTE,
    HOSTILE,
    FakePipeline,
    marked,
    span,
)


def listed(count: int) -> tuple[tuple[DocumentSummary, ...], ...]:
    """So many English articles."""
    return tuple((DocumentSummary(f"en/{n:03}", f"Title {n:03}", "en", None, None, None),) for n in range(count))


def shown_titles(page: str) -> list[str]:
    return [unescape(title) for title in re.findall(r'<p class="title".*?>([^<]*)</a></p>', page)]


def test_list_shows_pairs_side_by_side(client: FlaskClient) -> None:
    page = client.get("/articles").text
    work = re.search(r'<li class="work">.*?</li>', page[page.index("A passport is enough") - 300 :], re.DOTALL)
    assert work
    assert work[0].count('class="place"') == 2
    assert '<p class="title" lang="en" dir="auto"><a href="/documents/en/visa" hreflang="en">' in work[0]
    assert f'<p class="title" lang="fr" dir="auto"><a href="/documents/{quote(FRENCH_ID)}" hreflang="fr">' in work[0]
    assert '<span class="badge">English</span> <time datetime="2025-03-15">15 March 2025</time>' in work[0]
    assert "2 in English, 1 in French. Told in both languages: 1." in page
    assert "Articles found: 2" in page


def test_list_puts_the_language_of_the_page_first(client: FlaskClient) -> None:
    page = client.get("/articles?lang=fr").text
    titles = shown_titles(page)
    assert titles.index("Exemption de visa : ce qui change") < titles.index("A passport is enough")
    assert "1 en français, 2 en anglais. Parus dans les deux langues\u00a0: 1." in page
    assert '<p class="label">Français</p><p class="label">Anglais</p>' in page
    assert f'href="/documents/{quote(FRENCH_ID)}?lang=fr"' in page
    assert '<input type="hidden" name="lang" value="fr">' in page


@pytest.mark.parametrize("path", ["/articles?lang=fr&filter=VISA", "/articles?filter=passport&language=fr"])
def test_list_keeps_what_was_asked(client: FlaskClient, path: str) -> None:
    page = client.get(path).text
    assert len(shown_titles(page)) == 2
    assert f'value="{"VISA" if "VISA" in path else "passport"}"' in page
    assert ('value="fr" selected' in page) == ("language=fr" in path)
    switch = re.search(r'class="switch" href="([^"]+)"', page)
    assert switch
    assert len(shown_titles(client.get(f"/articles{unescape(switch[1])}").text)) == 2


def test_list_says_when_nothing_matches(client: FlaskClient) -> None:
    page = client.get("/articles?lang=fr&filter=passport+zzz").text
    assert "Articles trouvés\u00a0: 0" in page
    assert '<p class="none" id="none">Aucun article ne correspond à ce filtre. <a href="/articles?lang=fr">' in page
    assert 'id="none" hidden' in client.get("/articles").text


def test_list_is_paged(client: FlaskClient, pipeline: FakePipeline) -> None:
    pipeline.listed = listed(2 * ROWS_A_PAGE + 1)
    first = client.get("/articles?filter=title&lang=en").text
    assert len(shown_titles(first)) == ROWS_A_PAGE
    assert "Page 1 of 3" in first
    assert 'rel="prev"' not in first
    seen = shown_titles(first)
    page = first
    while following := re.search(r'<a href="([^"]+)" rel="next">', page):
        assert "filter=title" in following[1]
        page = client.get(unescape(following[1])).text
        seen += shown_titles(page)
    assert seen == [f"Title {n:03}" for n in range(2 * ROWS_A_PAGE + 1)]
    assert '<a href="/articles?filter=title&amp;page=2&amp;lang=en" rel="prev">' in page
    assert 'id="pager" aria-label="Pages" hidden' in client.get("/articles?filter=007").text


@pytest.mark.parametrize("page", ["0", "-1", "x", "٣", "1e3", "9" * 6, "9" * 5_000, ""])
def test_list_takes_nonsense_calmly(client: FlaskClient, page: str) -> None:
    query = {"page": page, "language": "de", "lang": "x", "filter": "\x00’\ud7ff"}
    assert client.get("/articles", query_string=query).status_code == 200
    assert client.get("/articles/rows", query_string=query).status_code == 200


@pytest.mark.parametrize(
    "query", ["", "?lang=fr", "?filter=visa&language=fr&lang=en", "?language=alone", "?filter=zzz"]
)
def test_rows_are_those_of_the_list(client: FlaskClient, query: str) -> None:
    page = client.get(f"/articles{query}").text
    reply = client.get(f"/articles/rows{query}")
    assert reply.mimetype == "application/json"
    assert "Accept-Language" in reply.headers["Vary"]
    versions = [version for row in reply.json["rows"] for place in row for version in place]
    assert shown_titles(page) == [version["title"] for version in versions]
    links = re.findall(r'<a href="([^"]+)" hreflang="..">[^<]*</a></p>', page)
    assert [unescape(link) for link in links] == [version["href"] for version in versions]
    assert reply.json["found"] in page
    assert client.get(reply.json["address"]).status_code == 200


def test_hostile_titles_are_text_in_the_list(client: FlaskClient) -> None:
    page = client.get("/articles", query_string={"filter": '"><script>alert(4)</script>'}).text
    assert "<script>alert" not in page
    page = client.get("/articles").text
    assert "<script>alert" not in page
    assert "<img" not in page
    assert HOSTILE in shown_titles(page)
    assert client.get("/articles/rows").headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/articles", "/articles/rows"])
def test_list_without_articles_is_said_calmly(client: FlaskClient, pipeline: FakePipeline, path: str) -> None:
    pipeline.listed = ()
    assert client.get(path).status_code == 503
    assert "not ready" in client.get(path).text
    pipeline.unavailable = True
    assert client.get(f"{path}?lang=fr").status_code == 503
    assert "pas encore prêts" in client.get(f"{path}?lang=fr").text


def test_list_changes_with_the_index(client: FlaskClient, pipeline: FakePipeline) -> None:
    assert len(shown_titles(client.get("/articles").text)) == 3
    pipeline.listed = listed(5)
    assert len(shown_titles(client.get("/articles").text)) == 5


def test_every_page_leads_to_the_list(client: FlaskClient) -> None:
    for path in ("/?lang=fr", "/documents/en/visa?lang=fr", "/documents/none?lang=fr"):
        assert '<a class="section" href="/articles?lang=fr">Articles</a>' in client.get(path).text
    assert '<a class="section" href="/articles" aria-current="page">Articles</a>' in client.get("/articles").text


def test_cited_passage_leads_to_the_same_in_the_other_language(client: FlaskClient) -> None:
    place = span(FRENCH_ID, FRENCH_QUOTE)
    page = client.get(f"/documents/{quote(FRENCH_ID)}?start={place.start}&end={place.end}&lang=fr").text
    links = [unescape(link) for link in re.findall(r'href="([^"]+)"[^>]*hreflang="en"', page) if "/documents/" in link]
    assert "Le même passage en anglais</a>" in page
    assert len(links) == len(set(links)) + 1 == 2  # beside the passage and at the end
    assert marked(client.get(links[0]).text) == ENGLISH_PARALLEL


def test_passage_without_a_parallel_has_plain_links(client: FlaskClient) -> None:
    start, end = span(FRENCH_ID, FRENCH_QUOTE).start, span(FRENCH_ID, FRENCH_QUOTE).start + 5
    for query in (f"?start={start}&end={end}", "?start=3&end=3", ""):
        page = client.get(f"/documents/{quote(FRENCH_ID)}{query}").text
        assert "beside" not in page
        assert 'href="/documents/en/visa" lang="en"' in page


def test_article_with_several_versions_has_plain_links(client: FlaskClient) -> None:
    place = span("en/visa", ENGLISH_QUOTE)  # one of its versions is gone by now
    page = client.get(f"/documents/en/visa?start={place.start}&end={place.end}").text
    assert "beside" not in page
    assert f'href="/documents/{quote(FRENCH_ID)}"' in page


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


def test_a_span_of_very_many_lines_takes_no_longer_than_they_do() -> None:
    """Anybody can ask for it: its time must not grow with the square of the lines."""
    text = "so short\n" * 100_000
    started = time.process_time()
    lines = lines_of(text, len(text) // 2, len(text))
    assert time.process_time() - started < 10
    assert [number for number, line in enumerate(lines) if line.target] == [50_000]
    assert sum(bool(line.cited) for line in lines) == 50_000


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

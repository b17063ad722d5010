"""The chat page for the frame of another site, and the script that opens it."""

from __future__ import annotations

import re

import pytest

from tests.channels.fake_pipeline import app_for

ORIGINS = ("https://news.example", "http://localhost:3000")


@pytest.fixture
def framed(pipeline):
    return app_for(pipeline, embed_origins=",".join(ORIGINS)).test_client()


def test_without_a_site_there_is_nothing(client, pipeline):
    for path in ("/embed", "/embed.js"):
        response = client.get(path)
        assert response.status_code == 404
        assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
    assert client.post("/embed", data={"question": "When?"}).status_code == 404
    assert pipeline.asked == []


def test_only_this_page_may_be_shown_in_a_frame(framed):
    page = framed.get("/embed")
    assert page.status_code == 200
    policy = page.headers["Content-Security-Policy"].split("; ")
    assert "frame-ancestors https://news.example http://localhost:3000" in policy
    for path in ("/", "/documents/en/visa", "/documents/none", "/none"):
        other = framed.get(path, headers={"Accept": "text/html"}).headers["Content-Security-Policy"].split("; ")
        assert [each for each in other if each not in policy] == ["frame-ancestors 'none'"], path


@pytest.mark.parametrize(
    ("language", "words"), [("en", "What would you like to know?"), ("fr", "Que voulez-vous savoir")]
)
def test_the_page_has_no_masthead_and_stays_in_the_frame(framed, language, words):
    page = framed.get(f"/embed?lang={language}").text
    assert f'<html lang="{language}" class="embedded">' in page
    assert '<body class="embedded">' in page
    assert words in page
    assert "masthead" not in page
    assert f'method="post" action="/embed?lang={language}"' in page
    assert 'data-origins="https://news.example http://localhost:3000"' in page
    assert "embedded.js" in page
    assert "autofocus" not in page  # browsers refuse it in the frame of another site, and say so
    assert "embedded" not in framed.get("/").text


def test_the_form_is_answered_in_the_frame(framed, pipeline):
    page = framed.post("/embed?lang=fr", data={"question": "When?", "language": "en", "conversation_id": "c7"})
    assert page.status_code == 200
    assert pipeline.asked == [("When?", "en", "c7")]
    assert '<body class="embedded">' in page.text
    links = re.findall(r'<a [^>]*href="/documents/[^>]*>', page.text)
    assert len(links) == 3
    assert all('target="_blank" rel="noopener"' in link for link in links)
    assert 'target="_blank"' not in "".join(re.findall(r'<a class="marker"[^>]*>', page.text))
    passage = framed.post("/embed", data={"question": "wine"}).text
    assert re.search(r'<h4[^>]*><a [^>]*target="_blank" rel="noopener"', passage)
    assert "_blank" not in framed.post("/", data={"question": "When?"}).text


@pytest.mark.parametrize(("question", "status"), [(" ", 422), ("too long", 422), ("bug", 500)])
def test_an_error_stays_in_the_frame(framed, question, status):
    page = framed.post("/embed", data={"question": question})
    assert page.status_code == status
    assert "frame-ancestors https://news.example" in page.headers["Content-Security-Policy"]
    assert '<body class="embedded">' in page.text
    assert "/secret" not in page.text
    assert 'href="/"' not in page.text


def test_the_script_is_for_any_page_to_load(framed):
    with framed.get("/embed.js") as script:
        assert script.mimetype == "text/javascript"
        assert script.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert script.headers["X-Content-Type-Options"] == "nosniff"
        assert script.headers["ETag"]
        assert not re.search(r"\b(innerHTML|insertAdjacentHTML|document\.write|eval|cssText)\b|\.style\b", script.text)

"""Examples of replies: true to the sample articles, and as the service writes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from qa_service.answers import Answer, Citation
from qa_service.articles import DocumentFile, read_article
from qa_service.channels import reply_examples
from qa_service.channels.markdown_text import markdown
from qa_service.language import LANGUAGES, message
from tests.conftest import DOCUMENTS


def spans(value: Any) -> Iterator[dict[str, Any]]:
    """Every place in an article that an example names."""
    if isinstance(value, dict):
        if "start" in value:
            yield value
        for part in value.values():
            yield from spans(part)
    elif isinstance(value, list):
        for part in value:
            yield from spans(part)


@pytest.mark.parametrize("examples", [reply_examples.ANSWERS, reply_examples.PASSAGES, reply_examples.COMPLETION])
def test_what_is_quoted_stands_in_the_sample_articles(examples: Any) -> None:
    found = list(spans(examples))
    assert found
    for span in found:
        path = DOCUMENTS / f"{span['document_id']}.md"
        article = read_article(DocumentFile(span["document_id"], path), max_bytes=100_000)
        assert article.text[span["start"] : span["end"]] == span.get("quote", span.get("text"))
        told = {"title": article.title, "language": article.language}
        assert told.items() <= span.items()
        if "url" in span:
            assert (span["url"], span["published"]) == (article.url, article.published)


def test_listed_articles_are_the_sample_articles() -> None:
    (listed,) = reply_examples.DOCUMENTS.values()
    for shown in listed["documents"]:
        article = read_article(DocumentFile(shown["id"], DOCUMENTS / f"{shown['id']}.md"), max_bytes=100_000)
        assert shown == {name: getattr(article, name) for name in shown}


def test_documents_are_those_that_the_examples_of_publishing_send(client: FlaskClient, tmp_path: Path) -> None:
    paths = client.get("/openapi.json").get_json()["paths"]
    sent = paths["/api/documents/{document_id}"]["put"]["requestBody"]["content"]["application/json"]["examples"]
    assert sent.keys() == reply_examples.DOCUMENT.keys()
    for language, shown in reply_examples.DOCUMENT.items():
        body = sent[language]["value"]
        path = tmp_path / f"document.{'md' if body.get('format') == 'markdown' else 'txt'}"
        path.write_text(body["text"], encoding="utf-8")
        article = read_article(DocumentFile(shown["id"], path), max_bytes=100_000)
        fields = {name: value for name, value in body.items() if name not in ("text", "format")}
        assert shown == vars(article) | fields | {"translations": shown["translations"]}


def test_answers_are_in_both_languages_and_one_is_none() -> None:
    answers = reply_examples.ANSWERS.values()
    assert {answer["language"] for answer in answers} == set(LANGUAGES)
    for answer in answers:
        assert answer["answer"].endswith("[1].") is bool(answer["citations"]) is not answer["abstained"]
        if answer["abstained"]:
            assert answer["answer"] == message("not_found", answer["language"])


def test_a_chat_says_what_the_answer_does() -> None:
    """The same text as a whole and in chunks: that which the service makes of the answer."""
    answer = reply_examples.ANSWERS["English"]
    citations = tuple(Citation(**citation) for citation in answer["citations"])
    written = markdown(Answer(**answer | {"citations": citations}), lambda _: "")
    (choice,) = reply_examples.COMPLETION["English"]["choices"]
    assert choice["message"]["content"] == written
    *chunks, end = [event["data"] for event in reply_examples.CHUNKS.values()]
    assert end == "[DONE]"
    deltas = [json.loads(chunk)["choices"][0]["delta"] for chunk in chunks]
    assert "".join(delta.get("content", "") for delta in deltas) == written


def test_a_stream_adds_up_to_its_answer() -> None:
    events = [(event["event"], json.loads(event["data"])) for event in reply_examples.ANSWER_EVENTS.values()]
    (done,) = [data for name, data in events if name == "done"]
    assert done == reply_examples.ANSWERS["English"]
    assert "".join(data["text"] for name, data in events if name == "delta") == done["answer"]
    assert [data for name, data in events if name == "citation"] == done["citations"]

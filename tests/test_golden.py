"""Golden questions: each names words that a cited quote must hold. Run with ``-rP`` to see the figures."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qa_service.indexing import index_documents
from qa_service.pipeline import Pipeline
from qa_service.settings import load_settings

ROOT = Path(__file__).parents[1]
GOLDEN = Path(__file__).parent / "golden"
REAL_ARTICLES = ROOT.parent / "shared" / "articles"

SAMPLE_FILES = ["documents", "unseen_documents"]
REAL_FILES = ["real_articles", "unseen_real_articles"]
OFF_TOPIC_FILES = ["off_topic", "unseen_off_topic"]

needs_real_articles = pytest.mark.skipif(not REAL_ARTICLES.is_dir(), reason="the two real articles are not here")


def questions(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (GOLDEN / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def pipeline_over(documents: Path, index: Path) -> Iterator[Pipeline]:
    settings = load_settings(documents=documents, index=index)
    index_documents([documents], settings)
    pipeline = Pipeline(settings)
    pipeline.open()
    yield pipeline
    pipeline.close()


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    yield from pipeline_over(ROOT / "documents", tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    yield from pipeline_over(REAL_ARTICLES, tmp_path_factory.mktemp("real"))


def holds(pipeline: Pipeline, question: dict[str, Any]) -> bool:
    """Whether a cited quote holds the answer; every citation must be exact on the way."""
    answer = pipeline.answer(question["question"], question["language"])
    for citation in answer.citations:
        assert pipeline.document(citation.document_id).article.text[citation.start : citation.end] == citation.quote
    must = [question["must"]] if isinstance(question["must"], str) else question["must"]
    return any(words in citation.quote for words in must for citation in answer.citations)


def shares(pipeline: Pipeline, name: str) -> dict[str, float]:
    """Share of questions whose quotes hold the answer, for each direction (question's language, source's language)."""
    found = defaultdict(list)
    for question in questions(name):
        source = pipeline.document(question["document_id"]).article.language
        found[f"{question['language']}-{source}"].append(holds(pipeline, question))
    result = {direction: sum(hits) / len(hits) for direction, hits in sorted(found.items())}
    print(name, {direction: round(share, 3) for direction, share in result.items()})
    return result


# The bounds below lie a question or two under what was reached: another processor adds numbers in another order, and a
# close call may fall the other way.


def check(found: dict[str, float], same: float, cross: float) -> None:
    assert sorted(found) == ["en-en", "en-fr", "fr-en", "fr-fr"]
    for direction, share in found.items():
        asked, source = direction.split("-")
        assert share >= (same if asked == source else cross), direction


def test_quotes_hold_the_answers_in_the_sample_articles(sample: Pipeline) -> None:
    check(shares(sample, "documents"), same=0.75, cross=0.70)


def test_quotes_hold_the_answers_to_questions_never_learned_from(sample: Pipeline) -> None:
    check(shares(sample, "unseen_documents"), same=0.82, cross=0.60)


@needs_real_articles
def test_quotes_hold_the_answers_in_the_real_articles(real: Pipeline) -> None:
    check(shares(real, "real_articles"), same=0.86, cross=0.75)


@needs_real_articles
def test_quotes_hold_the_answers_to_questions_on_the_real_articles_never_learned_from(real: Pipeline) -> None:
    check(shares(real, "unseen_real_articles"), same=0.86, cross=0.81)


@pytest.mark.parametrize("name", OFF_TOPIC_FILES)
def test_off_topic_questions_are_refused(sample: Pipeline, name: str) -> None:
    asked = [row for row in questions(name) if row["unanswerable"] == "off_topic"]
    answered = [row["question"] for row in asked if not sample.answer(row["question"], row["language"]).abstained]
    print(name, f"{len(asked) - len(answered)} of {len(asked)} refused; answered: {answered}")
    assert len(answered) <= 0.07 * len(asked)


@needs_real_articles
@pytest.mark.parametrize("name", OFF_TOPIC_FILES)
def test_off_topic_questions_are_refused_by_the_real_articles(real: Pipeline, name: str) -> None:
    asked = [row for row in questions(name) if row["unanswerable"] == "off_topic"]
    answered = [row["question"] for row in asked if not real.answer(row["question"], row["language"]).abstained]
    print(name, f"{len(asked) - len(answered)} of {len(asked)} refused; answered: {answered}")
    assert len(answered) <= 0.07 * len(asked)


@pytest.mark.parametrize("name", SAMPLE_FILES)
def test_no_source_is_said_to_disagree_where_none_does(sample: Pipeline, name: str) -> None:
    asked = questions(name)
    warned = [row["id"] for row in asked if sample.answer(row["question"], row["language"]).warnings]
    print(name, f"{len(warned)} of {len(asked)} warned: {warned}")
    assert len(warned) <= 0.01 * len(asked)


def test_near_misses_are_answered_with_exact_quotes_or_not_at_all(sample: Pipeline) -> None:
    asked = [row for row in questions("off_topic") if row["unanswerable"] == "near_miss"]
    refused = 0
    for row in asked:
        answer = sample.answer(row["question"], row["language"])
        refused += answer.abstained
        assert answer.abstained == (not answer.citations)
        for citation in answer.citations:
            text = sample.document(citation.document_id).article.text
            assert text[citation.start : citation.end] == citation.quote
    print(f"near misses: {refused} of {len(asked)} refused")
    assert len(asked) == 20


@pytest.mark.parametrize("name", SAMPLE_FILES)
def test_every_direction_has_enough_questions(name: str) -> None:
    directions = defaultdict(int)
    for row in questions(name):
        directions[row["language"], row["document_id"][:2]] += 1
    assert len(directions) == 4
    assert min(directions.values()) >= 20


@pytest.mark.parametrize("name", SAMPLE_FILES)
def test_every_golden_quote_is_in_its_article(sample: Pipeline, name: str) -> None:
    for row in questions(name):
        must = [row["must"]] if isinstance(row["must"], str) else row["must"]
        assert any(words in sample.document(row["document_id"]).article.text for words in must), row["id"]

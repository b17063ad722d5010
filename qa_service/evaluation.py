"""How well an index answers a file of questions, by the language of the question and of the article.

Questions go through the pipeline's own methods: what is measured here is what readers get. ``docs/evaluation.md`` says
what each figure means.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from qa_service.answers import Answer, Citation, Quote
from qa_service.errors import InvalidQuestion
from qa_service.language import LANGUAGES, Language, other
from qa_service.pipeline import Pipeline
from qa_service.planning import Progress
from qa_service.question_files import KINDS, Question, Unanswerable, comparable

# Documents and passages this far down the ranking count as found.
DOCUMENTS_SEEN = 3
PASSAGES_SEEN = 4

# All that a search ranks: the third document may stand far down, behind many passages of the first two.
_RANKED = 100
_WITHIN = NormalDist().inv_cdf(0.975)  # standard deviations on either side that hold 95 %


@dataclass(frozen=True)
class Share:
    """How many of how many, as a share and with the 95 % Wilson interval of it; neither where there are none."""

    share: float | None
    hits: int
    of: int
    interval: tuple[float, float] | None

    @classmethod
    def count(cls, hits: int, of: int) -> Share:
        """The share of so many hits, to four decimals."""
        if not of:
            return cls(None, hits, of, None)
        middle = (hits + _WITHIN**2 / 2) / (of + _WITHIN**2)
        reach = _WITHIN * math.sqrt(hits * (of - hits) / of + _WITHIN**2 / 4) / (of + _WITHIN**2)
        return cls(round(hits / of, 4), hits, of, (round(max(0, middle - reach), 4), round(min(1, middle + reach), 4)))

    @classmethod
    def among(cls, hits: Iterable[bool]) -> Share:
        """The share of those that are true."""
        counted = list(hits)
        return cls.count(sum(counted), len(counted))


@dataclass(frozen=True)
class Outcome:
    """What became of one question. Ranks count from 1, and are None where the search does not find it at all.

    ``direction`` is the asked language and the source's, a question mark where no indexed document has the answer.
    """

    id: str
    language: Language
    direction: str
    unanswerable: Unanswerable | None
    in_index: bool
    document_rank: int | None
    passage_rank: int | None
    quotes: int
    quotes_that_answer: int
    quotes_that_bear: int
    refused: bool
    total_ms: float


@dataclass(frozen=True)
class Figures:
    """The figures of answerable questions; ``docs/evaluation.md`` says what each means."""

    questions: int
    document_at_1: Share
    document_at_3: Share
    answer_in_4_passages: Share
    quote_holds_answer: Share
    citation_precision: Share
    quotes_per_answer: float | None
    refused: Share


@dataclass(frozen=True)
class Latency:
    """Milliseconds from a question to its answer, the median and the 95th percentile over so many answers."""

    p50: float
    p95: float
    answers: int


@dataclass(frozen=True)
class Evaluation:
    """The figures by direction and in total, refusal by kind and language, and every question's outcome.

    ``not_in_index`` are the questions whose answer no indexed document holds; ``errors`` the citations whose quote is
    not their document's exact text.
    """

    directions: dict[str, Figures]
    total: Figures
    unanswerable: dict[Unanswerable, dict[str, Share]]
    latency_ms: Latency
    not_in_index: tuple[str, ...]
    errors: tuple[str, ...]
    outcomes: tuple[Outcome, ...]

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return asdict(self)


def evaluate(pipeline: Pipeline, questions: Sequence[Question], progress: Progress | None = None) -> Evaluation:
    """Ask every question and count what came back; the first one is asked once more before, and not counted.

    Raises InvalidQuestion, with its id, for a question that the pipeline does not take, and when there is none at all.
    """
    if not questions:
        raise InvalidQuestion("There is no question to evaluate.")
    expected = _expectations(pipeline, questions)
    _ask(pipeline, questions[0])  # what is read on first use is no part of an answer
    outcomes, errors = [], []
    for done, (question, source) in enumerate(zip(questions, expected, strict=True)):
        if progress:
            progress("asking", done, len(questions))
        answer = _ask(pipeline, question)
        errors += [f"{question.id}: {error}" for error in _inexact(pipeline, answer)]
        outcomes.append(_outcome(pipeline, question, source, answer))
    return _evaluation(outcomes, errors)


def direction(asked: Language, source: Language | None) -> str:
    """The name of a direction: the asked language, and the source's if it is known."""
    return f"{asked}→{source or '?'}"


# The same language first, then across.
DIRECTIONS = tuple(
    [direction(language, language) for language in LANGUAGES]
    + [direction(language, other(language)) for language in LANGUAGES]
)


@dataclass(frozen=True)
class _Expected:
    """What the index holds for a question: the right documents, these with their translations, the source language."""

    documents: frozenset[str]
    versions: frozenset[str]
    source: Language | None
    in_index: bool


def _expectations(pipeline: Pipeline, questions: Sequence[Question]) -> list[_Expected]:
    """Where each question is answered; every document is read once."""
    languages = {summary.id: summary.language for summary in pipeline.documents()}
    versions: dict[str, tuple[str, ...]] = {}
    holders: list[list[str]] = [[] for _ in questions]
    for document_id in languages:
        document = pipeline.document(document_id)
        versions[document_id] = document.translations
        text = comparable(document.article.text)
        for question, found in zip(questions, holders, strict=True):
            if question.is_answered_in(text):
                found.append(document_id)
    return [_expected(question, found, languages, versions) for question, found in zip(questions, holders, strict=True)]


def _expected(
    question: Question, holders: list[str], languages: dict[str, Language], versions: dict[str, tuple[str, ...]]
) -> _Expected:
    named = [document_id for document_id in question.document_ids if document_id in languages]
    right = question.document_ids or tuple(holders)
    source = next((languages[document_id] for document_id in named + holders), None)
    return _Expected(
        documents=frozenset(right),
        versions=frozenset(right).union(*(versions.get(document_id, ()) for document_id in right)),
        source=source,
        in_index=bool(holders) and bool(named or not question.document_ids),
    )


def _ask(pipeline: Pipeline, question: Question) -> Answer:
    try:
        return pipeline.answer(question.text, question.language, remember=False)
    except InvalidQuestion as error:
        raise InvalidQuestion(f"{question.id}: {error}") from None


def _outcome(pipeline: Pipeline, question: Question, expected: _Expected, answer: Answer) -> Outcome:
    ranked = pipeline.search(question.text, _RANKED)
    documents = dict.fromkeys(passage.document_id for passage in ranked)
    holding = [question.is_answered_by(citation.quote) for citation in answer.citations]
    bearing = [
        holds or citation.document_id in expected.versions
        for holds, citation in zip(holding, answer.citations, strict=True)
    ]
    return Outcome(
        id=question.id,
        language=question.language,
        direction=direction(question.language, expected.source),
        unanswerable=question.unanswerable,
        in_index=expected.in_index,
        document_rank=_rank(document_id in expected.documents for document_id in documents),
        passage_rank=_rank(question.is_answered_in(comparable(passage.text)) for passage in ranked),
        quotes=len(answer.citations),
        quotes_that_answer=sum(holding),
        quotes_that_bear=sum(bearing),
        refused=answer.abstained,
        total_ms=answer.timings_ms["total"],
    )


def _rank(right: Iterable[bool]) -> int | None:
    return next((rank for rank, hit in enumerate(right, start=1) if hit), None)


def _inexact(pipeline: Pipeline, answer: Answer) -> list[str]:
    """The citations, and the sentences beside them, that are not the exact text of their documents."""
    cited: list[tuple[int, Citation | Quote]] = [(citation.n, citation) for citation in answer.citations]
    cited += [(citation.n, citation.parallel) for citation in answer.citations if citation.parallel]
    return [
        f"citation {n} is not what {quote.document_id} says from {quote.start} to {quote.end}"
        for n, quote in cited
        if pipeline.document(quote.document_id).article.text[quote.start : quote.end] != quote.quote
    ]


def _evaluation(outcomes: list[Outcome], errors: list[str]) -> Evaluation:
    answerable = [outcome for outcome in outcomes if not outcome.unanswerable]
    by_direction: dict[str, list[Outcome]] = {name: [] for name in DIRECTIONS}
    for outcome in answerable:
        by_direction.setdefault(outcome.direction, []).append(outcome)
    return Evaluation(
        directions={name: _figures(some) for name, some in by_direction.items()},
        total=_figures(answerable),
        unanswerable=_refusals(outcomes),
        latency_ms=_latency([outcome.total_ms for outcome in outcomes]),
        not_in_index=tuple(outcome.id for outcome in answerable if not outcome.in_index),
        errors=tuple(errors),
        outcomes=tuple(outcomes),
    )


def _figures(outcomes: list[Outcome]) -> Figures:
    answered = [outcome for outcome in outcomes if not outcome.refused]
    quotes = sum(outcome.quotes for outcome in answered)
    return Figures(
        questions=len(outcomes),
        document_at_1=Share.among(outcome.document_rank == 1 for outcome in outcomes),
        document_at_3=Share.among(_within(outcome.document_rank, DOCUMENTS_SEEN) for outcome in outcomes),
        answer_in_4_passages=Share.among(_within(outcome.passage_rank, PASSAGES_SEEN) for outcome in outcomes),
        quote_holds_answer=Share.among(outcome.quotes_that_answer > 0 for outcome in outcomes),
        citation_precision=Share.count(sum(outcome.quotes_that_bear for outcome in answered), quotes),
        quotes_per_answer=round(quotes / len(answered), 4) if answered else None,
        refused=Share.among(outcome.refused for outcome in outcomes),
    )


def _within(rank: int | None, last: int) -> bool:
    return rank is not None and rank <= last


def _refusals(outcomes: list[Outcome]) -> dict[Unanswerable, dict[str, Share]]:
    """The refused share of each kind of unanswerable question, by language and in total."""
    refused: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for outcome in outcomes:
        if outcome.unanswerable:
            refused[outcome.unanswerable, outcome.language].append(outcome.refused)
            refused[outcome.unanswerable, "total"].append(outcome.refused)
    return {kind: {name: Share.among(refused[kind, name]) for name in (*LANGUAGES, "total")} for kind in KINDS}


def _latency(milliseconds: list[float]) -> Latency:
    p50, p95 = np.percentile(milliseconds, (50, 95))
    return Latency(round(float(p50), 2), round(float(p95), 2), len(milliseconds))

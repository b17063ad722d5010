"""What each step is worth: ``python -m benchmarks.ablation DOCUMENTS QUESTIONS.jsonl [DOCUMENTS QUESTIONS.jsonl …]``.

For each folder of documents and its questions a Markdown table: one row a variant, each one step away from the whole,
with the two figures of ``docs/quality.md`` in the four directions. Nothing is learned anew for a variant, so that a
step's worth is measured with weights that were made to work with it. How far a question must stand out to be answered
is one of these: nothing is refused, but in the last row.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

import numpy as np

from qa_service import retrieval, words
from qa_service.composing import extractive, reading
from qa_service.composing.evidence import FEATURES
from qa_service.composing.sentence_model import SentenceModel
from qa_service.embedding_model import EmbeddingModel
from qa_service.embeddings import Vectors
from qa_service.evaluation import DIRECTIONS, Evaluation, Figures, evaluate
from qa_service.generations import IndexFolder
from qa_service.index_reader import OpenIndex, open_current
from qa_service.indexing import index_documents
from qa_service.language import LANGUAGES
from qa_service.pipeline import Pipeline
from qa_service.question_files import Question, read_questions
from qa_service.retrieval import Query, RankedPassage
from qa_service.settings import load_settings
from qa_service.vocabulary import Vocabulary, write_vocabulary
from qa_service.words import Words

_MET = FEATURES.index("words met by the sentence, rare ones first")
_COSINE = FEATURES.index("cosine with the sentence")


@dataclass(frozen=True)
class Change:
    """What stands in the place of a module's or a class's name."""

    owner: object
    name: str
    value: object


@dataclass(frozen=True)
class Variant:
    """The service with a step taken away."""

    name: str
    changes: tuple[Change, ...] = ()
    refuses: bool = False


def main() -> None:
    """Index each folder once, ask its questions of every variant, print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ablation", description=__doc__)
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="documents, questions, documents, …")
    paths = parser.parse_args().paths
    if len(paths) % 2:
        parser.error("each folder of documents needs a file of questions")
    for documents, file in zip(paths[::2], paths[1::2], strict=True):
        asked = [question for question in read_questions([file]) if not question.unanswerable]
        print(f"\n{documents}, {file}\n\n{table(measured(documents, asked))}", flush=True)


def measured(documents: Path, asked: list[Question]) -> Iterator[tuple[str, Evaluation]]:
    """Each variant's figures on an index of these documents, in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(documents=documents, index=Path(folder))
        index_documents([documents], settings)
        pipeline = Pipeline(settings)
        pipeline.open()
        try:
            for variant in variants(_without_titles(settings.index)):
                with changed(variant):
                    yield variant.name, evaluate(pipeline, asked)
        finally:
            pipeline.close()


@contextmanager
def changed(variant: Variant) -> Iterator[None]:
    """The service as a variant of itself; afterwards as it was.

    The service has no switch for any of this, and should have none. Names are replaced from outside as tests do it,
    and every reader of the process sees them: nothing else may run beside.
    """
    refused = () if variant.refuses else (Change(SentenceModel, "refuses", _refuses_nothing),)
    with ExitStack() as restoring:
        for change in (*variant.changes, *refused):
            restoring.enter_context(mock.patch.object(change.owner, change.name, change.value))
        yield


def variants(untitled: Vocabulary) -> list[Variant]:
    """All variants, the plainest first; the words of the index without those of titles belong to one of them."""
    as_ranked = Change(reading, "_BEST_SENTENCE", 0.0)
    return [
        Variant("BM25 alone ranks", (Change(reading, "retrieve", _by_bm25), as_ranked)),
        Variant("the dense vectors alone rank", (Change(reading, "retrieve", _by_vectors), as_ranked)),
        Variant("candidates of BM25 and the dense vectors only", (Change(retrieval, "_candidates", _without_words),)),
        Variant("without the company of stems", (Change(words, "_COMPANY", 0.0),)),
        Variant(
            "a similarity counts alike within and across",
            (Change(words, "_WITHIN", 1.0), Change(words, "_ACROSS", 1.0)),
        ),
        Variant("without titles among a passage's words", (Change(Vocabulary, "read", _reader_of(untitled)),)),
        Variant("without the cosine of whole texts", (Change(retrieval, "DENSE_WEIGHT", 0.0),)),
        Variant("passages not ranked again by their best sentences", (as_ranked,)),
        Variant("sentences chosen by words and cosine alone", (Change(extractive, "_scored", _by_words_and_cosine),)),
        Variant("**the whole**"),
        Variant("the whole, with refusal", refuses=True),
    ]


def table(rows: Iterable[tuple[str, Evaluation]]) -> str:
    """A Markdown table of variants."""
    groups = [f"{figure} {direction}" for figure in ("passages", "quote") for direction in DIRECTIONS]
    lines = [_row(["variant", *groups]), "|---" * (1 + len(groups)) + "|"]
    for name, found in rows:
        figures = [found.directions[direction] for direction in DIRECTIONS]
        lines.append(_row([name, *map(_in_passages, figures), *map(_in_quotes, figures)]))
    return "\n".join(lines)


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _in_passages(figures: Figures) -> str:
    return _shown(figures.answer_in_4_passages.share)


def _in_quotes(figures: Figures) -> str:
    return _shown(figures.quote_holds_answer.share)


def _shown(share: float | None) -> str:
    return "–" if share is None else f"{share:.2f}"


def _refuses_nothing(_: SentenceModel, rows: Vectors, _level: float) -> bool:
    return not len(rows)


def _by_bm25(query: Query, index: OpenIndex, _model: EmbeddingModel, count: int = 10) -> list[RankedPassage]:
    """The place of ``retrieve``: the scores of both languages as they are, though each has statistics of its own."""
    return _ranked(
        [found for language in LANGUAGES for found in index.lexical[language].search(query.text, count)], index, count
    )


def _by_vectors(query: Query, index: OpenIndex, _model: EmbeddingModel, count: int = 10) -> list[RankedPassage]:
    """The place of ``retrieve``: the passages of either language that are nearest to the question."""
    return _ranked(
        [found for language in LANGUAGES for found in index.vectors.search(query.dense, language, count)], index, count
    )


def _without_words(query: Query, _shares: Vectors, index: OpenIndex, _count: int) -> list[int]:
    """The place of ``_candidates``: as there, without those that meet the most words."""
    found: dict[int, None] = {}
    for language in LANGUAGES:
        dense = index.vectors.search(query.dense, language, retrieval.DENSE_CANDIDATES)
        lexical = index.lexical[language].search(query.text, retrieval.LEXICAL_CANDIDATES)
        found |= dict.fromkeys(number for number, _ in dense + lexical)
    return list(found)


def _ranked(found: list[tuple[int, float]], index: OpenIndex, count: int) -> list[RankedPassage]:
    """The best of the passages found. The best one scores 1, since the sentence model knows no other scale."""
    best = sorted(found, key=lambda one: -one[1])[:count]
    highest = max((score for _, score in best), default=1.0)
    passages = index.documents.passages([number for number, _ in best])
    return [RankedPassage(passage, score / highest) for passage, (_, score) in zip(passages, best, strict=True)]


def _by_words_and_cosine(found: reading.Reading, _index: OpenIndex, _model: EmbeddingModel) -> list[extractive._Scored]:
    """The place of the sentence model: a sentence is worth what a passage is, by the words it meets and its cosine.

    These are no probabilities, and none is so far below the best that it would not be quoted: three are.
    """
    scores = found.rows[:, _MET] + retrieval.DENSE_WEIGHT * found.rows[:, _COSINE]
    order = np.argsort(-scores, kind="stable")
    return [extractive._Scored(found.found[row][0], math.exp(float(scores[row]))) for row in order]


def _without_titles(folder: Path) -> Vocabulary:
    """The words of the current index's passages, where those of titles count for nothing."""
    model = EmbeddingModel.load(load_settings().embeddings)
    index = open_current(IndexFolder(folder), model)
    try:
        count = sum(len(numbers) for numbers in index.vocabulary.numbers.values())
        passages = index.documents.passages(range(count))
    finally:
        index.close()
    with tempfile.TemporaryDirectory() as written:
        write_vocabulary(Path(written), [replace(passage, title="") for passage in passages])
        return Vocabulary.load(Path(written), model.words)


def _reader_of(vocabulary: Vocabulary) -> Callable[[Vocabulary, Words], object]:
    """The place of ``Vocabulary.read``: another vocabulary answers, whichever is asked."""
    read = Vocabulary.read  # as it is now: this stands in its place later
    return lambda _, question: read(vocabulary, question)


if __name__ == "__main__":
    main()

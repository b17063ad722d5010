"""The default composer: it picks the sentences that answer, and quotes them exactly."""

from __future__ import annotations

import re
from dataclasses import dataclass

from qa_service.answers import Citation
from qa_service.composing.citations import Draft, cite, displayed
from qa_service.composing.disagreement import WARNING, find_disagreement
from qa_service.composing.evidence import Sentence, ends_like_a_sentence
from qa_service.composing.parallels import SAME_STATEMENT
from qa_service.composing.reading import Reading
from qa_service.composing.refusal import level_of
from qa_service.composing.sentence_model import sentence_model
from qa_service.embedding_model import EmbeddingModel
from qa_service.index_reader import OpenIndex
from qa_service.language import Language, message
from qa_service.retrieval import Query

_SENTENCES_QUOTED = 3
# A second or third sentence must be at least this likely an answer, and this share as likely as the best.
_ALSO_FROM = 0.01
_CLOSE = 0.02


@dataclass(frozen=True)
class _Scored:
    """A sentence and how likely it is that it answers the question."""

    sentence: Sentence
    probability: float


def compose(reading: Reading, language: Language, index: OpenIndex, model: EmbeddingModel) -> Draft:
    """Quote the one to three sentences that answer best, or say that the documents do not hold the answer."""
    scored = _scored(reading, index, model)
    best = _chosen(scored, language, model)
    if not best:
        return Draft(message("not_found", language), ())
    best, disputed = _with_disagreement(best, scored, reading.query, index, model)
    citations = tuple(
        cite(n, found.sentence, found.probability, language, index, model) for n, found in enumerate(best, start=1)
    )
    before = (None, *citations)
    text = "\n\n".join(_said(citation, language, after) for after, citation in zip(before, citations, strict=False))
    return Draft(text, citations, (WARNING,) if disputed else (), disputed=disputed)


def _scored(reading: Reading, index: OpenIndex, model: EmbeddingModel) -> list[_Scored]:
    """Every sentence that was read, most likely answer first; none when the question is not answerable."""
    judge = sentence_model()
    if judge.refuses(reading.rows, level_of(index, model)):
        return []
    likely = judge.sentence_probabilities(reading.rows)
    scored = [_Scored(sentence, float(value)) for (sentence, _), value in zip(reading.found, likely, strict=True)]
    return sorted(scored, key=lambda one: -one.probability)


def _chosen(scored: list[_Scored], language: Language, model: EmbeddingModel) -> list[_Scored]:
    """The likeliest sentences, without those that say again what a likelier one says."""
    chosen: list[_Scored] = []
    for candidate in scored:
        if chosen and candidate.probability < max(_ALSO_FROM, _CLOSE * scored[0].probability):
            break
        if chosen and not ends_like_a_sentence(candidate.sentence.text):
            continue  # a heading beside an answer adds nothing
        twin = _twin(candidate, chosen, model)
        if twin is None and len(chosen) < _SENTENCES_QUOTED:
            chosen.append(candidate)
        elif twin is not None and _speaks(candidate, language) and not _speaks(chosen[twin], language):
            # Of two versions of one statement, a reader prefers the one that needs no translation.
            chosen[twin] = candidate
    return chosen


def _with_disagreement(
    chosen: list[_Scored], scored: list[_Scored], query: Query, index: OpenIndex, model: EmbeddingModel
) -> tuple[list[_Scored], tuple[int, ...]]:
    """What is quoted, with the sentence that contradicts one of it right behind that one, and the numbers of both."""
    found = find_disagreement(query, [one.sentence for one in chosen], (one.sentence for one in scored), index, model)
    if found is None:
        return chosen, ()
    quoted = chosen[found.quoted]
    other = next(one for one in scored if one.sentence is found.other)
    kept = [one for one in chosen if one not in (quoted, other)][: _SENTENCES_QUOTED - 2]
    best = [one for one in chosen if one is quoted or one in kept]
    number = best.index(quoted) + 1
    best.insert(number, other)
    return best, (number, number + 1)


def _speaks(found: _Scored, language: Language) -> bool:
    return found.sentence.passage.language == language


def _twin(candidate: _Scored, chosen: list[_Scored], model: EmbeddingModel) -> int | None:
    """Which of the chosen sentences says the same, if any does."""
    if not chosen:
        return None
    vectors = model.words.texts([candidate.sentence.text, *(one.sentence.text for one in chosen)])
    cosines = vectors[1:] @ vectors[0]
    return int(cosines.argmax()) if cosines.max() >= SAME_STATEMENT else None


_FINAL_STOP = re.compile(r"[.…]+$")


def _said(citation: Citation, language: Language, after: Citation | None) -> str:
    """The citation as a sentence of the answer, framed where the source is in the other language.

    The title of that source is not said twice in a row.
    """
    quote = displayed(citation.quote)
    if citation.language != language:
        again = after is not None and after.document_id == citation.document_id
        frame = "quoted_again_from_other_language" if again else "quoted_from_other_language"
        bare = _FINAL_STOP.sub("", quote)
        return message(frame, language, title=displayed(citation.title), quote=bare, n=citation.n)
    stop = _FINAL_STOP.search(quote)
    return f"{quote[: stop.start()]} [{citation.n}]{stop[0]}" if stop else f"{quote} [{citation.n}]"

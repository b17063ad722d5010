"""What speaks for a sentence being the answer: the features that the sentence model weighs.

Every feature means the same in all four directions: words meet through the bilingual table, kinds are read in both
languages. None depends on the size of the index, so that what was learned on one archive holds on another.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from qa_service.chunking import Passage, sentences
from qa_service.composing.question_types import asked_kinds, offered_kinds
from qa_service.embedding_model import EmbeddingModel
from qa_service.embeddings import Vectors, unit
from qa_service.language import WORD, fold
from qa_service.retrieval import Query, RankedPassage
from qa_service.words import content_words, is_number

FEATURES = (
    "words met by the sentence",
    "words met by the sentence, rare ones first",
    "words met closely by the sentence",
    "words met with the sentence before",
    "words met with the sentence after",
    "words met with the passage",
    "words met with the title",
    "heaviest word not met with the passage",
    "heaviest word not met by the sentence",
    "cosine with the sentence",
    "cosine with the passage",
    "cosine with the title",
    "cosine with the sentence, rare words first",
    "score of the passage",
    "distance from the best passage",
    "holds the kind asked for",
    "lacks the kind asked for",
    "no kind asked for",
    "names and numbers met with the passage",
    "names and numbers not met",
    "length",
    "ends like a sentence",
)


# From this similarity on, a word is met by a translation or another form of it, not by a related word.
_CLOSELY = 0.8
# Headings and labels mostly do not.
_ENDED = re.compile(r"[.!?…][”»\"’)\s]*$")


@dataclass(frozen=True)
class Sentence:
    """A sentence of a passage, with its span in the canonical text."""

    passage: Passage
    start: int
    end: int
    text: str
    before: str
    after: str


@lru_cache(maxsize=4_096)
def sentences_of(passage: Passage) -> tuple[Sentence, ...]:
    """The sentences of a passage; what is too short to state anything (a heading, a label) is left out."""
    spans = sentences(passage.text, passage.language)
    texts = [passage.text[span.start : span.end] for span in spans]
    around = ["", *texts, ""]
    return tuple(
        Sentence(passage, passage.start + span.start, passage.start + span.end, text, around[at], around[at + 2])
        for at, (span, text) in enumerate(zip(spans, texts, strict=True))
        if len(content_words(text)) > 2
    )


def candidates(ranked: list[RankedPassage]) -> list[tuple[Sentence, RankedPassage]]:
    """The distinct sentences of ranked passages, each with the best passage that holds it."""
    found: dict[tuple[str, int], tuple[Sentence, RankedPassage]] = {}
    for passage in ranked:
        for sentence in sentences_of(passage.passage):
            found.setdefault((passage.passage.document_id, sentence.start), (sentence, passage))
    return list(found.values())


def features(query: Query, found: list[tuple[Sentence, RankedPassage]], model: EmbeddingModel) -> Vectors:
    """One row a sentence, one column a feature, in the order of ``FEATURES``."""
    if not found:
        return np.zeros((0, len(FEATURES)), dtype=np.float32)
    texts = [sentence.text for sentence, _ in found]
    # Many sentences share a passage: what is measured on passages is measured once on each.
    passages = {passage: row for row, passage in enumerate(dict.fromkeys(sentence.passage for sentence, _ in found))}
    of_passage = [passages[sentence.passage] for sentence, _ in found]
    whole, titles = [passage.text for passage in passages], [passage.title for passage in passages]
    own = _met(texts, query, model)
    before = _met([sentence.before for sentence, _ in found], query, model)
    after = _met([sentence.after for sentence, _ in found], query, model)
    around, title = _met(whole, query, model)[of_passage], _met(titles, query, model)[of_passage]
    everywhere = np.maximum(around, title)
    named = _named(query)
    scores = np.array([passage.score for _, passage in found], dtype=np.float32)
    asked = asked_kinds(query.text)
    holds = np.array([bool(asked & offered_kinds(text)) for text in texts], dtype=np.float32)
    everything = [
        own @ query.importance,
        own @ query.weights,
        (own > _CLOSELY) @ query.importance,
        np.maximum(own, before) @ query.importance,
        np.maximum(own, after) @ query.importance,
        around @ query.importance,
        everywhere @ query.importance,
        _heaviest(1 - everywhere, query),
        _heaviest(1 - own, query),
        _cosines(texts, query, model),
        _cosines(whole, query, model)[of_passage],
        _cosines(titles, query, model)[of_passage],
        _subject_cosines(texts, query, model),
        scores,
        scores.max() - scores,
        holds,
        (1 - holds) * bool(asked),
        np.full(len(found), not asked),
        everywhere @ named,
        (1 - everywhere) @ named,
        np.log([len(content_words(text)) for text in texts]),
        np.array([_ENDED.search(text) is not None for text in texts]),
    ]
    return np.stack([np.asarray(column, dtype=np.float32) for column in everything], axis=1)


def _met(texts: list[str], query: Query, model: EmbeddingModel) -> Vectors:
    return model.words.met(query.words, [content_words(text) for text in texts])


def _cosines(texts: list[str], query: Query, model: EmbeddingModel) -> Vectors:
    cosines: Vectors = model.words.texts(texts) @ query.vector
    return cosines


def _subject_cosines(texts: list[str], query: Query, model: EmbeddingModel) -> Vectors:
    """Cosine between the subject of the question, its words by weight, and the content words of each text."""
    subject = unit((query.words.vectors * query.weights[:, None]).sum(axis=0, keepdims=True))[0]
    sums = [model.words.of(content_words(text)).vectors.sum(axis=0) for text in texts]
    cosines: Vectors = unit(np.stack(sums)) @ subject
    return cosines


def _heaviest(unmet: Vectors, query: Query) -> Vectors:
    weighted: Vectors = (unmet * query.importance).max(axis=1, initial=0)
    return weighted


def _named(query: Query) -> Vectors:
    """One for each word of the question that is a number or written like a name, else zero; scaled to sum to one."""
    capitals = {fold(word) for word in WORD.findall(query.text)[1:] if word[0].isupper()}
    flags = np.array([is_number(word) or word in capitals for word in query.words.folded], dtype=np.float32)
    scaled: Vectors = flags / max(1.0, float(flags.sum()))
    return scaled

"""What speaks for a sentence being the answer: the features that the sentence model weighs.

Every feature means the same in all four directions: words meet through the bilingual table, kinds are read in both
languages. None depends on the size of the index, so that what was learned on one archive holds on another.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from qa_service.chunking import Passage
from qa_service.chunking import sentences as split_sentences
from qa_service.composing.question_types import asked_kinds, offered_kinds
from qa_service.embedding_model import EmbeddingModel
from qa_service.embeddings import Vectors, unit
from qa_service.language import WORD, fold
from qa_service.retrieval import Query, RankedPassage
from qa_service.words import is_number, remembered_words

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
    spans = split_sentences(passage.text, passage.language)
    texts = [passage.text[span.start : span.end] for span in spans]
    around = ["", *texts, ""]
    return tuple(
        Sentence(passage, passage.start + span.start, passage.start + span.end, text, around[at], around[at + 2])
        for at, (span, text) in enumerate(zip(spans, texts, strict=True))
        if len(remembered_words(text)) > 2
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
    sentences = [sentence for sentence, _ in found]
    columns = _words(query, sentences, model) | _wholes(query, sentences, model) | _kinds(query, sentences)
    scores = np.array([passage.score for _, passage in found], dtype=np.float32)
    columns |= {"score of the passage": scores, "distance from the best passage": scores.max() - scores}
    return np.stack([np.asarray(columns[name], dtype=np.float32) for name in FEATURES], axis=1)


def _words(query: Query, sentences: list[Sentence], model: EmbeddingModel) -> dict[str, NDArray[np.float32]]:
    """How far the words of the question are met in a sentence, next to it, and in its passage."""
    own = _met([sentence.text for sentence in sentences], query, model)
    before = _met([sentence.before for sentence in sentences], query, model)
    after = _met([sentence.after for sentence in sentences], query, model)
    passages, rows = _passages(sentences)
    around = _met([passage.text for passage in passages], query, model)[rows]
    everywhere = np.maximum(around, _met([passage.title for passage in passages], query, model)[rows])
    named = _named(query)
    return {
        "words met by the sentence": own @ query.importance,
        "words met by the sentence, rare ones first": own @ query.weights,
        "words met closely by the sentence": (own > _CLOSELY) @ query.importance,
        "words met with the sentence before": np.maximum(own, before) @ query.importance,
        "words met with the sentence after": np.maximum(own, after) @ query.importance,
        "words met with the passage": around @ query.importance,
        "words met with the title": everywhere @ query.importance,
        "heaviest word not met with the passage": _heaviest(1 - everywhere, query),
        "heaviest word not met by the sentence": _heaviest(1 - own, query),
        "names and numbers met with the passage": everywhere @ named,
        "names and numbers not met": (1 - everywhere) @ named,
    }


def _wholes(query: Query, sentences: list[Sentence], model: EmbeddingModel) -> dict[str, NDArray[np.float32]]:
    """How close the question is, as a whole, to a sentence, its passage and its title."""
    texts = [sentence.text for sentence in sentences]
    passages, rows = _passages(sentences)
    return {
        "cosine with the sentence": _cosines(texts, query, model),
        "cosine with the passage": _cosines([passage.text for passage in passages], query, model)[rows],
        "cosine with the title": _cosines([passage.title for passage in passages], query, model)[rows],
        "cosine with the sentence, rare words first": _subject_cosines(texts, query, model),
    }


def _kinds(query: Query, sentences: list[Sentence]) -> dict[str, NDArray[np.float32]]:
    """Whether a sentence holds the kind of thing that the question asks for, and what kind of sentence it is."""
    asked = asked_kinds(query.text)
    holds = np.array([bool(asked & offered_kinds(sentence.text)) for sentence in sentences], dtype=np.float32)
    return {
        "holds the kind asked for": holds,
        "lacks the kind asked for": (1 - holds) * bool(asked),
        "no kind asked for": np.full(len(sentences), not asked, dtype=np.float32),
        "length": np.log([len(remembered_words(sentence.text)) for sentence in sentences]),
        "ends like a sentence": np.array([ends_like_a_sentence(sentence.text) for sentence in sentences]),
    }


def ends_like_a_sentence(text: str) -> bool:
    """Whether a text ends with a full stop or its like; headings and labels mostly do not."""
    return _ENDED.search(text) is not None


def _passages(sentences: list[Sentence]) -> tuple[list[Passage], list[int]]:
    """The distinct passages of some sentences, each measured once, and the place of each sentence's among them."""
    places = {passage: at for at, passage in enumerate(dict.fromkeys(sentence.passage for sentence in sentences))}
    return list(places), [places[sentence.passage] for sentence in sentences]


def _met(texts: list[str], query: Query, model: EmbeddingModel) -> Vectors:
    return model.words.met(query.words, [remembered_words(text) for text in texts])


def _cosines(texts: list[str], query: Query, model: EmbeddingModel) -> Vectors:
    cosines: Vectors = model.words.texts(texts) @ query.vector
    return cosines


def _subject_cosines(texts: list[str], query: Query, model: EmbeddingModel) -> Vectors:
    """Cosine between the subject of the question, its words by weight, and the content words of each text."""
    subject = unit((query.words.vectors * query.weights[:, None]).sum(axis=0, keepdims=True))[0]
    sums = [model.words.of(remembered_words(text)).vectors.sum(axis=0) for text in texts]
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

"""What speaks for a sentence being the answer: the features that the sentence model weighs.

Every feature means the same in all four directions: words meet through the bilingual table, kinds are read in both
languages. None counts what the index holds but by the rarity of words, so that what was learned on one archive holds
on another.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from qa_service.chunking import Passage
from qa_service.chunking import sentences as split_sentences
from qa_service.composing.question_types import (
    KINDS,
    Offered,
    asked_kinds,
    counted_word,
    leans_on_the_one_before,
    offered,
)
from qa_service.embedding_model import EmbeddingModel
from qa_service.embeddings import Vectors, unit
from qa_service.language import WORD, fold
from qa_service.retrieval import Query, RankedPassage
from qa_service.words import content_words, is_number, remembered_words, similarity

# What a sentence is like, whatever is asked.
FORMS = ("begins the article", "length", "short", "ends like a sentence", "points back")
FEATURES = (
    "words met by the sentence",
    "words met by the sentence, rare ones first",
    "words met closely by the sentence",
    "words met with the sentence before",
    "words met with the sentence after",
    "words met with the passage",
    "words met with the passage and title",
    "words met with the title",
    "words met with the title and sentence before",
    "heaviest word not met with the passage",
    "heaviest word not met by the sentence",
    "words that the title lacks",
    "words that the title lacks, met by the sentence",
    "words that the title lacks, met with the sentence before",
    "words that few sentences meet, met by the sentence",
    "words that few sentences meet, met with the sentence before",
    "names and numbers met with the passage",
    "names and numbers not met",
    "cosine with the sentence",
    "cosine with the passage",
    "cosine with the title",
    "cosine with the sentence, rare words first",
    "score of the passage",
    "distance from the best passage",
    "best score of the article",
    "mean of the article's best three",
    *(f"{kind} asked for and named" for kind in KINDS),
    *(f"{kind} asked for and not named" for kind in KINDS),
    "no kind asked for",
    "date asked for and a full one named",
    "counted word met after a number",
    "names not in the question",
    "names not in the question, no kind asked for",
    "in the language of the question",
    *FORMS,
)

# From this similarity on, a word is met by a translation or another form of it, not by a related word.
_CLOSELY = 0.8
# Characters from the start of an article, and content words.
_BEGINNING = 300
_SHORT = 5
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

    @property
    def place(self) -> tuple[str, int]:
        """What tells it from every other sentence: its document and its start; passages overlap."""
        return self.passage.document_id, self.start


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
            found.setdefault(sentence.place, (sentence, passage))
    return list(found.values())


def features(query: Query, found: list[tuple[Sentence, RankedPassage]], model: EmbeddingModel) -> Vectors:
    """One row a sentence, one column a feature, in the order of ``FEATURES``."""
    if not found:
        return np.zeros((0, len(FEATURES)), dtype=np.float32)
    sentences = [sentence for sentence, _ in found]
    columns = _words(query, sentences, model) | _wholes(query, sentences, model) | _scores(found)
    columns |= _kinds(query, sentences, model) | _forms(query, sentences)
    return np.stack([np.asarray(columns[name], dtype=np.float32) for name in FEATURES], axis=1)


def _words(query: Query, sentences: list[Sentence], model: EmbeddingModel) -> dict[str, NDArray[np.float32]]:
    """How far the words of the question are met in a sentence, next to it, and in its passage and title."""
    own, before, after, passage, title = _met(query, sentences, model)
    everywhere = np.maximum(passage, title)
    with_before = np.maximum(own, before)
    with_title = np.maximum(own, title)
    lacking = query.weights * (1 - title)  # the title says what all is about; the rest is what is asked of it
    telling = query.weights * (1 - own.mean(axis=0))
    telling /= max(float(telling.sum()), 1e-6)
    mass = lacking.sum(axis=1)
    named = _named(query)
    return {
        "words met by the sentence": own @ query.importance,
        "words met by the sentence, rare ones first": own @ query.weights,
        "words met closely by the sentence": (own > _CLOSELY) @ query.importance,
        "words met with the sentence before": with_before @ query.importance,
        "words met with the sentence after": np.maximum(own, after) @ query.importance,
        "words met with the passage": passage @ query.importance,
        "words met with the passage and title": everywhere @ query.importance,
        "words met with the title": with_title @ query.weights,
        "words met with the title and sentence before": np.maximum(with_title, before) @ query.weights,
        "heaviest word not met with the passage": _heaviest(1 - everywhere, query),
        "heaviest word not met by the sentence": _heaviest(1 - own, query),
        "words that the title lacks": mass,
        "words that the title lacks, met by the sentence": (own * lacking).sum(axis=1) / (mass + 1e-6),
        "words that the title lacks, met with the sentence before": (with_before * lacking).sum(axis=1) / (mass + 1e-6),
        "words that few sentences meet, met by the sentence": own @ telling,
        "words that few sentences meet, met with the sentence before": with_before @ telling,
        "names and numbers met with the passage": everywhere @ named,
        "names and numbers not met": (1 - everywhere) @ named,
    }


def _met(query: Query, sentences: list[Sentence], model: EmbeddingModel) -> list[Vectors]:
    """How well each word is met by each sentence, the one before, the one after, the passage and the title."""
    texts = [
        [(text, sentence.passage.language) for sentence, text in zip(sentences, column, strict=True)]
        for column in zip(
            *((one.text, one.before, one.after, one.passage.text, one.passage.title) for one in sentences), strict=True
        )
    ]
    rows = {text: row for row, text in enumerate(dict.fromkeys(chain.from_iterable(texts)))}
    met = model.words.met(query.words, [text for text, _ in rows], [language for _, language in rows])
    return [met[[rows[text] for text in column]] for column in texts]


def _wholes(query: Query, sentences: list[Sentence], model: EmbeddingModel) -> dict[str, NDArray[np.float32]]:
    """How close the question is, as a whole, to a sentence, its passage and its title."""
    texts = [sentence.text for sentence in sentences]
    return {
        "cosine with the sentence": _cosines(texts, query, model),
        "cosine with the passage": _cosines([sentence.passage.text for sentence in sentences], query, model),
        "cosine with the title": _cosines([sentence.passage.title for sentence in sentences], query, model),
        "cosine with the sentence, rare words first": _subject_cosines(sentences, query, model),
    }


def _scores(found: list[tuple[Sentence, RankedPassage]]) -> dict[str, NDArray[np.float32]]:
    """How well the passage of a sentence was ranked, and its article."""
    scores = np.array([ranked.score for _, ranked in found], dtype=np.float32)
    ranked = dict.fromkeys(ranked for _, ranked in found)
    articles: dict[str, list[float]] = {}
    for one in sorted(ranked, key=lambda one: -one.score):
        articles.setdefault(one.passage.document_id, []).append(one.score)
    own = [articles[sentence.passage.document_id] for sentence, _ in found]
    return {
        "score of the passage": scores,
        "distance from the best passage": scores.max() - scores,
        "best score of the article": np.array([best[0] for best in own]),
        "mean of the article's best three": np.array([float(np.mean(best[:3])) for best in own]),
    }


def _kinds(query: Query, sentences: list[Sentence], model: EmbeddingModel) -> dict[str, NDArray[np.float32]]:
    """Whether a sentence names a thing of the kind that the question asks for, and which the question does not name."""
    asked = asked_kinds(query.text)
    known = frozenset(WORD.findall(fold(query.text)))
    offers = [offered(sentence.text) for sentence in sentences]
    columns: dict[str, NDArray[np.float32]] = {}
    for kind in KINDS:
        named = np.array([offer.new(kind, known) for offer in offers], dtype=np.float32)
        columns[f"{kind} asked for and named"] = named * (kind in asked)
        columns[f"{kind} asked for and not named"] = (1 - named) * (kind in asked)
    names = np.log1p([offer.new_names(known) for offer in offers])
    return columns | {
        "no kind asked for": np.full(len(sentences), not asked, dtype=np.float32),
        "date asked for and a full one named": np.array([offer.full_date for offer in offers]) * ("date" in asked),
        "counted word met after a number": _counted(query, sentences, offers, model),
        "names not in the question": names,
        "names not in the question, no kind asked for": names * (not asked),
    }


def _counted(
    query: Query, sentences: list[Sentence], offers: list[Offered], model: EmbeddingModel
) -> NDArray[np.float32]:
    """How well what a question wants counted is met right after a number; zero where nothing is to be counted."""
    met = np.zeros(len(sentences), dtype=np.float32)
    word = counted_word(query.text)
    if word is not None and content_words(word):
        counted = model.words.of([word], query.words.language)
        for row, (sentence, offer) in enumerate(zip(sentences, offers, strict=True)):
            if offer.counted:
                met[row] = similarity(counted, model.words.of(offer.counted, sentence.passage.language)).max()
    return met


def _forms(query: Query, sentences: list[Sentence]) -> dict[str, NDArray[np.float32]]:
    """What a sentence is like, whatever is asked."""
    lengths = np.array([len(remembered_words(sentence.text)) for sentence in sentences], dtype=np.float32)
    asked = query.words.language
    return {
        "in the language of the question": np.array([one.passage.language == asked for one in sentences]),
        "begins the article": np.array([sentence.start < _BEGINNING for sentence in sentences]),
        "length": np.log(lengths),
        "short": lengths < _SHORT,
        "ends like a sentence": np.array([ends_like_a_sentence(sentence.text) for sentence in sentences]),
        "points back": np.array([leans_on_the_one_before(sentence.text) for sentence in sentences]),
    }


def ends_like_a_sentence(text: str) -> bool:
    """Whether a text ends with a full stop or its like; headings and labels mostly do not."""
    return _ENDED.search(text) is not None


def _cosines(texts: list[str], query: Query, model: EmbeddingModel) -> Vectors:
    cosines: Vectors = model.words.texts(texts) @ query.vector
    return cosines


def _subject_cosines(sentences: list[Sentence], query: Query, model: EmbeddingModel) -> Vectors:
    """Cosine between the subject of the question, its words by weight, and the content words of each sentence."""
    subject = unit((query.words.vectors * query.weights[:, None]).sum(axis=0, keepdims=True))[0]
    cosines: Vectors = model.words.contents([sentence.text for sentence in sentences]) @ subject
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

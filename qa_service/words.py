"""Words as vectors: what lets a question in one language meet a text in the other, word by word."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from qa_service.embeddings import BilingualEmbeddings, Vectors, unit
from qa_service.language import WORD, Language, all_stop_words, fold
from qa_service.related import RelatedStems, related_stems
from qa_service.tokens import normalise, token_ids

# Below this cosine two words have nothing to do with each other.
UNRELATED = 0.35
# Beside the company that their stems keep, less is enough; and what that company counts for.
_HARDLY_RELATED = 0.25
_COMPANY = 0.5
# A translation is further from its word than another form of it is, and means as much: two words of different
# languages count for more, two of one language for less.
_WITHIN = 0.9
_ACROSS = 1.25
# What is left below this is noise, and would make every passage meet every word a little.
_NOISE = 0.2
# The length of a word's vector is what the model learned of its importance; below this one it has none.
_UNIMPORTANT = 1.5
# The table knows a word that it spells in fewer pieces than this. Others are mostly names, and the pieces that two
# names share say nothing: they are met by what begins alike.
_UNKNOWN_PIECES = 3
_BEGINNING = 4

# "UN" is no article in the other language, nor "US" a pronoun.
_ACRONYM = re.compile(r"\b[A-Z]{2,}\b")
_STOP_WORDS = all_stop_words()


def content_words(text: str) -> tuple[str, ...]:
    """The distinct words of a text that carry its subject, normalised, in order, in whichever language they are."""
    words = dict.fromkeys(WORD.findall(normalise(text)))
    acronyms = {word.lower() for word in _ACRONYM.findall(text)} if not text.isupper() else set()
    found = tuple(word for word in words if word in acronyms or fold(word) not in _STOP_WORDS)
    # "UN?" in capitals alone may be an acronym or an article: where nothing else is left, it is the former.
    return found or tuple(word for word in words if text.isupper() and _ACRONYM.fullmatch(word.upper()))


# For the passages and sentences of the index, which come up again and again; readers' questions are not kept.
remembered_words = lru_cache(maxsize=20_000)(content_words)


@dataclass(frozen=True)
class Words:
    """Words of one language.

    Folded forms, unit vectors of shape (words, dimensions), those of their stems, lengths of the first before scaling,
    counts of tokens.
    """

    language: Language | None
    folded: tuple[str, ...]
    vectors: Vectors
    stems: Vectors
    norms: NDArray[np.float32]
    pieces: NDArray[np.int32]

    @cached_property
    def numbers(self) -> NDArray[np.bool_]:
        """Which of the words stand for numbers."""
        return np.array([is_number(word) for word in self.folded], dtype=np.bool_)

    @cached_property
    def unknown(self) -> NDArray[np.bool_]:
        """Which of the words the table does not know."""
        return np.asarray(self.pieces >= _UNKNOWN_PIECES)

    @cached_property
    def stemmed(self) -> NDArray[np.bool_]:
        """Which of the words have a known stem; numbers have none."""
        return np.asarray(self.stems.any(axis=1) & ~self.numbers)

    @cached_property
    def importance(self) -> NDArray[np.float32]:
        """How much each word says of what a text is about, as the token table learned it; not scaled."""
        learned: NDArray[np.float32] = np.sqrt((self.norms - _UNIMPORTANT).clip(0.1))
        return learned

    @cached_property
    def beginnings(self) -> NDArray[np.int64]:
        """A number for how each word begins, the same for those that begin alike."""
        return np.array([hash(word[:_BEGINNING]) for word in self.folded], dtype=np.int64)

    @cached_property
    def places(self) -> dict[str, list[int]]:
        """Where each folded form stands among the words."""
        found: dict[str, list[int]] = {}
        for place, word in enumerate(self.folded):
            found.setdefault(word, []).append(place)
        return found


class WordVectors:
    """Vectors of single words, the sum of their tokens' vectors in the bilingual table, and of texts; remembered."""

    def __init__(
        self, table: BilingualEmbeddings, remembered: int = 50_000, related: RelatedStems | None = None
    ) -> None:
        """Read words and texts off a model; the most recently used ones are kept, about a kilobyte each."""
        self.table = table
        self._related = related_stems() if related is None else related
        self._row = lru_cache(maxsize=remembered)(self._compute)
        self._text = lru_cache(maxsize=remembered)(lambda text: table.encode([text])[0])
        self._content = lru_cache(maxsize=remembered)(self._compute_content)

    def texts(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of whole texts, shape (texts, dimensions), for texts that are likely to be asked for again."""
        return np.array([self._text(text) for text in texts], dtype=np.float32).reshape(-1, self.table.dimensions)

    def contents(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of the content words of texts, each word counting alike; remembered like ``texts``."""
        return np.array([self._content(text) for text in texts], dtype=np.float32).reshape(-1, self.table.dimensions)

    def of(self, words: Sequence[str], language: Language | None = None) -> Words:
        """The vectors of some words; those of their stems only where the language is given."""
        rows = [self._row(word) for word in words]
        return Words(
            language,
            tuple(row[0] for row in rows),
            np.array([row[1] for row in rows], dtype=np.float32).reshape(-1, self.table.dimensions),
            self._related.of(words, language) if language else self._related.none(len(rows)),
            np.array([row[2] for row in rows], dtype=np.float32),
            np.array([row[3] for row in rows], dtype=np.int32),
        )

    def met(self, question: Words, texts: Sequence[str], languages: Sequence[Language]) -> Vectors:
        """How well each text meets each word of a question, shape (texts, question words), 0 to 1.

        That is the best similarity of any of the text's words: ColBERT's MaxSim (Khattab and Zaharia, 2020), with
        static word vectors. Texts are named with their languages.
        """
        best = np.zeros((len(texts), len(question.folded)), dtype=np.float32)
        for language in set(languages):
            rows = [row for row, spoken in enumerate(languages) if spoken == language and remembered_words(texts[row])]
            if rows and question.folded:
                best[rows] = self._met([remembered_words(texts[row]) for row in rows], question, language)
        return best

    def _met(self, texts: list[tuple[str, ...]], question: Words, language: Language) -> Vectors:
        """The same for word lists of one language, none of them empty."""
        columns = {word: column for column, word in enumerate(dict.fromkeys(chain.from_iterable(texts)))}
        scores = similarity(question, self.of(list(columns), language))
        places = np.array([columns[word] for text in texts for word in text])
        starts = np.cumsum([0] + [len(text) for text in texts[:-1]])
        best: Vectors = np.maximum.reduceat(scores[:, places], starts, axis=1).T
        return best

    def _compute_content(self, text: str) -> Vectors:
        rows = np.array([self._row(word)[1] for word in remembered_words(text)], dtype=np.float32)
        vector: Vectors = unit(rows.reshape(-1, self.table.dimensions).sum(axis=0, keepdims=True))[0]
        return vector

    def _compute(self, word: str) -> tuple[str, Vectors, float, int]:
        total = self.table.sums([word])[0]
        norm = float(np.linalg.norm(total))
        return fold(word), total / norm if norm else total, norm, len(token_ids([word])[0])


def alike(left: Words, right: Words, floor: float = UNRELATED) -> Vectors:
    """How alike every word on the left is to every word on the right by the token table, shape (left, right), 0 to 1.

    One for the same word (accents aside), the cosine for others, nothing below the floor. Numbers are met by
    themselves alone: 2024 and 2025 are close as vectors and far apart as facts. So are two unknown names.
    """
    scores = _cosines(left, right, floor)
    _same_words(left, right, scores)
    return scores


def similarity(left: Words, right: Words) -> Vectors:
    """How well the words on the left, a question's, are met by those on the right, shape (left, right), 0 to 1.

    As ``alike``, with the company that their stems keep, and weighed so that a similarity means the same within a
    language and across. Both sides need their languages.
    """
    scores = _cosines(left, right, _HARDLY_RELATED)
    company = left.stems @ right.stems.T
    both = left.stemmed[:, None] & right.stemmed[None, :]
    scores += np.float32(_COMPANY) * both * (company - scores)
    scores *= _WITHIN if left.language == right.language else _ACROSS
    scores[scores < _NOISE] = 0
    np.minimum(scores, 1, out=scores)
    _same_words(left, right, scores)
    return scores


def _cosines(left: Words, right: Words, floor: float) -> Vectors:
    scores: Vectors = left.vectors @ right.vectors.T
    scores[scores < floor] = 0
    scores[left.numbers, :] = 0
    scores[:, right.numbers] = 0
    unknown = left.unknown[:, None] | right.unknown[None, :]
    scores[unknown & (left.beginnings[:, None] != right.beginnings[None, :])] = 0
    return scores


def _same_words(left: Words, right: Words, scores: Vectors) -> None:
    for row, word in enumerate(left.folded):
        scores[row, right.places.get(word, [])] = 1


def is_number(word: str) -> bool:
    """Whether a word stands for a number: "2756", "3rd"."""
    return word[:1].isdigit()

"""The words of the index: how rare each is, and which passages meet a question's words, asked in either language."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qa_service.chunking import Passage
from qa_service.embeddings import Vectors
from qa_service.language import LANGUAGES, Language, fold
from qa_service.words import Words, WordVectors, content_words, similarity

FILE = "vocabulary.json"

# Of each language. Rarer words than these are met by themselves alone.
_KEPT = 30_000
# From this similarity on, two words are mostly translations or forms of each other.
_SAME_MEANING = 0.6


class LanguageWords:
    """The words of one language's passages, and which passages hold each."""

    def __init__(
        self, words: Sequence[str], counts: Sequence[int], arrays: Mapping[str, NDArray[np.int64]], kept: int = _KEPT
    ) -> None:
        """Words by falling count, in how many passages' texts each stands, and how many are met by similar ones too.

        The arrays are ``own``, the numbers of the language's passages, and ``places``, of which
        ``places[starts[i]:starts[i + 1]]`` are the passages with word i in their text or title.
        """
        self.kept = words[:kept]
        self.own = arrays["own"]
        self.counts = np.asarray(counts[:kept], dtype=np.float32)
        self._starts, self._places = arrays["starts"], arrays["places"]
        self._rare: dict[str, list[int]] = {}
        for at in range(len(self.kept), len(words)):
            self._rare.setdefault(fold(words[at]), []).append(at)

    def meet(self, best: Vectors, question: Words, scores: Vectors) -> None:
        """Raise ``best``, shape (question words, passages), to what the words of this language reach."""
        for row, folded in enumerate(question.folded):
            near = np.flatnonzero(scores[row])
            self._raise(best[row], near, scores[row, near])
            rare = self._rare.get(folded)
            if rare:
                self._raise(best[row], np.array(rare), np.ones(len(rare), dtype=np.float32))

    def _raise(self, best: Vectors, words: NDArray[np.int64], scores: Vectors) -> None:
        first, lengths = self._starts[words], self._starts[words + 1] - self._starts[words]
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        np.maximum.at(best, self._places[np.repeat(first, lengths) + within], np.repeat(scores, lengths))


class Vocabulary:
    """The words of the indexed passages of both languages, and where each stands.

    A question in one language finds a passage in the other by the nearest words of the other language's vocabulary,
    each weighted by how near it is: probabilistic structured queries (Darwish and Oard, 2003), with similarities in
    the place of translation probabilities, and the best one in the place of their sum.
    """

    def __init__(self, parts: dict[Language, LanguageWords], passages: int, vectors: WordVectors) -> None:
        """The words of each language, over so many passages."""
        self._passages = passages
        self._parts = parts
        # Which passages are in which language, by number.
        self.numbers = {language: part.own for language, part in parts.items()}
        self._known = {language: vectors.of(part.kept, language) for language, part in parts.items()}

    @classmethod
    def load(cls, folder: Path, vectors: WordVectors, kept: int = _KEPT) -> Vocabulary:
        """Read what ``write_vocabulary`` wrote; so many words of each language are met by similar ones too."""
        stored = json.loads((folder / FILE).read_text(encoding="utf-8"))
        parts: dict[Language, LanguageWords] = {}
        for language in LANGUAGES:
            with np.load(_postings(folder, language), allow_pickle=False) as arrays:
                part = stored["languages"][language]
                parts[language] = LanguageWords(part["words"], part["counts"], dict(arrays), kept)
        return cls(parts, stored["passages"], vectors)

    def read(self, question: Words) -> tuple[NDArray[np.float32], Vectors]:
        """The rarity of each word of a question, and how well each passage meets it, shape (passages, words), 0 to 1.

        Rarity is the inverse document frequency of the commonest word that means the same, in BM25's form (Robertson
        and Zaragoza, 2009), scaled so that a word that stands nowhere has 1.
        """
        counts = np.zeros(len(question.folded), dtype=np.float32)
        best = np.zeros((len(question.folded), self._passages), dtype=np.float32)
        for language, part in self._parts.items():
            scores = similarity(question, self._known[language])
            part.meet(best, question, scores)
            if scores.size:
                same = (scores >= _SAME_MEANING) * part.counts
                counts = np.maximum(counts, same.max(axis=1))
        rare = np.log1p((self._passages - counts + 0.5) / (counts + 0.5))
        return (rare / np.log1p((self._passages + 0.5) / 0.5)).astype(np.float32), best.T


def write_vocabulary(folder: Path, passages: Sequence[Passage]) -> None:
    """List the words of all passages, which are numbered from 0 on, in a generation's folder."""
    languages = {language: _write_language(folder, language, passages) for language in LANGUAGES}
    stored = {"passages": len(passages), "languages": languages}
    (folder / FILE).write_text(json.dumps(stored, ensure_ascii=False), encoding="utf-8")


def _write_language(folder: Path, language: Language, passages: Sequence[Passage]) -> dict[str, list[str] | list[int]]:
    counts: Counter[str] = Counter()
    places: dict[str, list[int]] = {}
    own = [number for number, passage in enumerate(passages) if passage.language == language]
    for number in own:
        words = content_words(passages[number].text)
        counts.update(words)
        for word in dict.fromkeys((*words, *content_words(passages[number].title))):
            places.setdefault(word, []).append(number)
    ordered = sorted(places, key=lambda word: (-counts[word], word))
    lengths = [len(places[word]) for word in ordered]
    flat = [number for word in ordered for number in places[word]]
    np.savez(
        _postings(folder, language),
        starts=np.cumsum([0, *lengths], dtype=np.int64),
        places=np.asarray(flat, dtype=np.int64),
        own=np.asarray(own, dtype=np.int64),
    )
    return {"words": ordered, "counts": [counts[word] for word in ordered]}


def _postings(folder: Path, language: Language) -> Path:
    return folder / f"vocabulary-{language}.npz"

"""Which questions are shown: of few articles, of several kinds, and only those that the service answers from them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from qa_service.answers import Citation
from qa_service.chunking import Passage
from qa_service.composing import extractive
from qa_service.composing.reading import read
from qa_service.embedding_model import EmbeddingModel
from qa_service.errors import EmbeddingsUnavailable
from qa_service.example_questions.making import about_people, made_of
from qa_service.example_questions.phrases import Kind, Made, Opening
from qa_service.index_reader import OpenIndex
from qa_service.language import Language, other
from qa_service.words import content_words

# Articles whose beginnings are read, of each language, and passages of them all: what an index of any size costs. Of
# each article this many are read, and more where there are fewer articles.
_ARTICLES = 40
_PASSAGES = 80
_OF_EACH = 2
# Questions that are asked at most: each takes as long as a reader's, which is longer in a larger index. So many, or as
# many as read so many passages in all, but not fewer than the third says.
_MOST_TRIES = 16
_PASSAGES_MET = 16_000
_LEAST_TRIES = 7
# Of them, about people of articles in the other language.
_FOREIGN_TRIES = 3
# How long a page waits for questions that another one is making. Seconds.
_PATIENCE_S = 1.0
# Two questions that share this much of the shorter one's words are about one thing.
_ALIKE = 0.5
# A step through the passages that comes near to no place twice, however often it is taken.
_STEP = (5**0.5 - 1) / 2

# Which kinds come first: what says most of what the service can do.
_KINDS: tuple[Kind, ...] = ("when", "who", "how many", "why", "where", "what", "about")


@dataclass(frozen=True)
class _Candidate:
    """A question, the article that it was made of, and what was read of that."""

    made: Made
    document_id: str
    opening: Opening

    @property
    def source(self) -> str:
        """What says the answer: a sentence; of what is known about a name, all that was read."""
        if self.made.kind == "about":
            return self.opening.text
        return self.opening.text[self.made.start - self.opening.start : self.made.end - self.opening.start]


@dataclass
class _Choice:
    """What was chosen so far, and how often may still be asked."""

    tries: int
    chosen: list[_Candidate] = field(default_factory=list)
    articles: Counter[str] = field(default_factory=Counter)
    kinds: Counter[Kind] = field(default_factory=Counter)

    def next(self, candidates: list[_Candidate]) -> _Candidate | None:
        """The candidate that brings most that is new, out of those that ask what no chosen one asks."""
        new = [one for one in candidates if not any(_alike(one, chosen) for chosen in self.chosen)]
        return min(new, key=self._rank, default=None)

    def _rank(self, one: _Candidate) -> tuple[int, int, int, int]:
        kind = one.made.kind
        # A question about a name fits everywhere, and says least of what can be asked. A longer name is a rarer one:
        # fewer other articles hold it, and answer in the place of this one.
        known = self.kinds[kind] + (kind == "about")
        rare = -len(content_words(one.made.question)) if kind == "about" else 0
        return self.articles[one.document_id], known, _KINDS.index(kind), rare


class ExampleQuestions:
    """The questions of an index, made when they are first asked for and kept until the index changes. Thread-safe."""

    def __init__(self, model: EmbeddingModel) -> None:
        """Make questions with this model; nothing is read yet."""
        self._model = model
        self._lock = threading.Lock()
        self._made: dict[tuple[Language, int], tuple[str, tuple[str, ...]]] = {}

    def of(self, index: OpenIndex, language: Language, count: int) -> tuple[str, ...]:
        """At most so many questions in a language, each answered from the article that it was made of.

        None while somebody else has been making them for a second, and none where a provider's embeddings fail: a
        page is shown without them rather than late.
        """
        known = self._known(index, language, count)  # nobody waits for the questions of another language
        if known is not None:
            return known
        if not self._lock.acquire(timeout=_PATIENCE_S):
            return ()
        try:  # whoever comes second waits for the first rather than doing the same work beside it
            known = self._known(index, language, count)
            if known is None:
                known = self._chosen(index, language, count)
                self._made[language, count] = index.name, known
            return known
        finally:
            self._lock.release()

    def _chosen(self, index: OpenIndex, language: Language, count: int) -> tuple[str, ...]:
        try:
            return self._choose(index, language, count)
        except EmbeddingsUnavailable:
            return ()

    def _known(self, index: OpenIndex, language: Language, count: int) -> tuple[str, ...] | None:
        name, questions = self._made.get((language, count), ("", ()))
        return questions if name == index.name else None

    def _choose(self, index: OpenIndex, language: Language, count: int) -> tuple[str, ...]:
        own, foreign = _own(index, language), _foreign(index, language)
        passages = max(1, sum(index.manifest.passages.values()))
        choice = _Choice(max(_LEAST_TRIES, min(_MOST_TRIES, _PASSAGES_MET // passages)))
        self._take(choice, own, count - bool(foreign), index, language)
        spared = max(0, choice.tries - _FOREIGN_TRIES)
        choice.tries -= spared
        self._take(choice, foreign, min(count, len(choice.chosen) + 1), index, language)
        choice.tries += spared
        self._take(choice, own + foreign, count, index, language)
        return tuple(one.made.question for one in choice.chosen)

    def _take(
        self, choice: _Choice, candidates: list[_Candidate], count: int, index: OpenIndex, language: Language
    ) -> None:
        """Ask candidates until there are so many, or nothing is left to ask; what was asked is a candidate no more."""
        while len(choice.chosen) < count and choice.tries > 0 and (one := choice.next(candidates)):
            candidates.remove(one)
            choice.tries -= 1
            # An article that did not answer gives way too.
            choice.articles.update((one.document_id, *_translations(one.document_id, index)))
            if self._is_answered(one, index, language):
                choice.chosen.append(one)
                choice.kinds[one.made.kind] += 1

    def _is_answered(self, one: _Candidate, index: OpenIndex, language: Language) -> bool:
        """Whether the answer cites what the question was made of, or the other version of the article."""
        reading = read(one.made.question, index, self._model)
        citations = extractive.compose(reading, language, index, self._model).citations
        versions = _translations(one.document_id, index) if citations else []
        return any(_holds(citation, one) or citation.document_id in versions for citation in citations)


def _holds(citation: Citation, one: _Candidate) -> bool:
    """Whether a citation quotes what a question was made of, from whichever article: some are printed twice."""
    return citation.quote in one.source or one.source in citation.quote


def _own(index: OpenIndex, language: Language) -> list[_Candidate]:
    """The questions that can be made of articles in a language."""
    return [
        _Candidate(made, document_id, opening)
        for document_id, opening in _openings(index, language)
        for made in made_of(opening)
    ]


def _foreign(index: OpenIndex, language: Language) -> list[_Candidate]:
    """Questions in a language about people of articles in the other that have no version in it."""
    return [
        _Candidate(made, document_id, opening)
        for document_id, opening in _openings(index, other(language))
        for made in about_people(opening, language)
        if not _translations(document_id, index)
    ]


def _openings(index: OpenIndex, language: Language) -> Iterator[tuple[str, Opening]]:
    """The beginnings of a few articles of a language from all over the index, each with the article's id."""
    left = index.vocabulary.numbers[language]
    of_each = max(_OF_EACH, _PASSAGES // max(1, index.manifest.documents.get(language, 0)))
    for draw in range(_ARTICLES):
        if not len(left):
            return
        number = int(left[int(draw * _STEP % 1 * len(left))])
        (drawn,) = index.documents.passages([number])
        numbers = index.documents.numbers_of(drawn.document_id)
        left = left[~np.isin(left, numbers)]  # a long article is drawn once, like a short one
        passages = index.documents.passages(numbers[:of_each])
        yield drawn.document_id, Opening(_joined(passages), passages[0].start, drawn.title, language)


def _joined(passages: Sequence[Passage]) -> str:
    """The text that passages span: each repeats the end of the one before, or stands a few spaces behind it."""
    text = ""
    for passage in passages:
        end = passages[0].start + len(text)
        text += "\n" * (passage.start - end) + passage.text[max(0, end - passage.start) :]
    return text


def _translations(document_id: str, index: OpenIndex) -> list[str]:
    return index.documents.translations(index.documents.summary(document_id))


def _alike(one: _Candidate, chosen: _Candidate) -> bool:
    words, known = set(content_words(one.made.question)), set(content_words(chosen.made.question))
    return len(words & known) >= _ALIKE * min(len(words), len(known))

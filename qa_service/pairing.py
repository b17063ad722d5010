"""Which articles tell one story in the two languages, where their front matter does not say so.

Of two articles on one story, most sentences of each have a near one in the other; of two on near topics, few have.
So candidates come from the vectors of whole articles, and what decides is the mean, over the sentences of both, of the
best cosine with a sentence of the other. Each must be the other's best, by a margin, and they must share names and
numbers: two fires told in the same words are two stories. An article that is in doubt stays alone.

The thresholds were set on development sets, each with articles that have no partner among those that have: all 8
pairs of the sample articles are found without their front matter, and none is made where the partners are taken out;
of 600 parliamentary turns in both languages among 600 in one, 582 pairs are found, and of the 589 made the 7 others
ask about the same subject, five of them in the same words (the model learned from such turns: they are easy for it); of
83 stretches of news translations, which it never saw, 79 and none wrong. Two views of one story that share no sentence
mostly stay alone: of 600 questions and answers, 68 are found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa_service.articles import Article, published_apart
from qa_service.chunking import sentences
from qa_service.embeddings import BilingualEmbeddings, Vectors
from qa_service.language import NAME, fold
from qa_service.values import Value, compatible, read_values

# Candidates of each article, by the cosine of the whole texts, and the least cosine that makes one.
_CANDIDATES = 5
_NEAR = 0.60
# The least mean of the sentences' best cosines, and by how much the best must be better than the next.
_SAME_STORY = 0.40
_CLEARLY = 0.03
# Names and numbers that both must hold: so many, and this share of those of the article that has fewer.
_SHARED = 2
_SHARED_SHARE = 0.15
# A story is told in its first sentences; an index of long reports need not compare them whole.
_SENTENCES_READ = 60
_SENTENCES_NEEDED = 3  # the title is one: less tells no story
_SHORTEST = 15  # characters: shorter ones are labels
# From this score on, two articles are told alike, sentence by sentence: they give the same dates, or tell of two days.
_TOLD_ALIKE = 0.60
_LEAD = 2_000  # characters in which a story says its dates
_CELLS_AT_ONCE = 20_000_000  # of a block of cosines: 80 MB

# A name, or figures.
_MARK = re.compile(rf"{NAME.pattern}|\b\d+")


@dataclass(frozen=True)
class _Side:
    """The articles of one language and the vectors of their whole texts, shape (articles, dimensions)."""

    articles: list[Article]
    vectors: Vectors


def pairs_of(articles: Sequence[Article], table: BilingualEmbeddings) -> dict[str, str]:
    """Partner of each article that has one, by document id, both ways; those that front matter pairs are left out."""
    declared = _declared(articles)
    english, french = (_side((a for a in articles if a.language == name), declared, table) for name in ("en", "fr"))
    if not english.articles or not french.articles:
        return {}
    scores = _scores(english, french, table)
    pairs: dict[str, str] = {}
    for row, column in _mutual_best(scores, len(english.articles), len(french.articles)):
        here, there = english.articles[row], french.articles[column]
        if _share_marks(here, there) and _same_days(here, there, told_alike=scores[row, column] >= _TOLD_ALIKE):
            pairs |= {here.id: there.id, there.id: here.id}
    return pairs


def _declared(articles: Sequence[Article]) -> set[str]:
    """Ids of the articles that have a version in the other language by front matter, whichever names the other."""
    languages = {article.id: article.language for article in articles}
    named: dict[str, set[str]] = {}
    for article in articles:
        if article.translation_of:
            named.setdefault(article.translation_of, set()).add(article.id)
    paired = set()
    for original, versions in named.items():
        group = versions | ({original} & languages.keys())
        if len({languages[document_id] for document_id in group}) > 1:
            paired |= group
    return paired


def _side(articles: Iterable[Article], declared: set[str], table: BilingualEmbeddings) -> _Side:
    own = [article for article in articles if article.id not in declared]
    return _Side(own, table.encode([f"{article.title}\n{article.text}" for article in own]))


def _scores(english: _Side, french: _Side, table: BilingualEmbeddings) -> dict[tuple[int, int], float]:
    """How far the sentences of near articles meet, 0 to 1, by their places on the two sides."""
    candidates = _candidates(english.vectors, french.vectors)
    candidates |= {(row, column) for column, row in _candidates(french.vectors, english.vectors)}
    here = {row: _sentence_vectors(english.articles[row], table) for row in sorted({row for row, _ in candidates})}
    there = {row: _sentence_vectors(french.articles[row], table) for row in sorted({row for _, row in candidates})}
    return {(row, column): _met(here[row], there[column]) for row, column in sorted(candidates)}


def _candidates(ours: Vectors, theirs: Vectors) -> set[tuple[int, int]]:
    """The nearest articles of the other side for each of ours."""
    count = min(_CANDIDATES, len(theirs))
    found: set[tuple[int, int]] = set()
    block = max(1, _CELLS_AT_ONCE // len(theirs))
    for start in range(0, len(ours), block):
        cosines = ours[start : start + block] @ theirs.T
        nearest = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
        near = np.take_along_axis(cosines, nearest, axis=1) >= _NEAR
        rows, places = np.nonzero(near)
        found |= set(zip((rows + start).tolist(), nearest[rows, places].tolist(), strict=True))
    return found


def _sentence_vectors(article: Article, table: BilingualEmbeddings) -> Vectors:
    spans = sentences(article.text, article.language)[:_SENTENCES_READ]
    texts = [article.text[span.start : span.end] for span in spans if span.end - span.start >= _SHORTEST]
    return table.encode([article.title, *texts])


def _met(here: Vectors, there: Vectors) -> float:
    if min(len(here), len(there)) < _SENTENCES_NEEDED:
        return 0.0
    cosines = here @ there.T
    return float(cosines.max(axis=1).mean() + cosines.max(axis=0).mean()) / 2


def _mutual_best(scores: dict[tuple[int, int], float], rows: int, columns: int) -> list[tuple[int, int]]:
    """Places of those that are clearly each other's best."""
    best_of_row, next_of_row = _best_two(((row, score) for (row, _), score in scores.items()), rows)
    best_of_column, next_of_column = _best_two(((column, score) for (_, column), score in scores.items()), columns)
    return [
        (row, column)
        for (row, column), score in scores.items()
        if score >= max(_SAME_STORY, best_of_row[row], best_of_column[column])
        and score >= max(next_of_row[row], next_of_column[column]) + _CLEARLY
    ]


def _best_two(scores: Iterable[tuple[int, float]], count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    best, following = np.zeros(count), np.zeros(count)
    for place, score in scores:
        if score > best[place]:
            best[place], following[place] = score, best[place]
        else:
            following[place] = max(following[place], score)
    return best, following


def _share_marks(english: Article, french: Article) -> bool:
    """Whether two articles share enough names and numbers, as far as they hold any."""
    here, there = _marks(english), _marks(french)
    fewer = min(len(here), len(there))
    if fewer <= _SHARED:
        return True
    return len(here & there) >= max(_SHARED, _SHARED_SHARE * fewer)


def _same_days(english: Article, french: Article, *, told_alike: bool) -> bool:
    """Whether two articles may be of the same days: a meeting in March and the one in June are told in one way."""
    if published_apart(english.published, french.published):
        return False
    if not told_alike:
        return True  # two views of one story may each give dates that the other leaves out
    here, there = _dates(english), _dates(french)
    fewer, more = sorted((here, there), key=len)
    return 2 * sum(any(compatible(one, other) for other in more) for one in fewer) >= len(fewer)


def _dates(article: Article) -> list[Value]:
    lead = article.text[:_LEAD]
    return [value for value in read_values(lead, article.language) if value.kind == "date"]


def _marks(article: Article) -> set[str]:
    return {fold(mark) for mark in _MARK.findall(article.text)}

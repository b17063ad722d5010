"""A question in, ranked passages of both languages out.

Candidates come from the words of the question, met in either language through the bilingual table, from the dense
vectors and from BM25; each language has places of its own, so that neither can crowd the other out. They meet in one
ranking by word-level similarity, which means the same in all four directions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa_service.chunking import Passage
from qa_service.embedding_model import EmbeddingModel
from qa_service.embeddings import Vectors
from qa_service.index_reader import OpenIndex
from qa_service.language import LANGUAGES, detect
from qa_service.words import Words, content_words

# Candidates of each language and kind; by words, as many as are wanted if that is more.
WORD_CANDIDATES = 20
DENSE_CANDIDATES = 20
LEXICAL_CANDIDATES = 10

# Passages that composers read.
PASSAGES_READ = 20

# How much the cosine of the whole texts adds to the share of the question's words that are met.
DENSE_WEIGHT = 0.5

# Content words of a question, from its beginning. Each is compared with all words of the index; nobody asks with more.
_WORDS_READ = 64

# Of one article, and of one language, this share of the places asked for; what is over it comes after the others.
_OF_ONE_ARTICLE = 0.4
_OF_ONE_LANGUAGE = 0.75
# From this cosine on, a passage says again what a better one of another article said.
_SAME_TEXT = 0.97


@dataclass(frozen=True)
class Query:
    """A question made ready: its words, what they weigh, its vector in the bilingual table and in the dense model.

    ``importance`` is a word's weight by the model alone, ``weights`` by its rarity in the index too; each sums to one.
    ``met`` says how well each passage of the index, with its title, meets each word; shape (passages, words), 0 to 1.
    """

    text: str
    words: Words
    importance: NDArray[np.float32]
    weights: NDArray[np.float32]
    met: Vectors
    vector: Vectors
    dense: Sequence[float]


@dataclass(frozen=True)
class RankedPassage:
    """A passage and its score: 0 for unrelated, about 1.5 for the question itself, and what its best sentence adds."""

    passage: Passage
    score: float


def prepare(question: str, index: OpenIndex, model: EmbeddingModel, dense: Sequence[float] | None = None) -> Query:
    """Read a question against an index: which of its words matter there, and its vectors (dense, if not given)."""
    words = model.words.of(content_words(question)[:_WORDS_READ], detect(question, LANGUAGES[0]))
    rarity, met = index.vocabulary.read(words)
    vector = model.words.table.encode([question])[0]
    dense = model.embeddings.embed_query(question) if dense is None else dense
    return Query(question, words, _shares(words.importance), _shares(rarity * words.importance), met, vector, dense)


def _shares(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    return weights / max(float(weights.sum()), 1e-6)


def retrieve(query: Query, index: OpenIndex, model: EmbeddingModel, count: int = 10) -> list[RankedPassage]:
    """The best passages of both languages for a question, best first."""
    if not query.words.folded or not len(query.met):
        return []
    shares: NDArray[np.float32] = query.met @ query.weights
    numbers = _candidates(query, shares, index, count)
    passages = index.documents.passages(numbers)
    vectors = model.words.texts([passage.text for passage in passages])
    scores = shares[numbers] + DENSE_WEIGHT * (vectors @ query.vector)
    order = [int(row) for row in np.argsort(-scores, kind="stable")]
    best = _spread(order, passages, vectors, count)
    return [RankedPassage(passages[row], float(scores[row])) for row in best]


def _candidates(query: Query, shares: NDArray[np.float32], index: OpenIndex, count: int) -> list[int]:
    """Numbers of the passages worth ranking, in each language: by words of either language, by vectors, by BM25."""
    found: dict[int, None] = {}
    for language in LANGUAGES:
        own = index.vocabulary.numbers[language]
        found |= dict.fromkeys(own[np.argsort(-shares[own], kind="stable")[: max(WORD_CANDIDATES, count)]].tolist())
        found |= dict.fromkeys(number for number, _ in index.vectors.search(query.dense, language, DENSE_CANDIDATES))
        found |= dict.fromkeys(number for number, _ in index.lexical[language].search(query.text, LEXICAL_CANDIDATES))
    return list(found)


def _spread(order: list[int], passages: list[Passage], vectors: Vectors, count: int) -> list[int]:
    """The first rows of a ranking, so that no article and no language fills all places and nothing is there twice.

    What goes over a share, or repeats another article, is put behind the rest, not left out.
    """
    of_article, of_language = max(1, round(_OF_ONE_ARTICLE * count)), max(1, round(_OF_ONE_LANGUAGE * count))
    chosen: list[int] = []
    behind: list[int] = []
    articles: Counter[str] = Counter()
    languages: Counter[str] = Counter()
    for row in order:
        article, language = passages[row].document_id, passages[row].language
        others = [one for one in chosen if passages[one].document_id != article]
        repeats = bool(others) and float((vectors[others] @ vectors[row]).max()) >= _SAME_TEXT
        if repeats or articles[article] >= of_article or languages[language] >= of_language:
            behind.append(row)
        else:
            chosen.append(row)
            articles[article] += 1
            languages[language] += 1
        if len(chosen) == count:
            break
    return (chosen + behind)[:count]

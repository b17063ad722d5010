"""A question in, ranked passages of both languages out.

Candidates come from the dense vectors and from a lexical index, of each language apart and with places of their own,
so that one language can never crowd the other out. They meet in one ranking by word-level similarity through the
bilingual table, which means the same in all four directions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from numpy.typing import NDArray
from pydantic import ConfigDict

from qa_service.chunking import Passage
from qa_service.embedding_model import EmbeddingModel
from qa_service.embeddings import Vectors
from qa_service.index_reader import CurrentIndex, OpenIndex
from qa_service.language import LANGUAGES
from qa_service.words import Words, content_words, remembered_words

# Candidates of each language and kind.
DENSE_CANDIDATES = 30
LEXICAL_CANDIDATES = 20

# Passages that composers read.
PASSAGES_READ = 12

# How much the cosine of the whole texts adds to the share of the question's words that are met.
DENSE_WEIGHT = 0.5

# The length of a word's vector is what the model learned of its importance; below this one it has none.
_UNIMPORTANT = 1.5

# What the words of the title count for, beside those of the passage itself.
_TITLE_WEIGHT = 0.5


@dataclass(frozen=True)
class Query:
    """A question made ready: its words, what they weigh, its vector in the bilingual table and in the dense model.

    ``importance`` is a word's weight by the model alone, ``weights`` by its rarity in the index too; each sums to one.
    """

    text: str
    words: Words
    importance: NDArray[np.float32]
    weights: NDArray[np.float32]
    vector: Vectors
    dense: Sequence[float]


@dataclass(frozen=True)
class RankedPassage:
    """A passage and its score: 0 for unrelated, about 1.5 for the question itself."""

    passage: Passage
    score: float


def prepare(question: str, index: OpenIndex, model: EmbeddingModel, dense: Sequence[float] | None = None) -> Query:
    """Read a question against an index: which of its words matter there, and its vectors (dense, if not given)."""
    words = model.words.of(content_words(question))
    importance = np.sqrt((words.norms - _UNIMPORTANT).clip(0.1))
    weights = index.vocabulary.rarity(words) * importance
    vector = model.words.table.encode([question])[0]
    dense = model.embeddings.embed_query(question) if dense is None else dense
    return Query(question, words, _shares(importance), _shares(weights), vector, dense)


def _shares(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    return weights / max(float(weights.sum()), 1e-6)


def retrieve(query: Query, index: OpenIndex, model: EmbeddingModel, count: int = 10) -> list[RankedPassage]:
    """The best passages of both languages for a question, best first."""
    passages = index.documents.passages(_candidates(query, index))
    if not passages or not query.words.folded:
        return []
    scores = score([passage.text for passage in passages], query, model)
    titles = word_score([passage.title for passage in passages], query, model)
    scores += _TITLE_WEIGHT * titles * (1 - scores).clip(0)
    best = np.argsort(-scores, kind="stable")[:count]
    return [RankedPassage(passages[row], float(scores[row])) for row in best]


def word_score(texts: list[str], query: Query, model: EmbeddingModel) -> NDArray[np.float32]:
    """Share of the question's weight that each text meets word by word, 0 to 1."""
    met = model.words.met(query.words, [remembered_words(text) for text in texts])
    shares: NDArray[np.float32] = met @ query.weights
    return shares


def score(texts: list[str], query: Query, model: EmbeddingModel) -> NDArray[np.float32]:
    """How well each text meets the question: word by word, and as a whole."""
    cosines = model.words.texts(texts) @ query.vector
    total: NDArray[np.float32] = word_score(texts, query, model) + DENSE_WEIGHT * cosines
    return total


def _candidates(query: Query, index: OpenIndex) -> list[int]:
    """Numbers of the passages worth ranking: nearest by vector and best by words, in each language."""
    found: dict[int, None] = {}
    for language in LANGUAGES:
        found |= dict.fromkeys(number for number, _ in index.vectors.search(query.dense, language, DENSE_CANDIDATES))
        found |= dict.fromkeys(number for number, _ in index.lexical[language].search(query.text, LEXICAL_CANDIDATES))
    return list(found)


class BilingualRetriever(BaseRetriever):
    """The ranking as a LangChain retriever: passages as ``Document``, with their spans in the metadata."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    index: CurrentIndex
    model: EmbeddingModel
    k: int = 10

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:  # noqa: ARG002
        with self.index.use() as index:
            ranked = retrieve(prepare(query, index, self.model), index, self.model, self.k)
        return [
            Document(
                page_content=found.passage.text,
                metadata={
                    "document_id": found.passage.document_id,
                    "title": found.passage.title,
                    "language": found.passage.language,
                    "start": found.passage.start,
                    "end": found.passage.end,
                    "score": found.score,
                },
            )
            for found in ranked
        ]

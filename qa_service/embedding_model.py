"""Which embedding model the dense vectors come from: the embedded one, or a provider's by LangChain's name."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache

import numpy as np
from langchain_core.embeddings import Embeddings

from qa_service.embeddings import BilingualEmbeddings
from qa_service.errors import EmbeddingsUnavailable, MissingExtra, SettingsError, first_line
from qa_service.tokens import MODEL_DIRECTORY, RANKS_FILE
from qa_service.words import WordVectors


@dataclass(frozen=True)
class EmbeddingModel:
    """The model of the dense vectors, the id that the index records for it, and the bilingual words.

    Words are always the embedded model's, whichever model the dense vectors come from.
    """

    id: str
    embeddings: Embeddings
    words: WordVectors

    @classmethod
    def load(cls, name: str) -> EmbeddingModel:
        """The model that ``QA_EMBEDDINGS`` names; its errors are those of ``load_embeddings``."""
        model_id, embeddings = load_embeddings(name)
        table = embeddings if isinstance(embeddings, BilingualEmbeddings) else BilingualEmbeddings()
        return cls(model_id, embeddings, WordVectors(table))


def load_embeddings(name: str) -> tuple[str, Embeddings]:
    """The model that the dense vectors come from, and the id that the index records for it.

    An empty name is the embedded model; else LangChain's ``provider:model``. Raises SettingsError for a name of
    another form, an unknown provider or one that lacks its key, MissingExtra when its package is not installed.
    """
    if not name:
        return shipped_model_id(), BilingualEmbeddings()
    provider, _, model = name.partition(":")
    if not provider or not model:
        raise SettingsError(f"QA_EMBEDDINGS: should be empty or of the form provider:model, not {name!r}")
    try:
        from langchain.embeddings import init_embeddings
    except ImportError:
        raise MissingExtra("QA_EMBEDDINGS needs the extra: pip install 'qa-service[providers]'.") from None
    # Servers other than OpenAI's own do not take lists of token ids, which LangChain sends them otherwise.
    options = {"check_embedding_ctx_length": False} if provider == "openai" else {}
    try:
        return name, ProviderEmbeddings(name, init_embeddings(model, provider=provider, **options))
    except ImportError as error:
        raise MissingExtra(f"QA_EMBEDDINGS={name}: {first_line(error)}") from None
    except Exception as error:  # noqa: BLE001 (each provider refuses a wrong or missing setting in its own way)
        raise SettingsError(f"QA_EMBEDDINGS={name}: {first_line(error)}") from None


class ProviderEmbeddings(Embeddings):
    """A provider's model, held to its word: one finite vector a text, or EmbeddingsUnavailable in one line."""

    def __init__(self, name: str, model: Embeddings) -> None:
        """Guard a model, which errors call by this name."""
        self._name = name
        self._model = model

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector a text."""
        try:
            vectors = self._model.embed_documents(texts)
        except Exception as error:  # noqa: BLE001 (each provider has errors of its own)
            raise self._failed(error) from None
        return self._checked(vectors, len(texts))

    def embed_query(self, text: str) -> list[float]:
        """The vector of a question."""
        try:
            vector = self._model.embed_query(text)
        except Exception as error:  # noqa: BLE001 (each provider has errors of its own)
            raise self._failed(error) from None
        return self._checked([vector], 1)[0]

    def _failed(self, error: Exception) -> EmbeddingsUnavailable:
        # The provider's own words may hold a part of the key: they go nowhere, not even into the log.
        return EmbeddingsUnavailable(f"The embedding model {self._name} did not answer ({type(error).__name__}).")

    def _checked(self, vectors: list[list[float]], count: int) -> list[list[float]]:
        try:
            rows = np.asarray(vectors, dtype=np.float32)
        except (TypeError, ValueError):
            rows = np.empty(0, dtype=np.float32)
        if rows.ndim != 2 or len(rows) != count or not rows.shape[1] or not np.isfinite(rows).all():
            raise EmbeddingsUnavailable(f"The embedding model {self._name} did not give one vector for each text.")
        return vectors


@cache
def shipped_model_id() -> str:
    """The name of the embedded model and a checksum of its files: another version is another model."""
    digest = hashlib.sha256()
    for name in (RANKS_FILE, BilingualEmbeddings.WEIGHTS_FILE):
        digest.update((MODEL_DIRECTORY / name).read_bytes())
    return f"qa-service-en-fr:{digest.hexdigest()[:12]}"

"""Which model the dense vectors come from, and what is said when it cannot be had."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest
from langchain_core.embeddings import Embeddings

from qa_service.embedding_model import EmbeddingModel, ProviderEmbeddings, load_embeddings, shipped_model_id
from qa_service.embeddings import BilingualEmbeddings
from qa_service.errors import EmbeddingsUnavailable, MissingExtra, SettingsError


class Fixed(Embeddings):
    """Says always the same."""

    def __init__(self, said: object) -> None:
        self.said = said

    def embed_documents(self, texts):
        if isinstance(self.said, Exception):
            raise self.said
        return self.said

    def embed_query(self, text):
        return self.embed_documents([text])[0]


def refusal(name: str) -> str:
    with pytest.raises((SettingsError, MissingExtra)) as refused:
        load_embeddings(name)
    said = str(refused.value)
    assert "\n" not in said
    assert "QA_EMBEDDINGS" in said
    return said


def test_by_default_it_is_the_embedded_model():
    model = EmbeddingModel.load("")
    assert isinstance(model.embeddings, BilingualEmbeddings)
    assert model.id == shipped_model_id()
    assert model.id.startswith("qa-service-en-fr:")
    assert model.words.table is model.embeddings


@pytest.mark.parametrize("name", ["openai", "openai:", ":small", "::"])
def test_a_name_of_another_form_is_refused(name):
    assert "provider:model" in refusal(name)


def test_an_unknown_provider_is_refused():
    pytest.importorskip("langchain")
    assert "'nobody' is not supported" in refusal("nobody:small")


def test_a_missing_package_is_named():
    pytest.importorskip("langchain")
    if "langchain_cohere" in sys.modules:
        pytest.skip("langchain-cohere is installed")
    assert "pip install langchain-cohere" in refusal("cohere:embed")


def test_a_missing_key_is_refused(monkeypatch):
    pytest.importorskip("langchain_openai")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert "OPENAI_API_KEY" in refusal("openai:text-embedding-3-small")


def test_without_the_extra_its_name_is_said():
    code = """
import sys
sys.modules["langchain"] = None  # what Python itself does to say "not importable"
from qa_service.embedding_model import load_embeddings
from qa_service.errors import MissingExtra
try:
    load_embeddings("openai:small")
except MissingExtra as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "QA_EMBEDDINGS needs the extra: pip install 'qa-service[providers]'."


def test_a_provider_gives_the_dense_vectors(embeddings_server):
    model = EmbeddingModel.load("openai:letters")
    assert model.id == "openai:letters"
    assert model.embeddings.embed_documents(["a bb ccc", "dddd"]) == [[1, 2, 3] + [0] * 5, [4] + [0] * 7]
    assert model.embeddings.embed_query("ee e") == [2, 1] + [0] * 6
    assert embeddings_server.texts == ["a bb ccc", "dddd", "ee e"]  # texts, not lists of token ids


def test_words_stay_the_embedded_models(embeddings_server):
    model = EmbeddingModel.load("openai:letters")
    assert isinstance(model.words.table, BilingualEmbeddings)
    assert embeddings_server.texts == []


def test_a_provider_that_refuses_is_one_line_without_its_words(embeddings_server):
    embeddings_server.status = 401
    model = EmbeddingModel.load("openai:letters")
    for embed in (lambda: model.embeddings.embed_documents(["a"]), lambda: model.embeddings.embed_query("a")):
        with pytest.raises(EmbeddingsUnavailable) as failed:
            embed()
        assert str(failed.value) == "The embedding model openai:letters did not answer (AuthenticationError)."


def test_what_the_provider_said_is_neither_shown_nor_logged(caplog):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(EmbeddingsUnavailable) as failed:
        ProviderEmbeddings("x:y", Fixed(RuntimeError("key sk-123 is wrong"))).embed_documents(["a"])
    assert "sk-123" not in caplog.text + str(failed.value)


@pytest.mark.parametrize(
    "said",
    [[], [[1.0]], [[1.0], [2.0], [3.0]], [[1.0], [1.0, 2.0]], [[], []], [[1.0], [float("nan")]], [None, None], None],
    ids=str,
)
def test_vectors_that_do_not_fit_their_texts_are_refused(said):
    with pytest.raises(EmbeddingsUnavailable, match="one vector for each text"):
        ProviderEmbeddings("x:y", Fixed(said)).embed_documents(["a", "b"])

"""The embedded bilingual model as anyone's LangChain project uses it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.embeddings import Embeddings

from qa_service import BilingualEmbeddings
from qa_service.embeddings import unit
from qa_service.tokens import MODEL_DIRECTORY

PAIRS = [
    ("The bridge was closed for repairs during the winter.", "Le pont a été fermé pour travaux pendant l’hiver."),
    ("The minister signed the agreement on Tuesday.", "Le ministre a signé l’accord mardi."),
    ("Children planted forty apple trees.", "Les enfants ont planté quarante pommiers."),
    ("Water prices will rise next year.", "Le prix de l’eau augmentera l’année prochaine."),
    ("The hospital needs more nurses.", "L’hôpital a besoin de plus d’infirmières."),
    ("He lost his passport at the airport.", "Il a perdu son passeport à l’aéroport."),
    ("The court rejected the appeal.", "Le tribunal a rejeté l’appel."),
]


@pytest.fixture(scope="module")
def embeddings():
    return BilingualEmbeddings()


def test_it_is_a_langchain_embeddings(embeddings):
    assert isinstance(embeddings, Embeddings)
    vectors = embeddings.embed_documents(["one", "deux"])
    assert [len(vector) for vector in vectors] == [embeddings.dimensions] * 2
    assert all(type(number) is float for number in vectors[0])
    assert embeddings.embed_query("one") == vectors[0]


def test_no_texts_have_no_vectors(embeddings):
    assert embeddings.embed_documents([]) == []
    assert embeddings.encode([]).shape == (0, embeddings.dimensions)


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_vectors_have_length_one_or_zero(embeddings, texts):
    vectors = embeddings.encode(texts)
    assert vectors.dtype == np.float32
    lengths = np.linalg.norm(vectors, axis=1)
    assert np.all((lengths == 0) | (np.abs(lengths - 1) < 1e-4))


@pytest.mark.parametrize("text", ["", " ", "\n\t"])
def test_a_text_without_words_has_no_direction(embeddings, text):
    assert not any(embeddings.embed_query(text))


def test_a_lone_surrogate_is_taken(embeddings):
    assert len(embeddings.embed_query("\ud800")) == embeddings.dimensions


def test_a_sentence_is_nearest_to_its_translation(embeddings):
    english, french = (embeddings.encode(side) for side in zip(*PAIRS, strict=True))
    cosines = english @ french.T
    assert cosines.argmax(axis=1).tolist() == list(range(len(PAIRS)))
    assert cosines.argmax(axis=0).tolist() == list(range(len(PAIRS)))
    assert cosines.diagonal().min() > 0.5


@pytest.mark.parametrize(
    ("one", "other", "at_least"),
    [
        ("L’école est fermée", "L'ÉCOLE EST FERMÉE", 0.999),
        ("the river", "The River", 0.999),
        ("les élèves de l’école", "les eleves de l'ecole", 0.3),
    ],
)
def test_capitals_apostrophes_and_accents_are_forgiven(embeddings, one, other, at_least):
    first, second = embeddings.encode([one, other])
    assert first @ second > at_least


def test_a_vector_does_not_depend_on_the_texts_beside_it(embeddings):
    together = embeddings.encode(["The bridge", "x " * 5000, ""])
    assert together[0] == pytest.approx(embeddings.encode(["The bridge"])[0])


def test_a_table_of_ones_own_is_used():
    table = np.ones((32_000, 3), dtype=np.float32)
    assert BilingualEmbeddings(table).embed_query("bridge") == pytest.approx([3**-0.5] * 3)


def test_weights_are_read_from_a_directory(embeddings):
    loaded = BilingualEmbeddings.load(MODEL_DIRECTORY)
    assert np.array_equal(loaded.encode(["bridge"]), embeddings.encode(["bridge"]))


def test_scaling_leaves_what_it_is_given_and_zeros_alone():
    rows = np.array([[3, 4], [0, 0]], dtype=np.float32)
    assert unit(rows).tolist() == [[pytest.approx(0.6), pytest.approx(0.8)], [0, 0]]
    assert rows.tolist() == [[3, 4], [0, 0]]


def test_importing_it_is_light():
    heavy = "('torch', 'chromadb', 'flask', 'langchain_chroma', 'trafilatura', 'onnxruntime')"
    code = f"import sys, qa_service.embeddings; print([name for name in {heavy} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"

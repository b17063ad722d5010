"""The service with a step taken away: that each step is, and that all is as it was afterwards."""

from __future__ import annotations

import pytest

from benchmarks.ablation import changed, measured, table, variants
from qa_service import retrieval, words
from qa_service.composing import extractive, reading
from qa_service.composing.sentence_model import SentenceModel
from qa_service.question_files import Question
from qa_service.vocabulary import Vocabulary

ASKED = [
    Question("opened", "When did the footbridge open?", "en", must=("12 May 2024",), document_ids=("en/footbridge",)),
    Question("trees", "Combien de pommiers les élèves ont-ils plantés ?", "fr", must=("forty apple trees",)),
    Question("nowhere", "Who discovered penicillin?", "en", must=("Alexander Fleming",)),
]


def names() -> list[object]:
    return [
        (words._COMPANY, words._WITHIN, words._ACROSS),
        (retrieval.DENSE_WEIGHT, retrieval._candidates, reading._BEST_SENTENCE),
        (reading.retrieve, extractive._scored, SentenceModel.refuses, Vocabulary.read),
    ]


def test_a_variant_changes_something_and_puts_it_back(model):
    before = names()
    for variant in variants(Vocabulary({}, 0, model.words)):
        with changed(variant):
            assert (names() == before) == variant.refuses, variant.name
        assert names() == before, variant.name


def test_a_variant_is_put_back_after_an_error(model):
    before = names()
    with pytest.raises(RuntimeError), changed(variants(Vocabulary({}, 0, model.words))[0]):
        raise RuntimeError
    assert names() == before


def test_every_variant_is_measured(documents):
    rows = dict(measured(documents, ASKED))
    assert rows["**the whole**"].total.refused.hits == 0
    assert rows["the whole, with refusal"].total.refused.hits == 1
    assert all(found.directions["en→en"].quote_holds_answer.share == 1 for found in rows.values())


def test_the_table_has_a_row_a_variant(documents):
    first, line, *rows = table(list(measured(documents, ASKED))[-2:]).splitlines()
    assert first.startswith(
        "| variant | passages en→en | passages fr→fr | passages en→fr | passages fr→en | quote en→en |"
    )
    assert line == "|---" * 9 + "|"
    assert rows == [
        "| **the whole** | 1.00 | – | – | 1.00 | 1.00 | – | – | 1.00 |",
        "| the whole, with refusal | 1.00 | – | – | 1.00 | 1.00 | – | – | 1.00 |",
    ]

"""How rare a word is in the passages, asked in either language."""

from __future__ import annotations

import pytest

from qa_service.vocabulary import Vocabulary, write_vocabulary

PASSAGES = [
    "The bridge over the river",
    "The bridge is closed",
    "A rose garden",
    "The old bridge",
    "Le fromage de chèvre",
]


@pytest.fixture
def vocabulary(tmp_path, model):
    write_vocabulary(tmp_path, PASSAGES)
    return Vocabulary.load(tmp_path, model.words)


def rarity(vocabulary, model, *words):
    return vocabulary.rarity(model.words.of(words)).tolist()


def test_a_frequent_word_is_less_rare_than_a_single_one(vocabulary, model):
    bridge, rose, unknown = rarity(vocabulary, model, "bridge", "rose", "zygote")
    assert 0 < bridge < rose < unknown
    assert unknown == pytest.approx(1)


def test_a_word_is_as_rare_as_its_translation(vocabulary, model):
    bridge, pont, cheese = rarity(vocabulary, model, "bridge", "pont", "cheese")
    assert pont == pytest.approx(bridge)
    assert cheese < 1


def test_a_word_counts_once_a_passage(tmp_path, model):
    write_vocabulary(tmp_path, ["bridge " * 50, "rose"])
    assert len(set(rarity(Vocabulary.load(tmp_path, model.words), model, "bridge", "rose"))) == 1


@pytest.mark.parametrize("texts", [[], ["—"], ["and the of"]])
def test_without_words_everything_is_rare(tmp_path, model, texts):
    write_vocabulary(tmp_path, texts)
    vocabulary = Vocabulary.load(tmp_path, model.words)
    assert rarity(vocabulary, model, "bridge") == pytest.approx([1])
    assert rarity(vocabulary, model) == []


def test_accents_survive_the_file(vocabulary, model):
    assert rarity(vocabulary, model, "chèvre")[0] < 1

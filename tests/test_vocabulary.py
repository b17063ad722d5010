"""How rare a word is in the passages, and which passages meet it, asked in either language."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest

from qa_service.chunking import Passage
from qa_service.generations import IndexFolder
from qa_service.index_reader import open_current
from qa_service.language import LANGUAGES, Language, other
from qa_service.vocabulary import Vocabulary, write_vocabulary
from qa_service.words import content_words


def passage(language: Language, text: str, title: str = "") -> Passage:
    return Passage("an/article", language, 0, 0, len(text), text, title)


PASSAGES = [
    passage("en", "The bridge over the river"),
    passage("en", "The bridge is closed"),
    passage("en", "A rose garden", "Behind the library"),
    passage("fr", "Le fromage de chèvre"),
    passage("en", "The old bridge, in 1931", "Behind the library"),
    passage("fr", "Le vieux pont", "La bibliothèque"),
]


@pytest.fixture
def read(tmp_path, model):
    """Reads a question against passages of its own vocabulary."""

    def reader(passages, words, language: Language = "en", **options):
        write_vocabulary(tmp_path, passages)
        return Vocabulary.load(tmp_path, model.words, **options).read(model.words.of(words, language))

    return reader


def found(met):
    """The passages that hold a word itself."""
    return np.flatnonzero(met == 1).tolist()


# Rarity


def test_a_frequent_word_is_less_rare_than_a_single_one(read):
    bridge, rose, unknown = read(PASSAGES, ["bridge", "rose", "zygote"])[0]
    assert 0 < bridge < rose < unknown
    assert unknown == pytest.approx(1)


def test_a_word_is_as_rare_as_its_translation(read):
    english, french = read(PASSAGES, ["bridge", "cheese"])[0], read(PASSAGES, ["pont", "fromage"], "fr")[0]
    assert french == pytest.approx(english)
    assert english[0] < english[1] < 1


def test_a_word_counts_once_a_passage(read):
    passages = [passage("en", "bridge " * 50), passage("en", "rose")]
    assert len(set(read(passages, ["bridge", "rose"])[0].tolist())) == 1


def test_a_title_does_not_make_its_words_frequent(read):
    assert read(PASSAGES, ["library"])[0] == pytest.approx([1])


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("texts", [[], ["—"], ["and the of", "le la les"]])
def test_without_words_everything_is_rare_and_nothing_met(read, texts, language):
    passages = [passage(language, text) for text in texts]
    rarity, met = read(passages, ["bridge"], language)
    assert rarity == pytest.approx([1])
    assert met.shape == (len(texts), 1)
    assert not met.any()
    assert [part.shape for part in read(passages, [], language)] == [(0,), (len(texts), 0)]


def test_accents_survive_the_file(read):
    rarity, met = read(PASSAGES, ["chèvre"], "fr")
    assert rarity[0] < 1
    assert found(met[:, 0]) == [3]


# Which passages meet a word


def test_a_word_is_met_where_it_stands(read):
    met = read(PASSAGES, ["rose", "1931"])[1]
    assert found(met[:, 0]) == [2]
    assert found(met[:, 1]) == [4]


@pytest.mark.parametrize(("word", "language"), [("bridge", "en"), ("pont", "fr")])
def test_a_word_is_met_in_both_languages(read, word, language):
    met = read(PASSAGES, [word], language)[1][:, 0]
    assert (met[[0, 1, 4, 5]] > 0.8).all()
    assert (met[[2, 3]] < 0.5).all()


@pytest.mark.parametrize(("word", "language"), [("library", "en"), ("bibliothèque", "fr")])
def test_the_words_of_a_title_are_found_in_each_passage_of_its_article(read, word, language):
    met = read(PASSAGES, [word], language)[1][:, 0]
    assert (met[[2, 4, 5]] > 0.8).all()
    assert (met[[0, 1, 3]] < 0.8).all()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_without_passages_is_empty(tmp_path, model, language):
    write_vocabulary(tmp_path, [one for one in PASSAGES if one.language != language])
    vocabulary = Vocabulary.load(tmp_path, model.words)
    assert vocabulary.numbers[language].tolist() == []
    missing = other(language)
    rarity, met = vocabulary.read(model.words.of(["bridge", "pont", "fromage", "rose"], missing))
    assert met.shape == (len(vocabulary.numbers[missing]), 4)
    assert met.any()
    assert (rarity < 1).any()


def test_each_language_knows_its_passages(tmp_path, model):
    write_vocabulary(tmp_path, PASSAGES)
    numbers = Vocabulary.load(tmp_path, model.words).numbers
    assert {language: own.tolist() for language, own in numbers.items()} == {"en": [0, 1, 2, 4], "fr": [3, 5]}


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("Which bridge crosses the river near the old library?", "en"),
        ("Quel pont traverse la rivière en 1931 ?", "fr"),
        ("roses, jardin, chèvre, zygote", "fr"),
        ("goat cheese and a trip to the garden", "en"),
    ],
)
def test_the_postings_say_what_the_texts_say(read, model, question, language):
    words = content_words(question)
    met = read(PASSAGES, words, language)[1]
    texts, languages = [f"{one.title}\n{one.text}" for one in PASSAGES], [one.language for one in PASSAGES]
    assert met == pytest.approx(model.words.met(model.words.of(words, language), texts, languages), abs=1e-5)


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("When did the footbridge over the river open?", "en"),
        ("Combien de parcelles le potager compte-t-il ?", "fr"),
        ("pommiers, abeilles, ruches, 2026", "fr"),
    ],
)
def test_the_postings_of_an_index_say_what_its_passages_say(built, model, question, language):
    words = model.words.of(content_words(question), language)
    with closing(open_current(IndexFolder(built.index), model)) as index:
        met = index.vocabulary.read(words)[1]
        passages = index.documents.passages(list(range(len(met))))
    assert len({one.document_id for one in passages}) == 5
    texts, languages = [f"{one.title}\n{one.text}" for one in passages], [one.language for one in passages]
    assert met == pytest.approx(model.words.met(words, texts, languages), abs=1e-5)


# Words beyond those that are kept


def test_a_rare_word_is_met_by_itself_alone(read):
    words = ["bridge", "rose", "fromage", "cheese"]
    everything, little = (read(PASSAGES, words, kept=kept)[1] for kept in (100, 1))
    # Of each language one word is kept: "bridge" and "chèvre".
    assert (everything[[0, 1, 4, 5], 0] > 0.8).all()
    assert little[:, 0].tolist() == [1, 1, 0, 0, 1, 0]
    assert (everything[3, [2, 3]] > 0.8).all()
    assert little[3, 2] == 1
    assert little[3, 3] < 0.8


def test_a_rare_word_is_met_whatever_its_accents(read):
    assert found(read(PASSAGES, ["bibliotheque"], "fr", kept=1)[1][:, 0]) == [5]


def test_a_rare_word_is_found_in_every_passage_that_holds_it(read):
    met = read(PASSAGES, ["rose", "library"], kept=1)[1]
    assert found(met[:, 0]) == [2]
    assert found(met[:, 1]) == [2, 4]

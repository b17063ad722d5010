"""The ranking: passages of both languages for a question in either, and how they share the places."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from qa_service.embedding_model import EmbeddingModel
from qa_service.generations import IndexFolder
from qa_service.index_reader import OpenIndex, open_current
from qa_service.retrieval import RankedPassage, prepare, retrieve
from qa_service.settings import Settings

ARTICLES = {
    "en/bridge": "The old bridge\n\nThe stone bridge over the river was built in 1911. It carries a tramway.",
    "fr/pont": "Le vieux pont\n\nLe pont de pierre a été restauré en 2003. Son gardien s’appelle Anselme.",
    "en/garden": "The herb garden\n\nMint and sage grow behind the school. Children water them every morning.",
    "fr/jardin": "Le jardin\n\nLe jardin compte quarante pommiers. Les abeilles y produisent du miel.",
}


Indexer = Callable[..., Settings]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, index_texts: Indexer) -> Settings:
    return index_texts(tmp_path_factory.mktemp("retrieval"), ARTICLES)


@pytest.fixture(scope="module")
def model() -> EmbeddingModel:
    return EmbeddingModel.load("")


@pytest.fixture(scope="module")
def index(settings: Settings, model: EmbeddingModel) -> Iterator[OpenIndex]:
    opened = open_current(IndexFolder(settings.index), model)
    yield opened
    opened.close()


def best(question: str, index: OpenIndex, model: EmbeddingModel) -> str:
    return retrieve(prepare(question, index, model), index, model)[0].passage.document_id


@pytest.mark.parametrize(
    ("question", "document_id"),
    [
        ("When was the stone bridge built?", "en/bridge"),
        ("Quand le pont a-t-il été construit et que porte-t-il, un tramway ?", "en/bridge"),
        ("How many apple trees does the garden have?", "fr/jardin"),
        ("Combien de pommiers compte le jardin ?", "fr/jardin"),
        ("Qui s'appelle Anselme ?", "fr/pont"),
        ("Who is called Anselme?", "fr/pont"),
        ("menthe et sauge", "en/garden"),
        ("MIEL DES ABEILLES", "fr/jardin"),
    ],
)
def test_the_passage_is_found_in_either_language(
    question: str, document_id: str, index: OpenIndex, model: EmbeddingModel
) -> None:
    assert best(question, index, model) == document_id


def test_both_languages_share_one_ranking(index: OpenIndex, model: EmbeddingModel) -> None:
    found = retrieve(prepare("the bridge over the river", index, model), index, model)
    assert {ranked.passage.language for ranked in found} == {"en", "fr"}
    scores = [ranked.score for ranked in found]
    assert scores == sorted(scores, reverse=True)


def test_count_limits_the_ranking(index: OpenIndex, model: EmbeddingModel) -> None:
    assert len(retrieve(prepare("bridge", index, model), index, model, count=1)) == 1


@pytest.mark.parametrize("question", ["", "the of and", "???", "le la les", "\u0000", "🙂🙂"])
def test_a_question_without_a_subject_finds_nothing_or_little(
    question: str, index: OpenIndex, model: EmbeddingModel
) -> None:
    assert all(ranked.score < 0.5 for ranked in retrieve(prepare(question, index, model), index, model))


def test_weights_sum_to_one_and_rare_words_weigh_more(index: OpenIndex, model: EmbeddingModel) -> None:
    query = prepare("Does the garden have zebras?", index, model)
    weights = dict(zip(query.words.folded, query.weights, strict=True))
    assert np.isclose(query.weights.sum(), 1)
    assert np.isclose(query.importance.sum(), 1)
    assert weights["zebras"] > weights["garden"]


def test_passages_are_spans_of_their_documents(index: OpenIndex, model: EmbeddingModel) -> None:
    for ranked in retrieve(prepare("bridge garden pont jardin", index, model), index, model):
        passage = ranked.passage
        assert index.documents.article(passage.document_id).text[passage.start : passage.end] == passage.text


# Candidates and places


WHAT = ("carries walkers", "is painted green", "was repaired", "creaks in winter", "has brass lamps", "is narrow")
WHERE = ("near the mill", "by the weir", "at the lock")
# One article that says much about footbridges, and eight that say little; a French one, and one about something else.
MANY = {
    "en/much": "All footbridges\n\n"
    + "\n\n".join(f"The old footbridge {where} {what}. It opened long ago." for where in WHERE for what in WHAT),
    **{
        f"en/little-{number}": f"A {colour} footbridge\n\nThe {colour} footbridge is closed to cyclists {when}."
        for number, (colour, when) in enumerate(
            zip(
                ("red", "white", "blue", "black", "yellow", "grey", "wooden", "stone"),
                ("in April", "on Sundays", "at night", "in June", "all summer", "after rain", "for a month", "at noon"),
                strict=True,
            )
        )
    },
    "fr/passerelle": "La passerelle\n\nUne passerelle neuve enjambe le canal du village depuis peu.",
    "fr/recette": "Une recette\n\nLa soupe aux poireaux demande deux heures de patience.",
}
QUESTION = "Which old footbridge opened?"


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory, model: EmbeddingModel, index_texts: Indexer) -> Iterator[OpenIndex]:
    settings = index_texts(tmp_path_factory.mktemp("many"), MANY, passage_tokens=32, passage_overlap=0)
    with closing(open_current(IndexFolder(settings.index), model)) as opened:
        yield opened


def ranking(question: str, index: OpenIndex, model: EmbeddingModel, count: int = 10) -> list[RankedPassage]:
    return retrieve(prepare(question, index, model), index, model, count)


@pytest.mark.parametrize(("count", "share"), [(10, 4), (5, 2), (1, 1)])
def test_no_article_fills_more_than_its_share_while_others_have_something(
    count: int, share: int, many: OpenIndex, model: EmbeddingModel
) -> None:
    found = ranking(QUESTION, many, model, count)
    assert len(found) == count
    assert found[0].passage.document_id == "en/much"
    assert Counter(one.passage.document_id for one in found)["en/much"] == share


def test_what_is_over_the_share_comes_after_the_others(many: OpenIndex, model: EmbeddingModel) -> None:
    found = ranking(QUESTION, many, model, 20)
    names = [one.passage.document_id for one in found]
    assert len(found) == 20
    first = names.index("fr/recette")  # of the others, it has least to do with the question
    assert names[:first].count("en/much") == 8
    assert set(names[first + 1 :]) == {"en/much"}
    assert found[first + 1].score > found[first].score
    places = [(one.passage.document_id, one.passage.start) for one in found]
    assert len(set(places)) == len(places)


def test_a_small_archive_still_gives_all(tmp_path: Path, model: EmbeddingModel, index_texts: Indexer) -> None:
    articles = {"en/much": MANY["en/much"]}
    settings = index_texts(tmp_path, articles, passage_tokens=32, passage_overlap=0)
    with closing(open_current(IndexFolder(settings.index), model)) as index:
        found = ranking(QUESTION, index, model)
    assert len(found) == 10
    scores = [one.score for one in found]
    assert scores == sorted(scores, reverse=True)


@pytest.fixture(scope="module")
def crowded(
    tmp_path_factory: pytest.TempPathFactory, model: EmbeddingModel, index_texts: Indexer
) -> Iterator[OpenIndex]:
    """An index of many English articles on one thing, and two French ones of which one is on it."""
    english = {
        f"en/{number}": f"Number {number}\n\nThe old footbridge of lane {number} opened." for number in range(60)
    }
    settings = index_texts(
        tmp_path_factory.mktemp("crowded"), english | {name: MANY[name] for name in MANY if "fr/" in name}
    )
    with closing(open_current(IndexFolder(settings.index), model)) as opened:
        yield opened


@pytest.mark.parametrize("question", [QUESTION, "Quelle vieille passerelle a ouvert ?"])
def test_neither_language_crowds_the_other_out(question: str, crowded: OpenIndex, model: EmbeddingModel) -> None:
    found = ranking(question, crowded, model, 50)  # more passages meet the question than there are places
    spoken = Counter(one.passage.language for one in found)
    assert spoken["en"] < 50
    assert next(one for one in found if one.passage.language == "fr").passage.document_id == "fr/passerelle"


@pytest.mark.parametrize(
    ("language", "text", "question"),
    [
        (
            "en",
            "The harbour crane lifts forty tonnes of steel. It was built in 1931 by the port.",
            "What does the crane lift?",
        ),
        ("fr", "La grue du port soulève quarante tonnes d’acier. Elle date de 1931.", "Que soulève la grue ?"),
    ],
)
def test_a_copy_in_another_article_goes_behind(
    language: str, text: str, question: str, tmp_path: Path, model: EmbeddingModel, index_texts: Indexer
) -> None:
    further = {
        "en/quay": "The quay\n\nA crane stands on the quay, and gulls nest on it in spring.",
        "fr/quai": "Le quai\n\nUne grue rouillée dort sur le quai, où nichent les mouettes.",
    }
    copies = {f"{language}/first": f"A\n\n{text}", f"{language}/second": f"B\n\n{text}"}
    settings = index_texts(tmp_path, copies | further)
    with closing(open_current(IndexFolder(settings.index), model)) as index:
        found = ranking(question, index, model)
        two = ranking(question, index, model, 2)
    names = [one.passage.document_id for one in found]
    assert set(names) == copies.keys() | further.keys()
    assert {names[0], names[-1]} == copies.keys()
    assert found[-1].score > found[-2].score  # nothing but the copy puts it last
    assert not copies.keys() <= {one.passage.document_id for one in two}


def test_every_passage_says_how_well_it_meets_each_word(index: OpenIndex, model: EmbeddingModel) -> None:
    query = prepare("Combien de pommiers, quelle rivière, et 1911 ?", index, model)
    assert query.words.language == "fr"
    assert query.met.shape == (4, len(query.words.folded))
    passages = index.documents.passages(list(range(4)))
    holds = {
        word: {passages[row].document_id for row in np.flatnonzero(query.met[:, column] > 0.8)}
        for column, word in enumerate(query.words.folded)
    }
    assert holds == {"pommiers": {"fr/jardin"}, "riviere": {"en/bridge"}, "1911": {"en/bridge"}}


def test_a_question_of_hundreds_of_words_is_read_from_its_beginning(index: OpenIndex, model: EmbeddingModel) -> None:
    question = "Where do mint and sage grow? " + " ".join(f"word{n}" for n in range(500))
    query = prepare(question, index, model)
    assert len(query.words.folded) == query.met.shape[1] == 64
    assert "mint" in query.words.folded


def test_an_article_named_like_a_language_is_an_article(
    tmp_path: Path, model: EmbeddingModel, index_texts: Indexer
) -> None:
    articles = {
        "en": "The crane\n\nThe harbour crane lifts steel.",
        "fr": "La grue\n\nLa grue du port soulève l’acier.",
    }
    settings = index_texts(tmp_path, articles)
    with closing(open_current(IndexFolder(settings.index), model)) as opened:
        found = ranking("What does the crane lift?", opened, model, 1)
    assert [one.passage.document_id for one in found] == ["en"]

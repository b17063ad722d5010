"""What speaks for a sentence: each feature on sentences made for it, in both languages."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from qa_service.chunking import Passage
from qa_service.composing.evidence import FEATURES, Sentence, candidates, features, sentences_of
from qa_service.embedding_model import EmbeddingModel
from qa_service.generations import IndexFolder
from qa_service.index_reader import OpenIndex, open_current
from qa_service.language import Language
from qa_service.retrieval import RankedPassage, prepare, retrieve
from qa_service.settings import Settings


@pytest.fixture(scope="module")
def index(built: Settings, model: EmbeddingModel) -> Iterator[OpenIndex]:
    opened = open_current(IndexFolder(built.index), model)
    yield opened
    opened.close()


Columns = dict[str, NDArray[np.float32]]


def a_passage(
    text: str, language: Language = "en", title: str = "", start: int = 0, name: str = "an/article"
) -> Passage:
    return Passage(name, language, 0, start, start + len(text), text, title)


class Asked:
    """Measures the sentences of passages, written as passages or as plain English text, for a question."""

    def __init__(self, index: OpenIndex, model: EmbeddingModel) -> None:
        self._index, self._model = index, model

    def __call__(self, question: str, *passages: Passage | str, scores: tuple[float, ...] = ()) -> Columns:
        made = [
            a_passage(one, name=f"an/article-{at}") if isinstance(one, str) else one for at, one in enumerate(passages)
        ]
        ranked = [RankedPassage(one, score) for one, score in zip(made, scores or [1.0] * len(made), strict=True)]
        rows = features(prepare(question, self._index, self._model), candidates(ranked), self._model)
        return {name: rows[:, column] for column, name in enumerate(FEATURES)}


@pytest.fixture
def asked(index: OpenIndex, model: EmbeddingModel) -> Asked:
    return Asked(index, model)


def test_no_feature_is_there_twice() -> None:
    assert len(set(FEATURES)) == len(FEATURES)


def test_nothing_found_has_no_rows(index: OpenIndex, model: EmbeddingModel) -> None:
    assert features(prepare("bridge", index, model), [], model).shape == (0, len(FEATURES))


@pytest.mark.parametrize(
    "question",
    ["How long is the footbridge?", "Quelle est la longueur de la passerelle ?", "", "the of", "2026", "ÉÉÉ"],
)
def test_every_feature_of_every_sentence_is_a_number(question: str, index: OpenIndex, model: EmbeddingModel) -> None:
    query = prepare(question, index, model)
    found = candidates(retrieve(prepare("footbridge jardin orchard", index, model), index, model))
    rows = features(query, found, model)
    assert rows.shape == (len(found), len(FEATURES))
    assert np.isfinite(rows).all()


def test_every_sentence_is_a_candidate_once() -> None:
    text = "The footbridge opened in May. The deck is narrow and wet."
    overlapping = [RankedPassage(a_passage(text), 1.0), RankedPassage(a_passage(text[30:], start=30), 0.5)]
    found = candidates(overlapping)
    assert [(sentence.text, ranked.score) for sentence, ranked in found] == [
        ("The footbridge opened in May.", 1.0),
        ("The deck is narrow and wet.", 1.0),
    ]


def test_sentences_know_their_neighbours_and_labels_are_none() -> None:
    text = "The footbridge opened in May. Wet deck. The deck is narrow and wet."
    first, last = sentences_of(a_passage(text, start=100))
    assert first == Sentence(first.passage, 100, 129, "The footbridge opened in May.", "", "Wet deck.")
    assert (last.before, last.after) == ("Wet deck.", "")


# Words


@pytest.mark.parametrize(
    ("question", "text", "language"),
    [
        ("Which roses do volunteers prune?", "Volunteers prune the roses in winter. The town holds a market.", "en"),
        (
            "Quelles roses les bénévoles taillent-ils ?",
            "Volunteers prune the roses in winter. The town holds a market.",
            "en",
        ),
        (
            "Which roses do volunteers prune?",
            "Les bénévoles taillent les roses en hiver. La ville tient un marché.",
            "fr",
        ),
    ],
)
def test_words_are_met_in_all_directions(asked: Asked, question: str, text: str, language: Language) -> None:
    found = asked(question, a_passage(text, language))
    for name in ("words met by the sentence", "words met by the sentence, rare ones first", "cosine with the sentence"):
        assert found[name][0] > found[name][1], name
    assert found["heaviest word not met by the sentence"][0] < found["heaviest word not met by the sentence"][1]
    assert found["words met with the sentence before"][1] > found["words met by the sentence"][1]
    assert found["words met with the sentence after"][1] == pytest.approx(found["words met by the sentence"][1])
    assert found["words met with the passage"][0] == pytest.approx(found["words met with the passage"][1])


def test_the_title_meets_words_that_the_passage_lacks(asked: Asked) -> None:
    text = "It opened for walkers in May."
    bare, titled = (
        asked("When did the footbridge open?", a_passage(text, title=title)) for title in ("", "The footbridge")
    )
    for name in (
        "words met with the passage and title",
        "words met with the title",
        "words met with the title and sentence before",
    ):
        assert titled[name][0] > bare[name][0], name
    assert titled["words met with the passage"] == pytest.approx(bare["words met with the passage"])
    assert titled["heaviest word not met with the passage"][0] < bare["heaviest word not met with the passage"][0]


def test_what_the_title_lacks_is_what_is_asked_of_it(asked: Asked) -> None:
    question = "Why must cyclists dismount on the footbridge?"
    text = "The footbridge over the river opened. Cyclists must dismount there today."
    found = asked(question, a_passage(text, title="The footbridge"))
    bare = asked(question, a_passage(text))
    lacking = "words that the title lacks, met by the sentence"
    assert found[lacking][1] > 0.9
    assert found[lacking][0] < 0.3
    assert found["words that the title lacks, met with the sentence before"][1] >= found[lacking][1]
    assert found["words that the title lacks"][0] < bare["words that the title lacks"][0] == pytest.approx(1)
    assert asked("the footbridge", a_passage(text, title="The footbridge"))[lacking] == pytest.approx([0, 0])


def test_words_that_few_sentences_meet_tell_the_most(asked: Asked) -> None:
    question = "Which river bridge has a siren?"
    text = "The river bridge carries walkers. The river bridge carries lamps. The river bridge carries a siren."
    found = asked(question, text)
    few, rare = (
        found[name]
        for name in ("words that few sentences meet, met by the sentence", "words met by the sentence, rare ones first")
    )
    assert few[2] - few[0] > rare[2] - rare[0] + 0.05 > 0.05
    after = asked(question, text + " The river bridge carries cables.")
    with_before = after["words that few sentences meet, met with the sentence before"]
    assert with_before[3] == pytest.approx(with_before[2])
    assert with_before[3] > after["words that few sentences meet, met by the sentence"][3]


def test_names_and_numbers_are_counted_apart(asked: Asked) -> None:
    found = asked("Did Helen Marsh open it in 1931?", "Helen Marsh opened a footbridge there.")
    assert found["names and numbers met with the passage"][0] == pytest.approx(2 / 3)
    assert found["names and numbers not met"][0] == pytest.approx(1 / 3)


# Scores


def test_an_article_counts_by_its_best_passages(asked: Asked) -> None:
    one, two, three, four, alone = (
        f"The {word} garden holds many old roses." for word in ("first", "second", "third", "fourth", "other")
    )
    passages = [
        *(a_passage(text, start=at * 1_000, name="en/much") for at, text in enumerate((one, two, three, four))),
        a_passage(alone, name="en/little"),
    ]
    found = asked("roses", *passages, scores=(1.0, 0.8, 0.6, 0.1, 0.9))
    assert found["score of the passage"] == pytest.approx([1.0, 0.8, 0.6, 0.1, 0.9])
    assert found["distance from the best passage"] == pytest.approx([0, 0.2, 0.4, 0.9, 0.1])
    assert found["best score of the article"] == pytest.approx([1, 1, 1, 1, 0.9])
    assert found["mean of the article's best three"] == pytest.approx([0.8, 0.8, 0.8, 0.8, 0.9])


# Kinds


@pytest.mark.parametrize(
    ("kind", "question", "named", "not_named", "language"),
    [
        ("date", "When did it open?", "The deck opened on 12 May 2024.", "The deck opened with music.", "en"),
        (
            "date",
            "Quand a-t-elle ouvert ?",
            "Le tablier a ouvert le 12 mai 2024.",
            "Le tablier a ouvert en musique.",
            "fr",
        ),
        ("number", "How many trees?", "Pupils planted forty apple trees.", "Pupils planted old apple trees.", "en"),
        (
            "number",
            "Combien d’arbres ?",
            "Les élèves plantent quarante arbres.",
            "Les élèves plantent des arbres verts.",
            "fr",
        ),
        (
            "person",
            "Qui a coupé le ruban ?",
            "The ribbon was cut by Helen Marsh.",
            "The red ribbon was cut early.",
            "en",
        ),
        (
            "place",
            "Where did they meet?",
            "Les ministres se réunissent à Lisbonne.",
            "Les ministres se réunissent souvent.",
            "fr",
        ),
        (
            "reason",
            "Pourquoi descendre ?",
            "Cyclists dismount because the deck is narrow.",
            "Cyclists dismount and walk slowly.",
            "en",
        ),
    ],
)
def test_the_kind_asked_for_is_named_or_not(
    asked: Asked, kind: str, question: str, named: str, not_named: str, language: Language
) -> None:
    found = asked(question, a_passage(named, language, name="one"), a_passage(not_named, language, name="other"))
    assert found[f"{kind} asked for and named"].tolist() == [1, 0]
    assert found[f"{kind} asked for and not named"].tolist() == [0, 1]
    assert found["no kind asked for"].tolist() == [0, 0]


def test_without_a_kind_asked_for_none_counts(asked: Asked) -> None:
    found = asked("Tell me about the deck", "On 12 May 2024 Helen Marsh opened two decks in Lisbon.")
    assert found["no kind asked for"].tolist() == [1]
    assert not any(found[name].any() for name in FEATURES if " asked for and " in name)
    assert found["names not in the question, no kind asked for"] == pytest.approx(found["names not in the question"])


def test_a_question_does_not_ask_for_what_it_names(asked: Asked) -> None:
    found = asked(
        "Who was with Helen Marsh?", "The deck was opened by Helen Marsh.", "The deck was praised by Ada Lovelace."
    )
    assert found["person asked for and named"].tolist() == [0, 1]
    assert found["names not in the question"] == pytest.approx(np.log1p([0, 1]))
    assert found["names not in the question, no kind asked for"].tolist() == [0, 0]


def test_a_full_date_says_more_than_a_year(asked: Asked) -> None:
    found = asked("When did it open?", "The deck opened on 12 May 2024.", "The deck opened to walkers in 2024.")
    assert found["date asked for and a full one named"].tolist() == [1, 0]
    assert asked("Why?", "The deck opened on 12 May 2024.")["date asked for and a full one named"].tolist() == [0]


@pytest.mark.parametrize(
    ("question", "language"),
    [("How many trees did pupils plant?", "en"), ("Combien d’arbres les élèves ont-ils plantés ?", "fr")],
)
def test_what_is_counted_stands_after_the_number(asked: Asked, question: str, language: Language) -> None:
    found = asked(
        question,
        "Pupils planted forty trees behind the school.",
        a_passage("Les élèves ont planté quarante arbres derrière le mur.", "fr", name="fr"),
        "Forty pupils planted trees behind the school.",
        "Pupils planted trees behind the school.",
    )["counted word met after a number"]
    assert (found[:2] > 0.8).all()
    assert found[3] == 0
    assert not asked("Who planted trees?", "Pupils planted forty trees there.")["counted word met after a number"].any()


# Forms


def test_what_begins_an_article_is_told_from_what_follows(asked: Asked) -> None:
    text = "The deck opened with loud music."
    found = asked("music", a_passage(text), a_passage(text, start=299, name="b"), a_passage(text, start=300, name="c"))
    assert found["begins the article"].tolist() == [1, 1, 0]


@pytest.mark.parametrize(("question", "own"), [("Where is the music?", [1, 0]), ("Où est la musique ?", [0, 1])])
def test_the_language_of_the_question_is_told_from_the_other(asked: Asked, question: str, own: list[int]) -> None:
    french = a_passage("Le tablier a ouvert en musique.", "fr", name="fr")
    assert (
        asked(question, "The deck opened with loud music.", french)["in the language of the question"].tolist() == own
    )


def test_length_counts_content_words(asked: Asked) -> None:
    found = asked(
        "music", "The deck opened with loud music.", "The deck opened with loud music, drums, lamps and dances."
    )
    assert found["length"] == pytest.approx(np.log([4, 7]))
    assert found["short"].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("text", "ended"),
    [
        ("The deck opened with music.", 1),
        ("Il ouvre « le tablier neuf ! »", 1),
        ("Deck opened with music", 0),
        ("Les tabliers neufs ouverts :", 0),
    ],
)
def test_headings_do_not_end_like_sentences(asked: Asked, text: str, ended: int) -> None:
    assert asked("music", text)["ends like a sentence"].tolist() == [ended]


@pytest.mark.parametrize(
    ("text", "back"),
    [
        ("It opened late with loud music.", 1),
        ("Cet accord reste longtemps secret.", 1),
        ("The deck opened with music.", 0),
    ],
)
def test_pointing_back_is_seen(asked: Asked, text: str, back: int) -> None:
    assert asked("music", text)["points back"].tolist() == [back]

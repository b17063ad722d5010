"""What a question asks for and what a sentence names, in both languages."""

from __future__ import annotations

import pytest

from qa_service.composing.question_types import (
    KINDS,
    Kind,
    asked_kinds,
    counted_word,
    leans_on_the_one_before,
    offered,
)
from qa_service.language import WORD, fold


def known(question: str) -> frozenset[str]:
    return frozenset(WORD.findall(fold(question)))


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("When does it take effect?", "date"),
        ("Quand entre-t-il en vigueur ?", "date"),
        ("À quelle date ?", "date"),
        ("QUELLE DATE", "date"),
        ("On which day did they meet?", "date"),
        ("In which century was it built?", "date"),
        ("En quelle année ?", "date"),
        ("How many countries signed?", "number"),
        ("Combien de pays ont signé ?", "number"),
        ("How long is the deck?", "number"),
        ("Quelle longueur fait le tablier ?", "number"),
        ("Which percentage voted?", "number"),
        ("Who signed it?", "person"),
        ("Qui a signé ?", "person"),
        ("Which foreign minister signed?", "person"),
        ("Quel ministre a signé ?", "person"),
        ("Where was it signed?", "place"),
        ("Où a-t-il été signé ?", "place"),
        ("OÙ A-T-IL ÉTÉ SIGNÉ ?", "place"),
        ("Ou a-t-il ete signe ?", "place"),
        ("In which city?", "place"),
        ("Dans quelle ville ?", "place"),
        ("Why was it signed?", "reason"),
        ("Pourquoi l’a-t-on signé ?", "reason"),
        ("What is the aim of the plan?", "reason"),
        ("Quel est l’objectif du plan ?", "reason"),
    ],
)
def test_a_question_says_what_it_asks_for(question: str, kind: Kind) -> None:
    assert asked_kinds(question) == {kind}


@pytest.mark.parametrize("question", ["Who signed, when and where?", "Qui a signé, quand et où ?"])
def test_a_question_may_ask_for_several_things(question: str) -> None:
    assert asked_kinds(question) == {"person", "date", "place"}


@pytest.mark.parametrize(
    "question", ["What is the plan?", "Le plan ou l’accord ?", "Is it ready?", "Est-ce prêt ?", "", "2756", "l'été"]
)
def test_other_questions_ask_for_no_kind(question: str) -> None:
    assert asked_kinds(question) == frozenset()


# What sentences name


@pytest.mark.parametrize(
    ("sentence", "kind"),
    [
        ("It was signed on September 26, 2024.", "date"),
        ("Il a été signé le 26 septembre 2024.", "date"),
        ("La résolution du 31/10/2024.", "date"),
        ("They met on a Friday.", "date"),
        ("Ils se sont vus vendredi.", "date"),
        ("There are two annexes.", "number"),
        ("Il y a deux annexes.", "number"),
        ("It is 84 metres long.", "number"),
        ("La moitié des parcelles.", "number"),
        ("The text was signed by Ada Lovelace.", "person"),
        ("Le texte est signé par Ada Lovelace.", "person"),
        ("They met in Lisbon.", "place"),
        ("Ils se sont vus à Lisbonne.", "place"),
        ("Ils viennent d’Espagne.", "place"),
        ("It aims to boost trade.", "reason"),
        ("Il vise à développer le commerce.", "reason"),
    ],
)
def test_a_sentence_names_what_it_holds(sentence: str, kind: Kind) -> None:
    assert offered(sentence).things[kind]
    assert offered(sentence).new(kind, known("What is it?"))


@pytest.mark.parametrize("sentence", ["They may come soon.", "Ils viennent bientôt.", ""])
def test_a_sentence_without_things_names_none(sentence: str) -> None:
    found = offered(sentence)
    assert not any(found.things.values())
    assert not any(found.new(kind, frozenset()) for kind in KINDS)
    assert (found.names, found.counted, found.full_date) == ((), (), False)


@pytest.mark.parametrize(
    ("kind", "sentence", "question", "elsewhere"),
    [
        ("date", "It opened in May 2024.", "Why did it open in May 2024?", "Why did it open?"),
        ("date", "Elle a ouvert en mai 2024.", "Pourquoi ouvrir en mai 2024 ?", "Pourquoi ouvrir ?"),
        ("number", "Forty trees grow there.", "Where do forty trees grow?", "How many trees grow there?"),
        ("number", "Quarante arbres y poussent.", "Où poussent quarante arbres ?", "Combien d’arbres ?"),
        ("person", "It was cut by Helen Marsh.", "When did Helen Marsh cut it?", "Who cut it?"),
        ("person", "Coupé par Helen Marsh.", "Quand Helen Marsh l’a-t-elle coupé ?", "Qui l’a coupé ?"),
        ("place", "They met in Lisbon.", "Who met in Lisbon?", "Where did they meet?"),
        ("place", "Vus à Lisbonne.", "Qui s’est vu à Lisbonne ?", "Où ?"),
    ],
)
def test_what_the_question_itself_names_is_not_new(kind: Kind, sentence: str, question: str, elsewhere: str) -> None:
    assert not offered(sentence).new(kind, known(question))
    assert offered(sentence).new(kind, known(elsewhere))


@pytest.mark.parametrize(
    ("sentence", "question"), [("It aims high.", "Why does it aim high?"), ("Car il pleut.", "Car il pleut ?")]
)
def test_a_reason_is_new_whatever_was_asked(sentence: str, question: str) -> None:
    assert offered(sentence).new("reason", known(question))


def test_names_are_counted_that_the_question_lacks() -> None:
    sentence = offered("There, on Monday, Helen Marsh met the council of Alder Bridge in Lisbon.")
    assert sentence.names == ("monday", "helen marsh", "alder bridge", "lisbon")
    assert sentence.new_names(known("Whom did the mayor meet?")) == 4
    assert sentence.new_names(known("Whom did Helen meet in Lisbon?")) == 2


def test_a_capital_alone_at_the_start_is_no_name() -> None:
    assert offered("Cyclists must dismount.").names == ()
    assert offered("Helen Marsh dismounts.").names == ("helen marsh",)


@pytest.mark.parametrize(
    ("sentence", "full"),
    [
        ("It opened on 12 May 2024.", True),
        ("Elle a ouvert le 12 mai.", True),
        ("It opened in 2024.", False),
        ("Elle a ouvert en 2024.", False),
        ("It opened.", False),
    ],
)
def test_a_year_alone_is_no_full_date(sentence: str, full: bool) -> None:
    assert offered(sentence).full_date is full


# What is counted


@pytest.mark.parametrize(
    ("question", "word"),
    [
        ("How many countries signed?", "countries"),
        ("What is the number of trees?", "trees"),
        ("Combien de pays ont signé ?", "pays"),
        ("Combien d’élèves y a-t-il ?", "eleves"),
        ("Quel est le nombre de parcelles ?", "parcelles"),
        ("How much does it cost?", None),
        ("Quand ?", None),
        ("", None),
    ],
)
def test_what_a_question_wants_counted(question: str, word: str | None) -> None:
    assert counted_word(question) == word


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("It rests on three stone piers.", {"stone", "piers"}),
        ("Elle repose sur trois piles.", {"piles"}),
        ("Le potager compte 30 parcelles fleuries.", {"parcelles", "fleuries"}),
        ("It rests on piers.", set()),
    ],
)
def test_what_the_numbers_of_a_sentence_count(sentence: str, words: set[str]) -> None:
    assert set(offered(sentence).counted) == words


# Pointing back


@pytest.mark.parametrize(
    "sentence", ["It opened.", "They met.", "This plan failed.", "Il a ouvert.", "Cet accord tient.", "Elles montent."]
)
def test_a_sentence_may_point_back(sentence: str) -> None:
    assert leans_on_the_one_before(sentence)


@pytest.mark.parametrize("sentence", ["Item one.", "Theory first.", "Illustration.", "Sonate.", "Where is it?", ""])
def test_a_sentence_that_stands_alone_does_not_point_back(sentence: str) -> None:
    assert not leans_on_the_one_before(sentence)

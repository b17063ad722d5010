from __future__ import annotations

import pytest

from qa_service.composing.question_types import asked_kinds, offered_kinds


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("When does it take effect?", "date"),
        ("Quand entre-t-il en vigueur ?", "date"),
        ("À quelle date ?", "date"),
        ("QUELLE DATE", "date"),
        ("On which day did they meet?", "date"),
        ("How many countries signed?", "number"),
        ("Combien de pays ont signé ?", "number"),
        ("Who signed it?", "person"),
        ("Qui a signé ?", "person"),
        ("Where was it signed?", "place"),
        ("Où a-t-il été signé ?", "place"),
        ("Dans quelle ville ?", "place"),
        ("Why was it signed?", "reason"),
        ("Pourquoi l’a-t-on signé ?", "reason"),
    ],
)
def test_a_question_says_what_it_asks_for(question: str, kind: str) -> None:
    assert kind in asked_kinds(question)


@pytest.mark.parametrize("question", ["What is the plan?", "Le plan ou l’accord ?", "Is it ready?", "", "2756"])
def test_other_questions_ask_for_no_kind(question: str) -> None:
    assert "place" not in asked_kinds(question)
    assert "date" not in asked_kinds(question)


@pytest.mark.parametrize(
    ("sentence", "kind"),
    [
        ("It was signed on September 26, 2024.", "date"),
        ("Il a été signé le 26 septembre 2024.", "date"),
        ("La résolution du 31/10/2024.", "date"),
        ("Ils se sont vus vendredi.", "date"),
        ("There are two annexes.", "number"),
        ("Il y a deux annexes.", "number"),
        ("The text was signed by Ada Lovelace.", "person"),
        ("Le texte est signé par Ada Lovelace.", "person"),
        ("They met in Lisbon.", "place"),
        ("Ils se sont vus à Lisbonne.", "place"),
        ("It aims to boost trade.", "reason"),
        ("Il vise à développer le commerce.", "reason"),
    ],
)
def test_a_sentence_offers_what_it_holds(sentence: str, kind: str) -> None:
    assert kind in offered_kinds(sentence)


@pytest.mark.parametrize("sentence", ["They may come soon.", "Ils viennent bientôt."])
def test_a_sentence_without_a_date_offers_none(sentence: str) -> None:
    assert "date" not in offered_kinds(sentence)

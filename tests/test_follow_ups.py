"""Which questions lean on the ones before, what they take over, and how many are answered for it.

Run with ``-rP`` to see the figures.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qa_service.follow_ups import DASH, asked_language, complete, leans
from qa_service.pipeline import Pipeline

ROOT = Path(__file__).parents[1]
GOLDEN = Path(__file__).parent / "golden"
ENGLISH = "When was the visa agreement signed?"
FRENCH = "Quand l’accord sur les visas a-t-il été signé ?"


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (GOLDEN / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


LEANING = [row for row in rows("follow_ups") if "must" in row]
ALONE = [row for row in rows("follow_ups") if "must" not in row]
UNSEEN_LEANING = [row for row in rows("unseen_follow_ups") if "must" in row]
UNSEEN_ALONE = [row for row in rows("unseen_follow_ups") if "must" not in row]


def understood(turns: list[str]) -> list[str]:
    """The questions of a conversation as they are understood."""
    earlier: list[str] = []
    for question in turns:
        earlier.append(complete(question, earlier))
    return earlier


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory, opened_pipeline: Callable[[Path, Path], Pipeline]) -> Pipeline:
    return opened_pipeline(ROOT / "documents", tmp_path_factory.mktemp("index"))


# Which questions lean


@pytest.mark.parametrize(
    "question",
    [
        "Ou\u0300 ?", "Where?", "Why?", "And when?", "Who signed it?", "What about Rabat?", "And for students?",
        "In which city?",
        "When does it take effect?", "what did he say next?", "When was that agreement signed?", "What is its number?",
        "Où ?", "combien ?", "Et pour les Kazakhs ?", "Qui l’a signé ?", "Quand entre-t-il en vigueur ?",
        "Et à Rabat ?", "Qu’en pense le Maroc ?", "À quoi sert-elle ?", "Dans quelle ville ?", "QUI L A SIGNE",
        "ou a t il ete signe",
        "Quand cet accord a-t-il été signé ?", "Pourquoi le Maroc l’a-t-il proposé ?",
        "Que pense ce dernier du Sahara ?",
    ],
)  # fmt: skip
def test_questions_that_name_too_little_lean(question: str) -> None:
    assert leans(question)
    assert complete(question, ["Combien le hub du blé coûte-t-il ?"]).startswith(question + DASH)


@pytest.mark.parametrize(
    "question",
    [
        "Who are you?", "How are you?", "What can you do?", "Qui êtes-vous ?", "Comment ça va ?", "Que sais-tu faire ?",
        "Hello", "Thanks a lot!", "OK", "Merci beaucoup", "Bonjour !", "?", "Interpol", "Nurtleu Bourita Rabat ?",
        "visa exemption date", "hub ble maroc", "And what does the roadmap cover?", "Is it true that Morocco agreed?",
        "How long does it take to fly to Astana?", "Which plan did Morocco present this year?",
        "Is there a timetable for wheat?", "What is the plan that Morocco presented?",
        "If wheat has no port, how does it reach Africa?",
        "Quand l’exemption de visa entre-t-elle en vigueur ?", "Y a-t-il un calendrier pour le gazoduc ?",
        "Que faut-il pour voyager ?", "Est-ce que le Maroc a signé l’accord ?", "Interpol a-t-il été félicité ?",
        "En quelle année le plan a-t-il été présenté ?", "ou se trouve le sahel", "QUI A SIGNE L ACCORD",
        "Quelle est la résolution que le Conseil a adoptée cette année ?", "What does “UN” mean in this text?",
    ],
)  # fmt: skip
def test_questions_that_stand_alone_are_left_alone(question: str) -> None:
    assert not leans(question)
    assert complete(question, [ENGLISH, FRENCH]) == question


def test_a_question_of_many_words_says_what_it_is_about() -> None:
    assert complete("Why is it so? " * 30, [ENGLISH]) == "Why is it so? " * 30


@pytest.mark.parametrize(
    "question", ["x-il " * 20_000, "qui la " * 10_000, "a" * 100_000 + "-il", "and " * 60, "l'" * 140]
)
def test_no_question_takes_long(question: str) -> None:
    started = time.monotonic()
    complete(question, [ENGLISH, question])
    assert time.monotonic() - started < 2


def test_most_first_questions_do_not_lean() -> None:
    everything = [row["question"] for file in GOLDEN.glob("*.jsonl") for row in rows(file.stem) if "question" in row]
    found = [question for question in everything if leans(question)]
    print(f"{len(found)} of {len(everything)} first questions lean: {found}")
    assert len(found) <= 0.04 * len(everything)


# What they take over


def test_nothing_is_taken_over_from_nothing() -> None:
    assert complete("Where?", []) == "Where?"
    assert complete("Where?", ["Thanks!", "Hello", "Why?"]) == "Where?"


def test_a_bare_question_takes_all_of_the_one_before_but_what_it_asked_for() -> None:
    assert understood(["In which city was the visa agreement signed?", "When?"])[-1] == "When? ― visa agreement signed"


def test_a_question_with_a_verb_of_its_own_takes_the_subject() -> None:
    assert understood([ENGLISH, "When does it take effect?"])[-1] == "When does it take effect? ― visa agreement"


def test_a_chain_keeps_its_subject() -> None:
    turns = [
        "What is the visa exemption?",
        "Where was it signed?",
        "When does it take effect?",
        "Who does it apply to?",
    ]
    assert understood(turns)[-1] == "Who does it apply to? ― visa exemption"


def test_a_new_subject_takes_the_place_of_the_old_one() -> None:
    assert (
        understood(["Who launched the Atlantic Initiative?", ENGLISH, "Where?"])[-1] == "Where? ― visa agreement signed"
    )
    assert (
        "commission"
        not in understood(["Who will the joint commission bring together?", "And the Business Council?"])[-1]
    )


def test_small_talk_between_is_passed_over() -> None:
    assert understood([ENGLISH, "Thanks!", "Where?"]) == [ENGLISH, "Thanks!", "Where? ― visa agreement signed"]


def test_names_keep_their_capitals() -> None:
    assert complete("Who is he?", ["Did Murat Nurtleu visit Rabat?"]) == "Who is he? ― Murat Nurtleu visit Rabat"


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("And in French?", "fr"), ("In English, please", "en"), ("Et en anglais ?", "en"),
        ("en français s’il te plaît", "fr"), ("Can you say it again in French?", "fr"),
        ("Which articles are in French?", None), ("And?", None),
        ("Is the agreement in English or in French?", None), ("What is French?", None),
    ],
)  # fmt: skip
def test_a_language_alone_asks_the_same_again_in_it(question: str, language: str | None) -> None:
    assert asked_language(question) == language
    assert (complete(question, [ENGLISH]) == ENGLISH) == (language is not None)


# How many are answered for it


def answered(pipeline: Pipeline, dialogues: list[dict[str, Any]], name: str) -> float:
    """Share of dialogues whose last answer cites what it must; also printed for the last questions alone."""
    hits, alone, languages = [], [], []
    for row in dialogues:
        for question in row["turns"]:
            answer = pipeline.answer(question, conversation_id=f"{name} {row['id']}")
        languages.append(answer.language == row["language"])
        hits.append(any(words in citation.quote for words in row["must"] for citation in answer.citations))
        unaided = pipeline.answer(row["turns"][-1])
        alone.append(any(words in citation.quote for words in row["must"] for citation in unaided.citations))
    figures = f"{sum(alone)} without the conversation, {sum(languages)} in the right language"
    print(f"{name}: {sum(hits)} of {len(hits)} answered, {figures}")
    assert sum(languages) >= 0.95 * len(languages)
    return sum(hits) / len(hits)


def test_follow_ups_are_answered(pipeline: Pipeline) -> None:
    assert answered(pipeline, LEANING, "follow_ups") >= 0.84


def test_unseen_follow_ups_are_answered(pipeline: Pipeline) -> None:
    assert answered(pipeline, UNSEEN_LEANING, "unseen_follow_ups") >= 0.53


@pytest.mark.parametrize(("dialogues", "harmed"), [(ALONE, 1), (UNSEEN_ALONE, 2)])
def test_second_questions_on_a_new_subject_are_left_alone(dialogues: list[dict[str, Any]], harmed: int) -> None:
    changed = [row["turns"] for row in dialogues if understood(row["turns"])[-1] != row["turns"][-1]]
    print(f"{len(changed)} of {len(dialogues)} changed: {changed}")
    assert len(changed) <= harmed


def test_there_are_enough_dialogues_in_both_languages() -> None:
    assert len(LEANING) >= 40
    assert len(ALONE) >= 30
    assert {row["language"] for row in LEANING} == {row["language"] for row in ALONE} == {"en", "fr"}
    assert {len(row["turns"]) for row in LEANING} == {2, 3, 4}


@pytest.mark.parametrize("row", LEANING + UNSEEN_LEANING, ids=lambda row: row["id"])
def test_what_a_quote_must_hold_is_in_the_articles(row: dict[str, Any]) -> None:
    articles = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "documents").rglob("*.md"))
    assert all(words in articles for words in row["must"])


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("The Western Sahara autonomy plan — what does France say about it?", "When was it presented?"),
        ("Le plan d’autonomie — qu’en dit la France ?", "Quand a-t-il été présenté ?"),
    ],
)
def test_a_dash_of_the_reader_is_no_bar_of_ours(first: str, then: str) -> None:
    assert "autonom" in understood([first, then])[-1]

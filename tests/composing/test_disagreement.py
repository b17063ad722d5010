"""Where two sources give different values for one thing. Run with ``-rP`` to see the figures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qa_service.chunking import Passage
from qa_service.composing.disagreement import WARNING, disagree
from qa_service.composing.evidence import Sentence
from qa_service.embedding_model import EmbeddingModel
from qa_service.language import Language
from qa_service.pipeline import Pipeline

GOLDEN = Path(__file__).parents[1] / "golden"

ARTICLES = {
    "en/bridge.md": "The stone bridge over the river was opened on 3 May 1911. It carries trams and bicycles.",
    "fr/pont.md": "Le pont de pierre sur la rivière a été ouvert le 5 mai 1911. Le péage du pont coûte quatre francs.",
    "en/toll.md": "The toll of the stone bridge costs four francs. Horses cross the stone bridge at a walk.",
    "en/flood.md": "The flood in the valley killed 12 people. Schools stay closed until Monday.",
    "en/deluge.md": "The flood in the valley killed 19 people. Soldiers brought drinking water to the villages.",
    "en/old-flood.md": "The flood in the valley killed 40 people in 1930. The old dam was built of earth.",
    "en/library-now.md": "The new library has 31,000 books. The reading room is open until midnight.",
    "en/library-then.md": "The new library has 24,000 books. The shelves are made of oak.",
    "en/museum.md": "The museum opens at 9 a.m. on Sundays.",
    "fr/musee.md": "Le musée ouvre à 9 heures le dimanche.",
}
PUBLISHED = {"en/library-now.md": "2025-06-01", "en/library-then.md": "2019-06-01"}


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory, opened_pipeline: Callable[[Path, Path], Pipeline]) -> Pipeline:
    folder = tmp_path_factory.mktemp("disagreement")
    for name, text in ARTICLES.items():
        path = folder / "documents" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        meta = f"title: {name[3:-3].title()}\nlanguage: {name[:2]}\npublished: {PUBLISHED.get(name, '2025-06-01')}"
        path.write_text(f"---\n{meta}\n---\n{text}\n", encoding="utf-8")
    return opened_pipeline(folder / "documents", folder / "index")


@pytest.mark.parametrize(
    ("question", "values"),
    [
        ("When was the stone bridge over the river opened?", ["3 May 1911", "5 mai 1911"]),
        ("Quand le pont de pierre sur la rivière a-t-il été ouvert ?", ["3 May 1911", "5 mai 1911"]),
        ("How many people did the flood in the valley kill?", ["12 people", "19 people"]),
        ("Combien de personnes l’inondation de la vallée a-t-elle tuées ?", ["12 people", "19 people"]),
    ],
)
def test_both_values_are_cited_with_a_warning(pipeline: Pipeline, question: str, values: list[str]) -> None:
    answer = pipeline.answer(question)
    assert answer.warnings == (WARNING,) == ("sources_disagree",)
    quotes = [citation.quote for citation in answer.citations]
    assert all(any(value in quote for quote in quotes) for value in values)
    assert 2 <= len(quotes) <= 3
    assert [citation.n for citation in answer.citations] == list(range(1, len(quotes) + 1))
    assert len({citation.quote for citation in answer.citations}) == len(quotes)
    for citation in answer.citations:
        assert f"[{citation.n}]" in answer.answer


@pytest.mark.parametrize(
    "question",
    [
        "What does the stone bridge over the river carry?",
        "How much does the toll of the stone bridge cost?",
        "Combien coûte le péage du pont de pierre ?",
        "When was the old dam built?",
        "At what time does the museum open on Sundays?",
        "À quelle heure le musée ouvre-t-il le dimanche ?",
    ],
)
def test_sources_that_agree_give_no_warning(pipeline: Pipeline, question: str) -> None:
    assert pipeline.answer(question).warnings == ()


def test_what_has_changed_between_two_publications_is_no_disagreement(pipeline: Pipeline) -> None:
    answer = pipeline.answer("How many books does the new library have?")
    assert answer.citations
    assert answer.warnings == ()


def sentence(document: str, side: dict[str, Any]) -> Sentence:
    text = side["text"]
    return Sentence(Passage(document, side["language"], 0, 0, len(text), text, ""), 0, len(text), text, "", "")


def outcomes(name: str, model: EmbeddingModel) -> tuple[list[str], list[str], int, int]:
    """Of the pairs of a golden file: those missed, the false alarms, and how many of each kind there are."""
    rows = [json.loads(line) for line in (GOLDEN / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]
    missed, false = [], []
    for row in rows:
        one, other = sentence("one", row["one"]), sentence("other", row["other"])
        found = disagree(row["question"], one, other, model)
        assert found is disagree(row["question"], other, one, model), row["id"]
        if found is not row["disagree"]:
            (false if found else missed).append(row["id"])
    real = sum(row["disagree"] for row in rows)
    print(name, f"found {real - len(missed)} of {real}; {len(false)} false of {len(rows) - real}: {missed + false}")
    return missed, false, real, len(rows) - real


# A bound of one lies beside what was reached: another processor adds numbers in another order.
@pytest.mark.parametrize(("name", "found"), [("disagreements", 0.75), ("unseen_disagreements", 0.65)])
def test_true_disagreements_are_found_and_look_alikes_are_not(name: str, found: float, model: EmbeddingModel) -> None:
    missed, false, real, alike = outcomes(name, model)
    assert real >= 16
    assert alike >= 24
    assert 1 - len(missed) / real >= found
    assert len(false) <= 1


@pytest.mark.parametrize("name", ["disagreements", "unseen_disagreements"])
def test_every_direction_has_enough_pairs(name: str) -> None:
    rows = [json.loads(line) for line in (GOLDEN / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len({row["id"] for row in rows}) == len(rows)
    for kind in (True, False):
        languages = [{row["one"]["language"], row["other"]["language"]} for row in rows if row["disagree"] is kind]
        assert languages.count({"en"}) >= 5
        assert languages.count({"fr"}) >= 4
        assert languages.count({"en", "fr"}) >= 5


def test_one_document_does_not_contradict_itself(model: EmbeddingModel) -> None:
    one, other = ({"language": "en", "text": f"The bridge was opened in {year}."} for year in (1911, 1913))
    question = "When was the bridge opened?"
    assert disagree(question, sentence("one", one), sentence("other", other), model)
    assert not disagree(question, sentence("one", one), sentence("one", other), model)


@pytest.mark.parametrize("question", ["Who opened the bridge?", "What is the bridge?", "Pourquoi ?", ""])
def test_a_question_that_asks_for_no_value_finds_none(question: str, model: EmbeddingModel) -> None:
    one, other = ({"language": "en", "text": f"The bridge was opened in {year}."} for year in (1911, 1913))
    assert not disagree(question, sentence("one", one), sentence("other", other), model)


@pytest.mark.parametrize("negated", ["The bridge wasn't opened in 1913.", "The bridge was not opened in 1913."])
def test_what_did_not_happen_contradicts_nothing(negated: str, model: EmbeddingModel) -> None:
    one = sentence("one", {"language": "en", "text": "The bridge was opened in 1911."})
    assert not disagree(
        "When was the bridge opened?", one, sentence("other", {"language": "en", "text": negated}), model
    )


TITLES = [
    ("Maritime Museum of Brest", "Railway Museum of Lille", "A ticket costs {} euros.", "en", True),
    ("Fire at Orbec", "Storm at Dieppe", "About {} people were injured.", "en", True),
    (
        "Le théâtre de Caen rouvre",
        "La piscine de Rouen rouvre",
        "Les travaux ont coûté {} millions d’euros.",
        "fr",
        True,
    ),
    ("The tram line", "News of the tram line", "A ticket costs {} euros.", "en", False),
    ("Le musée de Brest", "Brest : le musée rouvre", "Un billet coûte {} euros.", "fr", False),
]


@pytest.mark.parametrize(("title", "other_title", "text", "language", "apart"), TITLES)
def test_like_sentences_on_two_things_contradict_nothing(
    title: str, other_title: str, text: str, language: Language, apart: bool, model: EmbeddingModel
) -> None:
    def told(document: str, title: str, number: int) -> Sentence:
        said = text.format(number)
        whole = f"{title}. {said}"
        return Sentence(Passage(document, language, 0, 0, len(whole), whole, title), 0, len(said), said, title, "")

    one, other = told("one", title, 8), told("other", other_title, 12)
    question = "How many people, how much is it?" if language == "en" else "Combien cela coûte-t-il ?"
    assert disagree(question, one, other, model) is not apart

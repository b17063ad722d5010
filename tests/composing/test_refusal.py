from __future__ import annotations

from pathlib import Path

import pytest

from qa_service.composing.refusal import unrelated_level, unrelated_questions
from qa_service.composing.sentence_model import sentence_model
from qa_service.embedding_model import EmbeddingModel
from qa_service.generations import IndexFolder
from qa_service.index_reader import open_current
from qa_service.indexing import index_documents
from qa_service.language import detect
from qa_service.pipeline import Pipeline
from qa_service.settings import Settings, load_settings

RECIPES = {
    "eggs": "Boil an egg for nine minutes if you want it hard. Cold water makes the egg easy to peel.",
    "pancakes": "The recipe for pancakes needs flour, milk and two eggs. Let the pancake batter rest for an hour.",
    "crêpes": "La recette de la pâte à crêpes demande de la farine, du lait et trois œufs. Salez la pâte.",
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("recipes")
    (folder / "documents").mkdir()
    for name, text in RECIPES.items():
        (folder / "documents" / f"{name}.txt").write_text(text, encoding="utf-8")
    settings = load_settings(documents=folder / "documents", index=folder / "index")
    index_documents([settings.documents], settings)
    return settings


def test_the_unrelated_questions_are_many_and_of_both_languages() -> None:
    asked = unrelated_questions()
    assert len(set(asked)) == len(asked) >= 60
    languages = [detect(question) for question in asked]
    assert abs(languages.count("en") - languages.count("fr")) <= 4


def test_no_golden_question_is_among_them() -> None:
    golden = Path(__file__).parents[1] / "golden"
    known = "".join(file.read_text(encoding="utf-8") for file in golden.glob("*.jsonl"))
    assert not [question for question in unrelated_questions() if f'"{question}"' in known]


def test_the_index_records_how_unrelated_questions_fare(settings: Settings) -> None:
    model = EmbeddingModel.load("")
    index = open_current(IndexFolder(settings.index), model)
    try:
        assert index.manifest.unrelated_level == pytest.approx(unrelated_level(index, model))
    finally:
        index.close()
    assert sentence_model().margin > 0


@pytest.mark.parametrize(
    ("question", "abstained"),
    [
        ("How long should I boil an egg?", False),
        ("Quelle est la recette de la pâte à crêpes ?", False),
        ("Who painted the ceiling of the Sistine Chapel?", True),
        ("Pourquoi les infirmiers belges font-ils grève ?", True),
    ],
)
def test_an_archive_that_does_hold_a_few_of_them_still_answers(
    settings: Settings, question: str, abstained: bool
) -> None:
    pipeline = Pipeline(settings)
    pipeline.open()
    try:
        assert pipeline.answer(question).abstained is abstained
    finally:
        pipeline.close()

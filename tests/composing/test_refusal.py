from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from langchain_core.embeddings import Embeddings

from qa_service.composing.refusal import level_of, refusal_id, unrelated_level, unrelated_questions
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
def recipes(tmp_path_factory: pytest.TempPathFactory) -> Settings:
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


def test_the_index_records_how_unrelated_questions_fare(recipes: Settings) -> None:
    model = EmbeddingModel.load("")
    with closing(open_current(IndexFolder(recipes.index), model)) as index:
        assert index.manifest.refusal == refusal_id()
        assert index.manifest.unrelated_level == pytest.approx(unrelated_level(index, model))
    assert sentence_model().margin > 0


class Counting(Embeddings):
    """The model's embeddings; it counts how often the unrelated questions are embedded."""

    def __init__(self, embeddings: Embeddings) -> None:
        self.embeddings = embeddings
        self.asked = 0

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.asked += 1
        return self.embeddings.embed_documents(texts)

    def embed_query(self, text: str) -> list[float]:
        return self.embeddings.embed_query(text)


@pytest.fixture
def counting(model: EmbeddingModel) -> EmbeddingModel:
    return replace(model, embeddings=Counting(model.embeddings))


def record(folder: IndexFolder, refusal: str | None, level: float | None) -> None:
    """Switch to a copy of the current generation that records another level."""
    source = folder.candidates()[0]
    with folder.writing():
        built = folder.begin()
        shutil.copytree(source.path, built.path, dirs_exist_ok=True)
        built.seal(replace(source.manifest(), refusal=refusal, unrelated_level=level))
        folder.switch_to(built)


def test_the_recorded_level_counts_where_it_is_of_this_release(folder: IndexFolder, counting: EmbeddingModel) -> None:
    record(folder, refusal_id(), 12.5)
    with closing(open_current(folder, counting)) as index:
        assert level_of(index, counting) == 12.5
    assert counting.embeddings.asked == 0


@pytest.mark.parametrize(("refusal", "level"), [("of another release", 12.5), (None, None), (None, 12.5)])
def test_another_level_is_measured_anew_and_once(
    folder: IndexFolder, counting: EmbeddingModel, refusal: str | None, level: float | None
) -> None:
    record(folder, refusal, level)
    with closing(open_current(folder, counting)) as index, ThreadPoolExecutor(4) as pool:
        levels = set(pool.map(lambda _: level_of(index, counting), range(8)))
        assert counting.embeddings.asked == 1
        assert levels == {unrelated_level(index, counting)}


def test_of_many_generations_the_last_levels_are_remembered(folder: IndexFolder, counting: EmbeddingModel) -> None:
    for _ in range(6):
        record(folder, None, None)
        with closing(open_current(folder, counting)) as index:
            level_of(index, counting)
            level_of(index, counting)
    assert counting.embeddings.asked == 6


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
    recipes: Settings, question: str, abstained: bool
) -> None:
    pipeline = Pipeline(recipes)
    pipeline.open()
    try:
        assert pipeline.answer(question).abstained is abstained
    finally:
        pipeline.close()

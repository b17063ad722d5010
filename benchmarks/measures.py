"""What is measured. Both sides of a measure take turns, so that a busy moment of the machine meets both."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.acknowledging import acknowledgement
from benchmarks.endpoint import endpoint_latency, publishing
from benchmarks.hashed_words import hashed_words
from benchmarks.yardsticks import DOCUMENTS, QUESTIONS, Measure, in_turns, one_by_one, percentile
from qa_service import BilingualEmbeddings
from qa_service.articles import Article, find_documents, read_article
from qa_service.chunking import ChunkSettings, Passage, passages, sentences
from qa_service.composing.support import Sources
from qa_service.embedding_model import EmbeddingModel
from qa_service.generations import IndexFolder
from qa_service.index_reader import open_current
from qa_service.indexing import index_documents, searchable_text
from qa_service.language import LANGUAGES, Language
from qa_service.pipeline import Pipeline
from qa_service.settings import Settings, load_settings

_SENTENCES = 10_000
_COPIES = 20  # of the sample documents: about a thousand passages
_PROMPT = 12  # passages
_WRITTEN = 5  # sentences of an answer
_FIRST_VECTOR = "from qa_service import BilingualEmbeddings; BilingualEmbeddings().embed_query('une question')"
_IMPORTS_ALONE = "import numpy, tiktoken; from langchain_core.embeddings import Embeddings"


def embedding_speed(rounds: int) -> Iterator[Measure]:
    """Sentences of the sample documents, repeated, through the embedded model."""
    own = [text for article in _articles(load_settings()) for text in _sentences(article)]
    texts = (own * (_SENTENCES // len(own) + 1))[:_SENTENCES]
    model = BilingualEmbeddings()
    model.encode(texts[:10])
    ours, yardstick = in_turns(rounds, lambda: model.encode(texts), lambda: hashed_words(texts))
    yield Measure(
        "embedding", "sentences/s", len(texts) / ours, len(texts) / yardstick, "bag of hashed words in plain Python"
    )


def load_time(rounds: int) -> Iterator[Measure]:
    """A fresh process up to its first vector."""
    ours, yardstick = in_turns(rounds, lambda: _fresh_process(_FIRST_VECTOR), lambda: _fresh_process(_IMPORTS_ALONE))
    yield Measure(
        "first vector of a fresh process", "s", ours, yardstick, "importing numpy, tiktoken and LangChain's interface"
    )


def answer_latency(rounds: int) -> Iterator[Measure]:
    """The development questions on the sample documents, answered from their index."""
    questions = [json.loads(line)["question"] for line in QUESTIONS.read_text(encoding="utf-8").splitlines()]
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(documents=DOCUMENTS, index=Path(folder))
        index_documents([DOCUMENTS], settings)
        with _answering(settings) as (answer, search):
            one_by_one(questions, answer)  # what is read on first use is no part of an answer
            ours, yardstick = [], []
            for _ in range(rounds):
                ours += one_by_one(questions, answer)
                yardstick += one_by_one(questions, search)
    for percent in (50, 95):
        name = f"answer, p{percent} of {len(questions)} questions"
        values = percentile(ours, percent), percentile(yardstick, percent)
        yield Measure(name, "ms", values[0] * 1000, values[1] * 1000, "BM25 search alone, both languages")


def index_speed(rounds: int) -> Iterator[Measure]:
    """The sample documents, copied under other names, into an index that can be served."""
    with tempfile.TemporaryDirectory() as folder:
        documents = Path(folder, "documents")
        for number in range(_COPIES):
            shutil.copytree(DOCUMENTS, documents / str(number))
        settings = load_settings(documents=documents, index=Path(folder, "index"))
        model = EmbeddingModel.load(settings.embeddings)
        texts = [searchable_text(part) for part in _passages(settings)] * _COPIES
        counts: list[int] = []
        ours, yardstick = in_turns(
            rounds,
            lambda: counts.append(index_documents([documents], settings, rebuild=True).passages),
            lambda: model.embeddings.embed_documents(texts),
        )
    assert counts == [len(texts)] * rounds, "both sides must embed the same passages"
    yield Measure(
        "building an index",
        "s per 1,000 passages",
        ours * 1000 / counts[0],
        yardstick * 1000 / len(texts),
        "embedding the passages alone",
    )


def checking_speed(rounds: int) -> Iterator[Measure]:
    """Five written sentences held to the passages of a prompt, each answer's read anew."""
    model = EmbeddingModel.load("")
    parts = _passages(load_settings())
    answers = []
    for first in range(0, len(parts) - _PROMPT, _PROMPT):
        prompt = parts[first : first + _PROMPT]
        written = [(*said, number) for number, part in enumerate(prompt, start=1) for said in _said(part)]
        answers.append((prompt, written[:: _PROMPT // 2][:_WRITTEN]))

    def held() -> None:
        for prompt, written in answers:
            sources = Sources(prompt, {}, model)
            for text, language, number in written:
                sources.support(text, language, (number,))

    def looked_up() -> None:
        for prompt, written in answers:
            texts = [set(part.text.lower().split()) for part in prompt]
            for text, _, _ in written:
                max(len(words & set(text.lower().split())) for words in texts)

    held()  # what is read on first use is no part of an answer
    ours, yardstick = in_turns(rounds, held, looked_up)
    yield Measure(
        f"checking an answer of {_WRITTEN} sentences against {_PROMPT} passages",
        "ms",
        ours / len(answers) * 1000,
        yardstick / len(answers) * 1000,
        "counting the words that each sentence shares with each passage",
    )


ALL: tuple[Callable[[int], Iterator[Measure]], ...] = (
    embedding_speed,
    load_time,
    answer_latency,
    checking_speed,
    index_speed,
    endpoint_latency,
    publishing,
    acknowledgement,
)


def _articles(settings: Settings) -> list[Article]:
    return [read_article(file, max_bytes=settings.max_document_bytes) for file in find_documents([DOCUMENTS])[0]]


def _passages(settings: Settings) -> list[Passage]:
    budget = ChunkSettings(settings.passage_tokens, settings.passage_overlap)
    return [part for article in _articles(settings) for part in passages(article, budget)]


def _said(part: Passage) -> list[tuple[str, Language]]:
    """The sentences of a passage without their first words: what is said word for word needs no comparison."""
    said = [part.text[span.start : span.end] for span in sentences(part.text, part.language)]
    return [(text.partition(" ")[2], part.language) for text in said if " " in text]


def _sentences(article: Article) -> list[str]:
    return [article.text[span.start : span.end] for span in sentences(article.text, article.language)]


@contextmanager
def _answering(settings: Settings) -> Iterator[tuple[Callable[[str], object], Callable[[str], object]]]:
    """Two ways to ask the same index: the pipeline's, and the lexical search alone."""
    pipeline = Pipeline(settings)
    pipeline.open()
    index = open_current(IndexFolder(settings.index), EmbeddingModel.load(settings.embeddings))
    try:
        yield pipeline.answer, lambda question: [index.lexical[language].search(question, 10) for language in LANGUAGES]
    finally:
        index.close()
        pipeline.close()


def _fresh_process(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True)

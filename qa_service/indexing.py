"""Documents in, a new generation of the index out."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from qa_service import verification
from qa_service.articles import find_documents
from qa_service.chunking import ChunkSettings, Passage, passages
from qa_service.composing.refusal import refusal_id
from qa_service.document_store import IndexedArticle, write_documents
from qa_service.embedding_model import EmbeddingModel
from qa_service.embeddings import Vectors
from qa_service.errors import DocumentError, IndexUnavailable
from qa_service.generations import Generation, IndexFolder, Manifest
from qa_service.index_reader import open_for_reuse
from qa_service.language import LANGUAGES
from qa_service.lexical import write_lexical
from qa_service.pairing import pairs_of
from qa_service.planning import Plan, Previous, Progress, make_plan
from qa_service.settings import Settings
from qa_service.vector_store import key, write_vectors
from qa_service.vocabulary import write_vocabulary

_LOG = logging.getLogger(__name__)
_EMBEDDED_AT_ONCE = 256


@dataclass(frozen=True)
class IndexReport:
    """What a run did: counts of documents, passages in the index, and what failed (a file or folder) with its reason.

    Where nothing could be used again (a rebuild, another model or other settings), every document counts as added.
    """

    added: int
    updated: int
    unchanged: int
    removed: int
    failed: dict[str, str]
    passages: int
    seconds: float
    generation: str


@dataclass(frozen=True)
class Material:
    """What is written into a generation: its articles, their passages, and the passages' vectors by passage key."""

    articles: list[IndexedArticle]
    parts: list[Passage]
    vectors: dict[str, Vectors]


def index_documents(
    roots: Sequence[Path],
    settings: Settings,
    *,
    rebuild: bool = False,
    measure: bool = True,
    progress: Progress = lambda *_: None,
) -> IndexReport:
    """Bring the index in line with the documents under some folders or files.

    Unchanged documents, recognised by their file's checksum, keep their passages and vectors; one that cannot be
    read any more keeps its last readable version. Nothing that a reader sees changes before the new generation is
    complete and was verified in a process of its own. ``measure`` is whether that process also measures from where
    on questions are refused; the training of the sentence model, which that needs, runs without. Raises IndexBusy when
    another run is writing, DocumentError when there are no documents at all, IndexUnavailable when the new generation
    cannot be written or fails verification.
    """
    started = time.monotonic()
    folder = IndexFolder(settings.index)
    chunking = ChunkSettings(settings.passage_tokens, settings.passage_overlap)
    model = EmbeddingModel.load(settings.embeddings)
    files, problems = find_documents(roots)
    if not files and not problems:
        raise DocumentError("There are no documents to index; the index was left as it was.")
    with folder.writing():
        folder.delete_unfinished()
        with _opened_previous(folder, model, chunking, rebuild=rebuild, measure=measure) as previous:
            plan = make_plan(files, dict(problems), previous, settings, progress)
            if previous and previous.may_stay(plan):
                name, count = previous.index.name, sum(previous.index.manifest.passages.values())
            else:
                material = _material(plan, previous, chunking, model, progress)
                count = len(material.parts)
                with _one_line():
                    name = _build(folder, material, model, settings, measure=measure, progress=progress)
    return IndexReport(
        added=plan.added,
        updated=plan.updated,
        unchanged=plan.unchanged,
        removed=plan.removed,
        failed=plan.failed,
        passages=count,
        seconds=round(time.monotonic() - started, 2),
        generation=name,
    )


@contextmanager
def _opened_previous(
    folder: IndexFolder, model: EmbeddingModel, chunking: ChunkSettings, *, rebuild: bool, measure: bool
) -> Iterator[Previous | None]:
    """The last good generation, if there is one."""
    try:
        index = open_for_reuse(folder, model)
    except IndexUnavailable as error:
        _LOG.info("Indexing from nothing: %s", error)
        yield None
        return
    try:
        made = index.manifest
        same = (made.model, made.passage_tokens, made.passage_overlap) == (model.id, chunking.tokens, chunking.overlap)
        yield Previous(
            index,
            reusable=same and not rebuild,
            current=index.name == folder.current_name(),
            measured=not measure or made.refusal == refusal_id(),
        )
    finally:
        index.close()


def _material(
    plan: Plan, previous: Previous | None, chunking: ChunkSettings, model: EmbeddingModel, progress: Progress
) -> Material:
    """The articles, passages and vectors of the new generation, in an order that does not depend on its history."""
    with _one_line():
        kept = _kept_material(plan, previous)
    articles = sorted(kept.articles + plan.new, key=lambda indexed: indexed.article.id)
    if not articles:
        name, reason = next(iter(plan.failed.items()))
        raise DocumentError(f"None of the documents could be read ({name}: {reason}); the index was left as it was.")
    fresh = [passage for indexed in plan.new for passage in passages(indexed.article, chunking)]
    vectors = dict(kept.vectors)
    for some, rows in _embedded(fresh, model, progress):
        vectors |= zip(map(key, some), rows, strict=True)
    if len({len(vector) for vector in vectors.values()}) > 1:
        raise IndexUnavailable(f"{model.id} gives vectors of another length now: run `qa-service index --rebuild`.")
    return Material(articles, sorted(kept.parts + fresh, key=lambda part: (part.document_id, part.number)), vectors)


def _kept_material(plan: Plan, previous: Previous | None) -> Material:
    """What the new generation takes over from the previous one: articles, passages and vectors."""
    if previous is None or not plan.kept:
        return Material([], [], {})
    store = previous.index.documents
    hashes = store.hashes()
    articles = [IndexedArticle(store.article(document_id), hashes[document_id]) for document_id in plan.kept]
    parts = [part for document_id in plan.kept for part in store.passages(store.numbers_of(document_id))]
    return Material(articles, parts, previous.index.vectors.vectors(parts))


def _embedded(
    parts: list[Passage], model: EmbeddingModel, progress: Progress
) -> Iterator[tuple[list[Passage], Vectors]]:
    for start in range(0, len(parts), _EMBEDDED_AT_ONCE):
        progress("embedding", start, len(parts))
        some = parts[start : start + _EMBEDDED_AT_ONCE]
        rows = model.embeddings.embed_documents([searchable_text(part) for part in some])
        yield some, np.asarray(rows, dtype=np.float32)


@contextmanager
def _one_line() -> Iterator[None]:
    """Say in one line, that names no folder, what the disk or Chroma does not allow."""
    from chromadb.errors import ChromaError

    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
    except (sqlite3.Error, ChromaError) as error:
        reason = str(error).partition("\n")[0][:200]
    else:
        return
    raise IndexUnavailable(f"The new index could not be written: {reason}. The old one stays.")


def _build(
    folder: IndexFolder,
    material: Material,
    model: EmbeddingModel,
    settings: Settings,
    *,
    measure: bool,
    progress: Progress,
) -> str:
    """Write, verify and switch to a new generation; returns its name."""
    generation = folder.begin()
    try:
        # It starts while there is nothing to be seen yet, and does so beside the writing.
        with _fresh_process(folder, generation, settings, measure=measure) as verifying:
            generation.seal(_write(generation.path, material, model, settings))
            progress("verifying", 0, 1)
            said = _verified(verifying, measure=measure)
        if measure:
            level = float(said.split()[-1])  # whatever a library may have printed before it
            manifest = replace(generation.manifest(), unrelated_level=level, refusal=refusal_id())
            generation.write_manifest(manifest)
        return folder.switch_to(generation).name
    except BaseException:
        generation.delete()
        raise


def searchable_text(passage: Passage) -> str:
    """What a passage is found by: its words under its article's title."""
    return f"{passage.title}\n{passage.text}"


def _write(path: Path, material: Material, model: EmbeddingModel, settings: Settings) -> Manifest:
    parts, vectors = material.parts, material.vectors
    pairs = pairs_of([indexed.article for indexed in material.articles], model.words.table)
    write_documents(path, material.articles, parts, pairs)
    for language in LANGUAGES:
        own = [(number, part) for number, part in enumerate(parts) if part.language == language]
        texts = [searchable_text(part) for _, part in own]
        write_lexical(path, language, [number for number, _ in own], texts)
    write_vocabulary(path, parts)
    write_vectors(path, ((number, part, vectors[key(part)]) for number, part in enumerate(parts)))
    return Manifest(
        model=model.id,
        dimensions=len(next(iter(vectors.values()), [])),
        passage_tokens=settings.passage_tokens,
        passage_overlap=settings.passage_overlap,
        documents=_per_language(indexed.article.language for indexed in material.articles),
        passages=_per_language(part.language for part in parts),
    )


def _per_language(languages: Iterable[str]) -> dict[str, int]:
    found = list(languages)
    return {language: found.count(language) for language in LANGUAGES}


@contextmanager
def _fresh_process(
    folder: IndexFolder, generation: Generation, settings: Settings, *, measure: bool
) -> Iterator[subprocess.Popen[str]]:
    """A process that verifies a generation once it is told to; it ends with whoever would tell it."""
    command = [sys.executable, "-m", "qa_service.verification", str(folder.path), generation.name, settings.embeddings]
    command += [verification.WAIT, *([verification.MEASURE] if measure else [])]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, errors="replace") as process:  # noqa: S603 (our own module)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def _verified(process: subprocess.Popen[str], *, measure: bool) -> str:
    """A process that has never seen the files must find in them what was put in; returns what it printed."""
    printed, told = process.communicate("begin\n")
    if process.returncode == 0 and (printed.strip() or not measure):
        return printed
    _LOG.debug("Verification ended with status %s: %s", process.returncode, told)
    refused = process.returncode == verification.REFUSED
    # Only its own words are fit to be shown: a traceback names folders of the machine.
    reason = told.strip().rpartition("\n")[2] if refused else f"The check ended with status {process.returncode}."
    raise IndexUnavailable(f"The new index was thrown away, and the old one stays: it failed verification. {reason}")

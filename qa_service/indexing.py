"""Documents in, a new generation of the index out."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

import numpy as np

from qa_service.articles import DocumentFile, content_hash, find_documents, read_article
from qa_service.chunking import ChunkSettings, Passage, passages
from qa_service.document_store import IndexedArticle, write_documents
from qa_service.embedding_model import EmbeddingModel
from qa_service.embeddings import Vectors
from qa_service.errors import DocumentError, IndexUnavailable
from qa_service.generations import Generation, IndexFolder, Manifest
from qa_service.index_reader import OpenIndex, open_for_reuse
from qa_service.language import LANGUAGES
from qa_service.lexical import write_lexical
from qa_service.settings import Settings
from qa_service.vector_store import key, write_vectors
from qa_service.vocabulary import write_vocabulary

_LOG = logging.getLogger(__name__)
_EMBEDDED_AT_ONCE = 256

Progress = Callable[[str, int, int], None]


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
class _Previous:
    """The generation before, and what of it may be used again."""

    index: OpenIndex
    reusable: bool  # its passages and vectors are what this run would make
    current: bool  # CURRENT names it: with nothing to change, there is nothing to write

    def may_stay(self, plan: _Plan) -> bool:
        """Whether it already is what is to be made."""
        return self.current and self.reusable and not plan.new and not plan.removed


@dataclass
class _Plan:
    """What is to be in the new generation: articles to be cut and embedded, and documents taken over as they are."""

    new: list[IndexedArticle] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    failed: dict[str, str] = field(default_factory=dict)

    def keep(self, document_id: str, previous: _Previous) -> None:
        """Keep the last readable version of a document."""
        if previous.reusable:
            self.kept.append(document_id)
        else:
            store = previous.index.documents
            self.new.append(IndexedArticle(store.article(document_id), store.hashes()[document_id]))


def index_documents(
    roots: Sequence[Path], settings: Settings, *, rebuild: bool = False, progress: Progress = lambda *_: None
) -> IndexReport:
    """Bring the index in line with the documents under some folders or files.

    Unchanged documents, recognised by their file's checksum, keep their passages and vectors; one that cannot be
    read any more keeps its last readable version. Nothing that a reader sees changes before the new generation is
    complete and was verified in a process of its own. Raises IndexBusy when another run is writing, DocumentError
    when there are no documents at all, IndexUnavailable when the new generation cannot be written or fails
    verification.
    """
    started = time.monotonic()
    folder = IndexFolder(settings.index)
    chunking = ChunkSettings(settings.passage_tokens, settings.passage_overlap)
    model = EmbeddingModel.load(settings.embeddings)
    with folder.writing():
        files, problems = find_documents(roots)
        if not files and not problems:
            raise DocumentError("There are no documents to index; the index was left as it was.")
        with _opened_previous(folder, model, chunking, rebuild=rebuild) as previous:
            plan = _plan(files, dict(problems), previous, settings, progress)
            if previous and previous.may_stay(plan):
                name, count = previous.index.name, sum(previous.index.manifest.passages.values())
            else:
                articles, parts, vectors = _material(plan, previous, chunking, model, progress)
                count = len(parts)
                with _one_line():
                    name = _build(folder, articles, parts, vectors, model, settings, progress)
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
    folder: IndexFolder, model: EmbeddingModel, chunking: ChunkSettings, *, rebuild: bool
) -> Iterator[_Previous | None]:
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
        yield _Previous(index, reusable=same and not rebuild, current=index.name == folder.current_name())
    finally:
        index.close()


def _plan(
    files: list[DocumentFile],
    failed: dict[str, str],
    previous: _Previous | None,
    settings: Settings,
    progress: Progress,
) -> _Plan:
    """Sort the documents into new, changed, kept and failed ones; new and changed ones are read here."""
    known = previous.index.documents.hashes() if previous else {}
    gone = known.keys() - {file.id for file in files}
    hidden = _hidden(gone, failed.keys())
    plan = _Plan(failed=failed, removed=len(gone) - len(hidden))
    for done, file in enumerate(files):
        progress("reading", done, len(files))
        try:
            _sort_in(plan, file, known.get(file.id) if previous and previous.reusable else None, settings)
        except DocumentError as error:
            plan.failed[file.name] = str(error).removeprefix(f"{file.name} ")
            if file.id in known:
                hidden.add(file.id)
    if previous:
        for document_id in sorted(hidden):
            plan.keep(document_id, previous)
    return plan


def _sort_in(plan: _Plan, file: DocumentFile, known: str | None, settings: Settings) -> None:
    """Keep a document that is what is known of it by its checksum, or read it."""
    checksum = f"{file.path.suffix}:{content_hash(file)}"
    if known == checksum:
        plan.kept.append(file.id)
        plan.unchanged += 1
        return
    plan.new.append(IndexedArticle(read_article(file, max_bytes=settings.max_document_bytes), checksum))
    plan.updated += known is not None
    plan.added += known is None


def _hidden(gone: set[str], problems: Iterable[str]) -> set[str]:
    """The documents, of those not found, that may be where something could not be read: in a folder, or a file."""
    names = [PurePosixPath(unicodedata.normalize("NFC", name)) for name in problems]
    places = {str(name) for name in names} | {str(name.with_suffix("")) for name in names if name.name}
    return {
        document_id
        for document_id in gone
        if document_id in places or any(str(folder) in places for folder in PurePosixPath(document_id).parents)
    }


def _material(
    plan: _Plan, previous: _Previous | None, chunking: ChunkSettings, model: EmbeddingModel, progress: Progress
) -> tuple[list[IndexedArticle], list[Passage], dict[str, Vectors]]:
    """The articles, passages and vectors of the new generation, in an order that does not depend on its history."""
    with _one_line():
        articles, parts, vectors = _kept_material(plan, previous)
    articles += plan.new
    if not articles:
        name, reason = next(iter(plan.failed.items()))
        raise DocumentError(f"None of the documents could be read ({name}: {reason}); the index was left as it was.")
    fresh = [passage for indexed in plan.new for passage in passages(indexed.article, chunking)]
    for some, rows in _embedded(fresh, model, progress):
        vectors |= zip(map(key, some), rows, strict=True)
    if len({len(vector) for vector in vectors.values()}) > 1:
        raise IndexUnavailable(f"{model.id} gives vectors of another length now: run `qa-service index --rebuild`.")
    articles.sort(key=lambda indexed: indexed.article.id)
    return articles, sorted(parts + fresh, key=lambda part: (part.document_id, part.number)), vectors


def _kept_material(
    plan: _Plan, previous: _Previous | None
) -> tuple[list[IndexedArticle], list[Passage], dict[str, Vectors]]:
    """What the new generation takes over from the previous one: articles, passages and vectors."""
    if previous is None or not plan.kept:
        return [], [], {}
    store = previous.index.documents
    hashes = store.hashes()
    articles = [IndexedArticle(store.article(document_id), hashes[document_id]) for document_id in plan.kept]
    parts = [part for document_id in plan.kept for part in store.passages(store.numbers_of(document_id))]
    return articles, parts, previous.index.vectors.vectors(parts)


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
    articles: list[IndexedArticle],
    parts: list[Passage],
    vectors: dict[str, Vectors],
    model: EmbeddingModel,
    settings: Settings,
    progress: Progress,
) -> str:
    """Write, verify and switch to a new generation; returns its name."""
    generation = folder.begin()
    try:
        manifest = _write(generation, articles, parts, vectors, model, settings)
        generation.seal(manifest)
        progress("verifying", 0, 1)
        level = _verify_in_fresh_process(folder, generation, settings)
        generation.write_manifest(replace(generation.manifest(), unrelated_level=level))
        return folder.switch_to(generation).name
    except BaseException:
        generation.delete()
        raise


def searchable_text(passage: Passage) -> str:
    """What a passage is found by: its words under its article's title."""
    return f"{passage.title}\n{passage.text}"


def _write(
    generation: Generation,
    articles: list[IndexedArticle],
    parts: list[Passage],
    vectors: dict[str, Vectors],
    model: EmbeddingModel,
    settings: Settings,
) -> Manifest:
    path = generation.path
    write_documents(path, articles, parts)
    for language in LANGUAGES:
        own = [(number, part) for number, part in enumerate(parts) if part.language == language]
        texts = [searchable_text(part) for _, part in own]
        write_lexical(path, language, [number for number, _ in own], texts)
    write_vocabulary(path, (part.text for part in parts))
    write_vectors(path, ((number, part, vectors[key(part)]) for number, part in enumerate(parts)))
    return Manifest(
        model=model.id,
        dimensions=len(next(iter(vectors.values()), [])),
        passage_tokens=settings.passage_tokens,
        passage_overlap=settings.passage_overlap,
        documents=_per_language(indexed.article.language for indexed in articles),
        passages=_per_language(part.language for part in parts),
    )


def _per_language(languages: Iterable[str]) -> dict[str, int]:
    found = list(languages)
    return {language: found.count(language) for language in LANGUAGES}


def _verify_in_fresh_process(folder: IndexFolder, generation: Generation, settings: Settings) -> float:
    """A process that has never seen these files must find in them what was put in; it measures refusal on the way."""
    command = [sys.executable, "-m", "qa_service.verification", str(folder.path), generation.name, settings.embeddings]
    run = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)  # noqa: S603 (our own module)
    if run.returncode or not run.stdout.strip():
        said = run.stderr.strip().splitlines()
        _LOG.error("Verification ended with status %s: %s", run.returncode, said[-1] if said else "nothing said")
        raise IndexUnavailable("The new index did not pass its verification and was thrown away; the old one stays.")
    return float(run.stdout.split()[-1])  # whatever a library may have printed before it

"""What a run of indexing has to do: which documents are new, changed, gone, or stay as they are."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from qa_service.articles import DocumentFile, content_hash, read_article
from qa_service.document_store import IndexedArticle
from qa_service.errors import DocumentError
from qa_service.index_reader import OpenIndex
from qa_service.settings import Settings

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Previous:
    """The generation before, and what of it may be used again."""

    index: OpenIndex
    reusable: bool  # its passages and vectors are what this run would make
    current: bool  # CURRENT names it: with nothing to change, there is nothing to write
    measured: bool  # its level of refusal is what this run would measure, or this run measures none

    def may_stay(self, plan: Plan) -> bool:
        """Whether it already is what is to be made."""
        return self.current and self.reusable and self.measured and not plan.new and not plan.removed


@dataclass
class Plan:
    """What is to be in the new generation: articles to be cut and embedded, and documents taken over as they are."""

    new: list[IndexedArticle] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    failed: dict[str, str] = field(default_factory=dict)

    def keep(self, document_id: str, checksum: str, previous: Previous) -> None:
        """Keep the last readable version of a document, whose file had this checksum."""
        if previous.reusable:
            self.kept.append(document_id)
        else:
            self.new.append(IndexedArticle(previous.index.documents.article(document_id), checksum))


def make_plan(
    files: list[DocumentFile],
    failed: dict[str, str],
    previous: Previous | None,
    settings: Settings,
    progress: Progress,
) -> Plan:
    """Sort the documents into new, changed, kept and failed ones; new and changed ones are read here."""
    known = previous.index.documents.hashes() if previous else {}
    gone = known.keys() - {file.id for file in files}
    hidden = _hidden(gone, failed.keys())
    plan = Plan(failed=failed, removed=len(gone) - len(hidden))
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
            plan.keep(document_id, known[document_id], previous)
    return plan


def _sort_in(plan: Plan, file: DocumentFile, known: str | None, settings: Settings) -> None:
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

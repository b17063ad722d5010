"""Documents that a program sends or removes: checked, put into the documents folder, and indexed in the background.

What is sent is read once as the indexer will read it, before anything of the folder changes. What becomes of it is a
``Job``, which the caller may ask for.
"""

from __future__ import annotations

import logging
import threading
import unicodedata
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import PurePosixPath

from qa_service.articles import DocumentFile
from qa_service.database import Database
from qa_service.document_check import check
from qa_service.document_ids import LONGEST_ID, checked_id
from qa_service.errors import InvalidDocument, StorageUnavailable, TooManyDocuments
from qa_service.generations import IndexFolder
from qa_service.index_worker import IndexWorker
from qa_service.intake import Change, DocumentsFolder, Staged
from qa_service.jobs import Action, Job, Jobs
from qa_service.settings import Settings

__all__ = ["FIELDS", "LONGEST_ID", "SUFFIXES", "Job", "Publisher", "warn_of_waiting"]

_LOG = logging.getLogger(__name__)

# The suffix of each format that may be sent, by its media type.
SUFFIXES: Mapping[str, str] = {
    "text/plain": ".txt",
    "text/markdown": ".md",
    "text/html": ".html",
    "application/pdf": ".pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
}
FIELDS = ("title", "language", "url", "published", "translation_of")

# The part of a process's threads that may be busy with documents: the others are there for readers.
_SHARE = 2
# So many documents are read at once in one process, and the next one waits so long. Seconds.
_CHECKS_AT_ONCE = 2
_LONGEST_WAIT_S = 30.0
_TOO_MANY = "Too many documents are being taken in at once; send this one again in a few seconds."
# What the log says while nothing can be written down.
_LOST = "Jobs of documents cannot be kept (%s); documents are neither taken nor removed over HTTP."


class Publisher:
    """Takes documents in and removes them, and has the index follow. Safe to share between threads.

    Make it after a worker has forked. Its methods raise StorageUnavailable when the database fails.
    """

    def __init__(self, settings: Settings) -> None:
        """Publish into the documents folder of the settings; ``start`` begins to index."""
        self._settings = settings
        self._database = Database(settings, lost=_LOST)
        self._jobs = Jobs(self._database)
        self._folder = DocumentsFolder(settings.documents)
        self._index_folder = IndexFolder(settings.index)
        self._worker = IndexWorker(settings, self._folder, self._jobs)
        self._checks = threading.BoundedSemaphore(_CHECKS_AT_ONCE)
        self._room = threading.BoundedSemaphore(max(1, settings.threads // _SHARE))

    @property
    def max_bytes(self) -> int:
        """Size of the largest document that is taken."""
        return self._settings.max_document_bytes

    def start(self) -> None:
        """Index what comes, and what an earlier process left."""
        self._worker.start()

    def close(self) -> None:
        """End the work in the background; what is left of it waits for the next start."""
        self._worker.stop()
        self._database.close()

    @contextmanager
    def room(self) -> Iterator[None]:
        """Room for one document while it is received and put; TooManyDocuments, at once, when there is none.

        Whoever serves readers with the same threads takes it first: a document is received and read for seconds.
        """
        if not self._room.acquire(blocking=False):
            raise TooManyDocuments(_TOO_MANY)
        try:
            yield
        finally:
            self._room.release()

    def put(self, document_id: str, suffix: str, content: Iterable[bytes], fields: Mapping[str, str]) -> Job:
        """Put a document, in one of the formats, in the place of what its id has now.

        The fields, by the names of ``FIELDS``, override those within the document. Raises InvalidDocument when the id,
        a field or the content is wrong, DocumentConflict when something else is in the way, DocumentsUnavailable when
        the folder cannot be written, TooManyDocuments when too many come at once: the folder is as it was then.
        """
        checked = checked_id(document_id)
        job_id = uuid.uuid4().hex
        self._require_folder()
        with self._folder.staged(job_id, suffix) as staged:
            staged.write(content, dict(fields))
            self._require_readable(checked, staged)
            with self._changing():
                change = self._folder.placing(checked, staged)
                return self._done(job_id, "put", checked, change)

    def delete(self, document_id: str) -> Job:
        """Remove a document with all its files, and the folders that this leaves empty.

        Raises InvalidDocument for what can be no id, UnknownDocument when the folder has no document with it,
        DocumentConflict and DocumentsUnavailable as ``put`` does.
        """
        checked = checked_id(document_id)
        self._require_folder()
        with self._changing():
            change = self._folder.removing(checked)
            return self._done(uuid.uuid4().hex, "delete", checked, change)

    def job(self, job_id: str) -> Job:
        """What became of a document; UnknownJob when no job with this id is kept."""
        return self._jobs.find(job_id)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Be the only one that changes the folder; then wake whoever indexes it."""
        with self._worker.changing():
            yield
        self._worker.wake()

    def _require_folder(self) -> None:
        if self._index_folder.candidates():  # no generation is without documents
            self._folder.require_indexed()

    def _require_readable(self, document_id: str, staged: Staged) -> None:
        if not self._checks.acquire(timeout=_LONGEST_WAIT_S):
            raise TooManyDocuments(_TOO_MANY)
        try:
            found = check(DocumentFile(document_id, staged.path), max_bytes=self.max_bytes)
        finally:
            self._checks.release()
        if found.translation_of and unicodedata.normalize("NFC", found.translation_of) == document_id:
            raise InvalidDocument(
                f"{document_id} names itself in translation_of: name its version in the other language."
            )

    def _done(self, job_id: str, action: Action, document_id: str, change: Change) -> Job:
        """Make a change that is written down first, so that it is made wholly or not at all."""
        name = f"{document_id}{PurePosixPath(change.moves[0][1]).suffix}" if change.moves else document_id
        try:
            job = self._jobs.add(job_id, action, document_id, name, change.to_dict())
            self._folder.apply(change)
        except BaseException:  # nobody may find it later and believe it half made
            self._jobs.forget(job_id)
            raise
        self._jobs.queue([job_id])
        return job


def warn_of_waiting(settings: Settings) -> None:
    """Say in the log that documents wait, for a service that publishes none any more; nothing where none do."""
    with closing(Database(settings)) as database, suppress(StorageUnavailable):
        if count := Jobs(database).count_waiting():
            _LOG.warning(
                "Documents that were sent or removed and may not be indexed yet: %d. Nobody indexes them while "
                "QA_ADMIN_KEYS is not set: set it, or run `qa-service index`.",
                count,
            )

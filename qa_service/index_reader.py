"""Reading the index: one generation opened whole, and the current one followed while the service runs."""

from __future__ import annotations

import atexit
import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property, partial
from pathlib import Path

from qa_service.document_store import DocumentStore
from qa_service.embedding_model import EmbeddingModel
from qa_service.errors import IndexMismatch, IndexUnavailable, QAServiceError
from qa_service.generations import Generation, IndexFolder
from qa_service.language import LANGUAGES
from qa_service.lexical import LexicalIndex
from qa_service.reader_copies import private_copy
from qa_service.vector_store import VectorStore
from qa_service.vocabulary import Vocabulary

_LOG = logging.getLogger(__name__)
# A look is one small file read: what was published is answered from soon. Seconds.
_LOOK_EVERY_S = 0.25
# How long what could not be opened is left alone: a full disk or a lack of open files may pass.
_RETRY_AFTER_S = 60.0


class OpenIndex:
    """All parts of one generation, read from a private, checked copy. Close it after use."""

    def __init__(self, folder: IndexFolder, generation: Generation, model: EmbeddingModel) -> None:
        """Open a generation; IndexUnavailable when it is damaged."""
        self.name = generation.name
        self.manifest = generation.manifest()
        self._model = model
        with ExitStack() as resources:
            self._copy: Path = resources.enter_context(private_copy(folder, generation))
            self.documents = DocumentStore(self._copy)
            resources.callback(self.documents.close)
            self.lexical = {language: LexicalIndex.load(self._copy, language) for language in LANGUAGES}
            self._resources = resources.pop_all()

    @classmethod
    def for_answers(cls, folder: IndexFolder, generation: Generation, model: EmbeddingModel) -> OpenIndex:
        """Open a generation and its parts that are opened late otherwise.

        Raises IndexUnavailable when it is damaged, IndexMismatch when it was made with another embedding model.
        """
        made_with = generation.manifest().model
        if made_with != model.id:
            raise IndexMismatch(
                f"The index was made with the embedding model {made_with}, the settings say {model.id}; "
                "run `qa-service index`."
            )
        index = cls(folder, generation, model)
        try:
            _ = index.vectors, index.vocabulary
        except BaseException:
            index.close()
            raise
        return index

    @cached_property
    def vectors(self) -> VectorStore:
        """The dense vectors; opening them takes a second the first time in a process."""
        store = VectorStore(self._copy, self._model.embeddings, self.manifest.dimensions)
        self._resources.callback(store.close)
        return store

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The words of the passages: how rare each is, and where it stands."""
        return Vocabulary.load(self._copy, self._model.words)

    @property
    def whole(self) -> bool:
        """Whether the private copy is still there."""
        return self._copy.is_dir()

    def close(self) -> None:
        """Let go of everything, and delete the copy."""
        self._resources.close()


def open_current(folder: IndexFolder, model: EmbeddingModel, held: OpenIndex | None = None) -> OpenIndex:
    """Open the current generation for answers, or the last good one when that is damaged; or keep the one held.

    Raises IndexUnavailable when there is none, IndexMismatch when it was made with another model.
    """
    return _open_best(folder, partial(OpenIndex.for_answers, model=model), held)


def open_for_reuse(folder: IndexFolder, model: EmbeddingModel) -> OpenIndex:
    """Open what ``open_current`` opens, whichever model it was made with; vectors are opened when asked for.

    Raises IndexUnavailable when there is none.
    """
    return _open_best(folder, partial(OpenIndex, model=model), held=None)


_Open = Callable[[IndexFolder, Generation], OpenIndex]


def _open_best(folder: IndexFolder, opened: _Open, held: OpenIndex | None) -> OpenIndex:
    """The first candidate that opens. A writer may delete candidates meanwhile; then there is a new CURRENT to try."""
    while True:
        current = folder.current_name()
        try:
            return _open_first(folder, opened, held)
        except IndexUnavailable:
            if folder.current_name() == current:
                raise


def _open_first(folder: IndexFolder, opened: _Open, held: OpenIndex | None) -> OpenIndex:
    failures: list[IndexUnavailable] = []
    for generation in folder.candidates():
        if held is not None and generation.name == held.name:
            return held
        try:
            return _opened_or_unavailable(folder, generation, opened)
        except IndexUnavailable as error:
            _LOG.warning("%s Trying the one before.", error)
            failures.append(error)
    if failures:
        raise IndexUnavailable(f"{failures[0]} Run `qa-service index --rebuild`.")
    raise _no_index()


def _opened_or_unavailable(folder: IndexFolder, generation: Generation, opened: _Open) -> OpenIndex:
    try:
        return opened(folder, generation)
    except QAServiceError:
        raise
    except Exception as error:
        # Its files are as they were written: another version of a library wrote them.
        _LOG.debug("Opening generation %s failed.", generation.name, exc_info=True)
        raise IndexUnavailable(
            f"Generation {generation.name} of the index cannot be opened ({type(error).__name__})."
        ) from error


def _no_index() -> IndexUnavailable:
    return IndexUnavailable("There is no usable index yet; run `qa-service index`.")


class CurrentIndex:
    """The current generation as the running service sees it: opened once, changed in one step.

    Make it after a worker has forked: Chroma's clients do not survive a fork.
    """

    def __init__(self, folder: IndexFolder, model: EmbeddingModel, *, retry_after_s: float = _RETRY_AFTER_S) -> None:
        """Follow the index of a folder; nothing is opened yet."""
        self._retry_after_s = retry_after_s
        self._folder = folder
        self._model = model
        self._lock = threading.Lock()
        self._open: OpenIndex | None = None
        self._users: dict[OpenIndex, int] = {}
        self._failure: QAServiceError = _no_index()
        self._refreshing = threading.Lock()
        self._seen: str | None = None
        self._retry_at = -math.inf
        self._follower: threading.Thread | None = None
        self._stopped = threading.Event()

    def refresh(self) -> None:
        """Open the generation that CURRENT names, if it is another one than at the last look."""
        with self._refreshing:
            name = self._folder.current_name()
            if self._open is not None and not self._open.whole:
                self._drop()
            if name == self._seen and time.monotonic() < self._retry_at:
                return
            self._seen, self._retry_at = name, time.monotonic() + self._retry_after_s
            try:
                best = open_current(self._folder, self._model, self._open)
            except QAServiceError as error:
                self._fail(error)
                return
            if best.name == name:
                self._retry_at = math.inf
            if best is not self._open:
                self._change_to(best)

    def _drop(self) -> None:
        """Answer no more from a copy that somebody deleted, and look for a generation to answer from."""
        with self._lock:
            lost, self._open = self._open, None
        self._seen, self._retry_at = None, -math.inf
        self._fail(IndexUnavailable("The index was deleted under the running service; run `qa-service index`."))
        if lost is not None:
            self._release(lost)

    def _fail(self, error: QAServiceError) -> None:
        if str(error) != str(self._failure):
            _LOG.warning("%s", error)
        self._failure = error

    def _change_to(self, new: OpenIndex) -> None:
        with self._lock:
            stopped = self._stopped.is_set()
            old = new if stopped else self._open
            self._users[new] = 1  # the current one counts as used
            if not stopped:
                self._open = new
        if not stopped:
            _LOG.info("Answering from generation %s.", new.name)
        if old is not None:
            self._release(old)

    def follow(self) -> None:
        """Keep looking for a new generation, in a thread that ends with the process or with ``stop``."""
        atexit.register(self.stop)  # a process that ends in order leaves no copy behind
        self.refresh()
        self._follower = threading.Thread(target=self._look, name="index-follower", daemon=True)
        self._follower.start()

    @property
    def is_followed(self) -> bool:
        """False when the thread that looks for new generations was started and has ended."""
        return self._follower is None or self._follower.is_alive()

    def _look(self) -> None:
        while not self._stopped.wait(_LOOK_EVERY_S):
            try:
                self.refresh()
            except Exception:  # noqa: BLE001 (the follower must outlive whatever one generation does to it)
                _LOG.exception("The index could not be refreshed.")

    def stop(self) -> None:
        """Stop following and close the index once its last user is done."""
        atexit.unregister(self.stop)
        self._stopped.set()
        if self._follower is not None:
            self._follower.join()
        with self._lock:
            old, self._open = self._open, None
        if old is not None:
            self._release(old)

    @contextmanager
    def use(self) -> Iterator[OpenIndex]:
        """The index for one question; it stays open until the question is answered.

        Raises what kept the index from being opened.
        """
        with self._lock:
            if self._open is None:
                raise type(self._failure)(str(self._failure))  # a new one: each raising would lengthen its traceback
            index = self._open
            self._users[index] += 1
        try:
            yield index
        finally:
            self._release(index)

    def _release(self, index: OpenIndex) -> None:
        with self._lock:
            self._users[index] -= 1
            last = not self._users[index]
            if last:
                del self._users[index]
        if last:
            index.close()

"""Brings the index in line with the documents that were sent, in the background, one run at a time.

Every process that serves has such a worker; a file lock lets one of them run at a time, and the index folder's own lock
keeps a run apart from one that somebody starts by hand. What a killed worker had taken, the next one takes up.
"""

from __future__ import annotations

import atexit
import fcntl
import json
import logging
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from qa_service.errors import DocumentsUnavailable, IndexBusy, QAServiceError
from qa_service.generations import IndexFolder, locked
from qa_service.index_run import BUSY, REFUSED, command
from qa_service.intake import Change, DocumentsFolder
from qa_service.jobs import MAX_ATTEMPTS, Jobs, Taken
from qa_service.settings import Settings

_LOG = logging.getLogger(__name__)

# How often it looks for jobs that another process left. Seconds.
_LOOK_EVERY_S = 1.0
# How long it waits for more documents of the same moment. Seconds.
_GATHER_S = 0.2
# How long it leaves a busy or failing index alone. Seconds.
_PAUSE_S = 1.0
# A run that takes longer hangs. Seconds.
_LONGEST_RUN_S = 6 * 60 * 60
# How many failed documents a line of the log names, and how much it says of each. Documents; characters.
_SHOWN = 5
_LONGEST_SHOWN = 200
# How long a run that is told to end may take to do so. Seconds.
_END_WITHIN_S = 5


@dataclass(frozen=True)
class _Outcome:
    """How a run ended: with a generation, with words of our own, or otherwise with a status."""

    status: int
    generation: str = ""
    failed: dict[str, str] = field(default_factory=dict)
    reason: str = ""


class IndexWorker:
    """A thread that covers waiting jobs with runs of indexing, each in a process of its own."""

    def __init__(self, settings: Settings, folder: DocumentsFolder, jobs: Jobs) -> None:
        """Work for these jobs; nothing happens before ``start``."""
        self._settings = settings
        self._folder = folder
        self._index_folder = IndexFolder(settings.index)
        self._jobs = jobs
        self._woken = threading.Event()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._run: subprocess.Popen[str] | None = None
        self._said = ""

    def start(self) -> None:
        """Take up what is waiting, and whatever comes, in a thread that ends with the process or with ``stop``."""
        atexit.register(self.stop)  # a process that ends in order leaves no run behind
        self._woken.set()
        self._thread = threading.Thread(target=self._work, name="index-worker", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """There is a new job."""
        self._woken.set()

    def stop(self) -> None:
        """End, and end a run that goes on: its jobs wait for the next worker."""
        atexit.unregister(self.stop)
        with self._starting:
            self._stopped.set()
            run = self._run  # which may end meanwhile
            if run is not None:
                _end(run)
        self._woken.set()
        if self._thread is not None:
            self._thread.join()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Be the only one that changes the documents folder, after the changes that killed processes left.

        Those come first: made later, they would undo what was sent since.
        """
        with self._index_folder.lock_file("documents.lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._finish_changes()
            yield

    def _work(self) -> None:
        while not self._stopped.is_set():
            self._woken.wait(_LOOK_EVERY_S)
            self._woken.clear()
            try:
                if not self._stopped.is_set() and self._jobs.waiting():
                    self._stopped.wait(_GATHER_S)
                    self._cover_all()
            except QAServiceError as error:  # the database or the folder fails: they are asked again
                self._say(str(error))
                self._stopped.wait(_PAUSE_S)
            except Exception:  # noqa: BLE001 (the worker must outlive whatever one round does to it)
                _LOG.exception("Documents that were sent are not indexed yet.")
                self._stopped.wait(_PAUSE_S)

    def _say(self, reason: str) -> None:
        """Say once what keeps documents from being indexed."""
        if reason != self._said:
            _LOG.warning("Documents that were sent are not indexed yet: %s", reason)
        self._said = reason

    def _cover_all(self) -> None:
        """Run until no job waits, unless another worker does so already."""
        with self._index_folder.lock_file("worker.lock") as lock:
            if not locked(lock):
                return
            with self.changing():
                self._folder.delete_strays()
            while not self._stopped.is_set() and (taken := self._jobs.take()):
                self._settle(taken, self._index())

    def _finish_changes(self) -> None:
        """Make the changes that killed processes did not make wholly; nobody else makes one while we hold the lock."""
        for job_id, stored in self._jobs.unplaced():
            try:
                self._folder.apply(Change.of(stored))
            except DocumentsUnavailable as error:  # nobody was told of the job, and all others would wait for it
                self._jobs.end([job_id], "failed", detail=str(error))
            else:
                self._jobs.queue([job_id])

    def _index(self) -> _Outcome:
        """One run, from its beginning to its end."""
        environment = os.environ | {"OPENBLAS_NUM_THREADS": os.environ.get("OPENBLAS_NUM_THREADS", "1")}
        with self._starting:
            if self._stopped.is_set():
                return _Outcome(BUSY)
            # A session of its own: what ends the service at a terminal does not reach it, and all of it can be ended.
            self._run = subprocess.Popen(  # noqa: S603 (our own module)
                command(self._settings),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                env=environment,
                start_new_session=True,
            )
        with self._run as run:
            try:
                printed, said = run.communicate(timeout=_LONGEST_RUN_S)
            except subprocess.TimeoutExpired:
                _end(run)
                printed, said = run.communicate()
        self._run = None
        return _outcome(run.returncode, printed, said)

    def _settle(self, taken: list[Taken], outcome: _Outcome) -> None:
        """Write down what became of the jobs of a run."""
        if self._stopped.is_set() and outcome.status != 0:
            self._jobs.try_again(taken, failed=False)
        elif outcome.status == BUSY:
            self._jobs.try_again(taken, failed=False)
            self._wait_for_others()
        elif outcome.status == 0:
            self._settle_covered(taken, outcome)
        elif outcome.status == REFUSED:
            _LOG.warning("%s", outcome.reason)
            self._jobs.end([job.id for job in taken], "failed", detail=outcome.reason)
        else:
            self._settle_broken(taken, outcome.status)

    def _wait_for_others(self) -> None:
        """Wait while somebody else writes the index, which may take minutes."""
        while not self._stopped.wait(_PAUSE_S):
            with suppress(IndexBusy), self._index_folder.writing():
                return

    def _settle_covered(self, taken: list[Taken], outcome: _Outcome) -> None:
        if outcome.failed:
            _LOG.warning("Documents that cannot be read: %s", _shown(outcome.failed))
        failed = [job for job in taken if job.action == "put" and job.name in outcome.failed]
        for job in failed:
            self._jobs.end([job.id], "failed", detail=f"{job.name} {outcome.failed[job.name]}.", of=outcome.generation)
        self._jobs.end([job.id for job in taken if job not in failed], "done", of=outcome.generation)

    def _settle_broken(self, taken: list[Taken], status: int) -> None:
        _LOG.warning("A run of indexing ended with status %s.", status)
        last = [job.id for job in taken if job.attempts + 1 >= MAX_ATTEMPTS]
        said = (
            f"The run of indexing ended with status {status}, {MAX_ATTEMPTS} times; run `qa-service index` to see why."
        )
        self._jobs.end(last, "failed", detail=said)
        self._jobs.try_again([job for job in taken if job.id not in last], failed=True)
        self._stopped.wait(_PAUSE_S)


def _outcome(status: int, printed: str, said: str) -> _Outcome:
    if status == 0:
        report = json.loads(printed.rpartition("\n")[2])  # whatever a library may have printed before it
        return _Outcome(0, report["generation"], report["failed"])
    if status == REFUSED:  # only its own words are fit to be shown: a traceback names folders of the machine
        return _Outcome(status, reason=said.strip().rpartition("\n")[2])
    _LOG.debug("A run of indexing ended with status %s: %s", status, said)
    return _Outcome(status)


def _shown(failed: dict[str, str]) -> str:
    """The first of what failed, with the reasons, in a line."""
    shown = [f"{name} {reason}"[:_LONGEST_SHOWN] for name, reason in list(failed.items())[:_SHOWN]]
    more = [f"and {len(failed) - _SHOWN} more; `qa-service index` lists them"] if len(failed) > _SHOWN else []
    return "; ".join(shown + more)


def _end(run: subprocess.Popen[str]) -> None:
    """End a run and what it started."""
    for sent in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(run.pid, sent)
        with suppress(subprocess.TimeoutExpired):
            run.wait(_END_WITHIN_S)
            return

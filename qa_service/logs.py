"""What is logged and how: one record a line on standard error, as JSON for machines or as text for people.

Every record that is made while a request is answered carries the request's id. A record never holds an address of who
asks, a query string or a header; the text of a question only where ``QA_LOG_QUESTIONS`` asks for it.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
import traceback
import uuid
import warnings
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TextIO

from pythonjsonlogger.json import JsonFormatter

from qa_service.settings import Settings

# Where a request that matches no route is counted and logged.
UNMATCHED = "unmatched"

_LOG = logging.getLogger(__name__)

# What may come from outside as the id of a request: it stands in logs, and in other services' searches.
_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
# A path longer than this is nobody's article.
_LONGEST_PATH = 500
# What the text of a request's line tells besides its message: the rest is for machines.
_TOLD = ("outcome", "language", "direction", "warnings", "question")
# What could end a line, move the cursor or turn the text around it, and halves of characters.
_UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")


@dataclass
class RequestNotes:
    """What is known of the request that is being answered: its id, its route, and what its line in the log says."""

    id: str
    method: str = ""
    path: str = ""
    route: str = UNMATCHED
    channel: str = "other"
    began: float = field(default_factory=time.perf_counter)
    fields: dict[str, object] = field(default_factory=dict)


_current: ContextVar[RequestNotes | None] = ContextVar("qa_service_request", default=None)


def begin(notes: RequestNotes | None) -> None:
    """From now on, records of this thread belong to this request; to none where there is None."""
    _current.set(notes)


def current() -> RequestNotes | None:
    """The request that is being answered; None outside of one."""
    return _current.get()


def note(**fields: object) -> None:
    """Add to the line that the log will hold of the current request; what is None is left out."""
    notes = _current.get()
    if notes is not None:
        notes.fields.update({name: value for name, value in fields.items() if value is not None})


def chosen_id(given: str) -> str:
    """The id that came with a request, where it is 1 to 128 of ``A-Z a-z 0-9 . _ -``, else a new one."""
    return given if _SANE_ID.fullmatch(given) else uuid.uuid4().hex


def shown_path(path: str) -> str:
    """A path as WSGI hands it over, as text of at most 500 characters on one line."""
    text = path.encode("latin-1", "replace").decode("utf-8", "replace")
    return in_a_line(text[:_LONGEST_PATH])


def in_a_line(text: str) -> str:
    """A text in which nothing ends the line or turns it around; such characters are shown as escapes."""
    return _UNSHOWN.sub(lambda found: ascii(found[0])[1:-1], text)


class JsonLines(JsonFormatter):
    """One object a line, in ASCII: characters that could do harm on a terminal, and all others beyond, are escaped."""

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        """Time, level, logger, message and the request's id first, then what the record itself carries."""
        log_data["time"] = _moment(record)
        log_data["level"] = record.levelname.lower()
        log_data["logger"] = record.name
        log_data["message"] = record.getMessage()
        notes = _current.get()
        if notes is not None:
            log_data["request_id"] = notes.id
        super().add_fields(log_data, record, message_dict)


class TextLines(logging.Formatter):
    """Time, level, message, what became of a question, and the request's id.

    Below it, indented, what an unexpected error tells.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The record, on one line unless it carries an error."""
        notes = _current.get()
        line = f"{_moment(record)} {record.levelname.lower()} {in_a_line(record.getMessage())}"
        line += "".join(f" {name}={_shown(record, name)}" for name in _TOLD if hasattr(record, name))
        if notes is not None:
            line += f" [{notes.id}]"
        if record.exc_info:
            told = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n").split("\n")
            line = "\n".join([line, *(f"    {in_a_line(each)}" for each in told)])
        return line


def _shown(record: logging.LogRecord, name: str) -> str:
    return in_a_line(json.dumps(getattr(record, name), ensure_ascii=False))


def set_up(settings: Settings, stream: TextIO | None = None) -> None:
    """Log all of this process, and of those that it forks, to standard error as the settings say.

    The level is that of the service's own records. Of libraries nothing below a warning is logged: what they say for
    finding faults may hold prompts, and with them questions.
    """
    out = stream or sys.stderr
    handler = logging.StreamHandler(out)
    chosen = settings.log_format or ("text" if out.isatty() else "json")
    handler.setFormatter(JsonLines() if chosen == "json" else TextLines())
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))
    logging.getLogger("qa_service").setLevel(level)
    warnings.showwarning = _warned


def _warned(
    message: Warning | str,
    category: type[Warning],
    filename: str,  # noqa: ARG001 (a place of the machine)
    lineno: int,  # noqa: ARG001
    file: TextIO | None = None,  # noqa: ARG001
    line: str | None = None,  # noqa: ARG001
) -> None:
    _LOG.warning("%s: %s", category.__name__, message)


def _moment(record: logging.LogRecord) -> str:
    """When it was, as RFC 3339 writes it."""
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

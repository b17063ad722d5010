"""What went wrong with a call, in words of our own: a provider's may hold a part of the key or of the prompt."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from langchain_core.exceptions import ContextOverflowError


class Unavailable(Exception):
    """Nothing of an answer came: refused, no such host, too late, an error, nothing usable, or left alone."""


class PromptTooLong(Unavailable):
    """The model's context does not hold the prompt."""


class CutShort(Exception):
    """Some text came, and then the stream broke, stalled, reached the longest length or ended without saying so."""


@dataclass(frozen=True)
class Failure:
    """How a call failed.

    ``kind`` is what may be said of it; ``blames`` tells whether it speaks against the provider, or only against this
    prompt; ``wait`` is how many seconds the provider asks to be left alone.
    """

    kind: str
    retriable: bool = False
    blames: bool = True
    too_long: bool = False
    wait: float | None = None


LATE = Failure("deadline")
CLOSED = Failure("closed", blames=False)
LEFT_ALONE = Failure("left alone for a while after failures", blames=False)
SPENT = Failure("no time or no calls left", blames=False)
CROWDED = Failure("too many answers at once", blames=False)
NOT_SENT = (CLOSED, LEFT_ALONE, SPENT, CROWDED)
NOTHING = Failure("no text", retriable=True)
NO_END = Failure("no finish reason", retriable=True)
RUNAWAY = Failure("endless answer", blames=False)
THOUGHTS = Failure("unmarked thoughts", blames=False)

# Why a model stopped although its answer goes on, as OpenAI, Anthropic, Mistral and Ollama say it.
_STOPPED_SHORT = {
    "length",
    "max_tokens",
    "model_length",
    "model_context_window_exceeded",
    "content_filter",
    "safety",
    "recitation",
    "guardrail_intervened",
    "refusal",
}
_STOPPED_BY_ERROR = {"error"}

_RETRIABLE = {408, 409, 429}
_BLAMES = {401, 403}
# A prompt that does not fit, in the words of OpenAI, Anthropic, Mistral, vLLM, llama.cpp, LM Studio and Ollama. Some
# of these say it with status 500, or in a frame of a stream that began well.
_LONGEST_ERROR = 10_000  # a page of a proxy may be long
_TOO_LONG_STATUSES = {None, 400, 413, 422, 500}
_TOO_LONG = re.compile(
    r"context[_ ](?:length|size|window|limit)|maximum model length|prompt is too long|maximum context|"
    r"input length exceeds|input tokens exceed|number of tokens to keep",
    flags=re.IGNORECASE,
)


def failure_of(error: BaseException) -> Failure:
    """What an exception of any provider's client means."""
    status = _status(error)
    if isinstance(error, ContextOverflowError) or (status in _TOO_LONG_STATUSES and _says_too_long(error)):
        return Failure("prompt too long", blames=False, too_long=True)
    if type(error) is ValueError:  # LangChain's word for an answer without a single piece
        return NOTHING
    if status is None:
        return Failure(type(error).__name__, retriable=True)
    again = status in _RETRIABLE or status >= 500
    wait = _retry_after(error) if again else None
    return Failure(f"status {status}", retriable=again, blames=again or status in _BLAMES, wait=wait)


def _says_too_long(error: BaseException) -> bool:
    # OpenAI's client keeps the code of an error in its body alone.
    said = f"{error} {getattr(error, 'body', None)}"
    return _TOO_LONG.search(said[:_LONGEST_ERROR]) is not None


def failure_of_finish(reason: str) -> Failure | None:
    """What the reason means with which a model finished, in any case of letters; None: the answer is complete."""
    reason = reason.lower()
    if reason in _STOPPED_BY_ERROR:
        return Failure("finish reason error", retriable=True)
    return Failure(f"finish reason {reason}", blames=False) if reason in _STOPPED_SHORT else None


def _status(error: BaseException) -> int | None:
    """The HTTP status of an error; None where there was no answer, or one that began well."""
    for source in (error, getattr(error, "response", None)):
        status = getattr(source, "status_code", None)
        if isinstance(status, int):
            return status if status >= 300 else None
    return None


def _retry_after(error: BaseException) -> float | None:
    """Seconds that ``Retry-After`` asks to wait, in either of its forms; None where it is missing or means nothing."""
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    said = str(headers.get("retry-after", "")).strip()
    if re.fullmatch(r"[0-9]{1,9}(?:\.[0-9]{1,9})?", said):
        return float(said)
    try:
        return max(0.0, parsedate_to_datetime(said).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return None

"""The answer and its citations: one shape from the command line, over HTTP and in every channel."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from qa_service.language import Language


@dataclass(frozen=True)
class Quote:
    """An exact span of a document's canonical text: ``text[start:end] == quote``, in code points."""

    document_id: str
    quote: str
    start: int
    end: int


@dataclass(frozen=True)
class Citation:
    """A numbered source of an answer: the quote, the document it is from, and the same in the asked language."""

    n: int
    document_id: str
    title: str
    language: Language
    url: str | None
    published: str | None
    quote: str
    start: int
    end: int
    score: float
    parallel: Quote | None = None


@dataclass(frozen=True)
class Exchange:
    """An earlier question and its answer, as whoever asks tells of them; the answer is empty where there was none."""

    question: str
    answer: str


@dataclass(frozen=True)
class Delta:
    """A piece of an answer's text, shown while the answer is being written."""

    text: str


@dataclass(frozen=True)
class Progress:
    """What is done before an answer is written: so many passages were found, and are read now."""

    passages: int


@dataclass(frozen=True)
class RelatedPassage:
    """A passage worth reading when there is no answer, or beside one."""

    document_id: str
    title: str
    language: Language
    text: str
    start: int
    end: int
    score: float


@dataclass(frozen=True)
class Answer:
    """What the service says to a question. Every ``[n]`` in ``answer`` has its citation, and the other way round."""

    id: str
    conversation_id: str
    question: str
    language: Language
    answer: str
    abstained: bool
    composer: str
    citations: tuple[Citation, ...]
    warnings: tuple[str, ...] = ()
    related: tuple[RelatedPassage, ...] = ()
    # What was shown while the answer was streamed and is withdrawn: sentences that the sources do not bear out.
    withdrawn: tuple[str, ...] = ()
    timings_ms: dict[str, float] = field(default_factory=dict)
    # What a language model was asked for it: calls, and tokens in and out; empty where there is none.
    usage: dict[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form of the contract."""
        return asdict(self)


@dataclass(frozen=True)
class KeptAnswer:
    """What is kept of an answer that was given: enough to show its quotes, or to ask its question again."""

    id: str
    # As it stands alone: what a follow-up left out is in it.
    question: str
    language: Language
    answer: str
    citations: tuple[Citation, ...]

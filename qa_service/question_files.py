"""Files of questions, with what tells a right answer: one JSON object a line, see ``docs/evaluation.md``."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

from qa_service.errors import QuestionFileError
from qa_service.language import LANGUAGES, Language, known_language, sound

Unanswerable = Literal["off_topic", "near_miss"]
KINDS: tuple[Unanswerable, ...] = get_args(Unanswerable)


@dataclass(frozen=True)
class Question:
    """A question and what a right answer holds: one of the ``must`` or, of whole sentences, one of the ``quotes``.

    ``document_ids`` are the documents that answer it, where that is known. What is ``unanswerable`` is to be refused.
    """

    id: str
    text: str
    language: Language
    must: tuple[str, ...] = ()
    quotes: tuple[str, ...] = ()
    document_ids: tuple[str, ...] = ()
    unanswerable: Unanswerable | None = None

    @cached_property
    def _answers(self) -> tuple[str, ...]:
        return tuple(comparable(words) for words in self.must + self.quotes)

    def is_answered_in(self, text: str) -> bool:
        """Whether a text, already made comparable, holds the answer."""
        return any(words in text for words in self._answers)

    def is_answered_by(self, quote: str) -> bool:
        """Whether a cited quote holds the answer, or is a part of a sentence that was to be quoted."""
        cited = comparable(quote)
        return self.is_answered_in(cited) or any(cited in comparable(sentence) for sentence in self.quotes)


def read_questions(files: Iterable[Path]) -> list[Question]:
    """The questions of JSON Lines files; QuestionFileError names the file, the line and what is wrong with it."""
    places: dict[str, str] = {}
    questions: list[Question] = []
    for file in files:
        found = list(_placed_questions(file))
        if not found:
            raise QuestionFileError(f"{file.name} holds no question")
        for place, question in found:
            first = places.setdefault(question.id, place)
            if first is not place:
                raise QuestionFileError(f"{place}: the id {question.id} is that of {first} already")
            questions.append(question)
    return questions


def comparable(text: str) -> str:
    """A text on one line, with one form of accents and apostrophes: what copying a sentence may change."""
    return " ".join(unicodedata.normalize("NFC", text).replace("’", "'").split())


def _placed_questions(file: Path) -> Iterator[tuple[str, Question]]:
    """Each question of a UTF-8 file, with or without a byte order mark, and the place to name when it is wrong."""
    try:
        # Not splitlines: a JSON text may hold separators that end no line.
        lines = file.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError:
        raise QuestionFileError(f"{file.name} is not UTF-8 text") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        place = f"{file.name}, line {number}"
        try:
            yield place, _question(line)
        except QuestionFileError as error:
            raise QuestionFileError(f"{place}: {error}") from None


def _question(line: str) -> Question:
    """One line as a question; QuestionFileError says what is wrong with it, and not yet where."""
    row = _row(line)
    language = known_language(row.get("language"))
    if language is None:
        raise QuestionFileError(f"the language must be one of {', '.join(LANGUAGES)}")
    question = Question(
        id=comparable(_text(row, "id")),
        text=_text(row, "question"),
        language=language,
        must=_texts(row, "must"),
        quotes=_texts(row, "quote"),
        document_ids=_texts(row, "document_id"),
        unanswerable=_unanswerable(row.get("unanswerable")),
    )
    if sum(map(bool, (question.must, question.quotes, question.unanswerable))) != 1:
        raise QuestionFileError("it needs exactly one of must, quote and unanswerable")
    return question


def _row(line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):  # brackets within brackets, without end
        row = None
    if not isinstance(row, dict):
        raise QuestionFileError("this is not a JSON object")
    return row


def _text(row: dict[str, Any], name: str) -> str:
    """A text that must be there; a whole number will do."""
    value = row.get(name)
    text = str(value) if type(value) is int else value
    if not isinstance(text, str) or not text.strip():
        raise QuestionFileError(f"it has no {name}")
    return sound(text)


def _texts(row: dict[str, Any], name: str) -> tuple[str, ...]:
    """One text or several, none of them empty; nothing where there is none."""
    value = row.get(name)
    if value is None:
        return ()
    texts = value if isinstance(value, list) else [value]
    if not texts or not all(isinstance(text, str) and text.strip() for text in texts):
        raise QuestionFileError(f"{name} must be a text or a list of texts, and none empty")
    return tuple(map(sound, texts))


def _unanswerable(value: object) -> Unanswerable | None:
    if value is None or value is False:
        return None
    kind = "off_topic" if value is True else value
    if kind not in KINDS:
        raise QuestionFileError(f"unanswerable must be true or one of {', '.join(KINDS)}")
    return KINDS[KINDS.index(kind)]

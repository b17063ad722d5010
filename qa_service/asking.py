"""What may be asked: a question, its language and the conversation that it belongs to, each checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from qa_service.answers import Exchange
from qa_service.conversations import LONGEST_ID, Turn
from qa_service.errors import InvalidQuestion, QuestionTooLong
from qa_service.follow_ups import asked_language, complete
from qa_service.language import LANGUAGES, Language, known_language, shown_language, sound

# Characters.
LONGEST_CONVERSATION_ID = LONGEST_ID
# Exchanges that are read of a conversation that is told along with a question, and characters of each answer.
_TOLD = 20
_ANSWER_TOLD = 2_000


@dataclass(frozen=True)
class Asked:
    """A question that can be taken, and what was said along with it."""

    question: str
    language: Language | None
    conversation_id: str | None
    default_language: Language
    # The conversation as it is told; None where it is the one that is kept under the id.
    told: tuple[Exchange, ...] | None = None

    @classmethod
    def checked(
        cls,
        question: str,
        language: str | None,
        conversation_id: str | None,
        default_language: Language,
        told: Sequence[Exchange] | None,
        *,
        longest: int,
    ) -> Self:
        """What was asked, if it can be taken; of a conversation that is told, the last 20 exchanges.

        Raises InvalidQuestion when the question is empty or longer than ``longest`` characters, the language is not one
        of ours, or the id is too long.
        """
        return cls(
            checked_question(question, longest),
            checked_language(language),
            _checked_id(conversation_id),
            default_language,
            None if told is None else tuple(told[-_TOLD:]),
        )

    def spoken(self, earlier: list[Turn]) -> Language:
        """The language to answer in."""
        shown = self.language or asked_language(self.question) or shown_language(self.question)
        return shown or _spoken(earlier) or self.default_language


def checked_question(question: str, longest: int) -> str:
    """The question without what means nothing; InvalidQuestion when it is empty or longer, in characters."""
    asked = _clean(question)
    if not asked:
        raise InvalidQuestion("The question is empty.")
    if len(asked) > longest:
        raise QuestionTooLong(f"The question is longer than {longest} characters.")
    return asked


def _clean(text: str) -> str:
    return sound(text).replace("\0", " ").strip()


def _checked_id(conversation_id: str | None) -> str | None:
    known = _clean(conversation_id or "")
    if len(known) > LONGEST_CONVERSATION_ID:
        raise InvalidQuestion(f"The conversation's id is longer than {LONGEST_CONVERSATION_ID} characters.")
    return known or None


def _spoken(earlier: list[Turn]) -> Language | None:
    """The language of the conversation: that of its last answer."""
    return earlier[-1].language if earlier else None


def turns_of(told: Sequence[Exchange], longest: int, default: Language) -> list[Turn]:
    """Exchanges as a kept conversation has them, as far as their words show it; ``longest`` in characters."""
    turns: list[Turn] = []
    for exchange in told:
        question, answer = _clean(exchange.question)[:longest], _clean(exchange.answer)[:_ANSWER_TOLD]
        understood = complete(question, [turn.understood for turn in turns])
        shown = shown_language(answer) or asked_language(question) or shown_language(question)
        language = shown or _spoken(turns) or default
        turns.append(Turn(question, understood, language, abstained=False, answer=answer))
    return turns


def checked_language(language: str | None) -> Language | None:
    """The language that is asked for, if any; InvalidQuestion when it is not one of ours."""
    known = known_language(language)
    if language is not None and known is None:
        raise InvalidQuestion(f"The language must be one of {', '.join(LANGUAGES)}.")
    return known

"""What becomes of each question, whichever channel asks it: counted, noted in the log, and told to the request's span.

``ObservedPipeline`` stands between the channels and the pipeline, and is used like it.
"""

from __future__ import annotations

from contextlib import ExitStack, closing
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from qa_service import logs, metrics
from qa_service.answers import Answer, Delta
from qa_service.errors import (
    EmbeddingsUnavailable,
    IndexMismatch,
    IndexUnavailable,
    InvalidQuestion,
    StorageUnavailable,
)
from qa_service.language import known_language, shown_language

if TYPE_CHECKING:
    from qa_service.answers import RelatedPassage
    from qa_service.pipeline import Events, Pipeline

_UNAVAILABLE = (IndexUnavailable, IndexMismatch, EmbeddingsUnavailable, StorageUnavailable)
# As much of a question tells its language.
_TELLING = 500


class ObservedPipeline:
    """A pipeline whose questions, searches and ratings are observed; all else is the pipeline's own."""

    def __init__(self, pipeline: Pipeline, *, log_questions: bool) -> None:
        """Observe a pipeline; the log holds the text of questions where that is asked for."""
        self._pipeline = pipeline
        self._log_questions = log_questions

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 (whatever the pipeline offers)
        return getattr(self._pipeline, name)

    def answer(
        self,
        question: str,
        language: str | None = None,
        conversation_id: str | None = None,
        **how: Any,  # noqa: ANN401 (the pipeline checks it)
    ) -> Answer:
        """What the pipeline answers."""
        with self._asked(question, language) as asked:
            answer = self._pipeline.answer(question, language, conversation_id, **how)  # type: ignore[arg-type]
            asked.answered(answer)
            return answer

    def stream(
        self,
        question: str,
        language: str | None = None,
        conversation_id: str | None = None,
        **how: Any,  # noqa: ANN401 (the pipeline checks it)
    ) -> Events:
        """What the pipeline streams. Closed before its answer is there, it was stopped by the reader."""
        with ExitStack() as failing:  # before there is anything to show
            asked = failing.enter_context(self._asked(question, language))
            events = self._pipeline.stream(question, language, conversation_id, **how)  # type: ignore[arg-type]
            failing.pop_all()
        shown = _shown(events, asked)
        next(shown)  # from here on also the end of one that nobody reads is noticed
        return shown

    def search(self, query: str, k: int = 10) -> list[RelatedPassage]:
        """What the pipeline finds."""
        try:
            found = self._pipeline.search(query, k)
        except Exception as error:
            metrics.searched(_outcome(error))
            raise
        metrics.searched("found" if found else "empty")
        return found

    def rate(self, answer_id: str, rating: int, comment: str = "") -> None:
        """Let the pipeline keep a rating."""
        self._pipeline.rate(answer_id, rating, comment)
        metrics.rated(rating)

    def _asked(self, question: str, language: str | None) -> _Asked:
        logs.note(question_chars=len(question), question=question if self._log_questions else None)
        return _Asked(question, language)


class _Asked:
    """A question until it is known what became of it, which is told once."""

    def __init__(self, question: str, language: str | None) -> None:
        self._question, self._language = question, language
        notes = logs.current()
        self._channel = notes.channel if notes else "python"
        self._told = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, told: TracebackType | None
    ) -> None:
        if not self._told:
            self._tell(self._guess(_outcome(error) if isinstance(error, Exception) else "stopped"))

    def answered(self, answer: Answer) -> None:
        """Tell what the answer is."""
        cited = {citation.language for citation in answer.citations}
        to = "none" if not cited else cited.copy().pop() if len(cited) == 1 else "mixed"
        outcome = "refused" if answer.abstained else "answered"
        direction = f"{answer.language}_{to}"
        logs.note(answer_id=answer.id, direction=direction, composer=answer.composer)
        logs.note(warnings=list(answer.warnings) or None)
        self._tell(
            metrics.Question(
                outcome,
                self._channel,
                answer.language,
                direction,
                answer.composer,
                answer.warnings,
                answer.timings_ms,
            )
        )

    def _guess(self, outcome: str) -> metrics.Question:
        """A question without an answer, in the language asked for, else in the one that it seems to be in."""
        language = known_language(self._language) or shown_language(self._question[:_TELLING]) or "unknown"
        return metrics.Question(outcome, self._channel, language)

    def _tell(self, question: metrics.Question) -> None:
        self._told = True
        metrics.question_asked(question)
        logs.note(outcome=question.outcome, language=question.language)


def _shown(events: Events, asked: _Asked) -> Events:
    """The events of an answer, after a first one that is nothing."""
    with asked, closing(events):
        yield Delta("")
        for event in events:
            if isinstance(event, Answer):
                asked.answered(event)
            yield event


def _outcome(error: Exception) -> str:
    if isinstance(error, InvalidQuestion):
        return "invalid"
    return "unavailable" if isinstance(error, _UNAVAILABLE) else "failed"

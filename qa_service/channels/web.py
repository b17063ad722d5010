"""The chat page: a form in, a call of the pipeline, a page out.

It works without JavaScript. Its scripts ask ``POST /api/ask`` instead of sending the form, and show the same answer in
the same shape as ``templates/_answer.html``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from flask import Blueprint, Response, request, url_for
from pydantic import Field
from werkzeug.exceptions import RequestEntityTooLarge, TooManyRequests

from qa_service.channels.answer_text import is_repeated, paragraphs
from qa_service.channels.operations import HAS_TEXT, PAGE, PAGE_LANGUAGE, Content, Operation, operation
from qa_service.channels.page_texts import shown_number
from qa_service.channels.pages import (
    Failure,
    chosen_language,
    error_page,
    failure_of,
    page,
    page_blueprint,
    page_language,
    page_texts,
)
from qa_service.channels.problems import status_of
from qa_service.errors import InvalidFeedback, QAServiceError, StorageUnavailable, UnknownAnswer
from qa_service.language import LANGUAGES, Language, known_language
from qa_service.pipeline import LONGEST_COMMENT, LONGEST_CONVERSATION_ID, Pipeline

_RATINGS = {"1": 1, "-1": -1}
_EXAMPLES = 4
_FORM = ("application/x-www-form-urlencoded", "multipart/form-data")


@dataclass(frozen=True)
class AskForm:
    """The chat page's form."""

    question: Annotated[str, Field(json_schema_extra={"pattern": HAS_TEXT, "maxLength": "max_question_chars"})]
    language: Annotated[str, Field(description="Of the answer, `en` or `fr`; anything else: the question's.")] = ""
    conversation_id: Annotated[str, Field(description="That of the answer before.")] = ""


@dataclass(frozen=True)
class FeedbackForm:
    """The form below an answer."""

    answer_id: Annotated[str, Field(description="The answer's `id`.")]
    rating: Annotated[Literal["1", "-1"], Field(description="1: helpful, -1: not helpful.")]
    comment: Annotated[
        str, Field(description="Why, in the reader's words.", json_schema_extra={"maxLength": LONGEST_COMMENT})
    ] = ""


CHAT = Operation("Show the chat page", "Pages", parameters=(PAGE_LANGUAGE,), replies={200: PAGE})
ASK_FORM = Operation(
    "Answer the form of the chat page",
    "Pages",
    "For browsers without JavaScript; programs ask `POST /api/ask`.",
    parameters=(PAGE_LANGUAGE,),
    body=Content(
        AskForm,
        _FORM,
        {
            "English": {"question": "When was the visa agreement signed?"},
            "French": {"question": "Quand l’accord a-t-il été signé\u202f?", "language": "fr"},
        },
    ),
    replies={200: PAGE},
    problems=(422, 503),
)
_FEEDBACK = Operation(
    "Take the form of a rating",
    "Pages",
    "For browsers without JavaScript; programs send `POST /api/feedback`.",
    parameters=(PAGE_LANGUAGE,),
    body=Content(
        FeedbackForm,
        _FORM,
        {
            "English": {"answer_id": "0123456789abcdef0123456789abcdef", "rating": "-1", "comment": "Wrong year."},
            "French": {"answer_id": "0123456789abcdef0123456789abcdef", "rating": "1", "comment": "C’est exact."},
        },
    ),
    replies={200: PAGE},
    problems=(404, 422, 503),
)


def blueprint(pipeline: Pipeline) -> Blueprint:
    """The chat page."""
    routes = page_blueprint("web")

    @routes.get("/")
    @operation(CHAT)
    def chat() -> Response:
        return chat_page(pipeline)

    @routes.post("/")
    @operation(ASK_FORM)
    def ask() -> Response:
        return answered_page(pipeline)

    @routes.errorhandler(TooManyRequests)
    def too_often(error: TooManyRequests) -> Response:
        return refused_page(pipeline) if request.endpoint == "web.ask" else error_page(error)

    @routes.post("/feedback")
    @operation(_FEEDBACK)
    def feedback() -> Response:
        answer_id, rating = request.form.get("answer_id", ""), request.form.get("rating", "")
        comment = request.form.get("comment", "").strip()
        try:
            pipeline.rate(answer_id, _RATINGS.get(rating, 0), comment)
        except UnknownAnswer as error:
            return page("feedback.html", status_of(error), said=page_texts()["error_answer_gone"])
        except (InvalidFeedback, StorageUnavailable) as error:
            key = "error_comment" if len(comment) > LONGEST_COMMENT else "error_feedback"
            return _feedback_page(status_of(error), key, answer_id, rating, comment)
        if comment:
            return page("feedback.html", said=page_texts()["comment_sent"])
        return _feedback_page(200, "thanks", answer_id, rating)

    return routes


def _feedback_page(status: int, key: str, answer_id: str, rating: str, comment: str = "") -> Response:
    """What became of a rating, with a form for a comment on it."""
    given = {"answer_id": answer_id, "rating": rating, "comment": comment}
    return page("feedback.html", status, said=page_texts()[key], longest_comment=LONGEST_COMMENT, **given)


def refused_page(pipeline: Pipeline, **values: object) -> Response:
    """The page that keeps the question of whoever asks too often."""
    try:
        request.form  # noqa: B018 (read here, where an error can still be shown)
    except RequestEntityTooLarge as error:
        return error_page(error)
    return chat_page(
        pipeline,
        429,
        failure=Failure(page_texts()["error_too_many"]),
        question=request.form.get("question", ""),
        asked_language=_asked_language(),
        conversation_id=_conversation_id(),
        **values,
    )


def answered_page(pipeline: Pipeline, **values: object) -> Response:
    """The page that answers the form; the values are for its template."""
    question, language = request.form.get("question", ""), _asked_language()
    kept: dict[str, Any] = {"asked_language": language, "conversation_id": _conversation_id()} | values
    if not question.strip():
        return chat_page(pipeline, 422, failure=Failure(page_texts()["error_empty"]), **kept)
    try:
        answer = pipeline.answer(question, language, _conversation_id(), default_language=page_language())
    except QAServiceError as error:
        status, failure = failure_of(error)
        return chat_page(pipeline, status, question=question, failure=failure, **kept)
    return chat_page(pipeline, question=question, answer=answer, paragraphs=paragraphs(answer), **kept)


def chat_page(pipeline: Pipeline, status: int = 200, **values: object) -> Response:
    """The page with these values for its template, and what it says whenever it is shown."""
    failure = values.pop("failure", None)
    try:
        indexed = _indexed(pipeline.status().documents)
        examples = pipeline.example_questions(page_language(), _EXAMPLES)
    except QAServiceError as error:
        indexed, examples = "", ()
        failure = failure or Failure(page_texts()["error_not_ready"], str(error))
    return page(
        "chat.html",
        status,
        failure=failure,
        indexed=indexed,
        examples=examples,
        rated=pipeline.keeps_answers,
        longest_comment=LONGEST_COMMENT,
        is_repeated=is_repeated,
        api=f"{request.script_root}/api/",
        documents=f"{request.script_root}/documents/",
        feedback=url_for("web.feedback", lang=chosen_language()),
        **values,
    )


def _indexed(counts: Mapping[str, int]) -> str:
    """How many articles there are, in words; nothing where there are none."""
    numbers = {each: shown_number(counts.get(each, 0), page_language()) for each in LANGUAGES}
    return page_texts()["indexed"].format(**numbers) if any(counts.values()) else ""


def _asked_language() -> Language | None:
    return known_language(request.form.get("language"))


def _conversation_id() -> str | None:
    given = request.form.get("conversation_id", "")
    return given if 0 < len(given) <= LONGEST_CONVERSATION_ID else None

"""What is counted of a question, whichever channel asks it and whatever becomes of it."""

from __future__ import annotations

from contextlib import suppress
from inspect import Parameter, signature

import pytest

from qa_service.channels.questions import ObservedPipeline
from qa_service.errors import InvalidFeedback, InvalidQuestion
from qa_service.pipeline import Pipeline
from tests.channels.fake_pipeline import FakePipeline
from tests.channels.scraping import changes, samples

FRENCH = "Quand l’exemption de visa entre-t-elle en vigueur ?"


def scraped(client):
    return samples(client.get("/metrics").text)


def counted(client, act, name: str = "qa_questions_total") -> list[dict[str, str]]:
    """The labels of what an act made grow, each as often as it grew."""
    before = scraped(client)
    act()
    grown = changes(before, scraped(client), name)
    return [dict(labels) for labels, by in grown.items() for _ in range(int(by))]


def ask(client, question: str, **more):
    return lambda: client.post("/api/ask", json={"question": question, **more}).get_data()


def test_an_answer_is_counted_by_language_direction_channel_and_composer(client):
    assert counted(client, ask(client, FRENCH, language="fr")) == [
        {
            "language": "fr",
            "direction": "fr_mixed",
            "outcome": "answered",
            "channel": "api",
            "composer": "extractive",
        }
    ]
    (found,) = counted(client, ask(client, "hostile"))
    assert found["direction"] == "en_en"


def test_a_refusal_is_one(client):
    (found,) = counted(client, ask(client, "Which wine?"))
    assert (found["outcome"], found["direction"]) == ("refused", "en_none")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("question", "language", "outcome", "spoken"),
    [
        ("This is too long for anybody to read", None, "invalid", "en"),
        ("Cette question est trop longue : too long", "fr", "invalid", "fr"),
        ("There is a bug in it", None, "failed", "en"),
    ],
)
def test_what_fails_is_counted_in_the_language_that_it_seems_to_be_in(
    client, stream, question, language, outcome, spoken
):
    (found,) = counted(client, ask(client, question, language=language, stream=stream))
    assert (found["outcome"], found["language"], found["direction"]) == (outcome, spoken, "none")


@pytest.mark.parametrize("stream", [False, True])
def test_without_an_index_questions_are_unavailable(client, pipeline, stream):
    def act():
        pipeline.unavailable = True
        ask(client, FRENCH, stream=stream)()
        pipeline.unavailable = False

    (found,) = counted(client, act)
    assert (found["outcome"], found["language"]) == ("unavailable", "fr")


def test_a_body_that_is_no_question_is_none(client):
    assert counted(client, lambda: client.post("/api/ask", data="{")) == []
    assert counted(client, ask(client, "When?", language="de")) == []


def test_the_page_and_the_widget_are_channels(client, app):
    (found,) = counted(client, lambda: client.post("/", data={"question": "When?"}))
    assert found["channel"] == "page"


def test_a_stream_is_counted_once_when_its_answer_is_there(client):
    (found,) = counted(client, ask(client, "When?", stream=True))
    assert found["outcome"] == "answered"


def test_a_stream_that_is_closed_early_was_stopped(client):
    def act():
        response = client.post("/api/ask", json={"question": FRENCH, "stream": True}, buffered=False)
        next(response.iter_encoded())
        response.close()

    (found,) = counted(client, act)
    assert (found["outcome"], found["language"]) == ("stopped", "fr")


def test_a_stream_that_nobody_reads_was_stopped_too(client):
    events = ObservedPipeline(FakePipeline(), log_questions=False)
    (found,) = counted(client, lambda: events.stream("When does it begin?").close())
    assert (found["outcome"], found["channel"]) == ("stopped", "python")


def test_the_events_of_a_stream_are_the_pipelines():
    observed, plain = ObservedPipeline(FakePipeline(), log_questions=False), FakePipeline()
    assert list(observed.stream("When?")) == list(plain.stream("When?"))
    assert observed.answer("When?") == plain.answer("When?")
    assert observed.works() == plain.works()  # and all else too
    with pytest.raises(InvalidQuestion):
        observed.stream("too long")


@pytest.mark.parametrize("name", ["answer", "stream", "search", "rate"])
def test_it_is_called_like_the_pipeline(name):
    def taken(kind, *kinds):
        return [
            (parameter.name, parameter.default)
            for parameter in signature(getattr(kind, name)).parameters.values()
            if parameter.kind in kinds
        ]

    assert taken(ObservedPipeline, Parameter.POSITIONAL_OR_KEYWORD) == taken(Pipeline, Parameter.POSITIONAL_OR_KEYWORD)
    # By name alone anything is handed on.
    assert bool(taken(ObservedPipeline, Parameter.VAR_KEYWORD)) == bool(taken(Pipeline, Parameter.KEYWORD_ONLY))


def test_warnings_are_counted_by_name(client):
    found = counted(client, ask(client, "warn me"), "qa_answer_warnings_total")
    assert sorted(each["warning"] for each in found) == ["something_new", "sources_disagree"]


def test_ratings_are_counted_when_they_are_kept(client):
    def rate(answer_id, rating):
        return lambda: client.post("/api/feedback", json={"answer_id": answer_id, "rating": rating})

    assert counted(client, rate("answer", 1), "qa_ratings_total") == [{"rating": "up"}]
    assert counted(client, rate("answer", -1), "qa_ratings_total") == [{"rating": "down"}]
    assert counted(client, rate("unknown", 1), "qa_ratings_total") == []
    observed = ObservedPipeline(FakePipeline(), log_questions=False)
    with pytest.raises(InvalidFeedback):
        observed.rate("answer", 7)


class Searched(FakePipeline):
    """A pipeline that finds what it is told to."""

    def search(self, query, k):
        if query == "too long":
            raise InvalidQuestion("The query is too long.")
        return [] if query == "nothing" else ["a passage"]


@pytest.mark.parametrize(("query", "outcome"), [("visa", "found"), ("nothing", "empty"), ("too long", "invalid")])
def test_searches_are_counted_by_what_they_find(client, query, outcome):
    observed = ObservedPipeline(Searched(), log_questions=False)

    def act():
        with suppress(InvalidQuestion):
            observed.search(query, 3)

    assert counted(client, act, "qa_searches_total") == [{"outcome": outcome}]

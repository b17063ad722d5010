"""A language model answers in time or fails in one of three ways, whatever the server does."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.callbacks import BaseCallbackHandler, get_usage_metadata_callback
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, HumanMessage, SystemMessage
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.runnables import RunnableLambda

from qa_service.errors import MissingExtra, SettingsError
from qa_service.language_model import Allowance, Breaker, CutShort, LanguageModel, PromptTooLong, Unavailable
from qa_service.language_model.calls import THREAD_NAME
from qa_service.language_model.failures import failure_of
from qa_service.language_model.providers import load_chat_model
from qa_service.language_model.thoughts import VisibleText
from qa_service.settings import load_settings
from qa_service.tokens import count_tokens
from tests.llm_server import (
    KEY,
    LlmServer,
    Reply,
    breaks,
    closed_port,
    cuts,
    fails,
    hangs,
    keeps_alive,
    overflows,
    runs_away,
    says,
    says_half_a_frame,
    says_html,
    says_nothing,
    says_null,
    sends,
    stalls,
    trickles,
)

pytest.importorskip("langchain_openai")

ENGLISH = "The bridge opened in May [1]."
FRENCH = "La passerelle a été inaugurée « en mai » [1]."
MESSAGES = [SystemMessage("Answer from the passages."), HumanMessage("When did the bridge open?")]

# The longest that a test's answer may take where its end is what is tested, and what a busy machine adds.
SHORT = 0.4
SLACK = 3.0


@pytest.fixture(scope="module")
def shared_server():
    with LlmServer().running() as server:
        yield server


@pytest.fixture
def llm_server(shared_server):
    """One server for all tests, which finds after each that no connection was left behind."""
    shared_server.script(says(ENGLISH))
    yield shared_server
    assert shared_server.wait_until_closed()


@pytest.fixture
def model(llm_server):
    """A model of the scripted server that is quick to try again."""
    with closing(over(load_chat_model(llm_server.settings()), backoff=0.05)) as model:
        yield model


@pytest.fixture
def loaded():
    """Load a model by its settings, as the service does; it is closed behind the test."""
    models = []

    def load(**options):
        models.append(LanguageModel.load(load_settings(**options)))
        return models[-1]

    yield load
    for model in models:
        model.close()


def told(model: LanguageModel, allowance: Allowance | None = None, **options: bool) -> str:
    return "".join(model.stream(MESSAGES, allowance or model.allowance(), **options))


def until_it_breaks(model: LanguageModel, allowance: Allowance | None = None) -> str:
    """The text that came before an answer was cut short."""
    pieces = []
    with pytest.raises(CutShort) as cut:
        deque(map(pieces.append, model.stream(MESSAGES, allowance or model.allowance())), maxlen=0)
    assert "\n" not in str(cut.value)
    return "".join(pieces)


def refusal(model: LanguageModel, allowance: Allowance | None = None, **options: bool) -> Unavailable:
    """How the model says that it does not answer."""
    with pytest.raises(Unavailable) as refused:
        told(model, allowance, **options)
    said = str(refused.value)
    assert "\n" not in said
    assert KEY not in said
    return refused.value


def threads_at_work() -> int:
    return sum(thread.name == THREAD_NAME for thread in threading.enumerate())


class Clock:
    """A clock that a test moves on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def over(chat: BaseChatModel, **options) -> LanguageModel:
    return LanguageModel("openai:scripted", chat, **{"seconds": 5, "max_tokens": 200, **options})


class Pieces(BaseChatModel):
    """A chat model that says these contents, whose last one carries a reason to finish."""

    contents: list
    finish: dict

    @property
    def _llm_type(self):
        return "pieces"

    def _generate(self, *_, **__):
        raise NotImplementedError

    async def _astream(self, messages, stop=None, run_manager=None, **kwargs):
        for content in self.contents:
            yield ChatGenerationChunk(message=AIMessageChunk(content=content))
        yield ChatGenerationChunk(message=AIMessageChunk(content="", response_metadata=self.finish))


# An answer


@pytest.mark.parametrize("text", [ENGLISH, FRENCH])
@pytest.mark.parametrize("chunk", [1, 5, 1_000])
def test_the_text_comes_as_it_is(model, llm_server, text, chunk):
    llm_server.script(says(text, chunk=chunk))
    pieces = list(model.stream(MESSAGES, model.allowance()))
    assert "".join(pieces) == text
    assert len(pieces) == -(-len(text) // chunk)


def test_each_piece_comes_when_it_is_there(model, llm_server):
    llm_server.script(says("One two three four", chunk=4, pause=0.5))
    stream = model.stream(MESSAGES, model.allowance())
    started = time.monotonic()
    assert next(stream)
    first_after = time.monotonic() - started
    assert "".join(stream).endswith("four")
    assert first_after < (time.monotonic() - started) / 2


def test_what_is_asked_for(model, llm_server):
    told(model)
    (request,) = llm_server.requests
    assert request.path == "/v1/chat/completions"
    assert request.body["model"] == "scripted"
    assert request.body["stream"] is True
    assert request.body["stream_options"] == {"include_usage": True}
    assert request.body["max_tokens"] == 2000  # servers of one's own do not all know the newer name
    assert "max_completion_tokens" not in request.body
    assert "temperature" not in request.body
    assert [message["role"] for message in request.body["messages"]] == ["system", "user"]
    assert "When did the bridge open?" in request.prompt


def test_a_server_of_ones_own_never_sees_the_providers_key(llm_server, loaded, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    told(loaded(llm="openai:scripted", llm_base_url=llm_server.url))
    assert KEY not in str(llm_server.requests[0].headers)
    told(loaded(llm="openai:scripted", llm_base_url=llm_server.url, llm_api_key="another"))
    assert llm_server.requests[1].headers["authorization"] == "Bearer another"


@pytest.mark.parametrize(
    ("name", "variables"),
    [
        ("anthropic:claude", ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")),
        ("mistralai:mistral-small-latest", ("MISTRAL_API_KEY",)),
        ("ollama:qwen3:8b", ("OLLAMA_API_KEY",)),
    ],
)
def test_no_key_of_the_environment_goes_to_another_address(llm_server, loaded, monkeypatch, name, variables):
    pytest.importorskip(f"langchain_{name.partition(':')[0]}")
    for variable in variables:
        monkeypatch.setenv(variable, KEY)
    llm_server.script(fails(400))
    refusal(loaded(llm=name, llm_base_url=llm_server.url))
    assert KEY not in str(llm_server.requests[0].headers)


@pytest.mark.parametrize("base", ["", "https://eu.api.openai.com/v1", "https://name.openai.azure.com/openai/v1/"])
def test_openai_itself_is_told_the_longest_length_by_its_newer_name(base):
    chat = load_chat_model(load_settings(llm="openai:gpt-5-mini", llm_base_url=base, llm_api_key=KEY))
    assert (chat.max_tokens, chat.extra_body) == (2000, None)


def test_the_providers_count_of_tokens_is_used(model, llm_server):
    llm_server.script(says(ENGLISH, usage=(120, 9)))
    allowance = model.allowance()
    told(model, allowance)
    told(model, allowance)
    assert (allowance.usage.calls, allowance.usage.input_tokens, allowance.usage.output_tokens) == (2, 240, 18)
    assert allowance.calls_left == 1


def test_a_count_that_runs_along_is_not_added_up(model, llm_server):
    def play(exchange):
        exchange.begin()
        for tokens, piece in enumerate(["The bridge ", "opened ", "in May."], start=1):
            frame = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "scripted"}
            choice = {"index": 0, "delta": {"content": piece}, "finish_reason": "stop" if tokens == 3 else None}
            usage = {"prompt_tokens": 100, "completion_tokens": tokens, "total_tokens": 100 + tokens}
            exchange.event(frame | {"choices": [choice], "usage": usage})
        exchange.event(b"[DONE]")
        exchange.end()

    llm_server.script(Reply(play))
    allowance = model.allowance()
    told(model, allowance)
    assert (allowance.usage.input_tokens, allowance.usage.output_tokens) == (100, 3)


def test_no_more_answers_are_written_at_once_than_there_are_places(llm_server):
    llm_server.script(stalls("The bridge "), says(ENGLISH))
    with closing(over(load_chat_model(llm_server.settings(llm_timeout=5)), at_once=1)) as model:
        first = model.stream(MESSAGES, model.allowance())
        assert next(first)
        with pytest.raises(Unavailable, match="at once"):
            told(model)
        assert len(llm_server.requests) == 1
        first.close()
        assert told(model) == ENGLISH


def test_two_threads_of_a_worker_are_kept_from_the_model(llm_server):
    llm_server.script(stalls("The bridge "))
    with closing(LanguageModel.load(llm_server.settings(threads=4, llm_timeout=5))) as model:
        writing = [model.stream(MESSAGES, model.allowance()) for _ in range(2)]
        assert all(map(next, writing))
        with pytest.raises(Unavailable):
            told(model)
        for each in writing:
            each.close()


def test_whoever_waits_for_a_silent_model_hears_so(llm_server):
    llm_server.script(hangs())
    with closing(LanguageModel.load(llm_server.settings(llm_timeout=6))) as model:
        allowance = model.allowance()
        stream = model.stream(MESSAGES, allowance)
        assert next(stream) == ""
        assert 0 < allowance.remaining < 2
        stream.close()


def test_without_it_the_shipped_table_counts(model, llm_server):
    llm_server.script(says(FRENCH, usage=None))
    allowance = model.allowance()
    told(model, allowance)
    asked = count_tokens("Answer from the passages.") + count_tokens("When did the bridge open?")
    assert (allowance.usage.input_tokens, allowance.usage.output_tokens) == (asked, count_tokens(FRENCH))


def test_a_refused_request_costs_a_call_and_no_tokens(model, llm_server):
    llm_server.script(fails(400))
    allowance = model.allowance()
    with pytest.raises(Unavailable):
        told(model, allowance)
    assert (allowance.usage.calls, allowance.usage.input_tokens, allowance.usage.output_tokens) == (1, 0, 0)


def test_a_missing_done_is_no_flaw(model, llm_server):
    llm_server.script(says(ENGLISH, done=False))
    assert told(model) == ENGLISH


def test_after_its_end_an_answer_waits_for_little_more_than_its_usage(model, llm_server):
    llm_server.script(stalls(ENGLISH, finish="stop"))
    started = time.monotonic()
    assert told(model) == ENGLISH
    assert time.monotonic() - started < 1 + SLACK


def test_a_loop_starts_with_the_first_answer_and_ends_with_the_model(model, llm_server):
    before = threads_at_work()
    told(model)
    told(model)
    assert threads_at_work() == before + 1
    model.close()
    assert threads_at_work() == before
    assert llm_server.wait_until_closed()
    assert "closed" in str(refusal(model))
    assert len(llm_server.requests) == 2
    model.close()


def test_many_threads_get_an_answer_each(model, llm_server):
    llm_server.script(lambda body: body["messages"][-1]["content"])
    questions = [f"Question {n} ?" for n in range(40)]

    def ask(question: str) -> str:
        return "".join(model.stream([HumanMessage(question)], model.allowance()))

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(ask, questions)) == questions


def test_it_works_on_both_sides_of_a_fork(llm_server):
    code = f"""
import os
from langchain_core.messages import HumanMessage
from qa_service.language_model import LanguageModel
from qa_service.settings import load_settings
model = LanguageModel.load(load_settings(llm="openai:scripted", llm_base_url={llm_server.url!r}))
def tell():
    os.write(1, "".join(model.stream([HumanMessage("?")], model.allowance())).encode() + b"\\n")
tell()
child = os.fork()
tell()
if child:
    assert os.waitpid(child, 0)[1] == 0
model.close()
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert run.stdout.splitlines() == [ENGLISH] * 3


# Thoughts and content blocks


def test_only_blocks_of_text_are_text():
    thinking = [{"type": "thinking", "thinking": "Hm."}, {"type": "reasoning", "reasoning": "Well."}]
    contents = [thinking, [{"type": "text", "text": "The bridge "}], [{"type": "text", "text": "opened."}], "  "]
    with closing(over(Pieces(contents=contents, finish={"finish_reason": "stop"}))) as model:
        assert told(model) == "The bridge opened.  "


def test_thoughts_in_a_field_of_their_own_are_no_text(model, llm_server):
    llm_server.script(says(ENGLISH, thoughts="Hm, what do the passages say?"))
    assert told(model) == ENGLISH


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 100])
def test_thoughts_between_tags_are_no_text(model, llm_server, chunk):
    llm_server.script(says(f"<think>\nHm. 1 < 2, <b>\n</think>\n\n{FRENCH}", chunk=chunk))
    assert told(model) == FRENCH


def test_an_answer_of_thoughts_alone_is_none(model, llm_server):
    llm_server.script(says("<think>Hm.</think>\n"))
    assert "no text" in str(refusal(model, retried=False))
    llm_server.script(says("<think>Hm. And so on"))
    assert "no text" in str(refusal(model, retried=False))


def test_thoughts_whose_beginning_was_not_marked_cut_the_answer_short(model, llm_server):
    llm_server.script(says(f"Hm, the passages say May.</think>{ENGLISH}"))
    assert until_it_breaks(model) == "Hm, the passages say May."


PARTS = st.lists(
    st.sampled_from(["<think>", "</think>", "<", "</", "th", "ink>", "thé ", "a", " ", "\n", "[1]"]), max_size=12
)


@given(PARTS, st.lists(st.integers(1, 6), min_size=1))
def test_thoughts_are_kept_out_however_the_text_is_cut(parts, lengths):
    text = "".join(parts)
    visible = VisibleText()
    shown, start = "", 0
    for length in lengths * (len(text) + 1):
        shown += visible.add(text[start : start + length])
        start += length
        if start >= len(text):
            break
    shown += visible.rest()
    outside = re.sub(r"<think>.*?(?:</think>|\Z)", "\0", text, flags=re.DOTALL)
    if "</think>" not in outside:
        assert shown == outside.replace("\0", "").lstrip()
        assert not visible.stray
    else:
        assert visible.stray
    assert "<think>" not in shown
    assert "</think>" not in shown


# Nothing came


@pytest.mark.parametrize(
    "fault",
    [fails(500), fails(502), fails(429), fails(408), fails(409), says_html(), says_nothing(), says_half_a_frame(),
     says_null(), cuts(), breaks(), says("", finish=None), sends(b"{}", "application/json")],
    ids=["500", "502", "429", "408", "409", "html", "empty", "half", "null", "cut", "error", "no end", "json"],
)  # fmt: skip
def test_what_may_pass_is_tried_again(model, llm_server, fault):
    llm_server.script(fault, says(ENGLISH))
    allowance = model.allowance()
    assert told(model, allowance) == ENGLISH
    assert allowance.usage.calls == len(llm_server.requests) == 2


def test_the_wait_before_a_try_doubles(llm_server):
    llm_server.script(fails(500))
    with closing(over(load_chat_model(llm_server.settings()), backoff=0.4)) as model:
        refusal(model)
    first, second, third = (request.at for request in llm_server.requests)
    assert 0.2 <= second - first < 0.6 + SLACK
    assert 0.4 <= third - second < 1.2 + SLACK


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_what_stays_wrong_is_not_tried_again(model, llm_server, status):
    llm_server.script(fails(status, retry_after="0"))
    assert f"status {status}" in str(refusal(model))
    assert len(llm_server.requests) == 1


def test_no_more_than_three_requests_are_sent(model, llm_server):
    llm_server.script(fails(503))
    allowance = model.allowance()
    assert "503" in str(refusal(model, allowance))
    assert len(llm_server.requests) == allowance.usage.calls == 3
    assert allowance.calls_left == 0
    assert "no calls left" in str(refusal(model, allowance))
    assert len(llm_server.requests) == 3


def test_a_single_try_is_one_request(model, llm_server):
    llm_server.script(fails(503), says(ENGLISH))
    refusal(model, retried=False)
    assert len(llm_server.requests) == 1


def test_no_time_left_is_no_request(model, llm_server):
    assert "no time" in str(refusal(model, Allowance(0)))
    assert not llm_server.requests


@pytest.mark.parametrize(
    "reply", [hangs(), trickles(), stalls(), keeps_alive()], ids=["silent", "bytes", "head", "comments"]
)
def test_silence_ends_at_the_deadline(model, llm_server, reply):
    llm_server.script(reply)
    started = time.monotonic()
    assert "deadline" in str(refusal(model, Allowance(SHORT)))
    assert SHORT - 0.05 < time.monotonic() - started < SHORT + SLACK
    assert llm_server.wait_until_closed()
    assert len(llm_server.requests) == 1


@pytest.mark.parametrize("address", [closed_port(), "http://nowhere.invalid/v1"], ids=["refused", "no such host"])
def test_a_server_that_is_not_there_is_tried_within_the_deadline(loaded, address):
    model = loaded(llm="openai:scripted", llm_base_url=address)
    started = time.monotonic()
    assert "ConnectionError" in str(refusal(model, Allowance(1)))
    assert time.monotonic() - started < 1 + SLACK


def test_tries_do_not_outlast_the_deadline(model, llm_server):
    llm_server.script(fails(500), hangs())
    started = time.monotonic()
    assert "deadline" in str(refusal(model, Allowance(SHORT)))
    assert time.monotonic() - started < SHORT + SLACK
    assert len(llm_server.requests) == 2


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_the_wait_that_a_server_asks_for_is_kept(model, llm_server, form):
    # A date has whole seconds: two of them from now are one second at least.
    after = "2" if form == "seconds" else format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    llm_server.script(fails(429, retry_after=after), says(ENGLISH))
    assert told(model) == ENGLISH
    waited = llm_server.requests[1].at - llm_server.requests[0].at
    assert (1.95 if form == "seconds" else 0.9) < waited < 2 + SLACK


def test_a_wait_beyond_the_deadline_is_not_begun_and_nobody_else_asks_meanwhile(model, llm_server):
    llm_server.script(fails(429, retry_after="9999"))
    started = time.monotonic()
    assert "429" in str(refusal(model))
    assert "left alone" in str(refusal(model))
    assert time.monotonic() - started < SLACK
    assert len(llm_server.requests) == 1


@pytest.mark.parametrize("rubbish", ["soon", "-5", "nan", "1e9", "Mon, 99 Foo 2024", ""])
def test_a_wait_that_means_nothing_is_the_usual_one(model, llm_server, rubbish):
    assert failure_of(_status_error(429, rubbish)).wait is None


def test_a_date_in_the_past_asks_for_no_wait():
    past = format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True)
    assert failure_of(_status_error(503, past)).wait == 0


def _status_error(status: int, retry_after: str) -> Exception:
    response = type("Response", (), {"status_code": status, "headers": {"retry-after": retry_after}})
    error = RuntimeError("refused")
    error.response = response
    return error


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens."),
        (400, "You passed 5001 input tokens, but the model's context length is only 4096 tokens."),
        (400, "the request exceeds the available context size. try increasing the context size"),
        (500, "Context size has been exceeded."),
        (400, "prompt is too long: 210000 tokens > 200000 maximum"),
        (400, "Prompt contains 40000 tokens, too large for model with 32768 maximum context length"),
        (400, "the input length exceeds the context length"),
    ],
)
def test_a_prompt_that_does_not_fit_is_told_apart(model, llm_server, status, said):
    llm_server.script(fails(status, message=said))
    assert isinstance(refusal(model), PromptTooLong)
    assert len(llm_server.requests) == 1


def test_a_prompt_that_does_not_fit_is_told_apart_by_its_code_or_in_the_stream(model, llm_server):
    llm_server.script(overflows("Too many tokens."))
    assert isinstance(refusal(model), PromptTooLong)
    llm_server.script(breaks(message="Context size has been exceeded."))
    assert isinstance(refusal(model), PromptTooLong)


def test_another_bad_request_is_no_prompt_too_long(model, llm_server):
    llm_server.script(fails(400, message="Unknown field: stream_options"))
    assert not isinstance(refusal(model), PromptTooLong)


# Some text came


@pytest.mark.parametrize(
    ("fault", "came"),
    [
        (cuts("The bridge op"), "The bridge op"),
        (cuts("The bridge opened [1"), "The bridge opened [1"),
        (breaks("The bridge"), "The bridge"),
        (says("The bridge", finish=None), "The bridge"),
        (says("The bridge", finish="length"), "The bridge"),
        (says("The bridge", finish="content_filter"), "The bridge"),
        (sends(b'data: {"id": "1", "choices": [{"index": 0, "delta": {"content": "So"}}]}\n\ndata: {"id'), "So"),
    ],
    ids=["word", "marker", "error", "no finish", "length", "filter", "half a frame"],
)
def test_an_answer_that_breaks_off_is_cut_short_and_not_tried_again(model, llm_server, fault, came):
    llm_server.script(fault, says(ENGLISH))
    allowance = model.allowance()
    assert until_it_breaks(model, allowance) == came
    assert len(llm_server.requests) == allowance.usage.calls == 1
    assert allowance.usage.output_tokens > 0


@pytest.mark.parametrize(
    "fault", [stalls("The bridge", chunk=4), keeps_alive("The bridge")], ids=["silent", "comments"]
)
def test_a_stall_after_the_first_piece_ends_at_the_deadline(model, llm_server, fault):
    llm_server.script(fault)
    started = time.monotonic()
    assert until_it_breaks(model, Allowance(SHORT)) == "The bridge"
    assert SHORT - 0.05 < time.monotonic() - started < SHORT + SLACK
    assert llm_server.wait_until_closed()


def test_an_answer_that_trickles_ends_at_the_deadline(model, llm_server):
    llm_server.script(says(ENGLISH * 10, chunk=1, pause=0.1))
    started = time.monotonic()
    came = until_it_breaks(model, Allowance(SHORT))
    assert (ENGLISH * 10).startswith(came)
    assert time.monotonic() - started < SHORT + SLACK


@pytest.mark.parametrize("chunk", [1_000, 10_000_000], ids=["frames", "one frame"])
def test_an_endless_answer_is_stopped(llm_server, loaded, chunk):
    model = loaded(llm="openai:scripted", llm_base_url=llm_server.url, llm_max_tokens=100)
    llm_server.script(runs_away(chunk=chunk))
    started = time.monotonic()
    assert len(until_it_breaks(model)) <= 100 * 12
    assert time.monotonic() - started < 1 + SLACK
    assert llm_server.wait_until_closed()


@pytest.mark.parametrize(
    ("name", "reason", "complete"),
    [
        ("stop_reason", "end_turn", True),
        ("stop_reason", "max_tokens", False),
        ("stop_reason", "refusal", False),
        ("done_reason", "stop", True),
        ("done_reason", "length", False),
        ("finish_reason", "model_length", False),
        ("finish_reason", "MAX_TOKENS", False),
        ("finish_reason", "STOP", True),
        ("finish_reason", "error", False),
    ],
)
def test_reasons_to_finish_are_known_by_the_names_of_all_providers(name, reason, complete):
    with closing(over(Pieces(contents=["So."], finish={name: reason}))) as model:
        assert (told(model) if complete else until_it_breaks(model)) == "So."


def test_reaching_the_longest_length_without_text_is_no_answer(model, llm_server):
    llm_server.script(says("", finish="length"))
    assert "length" in str(refusal(model))
    assert len(llm_server.requests) == 1


# Leaving an answer


def test_a_reader_who_leaves_closes_the_connection_at_once(model, llm_server):
    llm_server.script(stalls("The bridge", chunk=4))
    allowance = model.allowance()
    stream = model.stream(MESSAGES, allowance)
    assert next(stream) == "The "
    assert llm_server.open_connections == 1
    started = time.monotonic()
    stream.close()
    assert time.monotonic() - started < SLACK
    assert llm_server.wait_until_closed()
    assert allowance.usage.output_tokens > 0


def test_a_stream_that_was_never_begun_asks_for_nothing(model, llm_server):
    model.stream(MESSAGES, model.allowance()).close()
    assert not llm_server.requests


def test_closing_the_model_ends_what_runs(model, llm_server):
    llm_server.script(stalls("The bridge"))
    stream = model.stream(MESSAGES, model.allowance())
    next(stream)
    model.close()
    with pytest.raises(CutShort, match="closed"):
        list(stream)
    assert llm_server.wait_until_closed()


def test_closing_the_model_ends_a_wait(model, llm_server):
    llm_server.script(fails(429, retry_after="5"))
    started = time.monotonic()
    threading.Timer(0.3, model.close).start()
    refusal(model)
    assert time.monotonic() - started < 0.3 + SLACK
    assert len(llm_server.requests) == 1


# The breaker


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def guarded(llm_server, clock):
    """A model whose breaker goes by the test's clock."""
    breaker = Breaker("openai:scripted", clock=clock)
    with closing(over(load_chat_model(llm_server.settings()), breaker=breaker, backoff=0.05)) as model:
        yield model


def failing(model: LanguageModel, times: int = 5) -> None:
    for _ in range(times):
        with pytest.raises((Unavailable, CutShort)):
            told(model, retried=False)


@pytest.mark.parametrize(
    "fault",
    [fails(500), fails(401), fails(403), fails(429), says_html(), cuts("The bridge"), says("The bridge", finish=None)],
    ids=["500", "401", "403", "429", "html", "cut", "no finish"],
)
def test_after_failures_in_a_row_nothing_is_asked_for_a_while(guarded, llm_server, clock, fault):
    llm_server.script(*[fault] * 5, says(ENGLISH))
    failing(guarded)
    assert "left alone" in str(refusal(guarded))
    assert len(llm_server.requests) == 5
    clock.now += 29
    refusal(guarded)
    clock.now += 2
    assert told(guarded) == ENGLISH
    assert told(guarded) == ENGLISH


@pytest.mark.parametrize(
    "reply",
    [
        overflows(),
        fails(400),
        fails(404),
        says("So", finish="length"),
        says("", finish="content_filter"),
        says(ENGLISH),
    ],
    ids=["too long", "400", "404", "length", "filter", "fine"],
)
def test_what_does_not_speak_against_the_provider_is_no_failure(guarded, llm_server, reply):
    llm_server.script(*[fails(500)] * 4, reply, *[fails(500)] * 4, says(ENGLISH))
    failing(guarded, 4)
    with suppress(Unavailable, CutShort):
        told(guarded)
    failing(guarded, 4)
    assert told(guarded) == ENGLISH


def test_a_reader_who_leaves_is_no_failure(guarded, llm_server):
    llm_server.script(stalls("The bridge"))
    for _ in range(6):
        stream = guarded.stream(MESSAGES, guarded.allowance())
        next(stream)
        stream.close()
    assert len(llm_server.requests) == 6


def test_a_failed_probe_opens_it_again(guarded, llm_server, clock):
    llm_server.script(*[fails(500)] * 6, says(ENGLISH))
    failing(guarded)
    clock.now += 31
    refusal(guarded)
    assert "left alone" in str(refusal(guarded))
    assert len(llm_server.requests) == 6
    clock.now += 31
    assert told(guarded) == ENGLISH


def test_one_probe_goes_through_and_the_others_do_not_wait_for_it(guarded, llm_server, clock):
    llm_server.script(*[fails(500)] * 5, says(ENGLISH, pause=0.1))
    failing(guarded)
    clock.now += 31
    together = threading.Barrier(12)

    def ask() -> str:
        together.wait()
        try:
            return told(guarded)
        except Unavailable as error:
            return str(error)

    with ThreadPoolExecutor(12) as pool:
        said = list(pool.map(lambda _: ask(), range(12)))
    assert said.count(ENGLISH) == 1
    assert sum("left alone" in each for each in said) == 11
    assert len(llm_server.requests) == 6
    assert told(guarded) == ENGLISH


def test_a_probe_that_is_left_gives_its_place_back(guarded, llm_server, clock):
    llm_server.script(*[fails(500)] * 5, stalls("The bridge"), says(ENGLISH))
    failing(guarded)
    clock.now += 31
    probe = guarded.stream(MESSAGES, guarded.allowance())
    next(probe)
    refusal(guarded)
    probe.close()
    assert told(guarded) == ENGLISH


def test_a_provider_is_left_alone_for_a_minute_at_most(guarded, llm_server, clock):
    llm_server.script(fails(429, retry_after="9999"), says(ENGLISH))
    refusal(guarded)
    clock.now += 59
    assert "left alone" in str(refusal(guarded))
    clock.now += 2
    assert told(guarded) == ENGLISH


def test_what_ends_late_does_not_change_an_open_breaker(clock):
    breaker = Breaker(failures=2, clock=clock)
    early, late = breaker.enter(), breaker.enter()
    for _ in range(2):
        breaker.enter().settle(False)
    early.settle(True)
    assert breaker.is_open
    clock.now += 31
    probe = breaker.enter()
    late.settle(False)
    assert breaker.enter() is None
    probe.settle(True)
    probe.settle(False)  # said once, it counts no more
    assert breaker.enter() is not None


# What others see


def test_a_failed_answer_is_one_line_of_the_log(model, llm_server, caplog):
    llm_server.script(fails(503))
    refusal(model)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == "The language model openai:scripted gave no answer: status 503."


@pytest.mark.parametrize("reply", [says_html(), says_nothing(), says_null()], ids=["html", "empty", "null"])
def test_nothing_usable_has_a_name(model, llm_server, reply):
    llm_server.script(reply)
    assert str(refusal(model, retried=False)) == "The language model openai:scripted did not answer (no text)."


def test_the_log_says_once_that_the_breaker_opens_and_closes(guarded, llm_server, clock, caplog):
    llm_server.script(*[fails(500)] * 6, says(ENGLISH))
    failing(guarded)
    for _ in range(3):
        refusal(guarded)
    clock.now += 31
    refusal(guarded)
    clock.now += 31
    told(guarded)
    said = [record.getMessage() for record in caplog.records]
    assert sum("left alone" in line for line in said) == 1
    assert sum("answers again" in line for line in said) == 1
    assert len(said) == 6 + 2


@pytest.mark.parametrize("reply", [fails(401), fails(500), fails(400), breaks(), breaks("The bridge"), cuts("The")])
def test_neither_the_key_nor_the_prompt_nor_the_providers_words_get_out(llm_server, loaded, caplog, reply):
    llm_server.script(reply)
    address = llm_server.url.replace("http://", "http://somebody:a-password@")
    model = loaded(llm="openai:scripted", llm_base_url=address, llm_api_key=KEY)
    with pytest.raises((Unavailable, CutShort)) as failed:
        told(model, retried=False)
    assert llm_server.requests[0].headers["authorization"]
    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("qa_service"))
    assert ours
    for secret in (KEY, "a-password", "When did the bridge", "Incorrect"):
        assert secret not in str(failed.value) + ours
    assert KEY not in repr(model.__dict__)
    assert failed.value.__cause__ is None
    assert failed.value.__context__ is None


def test_the_key_is_in_no_log_however_much_is_logged(llm_server, loaded, caplog):
    caplog.set_level(logging.DEBUG)
    told(loaded(llm="openai:scripted", llm_base_url=llm_server.url, llm_api_key=KEY))
    assert KEY in llm_server.requests[0].headers["authorization"]
    assert KEY not in caplog.text


def test_callbacks_in_the_callers_context_see_the_usage(model, llm_server):
    llm_server.script(says(ENGLISH, usage=(120, 9)))
    with get_usage_metadata_callback() as seen:
        told(model)
    assert seen.usage_metadata["scripted"]["input_tokens"] == 120
    assert seen.usage_metadata["scripted"]["output_tokens"] == 9


class Seen(BaseCallbackHandler):
    """Notes what a tracer sees."""

    def __init__(self) -> None:
        self.events = []

    def on_chat_model_start(self, serialized, messages, **kwargs):
        self.events.append(("start", kwargs.get("name")))

    def on_llm_end(self, response, **kwargs):
        self.events.append(("end", response.generations[0][0].message.usage_metadata["total_tokens"]))

    def on_llm_error(self, error, **kwargs):
        self.events.append(("error", type(error).__name__))


def test_a_tracer_around_the_caller_sees_start_and_end(model, llm_server):
    llm_server.script(says(ENGLISH, usage=(120, 9)))
    seen = Seen()
    assert RunnableLambda(lambda _: told(model)).invoke("?", config={"callbacks": [seen]}) == ENGLISH
    assert seen.events == [("start", "answer"), ("end", 129)]


def test_a_tracer_sees_that_an_answer_was_left(model, llm_server):
    llm_server.script(stalls("The bridge"))
    seen = Seen()

    def leave(_):
        stream = model.stream(MESSAGES, model.allowance())
        next(stream)
        stream.close()

    RunnableLambda(leave).invoke("?", config={"callbacks": [seen]})
    assert seen.events == [("start", "answer"), ("error", "CancelledError")]


# Loading


def test_without_a_name_there_is_no_model():
    assert LanguageModel.load(load_settings()) is None


PROVIDERS = [
    ("openai:gpt-5-mini", "langchain_openai"),
    ("anthropic:claude-sonnet-4-5", "langchain_anthropic"),
    ("mistralai:mistral-small-latest", "langchain_mistralai"),
    ("ollama:qwen3:8b", "langchain_ollama"),
]


@pytest.mark.parametrize(("name", "package"), PROVIDERS)
@pytest.mark.parametrize("base", ["", "http://127.0.0.1:9/v1"])
def test_each_provider_loads_without_a_request(loaded, name, package, base):
    pytest.importorskip(package)
    model = loaded(llm=name, llm_base_url=base, llm_api_key=KEY, llm_timeout=1.5)
    assert model.name == name
    assert threads_at_work() == 0


def loading(**options: str) -> str:
    with pytest.raises((SettingsError, MissingExtra)) as refused:
        LanguageModel.load(load_settings(**options))
    said = str(refused.value)
    assert "\n" not in said
    assert KEY not in said
    return said


@pytest.mark.parametrize("name", ["openai", "openai:", ":gpt", "::", " : "])
def test_a_name_of_another_form_is_refused(name):
    assert loading(llm=name).startswith("QA_LLM: should be empty or of the form provider:model")


@pytest.mark.parametrize(
    "address",
    ["ftp://host/v1", "host:8080", "http://", "http://[::1", "http://host:port", "http://a b/", f"x://u:{KEY}@h"],
)
def test_an_address_of_another_kind_is_refused(address):
    assert loading(llm="openai:x", llm_base_url=address).startswith("QA_LLM_BASE_URL: should be empty or an http://")


@pytest.mark.parametrize("key", [f"{KEY}\n", f"{KEY} 1", f"{KEY}é"])
def test_a_key_that_fits_no_header_is_refused_without_showing_it(key):
    assert loading(llm="openai:x", llm_api_key=key) == "QA_LLM_API_KEY: should be ASCII without white space"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("llm_timeout", 0.5),
        ("llm_timeout", 601),
        ("llm_timeout", float("nan")),
        ("llm_max_tokens", 15),
        ("llm_max_tokens", 32_001),
        ("llm_prompt_tokens", 199),
        ("llm_prompt_tokens", 200_001),
    ],
)
def test_numbers_out_of_bounds_are_refused(name, value):
    assert loading(**{name: value}).startswith(f"QA_{name.upper()}: ")


def test_an_unknown_provider_is_refused():
    assert "provider='nobody'" in loading(llm="nobody:small", llm_api_key=KEY)


def test_a_package_that_no_extra_brings_is_named():
    pytest.importorskip("langchain")
    if "langchain_groq" in sys.modules:
        pytest.skip("langchain-groq is installed")
    assert "pip install langchain-groq" in loading(llm="groq:llama", llm_api_key=KEY)


@pytest.mark.parametrize("name", ["openai:gpt-5-mini", "anthropic:claude-sonnet-4-5", "mistralai:mistral-small-latest"])
def test_a_missing_key_is_refused(name):
    assert re.fullmatch(rf"QA_LLM={name} needs a key: set QA_LLM_API_KEY or [A-Z]+_API_KEY\.", loading(llm=name))


@pytest.mark.parametrize(
    ("missing", "name", "extra"),
    [
        ("langchain.chat_models", "openai:small", "providers"),
        ("langchain_openai", "openai:small", "providers"),
        ("langchain_anthropic", "anthropic:small", "anthropic"),
        ("langchain_mistralai", "mistralai:small", "mistralai"),
        ("langchain_ollama", "ollama:small", "ollama"),
    ],
)
def test_without_the_extra_its_name_is_said(monkeypatch, missing, name, extra):
    from langchain.chat_models import base

    base._get_chat_model_creator.cache_clear()
    monkeypatch.setitem(sys.modules, missing, None)  # what Python itself does to say "not importable"
    assert loading(llm=name, llm_api_key=KEY) == f"QA_LLM needs the extra: pip install 'qa-service[{extra}]'."


# The wires of the other providers

ANTHROPIC_EVENTS = [
    {
        "type": "message_start",
        "message": {
            "id": "m", "type": "message", "role": "assistant", "content": [], "model": "c", "stop_reason": None,
            "stop_sequence": None, "usage": {"input_tokens": 12, "output_tokens": 1},
        },
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": ENGLISH}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"input_tokens": 12, "output_tokens": 7},
    },
    {"type": "message_stop"},
]  # fmt: skip
OLLAMA_LINES = [
    {"model": "q", "created_at": "2025-01-01T00:00:00Z", "message": {"role": "assistant", "content": ENGLISH}},
    {
        "model": "q", "created_at": "2025-01-01T00:00:00Z", "message": {"role": "assistant", "content": ""},
        "done": True, "done_reason": "stop", "prompt_eval_count": 12, "eval_count": 7,
    },
]  # fmt: skip


def anthropic_says() -> Reply:
    lines = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in ANTHROPIC_EVENTS]
    return sends("".join(lines).encode())


def mistral_says() -> Reply:
    """Its usage comes with the reason to finish."""
    frames = [
        {"model": "m", "choices": [{"index": 0, "delta": {"role": "assistant", "content": ENGLISH}}]},
        {
            "model": "m", "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 12, "completion_tokens": 7, "total_tokens": 19},
        },
    ]  # fmt: skip
    return sends("".join(f"data: {json.dumps(frame)}\n\n" for frame in frames).encode() + b"data: [DONE]\n\n")


def ollama_says() -> Reply:
    return sends("".join(json.dumps(line) + "\n" for line in OLLAMA_LINES).encode(), "application/x-ndjson")


WIRES = [
    pytest.param("anthropic:claude", "/v1/messages", anthropic_says(), id="anthropic"),
    pytest.param("mistralai:mistral-small-latest", "/v1/chat/completions", mistral_says(), id="mistralai"),
    pytest.param("ollama:qwen3:8b", "/api/chat", ollama_says(), id="ollama"),
]


@pytest.mark.parametrize(("name", "path", "reply"), WIRES)
def test_each_provider_is_heard_tried_again_and_left(llm_server, loaded, name, path, reply):
    provider = name.partition(":")[0]
    pytest.importorskip(f"langchain_{provider}")
    base = llm_server.url if provider == "mistralai" else llm_server.url.removesuffix("/v1")
    model = loaded(llm=name, llm_base_url=base, llm_api_key=KEY, llm_max_tokens=99)
    llm_server.script(fails(500), reply)
    allowance = model.allowance()
    assert told(model, allowance) == ENGLISH
    assert (allowance.usage.calls, allowance.usage.input_tokens, allowance.usage.output_tokens) == (2, 12, 7)
    assert {request.path for request in llm_server.requests} == {path}
    assert KEY in str(llm_server.requests[0].headers)
    assert "temperature" not in str(llm_server.requests[0].body) or provider == "mistralai"
    assert "99" in str(llm_server.requests[0].body)
    for silent in (hangs(), stalls()):
        llm_server.script(silent)
        assert "deadline" in str(refusal(model, Allowance(0.3)))
        assert llm_server.wait_until_closed()
    llm_server.script(fails(400, message="prompt is too long"))
    assert isinstance(refusal(model), PromptTooLong)
    llm_server.script(fails(401))
    assert "status 401" in str(refusal(model))

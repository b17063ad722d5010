"""The answers as a Runnable: alone, in chains, in streams, and with callbacks."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from functools import reduce
from operator import add, itemgetter

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import PromptTemplate
from langchain_core.runnables import RunnableLambda, RunnableParallel, RunnablePassthrough

import qa_service
from qa_service import AnsweringChain
from qa_service.answers import Delta, Progress
from qa_service.errors import IndexUnavailable, InvalidQuestion
from qa_service.indexing import index_documents
from tests.llm_server import says, stalls

ENGLISH = "When did the footbridge over the Alder open?"
FRENCH = "Combien de parcelles compte le potager partagé ?"


@pytest.fixture(scope="module")
def chain(built):
    with AnsweringChain.open(built) as chain:
        yield chain


def without_what_differs(answer):
    """An answer without the names and times that each one has for itself."""
    return {name: value for name, value in answer.items() if name not in ("id", "conversation_id", "timings_ms")}


@pytest.mark.parametrize(("question", "language", "fact"), [(ENGLISH, "en", "12 May 2024"), (FRENCH, "fr", "trente")])
def test_it_answers_in_either_language(chain, question, language, fact):
    answer = chain.invoke(question)
    assert (answer["question"], answer["language"]) == (question, language)
    assert fact in answer["answer"]
    assert fact in answer["citations"][0]["quote"]


def test_a_dictionary_says_more_of_the_question(chain):
    answer = chain.invoke(
        {"question": ENGLISH, "language": "fr", "conversation_id": "bridges", "user": "of another part"}
    )
    assert (answer["language"], answer["conversation_id"]) == ("fr", "bridges")
    leaning = chain.invoke({"question": "How long is it?", "conversation_id": "bridges"})
    assert "84" in leaning["answer"]


@pytest.mark.parametrize("question", [ENGLISH, FRENCH, "Who discovered penicillin?"])
def test_all_ways_of_asking_give_the_same_answer(chain, question):
    async def asked():
        pieces = [piece async for piece in chain.astream(question)]
        return await chain.ainvoke(question), pieces

    answer, pieces = asyncio.run(asked())
    expected = without_what_differs(chain.invoke(question))
    assert without_what_differs(answer) == expected
    assert without_what_differs(reduce(add, pieces)) == expected
    assert without_what_differs(reduce(add, chain.stream(question))) == expected
    assert type(answer) is type(chain.invoke(question)) is dict


def test_a_stream_begins_with_the_text(chain):
    pieces = list(chain.stream(ENGLISH))
    assert all(list(piece) == ["answer"] for piece in pieces[:-1])
    assert pieces[-1]["citations"]
    assert "answer" not in pieces[-1]


def test_many_questions_are_answered_at_once(chain):
    answers = chain.batch([ENGLISH, FRENCH] * 4, {"max_concurrency": 4})
    assert [answer["language"] for answer in answers] == ["en", "fr"] * 4
    again = asyncio.run(chain.abatch([ENGLISH, FRENCH]))
    assert [answer["answer"] for answer in again] == [answer["answer"] for answer in answers[:2]]


def test_it_stands_in_chains(chain):
    text = chain.invoke(ENGLISH)["answer"]
    assert (chain | itemgetter("answer")).invoke(ENGLISH) == text
    assert (chain.pick("answer") | StrOutputParser()).invoke(ENGLISH) == text
    assert "".join((chain.pick("answer") | StrOutputParser()).stream(ENGLISH)) == text
    prompt = PromptTemplate.from_template("When did {subject} open?") | RunnableLambda(lambda value: value.to_string())
    assert (prompt | chain.pick("answer")).invoke({"subject": "the footbridge over the Alder"}) == text
    side_by_side = RunnableParallel(answer=chain.pick("answer"), passages=chain.retriever(k=2)).invoke(ENGLISH)
    assert (side_by_side["answer"], len(side_by_side["passages"])) == (text, 2)
    assigned = RunnablePassthrough.assign(answer=chain.pick("answer")).invoke({"question": ENGLISH, "user": 7})
    assert assigned == {"question": ENGLISH, "user": 7, "answer": text}


def test_a_question_may_come_in_pieces(chain):
    words = RunnableLambda(lambda question: question) | chain.pick("answer")
    assert "".join(words.stream(ENGLISH)) == chain.invoke(ENGLISH)["answer"]
    assert (
        reduce(add, chain.transform(iter(["When did the footbridge ", "over the Alder open?"])))["question"] == ENGLISH
    )
    parts = RunnableParallel(question=RunnablePassthrough(), language=lambda _: "fr") | chain.pick("language")
    assert "".join(parts.stream(ENGLISH)) == "fr"


class Noted(BaseCallbackHandler):
    """What callbacks are told."""

    def __init__(self):
        self.started, self.ended, self.failed = [], [], []

    def on_chain_start(self, serialized, inputs, *, tags=None, metadata=None, **rest):
        self.started.append((rest.get("name"), tags, metadata))

    def on_chain_end(self, outputs, **_):
        self.ended.append(outputs)

    def on_chain_error(self, error, **_):
        self.failed.append(error)

    def on_retriever_end(self, documents, **_):
        self.ended.append(documents)


@pytest.mark.parametrize("way", ["invoke", "stream", "ainvoke", "astream"])
def test_callbacks_tags_and_names_are_passed_on(chain, way):
    noted = Noted()
    config = {"callbacks": [noted], "tags": ["of-the-test"], "metadata": {"k": 1}, "run_name": "asking"}

    async def streamed():
        return [piece async for piece in chain.astream(ENGLISH, config)]

    run = {
        "invoke": lambda: chain.invoke(ENGLISH, config),
        "stream": lambda: list(chain.stream(ENGLISH, config)),
        "ainvoke": lambda: asyncio.run(chain.ainvoke(ENGLISH, config)),
        "astream": lambda: asyncio.run(streamed()),
    }
    run[way]()
    assert noted.started == [("asking", ["of-the-test"], {"k": 1})]
    assert "12 May 2024" in noted.ended[0]["answer"]
    assert not noted.failed


def test_the_name_is_its_own(chain):
    assert chain.get_name() == "AnsweringChain"
    assert "string" in str(chain.get_input_jsonschema())
    assert chain.get_output_jsonschema()["type"] == "object"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "empty"),
        ("  \n", "empty"),
        ("x" * 2_001, "longer than 2000"),
        (7, "must be a question"),
        (None, "must be a question"),
        ([ENGLISH], "must be a question"),
        ({}, "must be a question"),
        ({"question": 7}, "must be a question"),
        ({"question": ENGLISH, "language": "de"}, "one of en, fr"),
        ({"question": ENGLISH, "language": 7}, "must be texts"),
        ({"question": ENGLISH, "conversation_id": 7}, "must be texts"),
        ({"question": ENGLISH, "conversation_id": "c" * 101}, "longer than 100"),
    ],
)
def test_what_cannot_be_asked_is_said(chain, given, said):
    noted = Noted()

    async def streamed():
        return [piece async for piece in chain.astream(given)]

    with pytest.raises(InvalidQuestion, match=said):
        chain.invoke(given, {"callbacks": [noted]})
    with pytest.raises(InvalidQuestion, match=said):
        list(chain.stream(given))
    with pytest.raises(InvalidQuestion, match=said):
        asyncio.run(chain.ainvoke(given))
    with pytest.raises(InvalidQuestion, match=said):
        asyncio.run(streamed())
    assert len(noted.failed) == 1


def test_without_an_index_it_says_so_and_answers_once_there_is_one(settings):
    with AnsweringChain.open(settings) as chain:
        with pytest.raises(IndexUnavailable):
            chain.invoke(ENGLISH)
        with pytest.raises(IndexUnavailable):
            chain.retriever().invoke(ENGLISH)
        index_documents([settings.documents], settings)
        patient = chain.with_retry(retry_if_exception_type=(IndexUnavailable,), stop_after_attempt=5)
        assert "12 May 2024" in patient.invoke(ENGLISH)["answer"]


def test_after_closing_there_is_nothing_to_answer_from(built):
    with AnsweringChain.open(built) as chain:
        retriever = chain.retriever()
        assert retriever.invoke(ENGLISH)
    with pytest.raises(IndexUnavailable):
        chain.invoke(ENGLISH)
    with pytest.raises(IndexUnavailable):
        retriever.invoke(ENGLISH)


def test_it_takes_its_settings_from_the_environment(built, monkeypatch):
    monkeypatch.setenv("QA_INDEX", str(built.index))
    with AnsweringChain.open() as chain:
        assert chain.invoke(FRENCH)["citations"]


class SlowPipeline:
    """A pipeline whose answers are written until somebody ends it."""

    def __init__(self):
        self.begun, self.ended = threading.Event(), threading.Event()

    def stream(self, *_):
        try:
            yield Progress(3)
            yield Delta("It is wri")
            while True:
                self.begun.set()
                time.sleep(0.01)
                yield Delta("")
        finally:
            self.ended.set()


@pytest.mark.parametrize("way", ["ainvoke", "astream"])
def test_cancelling_ends_the_writing(way):
    pipeline = SlowPipeline()
    chain = AnsweringChain(pipeline)

    async def asked():
        if way == "ainvoke":
            await chain.ainvoke(ENGLISH)
        async for _ in chain.astream(ENGLISH):
            pass

    async def cancelled():
        task = asyncio.create_task(asked())
        await asyncio.to_thread(pipeline.begun.wait, 5)
        assert not pipeline.ended.is_set()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(pipeline.ended.wait, 5)

    asyncio.run(cancelled())


def test_closing_a_stream_ends_the_writing():
    pipeline = SlowPipeline()
    pieces = AnsweringChain(pipeline, drafts=True).stream(ENGLISH)
    assert next(pieces) == {"draft": "It is wri"}
    pieces.close()
    assert pipeline.ended.is_set()


WRITTEN = {
    ENGLISH: ("The footbridge over the Alder opened on 12 May 2024 [1].", "Sergei Kozlov paid 612 euros for it [1]."),
    FRENCH: ("Le potager partagé compte trente parcelles [1].", "Sergueï Kozlov a payé 612 euros [1]."),
}


@pytest.mark.parametrize("question", WRITTEN)
def test_a_language_models_text_is_shown_once_it_was_checked(llm_server, built, question):
    true, false = WRITTEN[question]
    llm_server.script(says(f"{true} {false}"))
    with AnsweringChain.open(llm_server.settings(index=built.index)) as chain:
        pieces = list(chain.stream(question))
    whole = reduce(add, pieces)
    assert (whole["composer"], whole["withdrawn"]) == ("llm", ())
    assert whole["warnings"] == ("unsupported_sentence_removed",)
    assert "612" not in whole["answer"]


@pytest.mark.parametrize("question", WRITTEN)
def test_drafts_are_shown_as_they_are_written(llm_server, built, question):
    true, false = WRITTEN[question]
    llm_server.script(says(f"{true} {false}"))
    with AnsweringChain.open(llm_server.settings(index=built.index), drafts=True) as chain:
        draft = "".join(chain.pick("draft").stream(question))
        whole = reduce(add, chain.stream(question))
        assert "draft" not in chain.invoke(question)
    assert true[:-5] in draft
    assert "612" in draft
    assert "612" in whole["withdrawn"][0]
    assert "612" not in whole["answer"]


def test_leaving_a_stream_ends_the_request_to_the_model(llm_server, built):
    llm_server.script(stalls(f"{WRITTEN[ENGLISH][0]} The"))
    with AnsweringChain.open(llm_server.settings(index=built.index, llm_timeout=30), drafts=True) as chain:
        pieces = chain.stream(ENGLISH)
        assert "draft" in next(pieces)
        pieces.close()
        assert llm_server.wait_until_closed()


def test_the_package_is_imported_without_what_is_not_asked_for():
    heavy = (
        "import sys, qa_service; print([name for name in ('langchain_core', 'flask', 'numpy') if name in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"
    assert all(hasattr(qa_service, name) for name in qa_service.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = qa_service.Nothing

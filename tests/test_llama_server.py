"""A real server of llama.cpp, in a process of its own, whose model babbles: the wire, and what becomes of babble."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import reduce
from importlib.util import find_spec
from operator import add
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from langchain_core.messages import HumanMessage, SystemMessage

from qa_service.pipeline import Pipeline
from qa_service.settings import Settings, load_settings

# Looked for and not imported: the server has a process of its own, and its package leaves files open in this one.
if not (find_spec("llama_cpp") and find_spec("gguf")):
    pytest.skip("no server of llama.cpp is installed: make test-llama builds one", allow_module_level=True)

from tests.tiny_llama import write_model

if TYPE_CHECKING:
    from qa_service.answers import Answer

pytestmark = pytest.mark.llama_cpp

# Words of the articles: what is said out of them looks like an answer more than any other babble would.
WORDS = (
    "The footbridge over the river opened on 12 May 2024. It is 84 metres long and the mayor cut the ribbon. "
    "La passerelle sur la rivière a été inaugurée le 12 mai 2024. Elle mesure 84 mètres et la maire a coupé le ruban."
).split()
CONTEXT = 2048
LOADED_WITHIN = 60.0  # seconds; most of it is the import of the server, on a machine with other work


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        try:
            connection.request("GET", "/v1/models")
            return connection.getresponse().status == 200
        except OSError:
            return False


def end_of(log: Path) -> str:
    """Its last lines: hundreds before them describe the model."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-40:])


@contextmanager
def serving(model: Path, log: Path) -> Iterator[str]:
    """A server of this model; its address, as clients want it."""
    port = free_port()
    command = [sys.executable, "-m", "llama_cpp.server", "--model", str(model), "--n_ctx", str(CONTEXT)]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    with log.open("w", encoding="utf-8") as output:
        server = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + LOADED_WITHIN
        while not answers(port):
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"the server did not start:\n{end_of(log)}")
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.kill()
        server.wait()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of the server that all tests share, and its log."""
    folder = tmp_path_factory.mktemp("llama")
    log = folder / "log"
    with serving(write_model(folder / "tiny.gguf", WORDS), log) as address:
        yield address, log


@pytest.fixture
def address(served: tuple[str, Path], request: pytest.FixtureRequest) -> Iterator[str]:
    """The server's address; a test that fails shows what the server wrote by then."""
    address, log = served
    failed = request.session.testsfailed
    yield address
    if request.session.testsfailed > failed:
        print(end_of(log))


def with_model(settings: Settings, address: str) -> Settings:
    return load_settings(
        documents=settings.documents, index=settings.index, llm="openai:tiny", llm_base_url=address, llm_timeout=10
    )


def is_babble(text: str) -> bool:
    return bool(text.strip()) and set(text.split()) <= set(WORDS)


def test_langchain_streams_what_it_says(address: str) -> None:
    openai = pytest.importorskip("langchain_openai")
    chat = openai.ChatOpenAI(
        base_url=address, api_key="none", model="tiny", max_retries=0, timeout=60, extra_body={"max_tokens": 40}
    )
    pieces = list(chat.stream("When did the footbridge open? Quand la passerelle a-t-elle été inaugurée ?"))
    whole = reduce(add, pieces)
    assert sum(bool(piece.text) for piece in pieces) == 40
    assert is_babble(whole.text)
    assert whole.response_metadata["finish_reason"] == "length"


def test_the_services_own_call_says_that_the_answer_is_cut_short(address: str, settings: Settings) -> None:
    calls = pytest.importorskip("qa_service.language_model")
    model = calls.LanguageModel.load(with_model(settings, address))
    asked = [SystemMessage("Answer from the articles."), HumanMessage("Quand la passerelle a-t-elle été inaugurée ?")]
    said: list[str] = []
    with closing(model), pytest.raises(calls.CutShort):
        said.extend(model.stream(asked, model.allowance()))
    assert is_babble("".join(said))


def test_a_prompt_that_the_context_does_not_hold_gets_no_answer(address: str, settings: Settings) -> None:
    calls = pytest.importorskip("qa_service.language_model")
    model = calls.LanguageModel.load(with_model(settings, address))
    # This server accepts the request, and then ends its stream before the first word.
    with closing(model), pytest.raises(calls.Unavailable):
        list(model.stream([HumanMessage(" ".join(WORDS[:1] * CONTEXT))], model.allowance()))


@pytest.mark.parametrize(
    ("question", "language", "quoted"),
    [
        ("When did the footbridge open?", "en", "opened on 12 May 2024"),
        ("Quand la passerelle a-t-elle été inaugurée ?", "fr", "inaugurée le 12 mai 2024"),
    ],
)
def test_babble_ends_as_quotes(address: str, indexed: Settings, question: str, language: str, quoted: str) -> None:
    pytest.importorskip("qa_service.language_model")
    with closing(Pipeline(with_model(indexed, address))) as pipeline:
        pipeline.open()
        answer = pipeline.answer(question)
        assert_exact(answer, pipeline)
    assert (answer.language, answer.composer, answer.abstained) == (language, "extractive", False)
    assert any(quoted in citation.quote for citation in answer.citations)
    assert answer.warnings


def assert_exact(answer: Answer, pipeline: Pipeline) -> None:
    """Every quote is in its document, at the place that is given."""
    assert answer.citations
    for citation in answer.citations:
        text = pipeline.document(citation.document_id).article.text
        assert text[citation.start : citation.end] == citation.quote

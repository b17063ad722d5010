"""How assistants reach the tools: the command in a process of its own, over both transports, and whom HTTP lets in."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

pytest.importorskip("mcp")

import httpx2
import uvicorn
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from starlette.types import Message, Receive, Scope, Send

from qa_service.channels.mcp import Channel
from qa_service.channels.mcp_transports import PATH, Guard, http_config
from qa_service.indexing import index_documents
from qa_service.keys import Keys
from qa_service.settings import Settings, load_settings
from tests.channels.test_mcp import SearchedPipeline, broken_off

ENGLISH = "When did the footbridge over the Alder open?"
FRENCH = "Combien de parcelles compte le potager partagé ?"
COMMAND = [sys.executable, "-m", "qa_service", "mcp"]
HEADERS = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "a test", "version": "1"},
    },
}
MODES = pytest.mark.parametrize("mode", ["auto", "legacy"])


def environment(settings: Settings, **more: str) -> dict[str, str]:
    """The environment of the command: the index, and this source tree."""
    root = str(Path(__file__).parents[2])
    return {"QA_INDEX": str(settings.index), "QA_DOCUMENTS": str(settings.documents), "PYTHONPATH": root, **more}


def asking(question: str, number: int = 1) -> dict[str, Any]:
    """A call of the tool ``ask`` as it goes over the wire."""
    return {
        "jsonrpc": "2.0",
        "id": number,
        "method": "tools/call",
        "params": {"name": "ask", "arguments": {"question": question}},
    }


async def answers(client: Client) -> None:
    """Both languages, at once; and an error that a model can act on."""
    found: dict[str, Any] = {}

    async def ask(question: str) -> None:
        found[question] = await client.call_tool("ask", {"question": question})

    async with anyio.create_task_group() as tasks:
        for question in (ENGLISH, FRENCH, "Who discovered penicillin?", ""):
            tasks.start_soon(ask, question)
    english, french = found[ENGLISH].structured_content, found[FRENCH].structured_content
    assert (english["language"], french["language"]) == ("en", "fr")
    assert "12 May 2024" in english["citations"][0]["quote"]
    assert "trente parcelles" in french["citations"][0]["quote"]
    assert "[1]" in found[FRENCH].content[0].text
    assert found["Who discovered penicillin?"].structured_content["abstained"]
    assert (found[""].is_error, found[""].content[0].text) == (True, "The question is empty.")
    passages = await client.call_tool("search", {"query": "ruban", "k": 2})
    assert len(passages.structured_content["passages"]) == 2


# Standard input and output


def test_an_assistant_starts_it_and_asks(built: Settings) -> None:
    async def run() -> None:
        parameters = StdioServerParameters(command=COMMAND[0], args=COMMAND[1:], env=environment(built))
        with anyio.fail_after(30):
            async with Client(parameters) as client:
                await answers(client)

    anyio.run(run)
    assert list((built.index / "readers").glob("*[!k]")) == []  # the copy of the index is gone: it ended in order


@contextmanager
def speaking(settings: Settings, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """The command with its pipes, begun but for the first message."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("QA_")}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(COMMAND, env=inherited | environment(settings, **more), **pipes) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def lines(*messages: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(message).encode() + b"\n" for message in messages)


def test_standard_output_holds_nothing_but_the_protocol(settings: Settings) -> None:
    with speaking(settings) as process:
        sent = b"no message\n\xff\xfe\n" + b"[" * 10_000 + b"\n" + lines(INITIALIZE, asking(ENGLISH))
        assert process.stdin
        process.stdin.write(sent)
        process.stdin.flush()
        assert process.stdout
        replies = []
        while not replies or replies[-1].get("id") != 1:
            replies.append(json.loads(process.stdout.readline()))
        rest, errors = process.communicate(timeout=20)
    assert all(reply["jsonrpc"] == "2.0" for reply in replies)
    assert rest == b""
    said = replies[-1]["result"]
    assert said["isError"]
    assert "qa-service index" in said["content"][0]["text"]  # there is none
    assert process.returncode == 0
    assert b"Traceback" not in errors
    assert str(settings.index).encode() not in errors


def test_a_signal_ends_it_in_order(built: Settings) -> None:
    with speaking(built) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(lines(INITIALIZE))
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["result"]["serverInfo"]["name"] == "qa-service"
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 0
    assert errors == b""
    assert list((built.index / "readers").glob("*[!k]")) == []


def test_a_client_that_goes_away_leaves_no_traceback(built: Settings) -> None:
    with speaking(built) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        process.stdin.write(lines(INITIALIZE, *(asking(ENGLISH, number) for number in range(1, 4))))
        process.stdin.flush()
        process.stdin.close()
        assert process.wait(15) == 0
        assert b"Traceback" not in process.stderr.read()


def test_the_readmes_entry_is_one() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    entry = json.loads(next(block for block in re.findall(r"```json\n(.*?)```", readme, re.DOTALL) if "mcp" in block))
    parameters = StdioServerParameters(**entry["mcpServers"]["articles"])
    assert (Path(parameters.command).name, parameters.args) == ("qa-service", ["mcp"])
    assert parameters.env
    assert all(name.removeprefix("QA_").lower() in Settings.model_fields for name in parameters.env)


# HTTP


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(settings: Settings, *options: str, **more: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command with ``--http`` and the address of its tools; it must end by itself when told to."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("QA_")}
    port = str(free_port())
    command = [*COMMAND, "--http", "--port", port, *options]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=inherited | environment(settings, **more), **pipes) as process:
        try:
            assert process.stdout
            said = process.stdout.readline().strip()
            assert said == f"Serving MCP on http://127.0.0.1:{port}{PATH}"
            yield process, said.rpartition(" ")[2]
        finally:
            if process.poll() is None:
                process.kill()


def test_it_serves_over_http_and_follows_the_index(indexed: Settings) -> None:
    async def run(address: str) -> None:
        with anyio.fail_after(40):
            for mode in ("auto", "legacy"):
                async with Client(address, mode=mode) as client:
                    await answers(client)
            (indexed.documents / "fr" / "phare.txt").write_text("Le phare\n\nLe phare de Pointe-Noire a 31 mètres.\n")
            await anyio.to_thread.run_sync(index_documents, [indexed.documents], indexed)
            async with Client(address) as client:
                for _ in range(100):
                    found = await client.call_tool("ask", {"question": "How tall is the lighthouse of Pointe-Noire?"})
                    if "31" in found.content[0].text:
                        return
                    await anyio.sleep(0.2)
        pytest.fail("The new generation was not picked up.")

    with serving(indexed) as (process, address):
        anyio.run(run, address)
        process.terminate()
        output, errors = process.communicate(timeout=15)
        assert (process.returncode, output, errors) == (0, "", "")
    assert list((indexed.index / "readers").glob("*[!k]")) == []


def test_a_port_that_is_taken_is_said_in_a_line(built: Settings) -> None:
    with serving(built) as (process, address):
        port = address.removesuffix(PATH).rpartition(":")[2]
        second = subprocess.run(
            [*COMMAND, "--http", "--port", port],
            env=os.environ | environment(built),
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert (second.returncode, second.stdout) == (1, "")
        assert second.stderr.startswith(f"qa-service: Cannot listen on 127.0.0.1:{port} (")
        assert second.stderr.count("\n") == 1
        with httpx2.Client() as client:
            assert client.post(address, headers=HEADERS, json=INITIALIZE).status_code == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(15) == 0


def test_without_its_extra_it_says_what_to_install(built: Settings) -> None:
    code = "import sys; sys.modules['mcp'] = None; sys.argv = ['qa-service', 'mcp']; from qa_service.cli import main; "
    inherited = os.environ | environment(built)
    done = subprocess.run(
        [sys.executable, "-c", f"{code} sys.exit(main())"], env=inherited, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "qa-service: `qa-service mcp` needs the extra: pip install 'qa-service[mcp]'.\n"


@contextmanager
def served_here() -> Iterator[Callable[..., str]]:
    """What serves a pipeline in this process, with some settings, and gives the address of its tools."""
    with ExitStack() as running:

        def serve(pipeline: SearchedPipeline, *hosts: str, **settings: str) -> str:
            listening = socket.socket()
            listening.bind(("127.0.0.1", 0))
            channel = Channel(pipeline, threads=2).server()
            server = uvicorn.Server(http_config(channel, load_settings(**settings), hosts))
            thread = threading.Thread(target=partial(server.run, sockets=[listening]))
            thread.start()

            def stop() -> None:
                server.should_exit = True
                thread.join()
                listening.close()

            running.callback(stop)
            while not server.started:
                time.sleep(0.01)
            return f"http://127.0.0.1:{listening.getsockname()[1]}{PATH}"

        yield serve


@pytest.fixture
def pipeline() -> SearchedPipeline:
    return SearchedPipeline()


@pytest.fixture
def served(pipeline: SearchedPipeline) -> Iterator[Callable[..., str]]:
    """Serve the pipeline of three articles, for this test alone."""
    with served_here() as serve:
        yield partial(serve, pipeline)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """An open server of the pipeline of three articles that has another name too, and a site whose scripts may call."""
    with served_here() as serve:
        yield serve(SearchedPipeline(), "qa.example", cors_origins="https://news.example")


@MODES
def test_with_keys_only_they_open_it(served: Any, mode: str) -> None:
    address = served(api_keys="first,second", admin_keys="third")
    with httpx2.Client() as client:
        for given in (
            {},
            {"Authorization": "Bearer wrong"},
            {"Authorization": "Bearer"},
            {"Authorization": "Basic first"},
        ):
            for method in ("POST", "GET", "DELETE"):
                refused = client.request(method, address, headers=HEADERS | given, json=INITIALIZE)
                assert refused.status_code == 401
                assert refused.headers["WWW-Authenticate"] == "Bearer"
                assert refused.headers["Content-Type"] == "application/problem+json"
                assert refused.json()["status"] == 401

    async def run() -> None:
        for key in ("first", "second", "third"):
            async with (
                httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}) as http,
                Client(streamable_http_client(address, http_client=http), mode=mode) as client,
            ):
                assert not (await client.call_tool("ask", {"question": "When?"})).is_error

    anyio.run(run)


def test_without_keys_an_administrators_key_closes_nothing(served: Any) -> None:
    with httpx2.Client() as client:
        assert client.post(served(admin_keys="third"), headers=HEADERS, json=INITIALIZE).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:80"}, 200),
        ({"Host": "qa.example"}, 200),
        ({"Host": "qa.example:8443", "Origin": "https://qa.example"}, 200),
        ({"Origin": "https://news.example"}, 200),
        ({"Origin": "http://127.0.0.1:3000"}, 200),
        ({"Host": "rebound.example"}, 421),
        ({"Host": "127.0.0.1.rebound.example"}, 421),
        ({"Origin": "https://rebound.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_only_its_own_names_and_sites_reach_it(address: str, headers: dict[str, str], status: int) -> None:
    with httpx2.Client() as client:
        assert client.post(address, headers=HEADERS | headers, json=INITIALIZE).status_code == status


def test_scripts_of_named_sites_may_read_its_answers(served: Any) -> None:
    address = served(cors_origins="https://news.example", api_keys="first")
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,mcp-name"}
    with httpx2.Client() as client:
        for origin, status in (("https://news.example", 200), ("https://other.example", 400)):
            before = client.options(address, headers={"Origin": origin} | asked)
            assert before.status_code == status
            assert before.headers.get("Access-Control-Allow-Origin") == (origin if status == 200 else None)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"null", 400),
        (b"NaN", 400),
        (b"\xff", 400),
        (b'{"jsonrpc": "2.0", "id": 1, "method": 7}', 400),
        (b"[" * 100_000, 400),
        (b'{"a":' * 50_000, 400),
        (b"x" * 300_000, 413),
    ],
)
@pytest.mark.parametrize("version", [None, "2026-07-28"])
def test_a_hostile_body_is_refused_and_the_next_request_served(
    address: str, caplog: Any, body: bytes, status: int, version: str | None
) -> None:
    headers = HEADERS | ({"MCP-Protocol-Version": version} if version else {})
    with httpx2.Client() as client:
        refused = client.post(address, headers=headers, content=body)
        assert refused.status_code == status, refused.text
        assert "Traceback" not in refused.text
        assert client.post(address, headers=HEADERS, json=INITIALIZE).status_code == 200
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_other_methods_are_refused(address: str, method: str) -> None:
    with httpx2.Client() as client:
        refused = client.request(method, address, headers=HEADERS)
        assert (refused.status_code, refused.headers["Allow"]) == (405, "POST")


@MODES
def test_a_client_that_goes_away_ends_its_answer(served: Any, pipeline: Any, mode: str) -> None:
    address = served()
    pipeline.hold = threading.Event()

    async def ask(question: str) -> Any:
        async with Client(address, mode=mode) as client:
            return await client.call_tool("ask", {"question": question})

    async def run() -> Any:
        for _ in range(3):  # more than there are threads
            await broken_off(partial(ask, ENGLISH), pipeline)
        pipeline.hold.set()
        return await ask(FRENCH)

    assert not anyio.run(run).is_error


def test_a_connection_that_is_cut_ends_its_answer(served: Any, pipeline: Any) -> None:
    address = served()
    pipeline.hold = threading.Event()
    port = int(address.removesuffix(PATH).rpartition(":")[2])
    body = json.dumps(asking(ENGLISH)).encode()
    head = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
    with closing(socket.create_connection(("127.0.0.1", port))) as connection:
        connection.sendall(
            f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        assert pipeline.begun.acquire(timeout=10)
        assert not pipeline.ended.acquire(blocking=False)
    assert pipeline.ended.acquire(timeout=10)


def test_a_request_that_does_not_arrive_is_given_up() -> None:
    sent: list[Message] = []

    async def read_all(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass

    async def trickle() -> Message:
        await anyio.sleep(0.05)
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def note(message: Message) -> None:
        sent.append(message)

    async def run() -> None:
        scope = {"type": "http", "path": PATH, "method": "POST", "headers": []}
        with anyio.fail_after(5):
            await Guard(read_all, Keys(()), slowest_s=0.2)(scope, trickle, note)

    anyio.run(run)
    assert sent[0]["status"] == 408

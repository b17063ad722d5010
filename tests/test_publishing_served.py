"""Documents sent to the real service: killed between a document and its index, started again, two workers."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import time
from contextlib import closing

from tests.test_publishing import ENGLISH, FRENCH
from tests.test_server import get, serving

KEY = "admin-key"


def publishing(folder):
    """Two workers that serve before there is an index."""
    documents = str(folder / "documents")
    return serving(folder / "index", awaited="/healthz", QA_DOCUMENTS=documents, QA_WORKERS="2", QA_ADMIN_KEYS=KEY)


def call(port, method, path, body=None, content_type="text/plain; charset=utf-8"):
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": content_type}
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())


def until(port, path, right, seconds=120, question=None):
    """Wait until what is got there, or answered to a question, is right."""
    asked = ("POST", path, json.dumps({"question": question}), "application/json") if question else ("GET", path)
    deadline = time.monotonic() + seconds
    while not right(found := call(port, *asked)):
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def broken_off(port, head):
    """The response to a request whose client stops sending in the middle of the document."""
    with closing(socket.create_connection(("127.0.0.1", port), timeout=30)) as connection:
        start = f"PUT /api/documents/en/half HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n".encode()
        connection.sendall(start + head + b'{"text": "Half of it.", "title": "x"}')
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(4_096), b""))


def test_a_kill_between_a_document_and_its_index_loses_neither(tmp_path):
    with publishing(tmp_path) as (server, port):  # without documents, without an index
        assert get(port, "/readyz") == 503
        sent = [
            call(port, "PUT", "/api/documents/en/phare", ENGLISH.encode()),
            call(port, "PUT", "/api/documents/fr/phare", f"# Le phare\n\n{FRENCH}".encode(), "text/markdown"),
        ]
        os.killpg(server.pid, signal.SIGKILL)
        assert {status for status, _ in sent} == {202}
    with publishing(tmp_path) as (server, port):
        for _, begun in sent:
            until(port, begun["status_url"], lambda found: found[1]["state"] == "done")
        for document_id in ("en/phare", "fr/phare"):
            for _ in range(4):  # whichever worker is asked, within about a second
                until(port, f"/api/documents/{document_id}", lambda found: found[0] == 200, seconds=20)
        for head in (b"Content-Length: 5000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n1388\r\n"):
            for sent_as in (b"text/plain", b"application/json"):
                said = broken_off(port, b"Content-Type: " + sent_as + b"\r\n" + head)
                assert said.startswith(b"HTTP/1.1 400 ")
                assert b"The body broke off" in said
        assert call(port, "DELETE", "/api/documents/en/half")[0] == 404
        question = "Quand le phare du cap Orlan a-t-il été allumé ?"
        # The worker that is asked may be the one that has not opened the index yet.
        until(port, "/api/ask", lambda found: "1962" in found[1].get("answer", ""), seconds=20, question=question)
        server.terminate()
        assert "Traceback" not in server.communicate(timeout=30)[1]
        assert server.returncode == 0
    assert sorted(path.name for path in (tmp_path / "index" / "readers").iterdir()) == ["lock"]

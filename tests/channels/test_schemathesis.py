"""Document and behaviour say the same: schemathesis makes right and wrong requests from the document.

``SCHEMATHESIS_EXAMPLES`` is how many are made up for each operation, besides those that follow from the document;
``make fuzz`` takes many.
"""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from qa_service import create_app
from qa_service.settings import Settings

schemathesis = pytest.importorskip("schemathesis")

from schemathesis.config import SchemathesisConfig  # noqa: E402
from schemathesis.engine import events, from_schema  # noqa: E402

EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "15"))
SEED = int(os.environ.get("SCHEMATHESIS_SEED", "20250319"))
KEY, ADMINISTRATOR = "k-7c41e9", "a-18d0b5"
# What a wrong request may be answered with: as schemathesis has it, and the way to the sign-in, which comes before the
# request is looked at.
REFUSED = ["303", "400", "401", "403", "404", "405", "406", "409", "415", "422", "428", "429"]
# Where a request is judged by more than a schema can say, one that the schema allows may be refused with these too:
# messages without a question, an id that is no file's name, a document that cannot be read.
ACCEPTED = ["2xx", "3xx", "401", "403", "404", "409", "429", "5xx"]
JUDGED = {"/v1/chat/completions": "400", "/api/documents/{document_id}": "422"}
# What Python 3.11 says now and then where two threads parse Python at once, as schemathesis does for its own ends:
# https://github.com/python/cpython/issues/106905
PYTHONS_OWN = "AST constructor recursion depth mismatch"
LEAKS = ("Traceback (most recent", str(Path(__file__).parents[2]), sys.prefix)


def closed(app: Flask) -> Any:
    """The application, whose responses are read and closed: schemathesis's client leaves files open."""

    def answered(environ: Any, start_response: Any) -> list[bytes]:
        with closing(app(environ, start_response)) as parts:  # type: ignore[type-var]
            return [b"".join(parts)]

    return answered


@schemathesis.serializer("application/pdf", "application/vnd.openxmlformats-officedocument.wordprocessingml.document")
def as_it_is(_context: Any, value: Any) -> bytes:
    """What a document without a schema makes of any value: bytes, and no file of this kind."""
    return value if isinstance(value, bytes) else str(value).encode()


class Run:
    """The requests of a run, counted by their phase and by what they were answered with, and what was wrong."""

    def __init__(self, app: Flask, examples: int, **checks: Any) -> None:
        self.phases: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.wrong: dict[str, str] = {}
        config = {
            "seed": SEED,
            "generation": {"max-examples": examples, "database": "none", "no-shrink": True},
            "checks": {
                "negative_data_rejection": {"expected-statuses": REFUSED},
                # Its requests need a transport over a network; test_access.py tries every route without a key.
                "ignored_auth": {"enabled": False},
            }
            | {name: {"enabled": enabled} for name, enabled in checks.items()},
            "operations": [
                {"include-path": path, "checks": {"positive_data_acceptance": {"expected-statuses": [*ACCEPTED, more]}}}
                for path, more in JUDGED.items()
            ],
            "auth": {"openapi": {"key": {"bearer": KEY}, "administrator": {"bearer": ADMINISTRATOR}}},
        }
        document = schemathesis.openapi.from_wsgi(
            "/openapi.json",
            closed(app),
            config=SchemathesisConfig.from_dict(config),
            headers={"Authorization": f"Bearer {KEY}"},
        )
        for event in from_schema(document).execute():
            if isinstance(event, events.ScenarioFinished):
                self._note(event)
            elif isinstance(event, (events.NonFatalError, events.FatalError)):
                error = str(getattr(event, "info", event))
                if PYTHONS_OWN not in error:
                    self.wrong[error] = "an error of schemathesis"

    @property
    def count(self) -> int:
        return sum(self.phases.values())

    def told(self) -> str:
        """What was wrong, each with a request that shows it."""
        return "\n\n".join(f"{what}\n{command}" for what, command in self.wrong.items())

    def _note(self, scenario: events.ScenarioFinished) -> None:
        for interaction in scenario.recorder.interactions.values():
            self.phases[scenario.phase.value] += 1
            if interaction.response is None:
                self.wrong[f"no response: {interaction.request.uri}"] = ""
                continue
            self.statuses[interaction.response.status_code] += 1
            content = interaction.response.content or b""
            for leak in LEAKS:
                if leak.encode() in content:
                    self.wrong[f"{interaction.request.uri} tells {leak}"] = ""
        for checks in scenario.recorder.checks.values():
            for check in checks:
                if (found := check.failure_info) and not _is_text_after_all(found.failure.message, found.code_sample):
                    failure = found.failure
                    self.wrong[f"{failure.operation}: {failure.title}: {failure.message}"] = found.code_sample


def _is_text_after_all(message: str, command: str) -> bool:
    """Whether all that should be wrong of a form is not: sent in a form, each of its fields is a text.

    Now and then a question is said to be blank that is not, where another field has another type as well.
    """
    if "multipart/form-data" not in command and "x-www-form-urlencoded" not in command:
        return False
    violated = set(re.findall(r"violates `(\w+)`", message))
    asked = re.search(r'name="question"\\r\\n\\r\\n(.*?)\\r\\n--', command)
    if asked and re.sub(r"\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|.)", "", asked[1]).strip():
        violated.discard("pattern")
    return violated == {"type"}


@pytest.fixture(scope="module")
def service(built: Settings) -> Iterator[Any]:
    """Make the application over the shared index, with more settings or another folder."""
    made = []

    def make(**settings: Any) -> Flask:
        # Questions are kept with their answers, in a database of the test's own.
        app = create_app(built.model_copy(update=bots() | settings))
        made.append(app)
        return app

    yield make
    for app in made:
        if publisher := app.extensions["qa_service_publisher"]:
            publisher.close()
        for bot in app.extensions["qa_service_bots"]:
            bot.close()
        app.extensions["qa_service"].close()


def bots() -> dict[str, Any]:
    """What there must be for bots, whose senders nobody here can pass for; nothing of it is called."""
    from pydantic import SecretStr

    return {
        "slack_bot_token": SecretStr("xoxb-of-the-tests"),
        "slack_signing_secret": SecretStr("a-signing-secret"),
        "slack_api_url": "http://127.0.0.1:9/api/",
        "mattermost_tokens": SecretStr("a-token-of-mattermost"),
    }


def database(folder: Path) -> Any:
    from pydantic import SecretStr

    return SecretStr(f"sqlite:///{folder}/answers.sqlite3")


def test_an_open_service_does_what_the_document_says(service: Any, tmp_path: Path) -> None:
    app = service(database_url=database(tmp_path), embed_origins="https://news.example")
    # Without an administrator there is no key that a route of theirs could miss: it is closed to all (403).
    run = Run(app, EXAMPLES, missing_required_header=False)
    print(run.count, dict(run.phases), dict(run.statuses))
    assert not run.wrong, run.told()
    assert run.count > 20 * EXAMPLES
    assert {200, 303, 400, 404, 405, 422} <= run.statuses.keys()


def test_a_closed_service_does_what_the_document_says(service: Any, indexed: Settings, tmp_path: Path) -> None:
    from pydantic import SecretStr

    # Whoever has an administrator's key may change documents: these are the test's own.
    app = service(
        documents=indexed.documents,
        index=indexed.index,
        api_keys=SecretStr(KEY),
        admin_keys=SecretStr(ADMINISTRATOR),
        database_url=database(tmp_path),
    )
    # Who has no key is not told which methods there are.
    run = Run(app, max(1, EXAMPLES // 4), unsupported_method=False)
    print(run.count, dict(run.phases), dict(run.statuses))
    assert not run.wrong, run.told()
    assert {200, 303, 401, 404, 422} <= run.statuses.keys()


def test_a_service_without_an_index_says_so_as_the_document_does(service: Any, tmp_path: Path) -> None:
    app = service(index=tmp_path / "index")
    run = Run(app, 1, not_a_server_error=False, missing_required_header=False)
    assert not run.wrong, run.told()
    assert 503 in run.statuses
    assert 500 not in run.statuses

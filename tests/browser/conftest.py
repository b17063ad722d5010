"""The pages in Debian's Chromium: a service to visit, and visits that notice whatever goes wrong in them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.channels.fake_pipeline import FakePipeline, app_for
from tests.local_server import in_a_thread

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium")
CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AXE = Path(sys.prefix) / "node" / "node_modules" / "axe-core" / "axe.min.js"
TIMEOUT_MS = 15_000


@dataclass
class Visit:
    """A page on a service, what it asked for, and what went wrong in it."""

    page: Page
    base: str
    problems: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def ask(self, question: str) -> None:
        """Type a question and send it with Enter."""
        self.page.locator("#question").fill(question)
        self.page.locator("#question").press("Enter")

    def close_source(self) -> None:
        """Leave the article beside the answer with Escape; the focus is back where it was then."""
        self.page.keyboard.press("Escape")
        self.page.locator("html.reading").wait_for(state="detached")

    def answered(self, turn: int = 1) -> Any:
        """The turn with this number, when its answer is finished."""
        found = self.page.locator(f".turn:nth-child({turn})")
        found.locator(".details").wait_for()
        return found


# Not for the whole session: while it is open an event loop runs, and other modules' tests run loops of their own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM:
        pytest.skip("Debian's chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_OPTIONS)
        yield browser
        browser.close()


class _Quiet(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        """Keep silent."""


def _closed(app: WSGIApplication) -> WSGIApplication:
    """The application, whose responses are closed also when the browser goes away: the server forgets to."""

    def closed(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        with closing(app(environ, start_response)) as parts:
            yield from parts

    return closed


@contextmanager
def serving(app: WSGIApplication) -> Iterator[str]:
    """An application on a port of its own; its address."""
    server = make_server("127.0.0.1", 0, _closed(app), threaded=True, request_handler=_Quiet)
    with in_a_thread(server) as address:
        yield address


@pytest.fixture
def pipeline() -> FakePipeline:
    return FakePipeline()


@pytest.fixture
def served(pipeline: FakePipeline) -> Iterator[str]:
    """The pages before a pipeline of three articles."""
    with serving(app_for(pipeline)) as base:
        yield base


@contextmanager
def visiting(browser: Browser, base: str, path: str | None = "/", **options: Any) -> Iterator[Visit]:
    """A page of its own; dialogs, lines on the console and requests to elsewhere fail the test at its end."""
    # Nothing glides: where things are does not depend on when a test looks.
    context = browser.new_context(**{"locale": "en-GB", "reduced_motion": "reduce"} | options)
    context.set_default_timeout(TIMEOUT_MS)
    page = context.new_page()
    visit = Visit(page, base)
    # With a listener of its own a dialog would stay open and stop the page: it is dismissed after it was noted.
    page.on("dialog", lambda dialog: visit.problems.append(f"dialog {dialog.message}"))
    page.on("dialog", lambda dialog: dialog.dismiss())
    page.on("console", lambda said: visit.problems.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: visit.problems.append(str(error)))
    page.on("request", lambda sent: _note(visit, sent.url))
    if path:
        page.goto(base + path)
    try:
        yield visit
    finally:
        context.close()
    assert visit.problems == []


def _note(visit: Visit, url: str) -> None:
    visit.requests.append(url)
    if not url.startswith((visit.base, "data:")):
        visit.problems.append(f"request {url}")


@pytest.fixture
def visit(browser: Browser, served: str) -> Iterator[Visit]:
    with visiting(browser, served) as made:
        yield made


@pytest.fixture
def plain_visit(browser: Browser, served: str) -> Iterator[Visit]:
    """A visit without JavaScript."""
    with visiting(browser, served, java_script_enabled=False) as made:
        yield made


@pytest.fixture(scope="session")
def violations() -> Callable[[Page], list[str]]:
    """What axe-core finds on a page as it stands: each rule with the elements that break it."""
    if not AXE.is_file():
        pytest.skip("npm's package axe-core is not installed")
    script = AXE.read_text(encoding="utf-8")

    def check(page: Page) -> list[str]:
        # Evaluated by the debugger, which the page's policy lets pass.
        page.evaluate(script)
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{rule['id']}: {node['html'][:200]} {node['failureSummary']}"
            for rule in found["violations"]
            for node in rule["nodes"]
        ]

    return check

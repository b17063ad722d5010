"""The command line, ``qa-service``."""

from __future__ import annotations

import errno
import json
import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qa_service import __version__
from qa_service.errors import MissingExtra, QAServiceError, SettingsError
from qa_service.language import LANGUAGES, Language, one_line
from qa_service.settings import Settings, load_settings, variable_of

if TYPE_CHECKING:
    from qa_service.evaluation import Evaluation, Share
    from qa_service.feedback import Entry
    from qa_service.pipeline import Pipeline
    from qa_service.planning import Progress

# What a command needs is imported in the command: `status` need not wait for what only `serve` uses.

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON value and nothing else.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="qa-service")
def cli() -> None:
    """Cited answers from bilingual (English/French) articles."""


@cli.command()
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=click.Path(path_type=Path))
@click.option("--rebuild", is_flag=True, help="Read and embed every document again.")
@as_json
def index(paths: tuple[Path, ...], rebuild: bool, as_json: bool) -> None:
    """Bring the index in line with the documents folder, or with PATH...

    A document that cannot be read is reported and skipped; its last readable version stays answerable.
    """
    from qa_service.indexing import index_documents

    settings = load_settings()
    with _progress(shown=sys.stderr.isatty() and not as_json) as progress:
        report = index_documents(paths or (settings.documents,), settings, rebuild=rebuild, progress=progress)
    for name, reason in report.failed.items():
        click.echo(f"qa-service: {name} {reason}", err=True)
    if as_json:
        _print_json(asdict(report))
    else:
        counts = ", ".join(f"{getattr(report, name)} {name}" for name in ("added", "updated", "unchanged", "removed"))
        click.echo(
            f"{counts}, {len(report.failed)} failed; {report.passages} passages in the index; {report.seconds:.1f} s"
        )
    if report.failed:
        sys.exit(1)


@cli.command()
@click.argument("question")
@click.option("--language", type=click.Choice(LANGUAGES), help="Language of the answer; by default the question's.")
@click.option("--conversation", metavar="ID", help="Any name: questions asked under it may lean on one another.")
@as_json
def ask(question: str, language: Language | None, conversation: str | None, as_json: bool) -> None:
    """Answer QUESTION, with the citations under the answer."""
    from qa_service.channels.page_texts import warning_text

    with _pipeline(load_settings()) as pipeline:
        answer = pipeline.answer(question, language, conversation)
    if as_json:
        _print_json(answer.to_dict())
        return
    click.echo(answer.answer)
    for warning in answer.warnings:
        click.echo(f"\n{warning_text(warning, answer.language)}")
    for citation in answer.citations:
        click.echo(f"\n[{citation.n}] {citation.title} ({citation.document_id}, {citation.start}-{citation.end})")
        click.echo(f"    {citation.quote}")
        if citation.parallel:
            click.echo(f"    = {citation.parallel.quote} ({citation.parallel.document_id})")


@cli.command()
@click.argument("query")
@click.option("-k", "count", default=10, show_default=True, type=click.IntRange(1, 100), help="How many passages.")
@as_json
def search(query: str, count: int, as_json: bool) -> None:
    """Show the ranked passages that an answer to QUERY would be composed from."""
    with _pipeline(load_settings()) as pipeline:
        passages = pipeline.search(query, count)
    if as_json:
        _print_json({"passages": [asdict(passage) for passage in passages]})
        return
    for passage in passages:
        click.echo(f"{passage.score:.3f}  {passage.document_id} [{passage.start}-{passage.end}]")
        click.echo(f"       {' '.join(passage.text.split())[:160]}")


@cli.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@as_json
def evaluate(files: tuple[Path, ...], as_json: bool) -> None:
    """Ask the questions of FILE... and show how well they are answered, by language and in total.

    Each line of a FILE is a JSON object; docs/evaluation.md tells what is in it, and what the figures mean.
    """
    from qa_service.evaluation import evaluate as ask_all
    from qa_service.question_files import read_questions

    questions = read_questions(files)
    with (
        _pipeline(load_settings()) as pipeline,
        _progress(shown=sys.stderr.isatty() and not as_json) as progress,
    ):
        found = ask_all(pipeline, questions, progress)
    for error in found.errors:
        click.echo(f"qa-service: {error}", err=True)
    if as_json:
        _print_json(found.to_dict())
    else:
        _print_evaluation(found)
    if found.errors:
        sys.exit(1)


@cli.command()
@as_json
def status(as_json: bool) -> None:
    """Show what is in the index: documents and passages per language, generation, model, age."""
    with _pipeline(load_settings()) as pipeline:
        found = pipeline.status()
    if as_json:
        _print_json(asdict(found))
        return
    for language in LANGUAGES:
        click.echo(f"{language}: {found.documents[language]} documents, {found.passages[language]} passages")
    click.echo(f"generation {found.generation}, made {found.age_s:.0f} s ago with {found.model}")


@cli.command()
@as_json
def feedback(as_json: bool) -> None:
    """Show what readers think of the answers, the oldest rating first, with each question and answer.

    The service may run meanwhile, and no index is needed.
    """
    from qa_service.database import Database
    from qa_service.feedback import Feedback

    settings = load_settings()
    with closing(Database(settings)) as database:
        entries = Feedback(database, settings.conversation_days).entries()
        if as_json:
            _print_json_list(map(asdict, entries))
        else:
            _print_feedback(entries)


@cli.command()
@click.option("--host", help="Address to listen on, instead of QA_HOST.")
@click.option("--port", type=click.IntRange(1, 65_535), help="Port to listen on, instead of QA_PORT.")
def serve(host: str | None, port: int | None) -> None:
    """Serve the chat page and the HTTP endpoints under gunicorn until a signal ends it."""
    from qa_service import tracing
    from qa_service.app import check_bots
    from qa_service.channels import limits
    from qa_service.database import database_url
    from qa_service.embedding_model import load_embeddings
    from qa_service.language_model import LanguageModel
    from qa_service.server import Server

    settings = load_settings(host=host, port=port)
    load_embeddings(settings.embeddings)  # a wrong setting is said here, once, and not by each worker
    LanguageModel.load(settings)
    database_url(settings)
    tracing.check()
    limits.check(settings)
    check_bots(settings)
    _require_free(settings)
    click.echo(f"Serving on http://{settings.address}")
    Server(settings).run()


@cli.command()
@click.option("--http", is_flag=True, help="Serve over streamable HTTP, in place of standard input and output.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on with --http.")
@click.option("--port", default=8001, show_default=True, type=click.IntRange(1, 65_535), help="Its port.")
@click.option("--allowed-host", "hosts", multiple=True, metavar="NAME", help="A further name of this host; repeatable.")
def mcp(http: bool, host: str, port: int, hosts: tuple[str, ...]) -> None:
    """Offer the tools `ask` and `search` to an assistant that speaks MCP.

    It mostly starts this command by itself, and speaks with it over standard input and output. With --http the tools
    are at http://HOST:PORT/mcp until a signal ends it.
    """
    try:
        from qa_service.channels.mcp import Channel
        from qa_service.channels.mcp_transports import PATH, serve_http, serve_stdio
    except ImportError:
        raise MissingExtra("`qa-service mcp` needs the extra: pip install 'qa-service[mcp]'.") from None
    from qa_service.pipeline import Pipeline

    settings = load_settings(host=host, port=port)
    with ExitStack() as opened:
        listening = opened.enter_context(_listening(settings)) if http else None
        pipeline = opened.enter_context(closing(Pipeline(settings)))
        pipeline.follow()
        server = Channel(pipeline, threads=settings.threads, version=__version__).server()
        if listening is None:
            serve_stdio(server, pipeline.close)
        else:
            listening.listen()  # whoever reads the next line may come at once
            click.echo(f"Serving MCP on http://{settings.address}{PATH}")
            serve_http(server, settings, listening, hosts)


@cli.command()
def slack() -> None:
    """Answer in Slack without a public address, over Socket Mode, until a signal ends it.

    It needs SLACK_BOT_TOKEN and SLACK_APP_TOKEN. With a public address `qa-service serve` answers too, and Slack is
    told to send events to /slack/events.
    """
    from qa_service import logs
    from qa_service.app import check_bots, observed, slack_app
    from qa_service.pipeline import Pipeline

    settings = load_settings()
    for name in ("slack_bot_token", "slack_app_token"):
        if not getattr(settings, name).get_secret_value():
            raise SettingsError(f"{variable_of(name)}: is needed for `qa-service slack`")
    check_bots(settings)
    from qa_service.channels.slack_socket import end_at_signals, serve

    logs.set_up(settings)
    with ExitStack() as opened:
        pipeline = opened.enter_context(closing(Pipeline(settings)))
        pipeline.follow()
        ours = opened.enter_context(closing(slack_app(observed(pipeline, settings), settings)))
        ours.start()
        ended = end_at_signals()
        serve(ours, settings, ended, lambda: click.echo("Answering in Slack"))


@cli.command()
@as_json
def key(as_json: bool) -> None:
    """Make a new random key, and the hash that QA_API_KEYS or QA_ADMIN_KEYS may hold in its place.

    Neither is kept anywhere: whoever is to have the key must be given it now.
    """
    from qa_service.keys import new_key

    made, listed = new_key()
    if as_json:
        _print_json({"key": made, "hash": listed})
        return
    click.echo(f"Key, for whoever is to have it:   {made}")
    click.echo(f"Hash, for the service's setting:  {listed}")


def main() -> int:
    """Run the command line; errors become one line on standard error and exit status 1."""
    # Our matrices are small: several threads on one of them only get in each other's way. Before numpy is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    logging.basicConfig(level=logging.WARNING, format="qa-service: %(message)s")
    try:
        cli(prog_name="qa-service", standalone_mode=False)
    except click.exceptions.Abort:
        return 130
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except QAServiceError as error:
        click.echo(f"qa-service: {error}", err=True)
        return 1
    except BrokenPipeError:  # the reader of our output has seen enough
        sys.stderr.close()
        return 1
    except OSError as error:  # a full disk, a folder that may not be written: its name will do, its place is private
        click.echo(f"qa-service: {Path(error.filename or 'system').name}: {error.strerror or error}", err=True)
        return 1
    return 0


@contextmanager
def _pipeline(settings: Settings) -> Iterator[Pipeline]:
    from qa_service.pipeline import Pipeline

    pipeline = Pipeline(settings)
    pipeline.open()
    try:
        yield pipeline
    finally:
        pipeline.close()


@contextmanager
def _progress(*, shown: bool) -> Iterator[Progress]:
    """A progress bar on a terminal, else silence; called with the stage, what is done, and what there is."""
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True, disable=not shown) as bar:
        task = bar.add_task("reading")
        yield lambda stage, done, total: bar.update(task, description=stage, completed=done, total=total)


def _require_free(settings: Settings) -> None:
    """Say in one line that the address is taken, where gunicorn would try for seconds."""
    _listening(settings).close()


def _listening(settings: Settings) -> socket.socket:
    """A socket at the address of the settings; an error in one line where there can be none."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    probe = socket.socket(family, socket.SOCK_STREAM)
    try:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((settings.host, settings.port))
    except OSError as error:
        probe.close()
        wrong = "--host" if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL else "--port"
        raise QAServiceError(
            f"Cannot listen on {settings.host}:{settings.port} ({error.strerror}); choose another with {wrong}."
        ) from None
    return probe


def _print_feedback(entries: Iterator[Entry]) -> None:
    """Each rating on a line with its question, and under it the comment, in one line too, and the answer's id."""
    shown = False
    for entry in entries:
        given = entry.given_at[:16].replace("T", " ")
        click.echo(f"{entry.rating:+d}  {given}  {one_line(entry.question)}")
        if entry.comment:
            click.echo(f"    {one_line(entry.comment)}")
        click.echo(f"    answer {entry.answer_id}")
        shown = True
    if not shown:
        click.echo("No answer has been rated.")


# What the table calls the figures, in its order.
_FIGURES = {
    "questions": "questions",
    "document_at_1": "document@1",
    "document_at_3": "document@3",
    "answer_in_4_passages": "answer in 4 passages",
    "quote_holds_answer": "quote holds the answer",
    "citation_precision": "citation precision",
    "quotes_per_answer": "quotes per answer",
    "refused": "refused",
}
_KINDS = {"off_topic": "off-topic", "near_miss": "near miss"}
_IDS_SHOWN = 5


def _print_evaluation(found: Evaluation) -> None:
    columns = {**found.directions, "total": found.total}
    rows = [
        [label, *(_cell(getattr(figures, name)) for figures in columns.values())] for name, label in _FIGURES.items()
    ]
    _print_table(["answerable", *columns], rows)
    click.echo()
    refused = [
        [_KINDS[kind], *(f"{_cell(share)} of {share.of}" if share.of else "–" for share in shares.values())]
        for kind, shares in found.unanswerable.items()
    ]
    _print_table(["unanswerable, refused", *LANGUAGES, "total"], refused)
    latency = found.latency_ms
    click.echo(
        f"\n{latency.answers} answers, half of them within {latency.p50:.0f} ms, 95 % within {latency.p95:.0f} ms"
    )
    if found.not_in_index:
        shown = ", ".join(found.not_in_index[:_IDS_SHOWN]) + (", …" if len(found.not_in_index) > _IDS_SHOWN else "")
        click.echo(f"answers that are not in the index: {len(found.not_in_index)} ({shown})")


def _cell(figure: Share | float | None) -> str:
    """A share or a mean with two decimals, a count as it is, a dash for what there is none of."""
    value = figure if figure is None or isinstance(figure, int | float) else figure.share
    if value is None:
        return "–"
    return str(value) if isinstance(value, int) else f"{value:.2f}"


def _print_table(heads: list[str], rows: list[list[str]]) -> None:
    """Columns of plain text, the first to the left and figures to the right."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for number, head in enumerate(heads):
        table.add_column(head, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console = Console(highlight=False, width=120)  # a narrow terminal wraps lines, and cuts no figures off
    with console.capture() as lines:
        console.print(table)
    click.echo(lines.get(), nl=False)


def _print_json(value: object) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=1))


def _print_json_list(values: Iterator[object]) -> None:
    """One JSON list, however long, one value of it in memory at a time; nothing before the first one is there."""
    before = "[\n"
    for value in values:
        click.echo(before + json.dumps(value, ensure_ascii=False, indent=1), nl=False)
        before = ",\n"
    click.echo("[]" if before == "[\n" else "\n]")

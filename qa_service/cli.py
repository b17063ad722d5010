"""The command line, ``qa-service``."""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qa_service import __version__
from qa_service.errors import QAServiceError
from qa_service.language import LANGUAGES, Language
from qa_service.settings import Settings, load_settings

if TYPE_CHECKING:
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
@as_json
def ask(question: str, language: Language | None, as_json: bool) -> None:
    """Answer QUESTION, with the citations under the answer."""
    from qa_service.channels.page_texts import warning_text

    with _pipeline(load_settings()) as pipeline:
        answer = pipeline.answer(question, language)
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
@click.option("--host", help="Address to listen on, instead of QA_HOST.")
@click.option("--port", type=click.IntRange(1, 65_535), help="Port to listen on, instead of QA_PORT.")
def serve(host: str | None, port: int | None) -> None:
    """Serve the chat page and the HTTP endpoints under gunicorn until a signal ends it."""
    from qa_service.embedding_model import load_embeddings
    from qa_service.server import Server

    settings = load_settings(host=host, port=port)
    load_embeddings(settings.embeddings)  # a wrong setting is said here, once, and not by each worker
    _require_free(settings)
    click.echo(f"Serving on http://{settings.address}")
    Server(settings).run()


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
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise QAServiceError(
                f"Cannot listen on {settings.host}:{settings.port} ({error.strerror}); choose another with --port."
            ) from None


def _print_json(value: object) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=1))

"""Make a set to evaluate on: ``python -m training.paragraphs QA --questions FILE.jsonl --out FOLDER``.

``QA`` is a folder of question files as training reads them. Each paragraph that they ask about becomes a document of
``FOLDER/documents``. A line of ``FILE.jsonl`` translates the question of one row into the other language, and says what
the right answer holds; ``FOLDER/questions.jsonl`` has both questions, as ``qa-service evaluate`` reads them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from qa_service.articles import canonical
from qa_service.chunking import sentences
from qa_service.errors import QAServiceError, QuestionFileError
from qa_service.language import Language, known_language, other
from qa_service.loaders import load_markdown
from qa_service.question_files import comparable
from training import corpus

DOCUMENTS = "documents"
QUESTIONS = "questions.jsonl"

Rows = Mapping[str, dict[str, str]]

# Questions made of parliament's sentences: their passages are sentences too, and no paragraphs of an article.
_NOT_ASKED_BY_READERS = "epq"
# What Markdown would take for its own, anywhere in a line and at its beginning.
_MARKS = re.compile(r"[\\`*_\[\]<>&]")
_FIRST_MARK = re.compile(r"\A(\d*)([-+#~=.)])")


@dataclass(frozen=True)
class Paragraph:
    """One paragraph of the question files, as a document of its own."""

    language: Language
    title: str
    context: str

    @property
    def id(self) -> str:
        """The document's id: it depends on nothing but the text and its language."""
        return f"{self.language}/{hashlib.sha256(self.context.encode()).hexdigest()[:16]}"

    @property
    def source(self) -> str:
        """The Markdown file."""
        # Where there is no title, the service takes the first line for one, as it does for any document.
        front = {"title": " ".join(self.title.split())} if self.title else {}
        # PyYAML knows which titles need quotes: those with a colon, and those that look like a number or a date.
        block = yaml.safe_dump(front | {"language": self.language}, allow_unicode=True, sort_keys=False, width=10_000)
        lines = (line.strip() for line in self.context.splitlines())
        return f"---\n{block}---\n\n" + "\n\n".join(_escaped(line) for line in lines if line) + "\n"

    @cached_property
    def text(self) -> str:
        """The canonical text that the service has of the file."""
        return canonical(load_markdown(self.source.encode()).text)

    def holding(self, words: str) -> list[str]:
        """The sentences in which these words stand."""
        spans = sentences(self.text, self.language)
        found = (self.text[span.start : span.end] for span in spans)
        return [sentence for sentence in found if _stands_in(words, sentence)]


def main() -> int:
    """Read everything, then write."""
    parser = argparse.ArgumentParser(prog="python -m training.paragraphs", description=__doc__)
    parser.add_argument("qa", type=Path, metavar="QA", help="folder of question files, .jsonl or .jsonl.xz")
    parser.add_argument("--questions", type=Path, required=True, metavar="FILE.jsonl", help="translations, one a line")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where both are written")
    parser.add_argument("--part", choices=("held-out", "train"), default="held-out", help="which titles: %(default)s")
    options = parser.parse_args()
    rows = read_rows(options.qa, held_out=options.part == "held-out")
    try:
        asked = list(questions(options.questions, rows))
        written = write_documents(rows, options.out / DOCUMENTS)
    except QAServiceError as error:
        print(error, file=sys.stderr)
        return 1
    write_questions(asked, options.out / QUESTIONS)
    print(f"{written} documents, {len(asked)} questions")
    return 0


def read_rows(folder: Path, *, held_out: bool) -> Rows:
    """The rows on titles that are kept for development, or all others, by their ids."""
    files = sorted(folder.glob("*.jsonl*"))
    rows = (row for file in files for row in corpus.read_questions(file))
    return {
        row["id"]: row
        for row in rows
        if not row["id"].startswith(_NOT_ASKED_BY_READERS) and _is_held_out(row) == held_out
    }


def questions(file: Path, rows: Rows) -> Iterator[dict[str, object]]:
    """Two questions for each line of a file of translations; QuestionFileError names the line that is wrong."""
    seen: set[str] = set()
    for number, line in enumerate(file.read_text(encoding="utf-8").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            translation = _translation(line)
            yield from _both(translation, _translated(translation["source_id"], rows, seen))
        except QuestionFileError as error:
            raise QuestionFileError(f"{file.name}, line {number}: {error}") from None


def write_documents(rows: Rows, folder: Path) -> int:
    """A Markdown file for each paragraph, under its first title; how many there are.

    What lies in the folder already might be asked about too, and is not ours to remove: QuestionFileError.
    """
    if folder.exists():
        raise QuestionFileError(f"There is a folder {folder} already: remove it or name another.")
    paragraphs: dict[str, Paragraph] = {}
    for row in rows.values():
        paragraph = _paragraph(row)
        paragraphs.setdefault(paragraph.id, paragraph)
    for paragraph in paragraphs.values():
        path = folder / f"{paragraph.id}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(paragraph.source.encode())
    return len(paragraphs)


def write_questions(asked: Iterable[Mapping[str, object]], file: Path) -> None:
    """A file for ``qa-service evaluate``."""
    lines = (json.dumps(question, ensure_ascii=False) + "\n" for question in asked)
    file.write_bytes("".join(lines).encode())


def _is_held_out(row: Mapping[str, str]) -> bool:
    title = row.get("title")
    return bool(title) and corpus.held_out(title or "")


def _paragraph(row: Mapping[str, str]) -> Paragraph:
    language = known_language(row["lang"])
    if language is None:
        raise QuestionFileError(f"{row['id']} is in neither language")
    return Paragraph(language, row.get("title") or "", row["context"])


def _escaped(line: str) -> str:
    """A line that Markdown shows as it is."""
    marked = _MARKS.sub(r"\\\g<0>", line)
    return _FIRST_MARK.sub(r"\1\\\2", marked)


def _translation(line: str) -> dict[str, Any]:
    """A line with all that is needed of it; QuestionFileError says what is not there."""
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        raise QuestionFileError("this is not a JSON object")
    for name in ("source_id", "question"):
        if not isinstance(row.get(name), str):
            raise QuestionFileError(f"it has no {name}")
    must = row.get("must")
    if not isinstance(must, list) or not must or not all(isinstance(words, str) and words.strip() for words in must):
        raise QuestionFileError("must is not a list of texts")
    return row


def _translated(source_id: str, rows: Rows, seen: set[str]) -> dict[str, str]:
    """The row that a line translates, which no other line may."""
    if source_id not in rows:
        raise QuestionFileError(f"there is no row {source_id} in this part of the question files")
    if source_id in seen:
        raise QuestionFileError(f"{source_id} is translated already")
    seen.add(source_id)
    return rows[source_id]


def _both(translation: Mapping[str, Any], row: Mapping[str, str]) -> Iterator[dict[str, object]]:
    """The row's own question and its translation, with the same answer."""
    paragraph = _paragraph(row)
    if known_language(translation.get("language")) != other(paragraph.language):
        raise QuestionFileError(f"{row['id']} is not translated into {other(paragraph.language)}")
    answer = _answer(row["id"], paragraph, translation["must"])
    for language, question in (
        (paragraph.language, row["question"]),
        (translation["language"], translation["question"]),
    ):
        yield {
            "id": f"{row['id']}-{language}-{paragraph.language}",
            "question": question,
            "language": language,
            **answer,
            "document_id": paragraph.id,
        }


def _answer(source_id: str, paragraph: Paragraph, must: list[str]) -> dict[str, list[str]]:
    """The sentences that hold the answer; only where none does alone, words that stand in two of them."""
    for words in must:
        if not _stands_in(words, paragraph.text):
            raise QuestionFileError(f"the paragraph of {source_id} does not hold {words!r}")
    quotes = dict.fromkeys(sentence for words in must for sentence in paragraph.holding(words))
    return {"quote": list(quotes)} if quotes else {"must": must}


def _stands_in(words: str, text: str) -> bool:
    """Whether a text holds words, compared as the evaluation does it, but from the beginning of a word on.

    "12" stands neither in "2012" nor in "1250"; "Nigeria" stands in "Nigerian".
    """
    return bool(re.search(rf"(?<!\w){re.escape(comparable(words))}(?!\d)", comparable(text)))


if __name__ == "__main__":
    sys.exit(main())

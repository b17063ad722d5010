"""Sets to evaluate on, made of question files: the documents, the questions on them, and lines that are wrong."""

from __future__ import annotations

import json
import lzma
import subprocess
import sys
from pathlib import Path

import pytest

from qa_service.articles import DocumentFile, find_documents, read_article
from qa_service.errors import QuestionFileError
from qa_service.question_files import comparable, read_questions
from training import corpus
from training.paragraphs import Paragraph, questions, read_rows, write_documents

ROOT = Path(__file__).parents[1]

# Three of these titles are kept for development; a checksum of each decides.
HELD_OUT = ['Alder: the "long" bridge', "Passerelle : l’Aulne", "Museum"]
LEARNED = ["Ferry", "1931"]

BRIDGE = "The bridge opened in 2012. It is 12 metres wide. Mr. Smith cut the ribbon in front of 1250 people."
PASSERELLE = "La passerelle a ouvert le 12 mai 2024 ! Elle mesure 84 m. L'ancien bac\u00a0date de 1931."


def row(number, lang, context, title, question="?"):
    return {
        "id": f"row-{number}",
        "lang": lang,
        "question": question,
        "answers": ["…"],
        "context": context,
        "title": title,
    }


ENGLISH = [
    row(1, "en", BRIDGE, HELD_OUT[0], "How wide is the bridge?"),
    row(2, "en", BRIDGE, HELD_OUT[0], "Who cut the ribbon?"),
    row(3, "en", "The ferry sank in 1999.", LEARNED[0], "When did the ferry sink?"),
    row(4, "en", "The clock has no hands.", None, "What does the clock lack?"),
]
FRENCH = [
    row(5, "fr", PASSERELLE, HELD_OUT[1], "De quand date le bac ?"),
    row(6, "fr", "# Le *musée* est [ouvert] <b>le</b> lundi &amp; gratuit.", HELD_OUT[2], "Quand ouvre le musée ?"),
    row(7, "fr", "L'année commence un jeudi.", LEARNED[1], "Quel jour commence l’année ?"),
    row("epq", "fr", "Le Parlement vote.", HELD_OUT[2]) | {"id": "epq-8"},
]


def lines(rows) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def translated(number, language, must, question="Translated?"):
    return {"source_id": f"row-{number}", "language": language, "question": question, "must": must}


@pytest.fixture
def qa(tmp_path):
    """A folder of question files, one of them packed."""
    folder = tmp_path / "qa"
    folder.mkdir()
    (folder / "english.jsonl").write_bytes(lines(ENGLISH))
    (folder / "french.jsonl.xz").write_bytes(lzma.compress(lines(FRENCH)))
    return folder


@pytest.fixture
def held_out(qa):
    return read_rows(qa, held_out=True)


@pytest.fixture
def asked(tmp_path, held_out):
    """The questions that a file of these lines gives."""

    def ask(*rows):
        file = tmp_path / "translations.jsonl"
        file.write_bytes(lines(rows))
        return list(questions(file, held_out))

    return ask


def articles(folder):
    files, problems = find_documents([folder])
    assert problems == []
    return {file.id: read_article(file, max_bytes=10_000) for file in files}


def make(qa, *arguments):
    command = [sys.executable, "-m", "training.paragraphs", *map(str, (qa, *arguments))]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


# Documents


def test_the_titles_of_these_tests_are_what_they_are_taken_for():
    assert all(map(corpus.held_out, HELD_OUT))
    assert not any(map(corpus.held_out, LEARNED))


def test_a_row_is_of_one_part_and_one_without_title_is_learned_from(qa, held_out):
    assert list(held_out) == ["row-1", "row-2", "row-5", "row-6"]
    assert list(read_rows(qa, held_out=False)) == ["row-3", "row-4", "row-7"]


def test_each_paragraph_is_one_document_with_its_title_and_language(tmp_path, held_out):
    assert write_documents(held_out, tmp_path / "documents") == 3
    found = articles(tmp_path / "documents")
    assert {(article.title, article.language, article.text) for article in found.values()} == {
        (HELD_OUT[0], "en", BRIDGE),
        (HELD_OUT[1], "fr", PASSERELLE),
        (HELD_OUT[2], "fr", FRENCH[1]["context"]),
    }
    assert all(document_id.startswith(f"{article.language}/") for document_id, article in found.items())


def test_a_paragraph_under_two_titles_keeps_the_first(tmp_path):
    rows = {"a": row(1, "en", BRIDGE, "One"), "b": row(2, "en", BRIDGE, "Two"), "c": row(3, "fr", BRIDGE, "Trois")}
    assert write_documents(rows, tmp_path / "documents") == 2
    assert [article.title for article in articles(tmp_path / "documents").values()] == ["One", "Trois"]


@pytest.mark.parametrize(
    "title", ["1931", "2024-05-12", "null", "- a: b", "d’été : « l’Aulne »", 'the "long" one', "it's #1", "two\nlines"]
)
def test_front_matter_holds_any_title(tmp_path, title):
    paragraph = Paragraph("fr", title, "Texte.")
    (tmp_path / "a.md").write_text(paragraph.source, encoding="utf-8")
    article = read_article(DocumentFile("a", tmp_path / "a.md"), max_bytes=10_000)
    assert (article.title, article.language, article.text) == (title.replace("\n", " "), "fr", "Texte.")


@pytest.mark.parametrize("title", ["", None])
def test_without_a_title_the_text_gives_one(tmp_path, title):
    write_documents({"a": row(1, "en", "No title.", title)}, tmp_path / "documents")
    assert [article.title for article in articles(tmp_path / "documents").values()] == ["No title."]


@pytest.mark.parametrize(
    "text",
    [
        "1. It is no list.",
        "1931) L’année du bac",
        "- It is no item.",
        "+ 3 degrees",
        "# 1 of 3",
        "---",
        "~~~ waves ~~~",
        "> said the mayor",
        "A *star*, an _underscore_, a `tick`, a [link](https://example.org), <b>bold</b> and &eacute;",
        "C:\\new\\table",
        "| a | b |\n\n|---|---|",
        "Une ligne.\n\nUne autre.",
    ],
)
def test_markdown_shows_a_paragraph_as_it_is(text):
    assert Paragraph("fr", "", text).text == text


# Questions


def test_a_line_gives_a_question_in_each_language_with_the_sentence_that_answers(asked, tmp_path, held_out):
    english, french = Paragraph("en", "", BRIDGE), Paragraph("fr", "", PASSERELLE)
    found = asked(
        translated(1, "fr", ["12"], "Quelle est la largeur du pont ?"), translated(5, "en", ["bac date de 1931"])
    )
    wide = {"quote": ["It is 12 metres wide."], "document_id": english.id}
    ferry = {"quote": ["L'ancien bac\u00a0date de 1931."], "document_id": french.id}
    assert found == [
        {"id": "row-1-en-en", "question": "How wide is the bridge?", "language": "en"} | wide,
        {"id": "row-1-fr-en", "question": "Quelle est la largeur du pont ?", "language": "fr"} | wide,
        {"id": "row-5-fr-fr", "question": "De quand date le bac ?", "language": "fr"} | ferry,
        {"id": "row-5-en-fr", "question": "Translated?", "language": "en"} | ferry,
    ]


def test_sentences_end_where_their_language_ends_them(asked):
    assert asked(translated(2, "fr", ["Smith"]))[0]["quote"] == ["Mr. Smith cut the ribbon in front of 1250 people."]


def test_each_sentence_that_holds_one_of_the_words_is_quoted_once(asked):
    found = asked(translated(1, "fr", ["12 metres", "wide", "2012"]))
    assert found[0]["quote"] == ["It is 12 metres wide.", "The bridge opened in 2012."]


def test_words_across_two_sentences_are_kept_as_words(asked):
    found = asked(translated(5, "en", ["mai 2024 ! Elle mesure"]))
    assert [question.get("must") for question in found] == [["mai 2024 ! Elle mesure"]] * 2
    assert not any("quote" in question for question in found)


def test_a_sentence_is_preferred_to_words_across_two(asked):
    found = asked(translated(5, "en", ["mai 2024 ! Elle mesure", "84 m"]))
    assert found[0]["quote"] == ["Elle mesure 84 m."]
    assert "must" not in found[0]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (translated(3, "fr", ["1999"]), "there is no row row-3 in this part of the question files"),
        (translated(1, "fr", ["13"]), "the paragraph of row-1 does not hold '13'"),
        (translated(1, "fr", ["125"]), "the paragraph of row-1 does not hold '125'"),
        (translated(1, "fr", ["12", "lift"]), "the paragraph of row-1 does not hold 'lift'"),
        (translated(1, "en", ["12"]), "row-1 is not translated into fr"),
        (translated(5, "fr", ["1931"]), "row-5 is not translated into en"),
        (translated(1, "fr", []), "must is not a list of texts"),
        (translated(1, "fr", "12"), "must is not a list of texts"),
        (translated(1, "fr", ["12"], question=None), "it has no question"),
        ([], "this is not a JSON object"),
    ],
)
def test_a_wrong_line_is_named(asked, line, problem):
    with pytest.raises(QuestionFileError) as raised:
        asked(translated(2, "fr", ["Smith"]), line)
    assert str(raised.value) == f"translations.jsonl, line 2: {problem}"


def test_a_row_is_translated_once(asked):
    with pytest.raises(QuestionFileError, match=r"^translations\.jsonl, line 2: row-1 is translated already$"):
        asked(translated(1, "fr", ["12"]), translated(1, "fr", ["wide"]))


# The command


def test_the_command_writes_the_same_bytes_again_and_what_the_evaluation_reads(tmp_path, qa):
    file = tmp_path / "translations.jsonl"
    file.write_bytes(lines([translated(1, "fr", ["12"]), translated(5, "en", ["1931"])]))
    written = []
    for name in ("one", "two"):
        run = make(qa, "--questions", file, "--out", tmp_path / name)
        assert (run.returncode, run.stdout, run.stderr) == (0, "3 documents, 4 questions\n", "")
        paths = sorted(path for path in (tmp_path / name).rglob("*") if path.is_file())
        written.append({path.relative_to(tmp_path / name): path.read_bytes() for path in paths})
    assert written[0] == written[1]
    assert len(written[0]) == 4
    found = articles(tmp_path / "one" / "documents")
    for question in read_questions([tmp_path / "one" / "questions.jsonl"]):
        (document_id,) = question.document_ids
        assert question.is_answered_in(comparable(found[document_id].text))


def test_the_command_takes_the_other_titles_too(tmp_path, qa):
    file = tmp_path / "translations.jsonl"
    file.write_bytes(lines([translated(4, "fr", ["no hands"]), translated(7, "en", ["jeudi"])]))
    run = make(qa, "--questions", file, "--out", tmp_path / "out", "--part", "train")
    assert (run.returncode, run.stdout) == (0, "3 documents, 4 questions\n")


def test_a_wrong_line_ends_the_command_before_anything_is_written(tmp_path, qa):
    file = tmp_path / "translations.jsonl"
    file.write_bytes(lines([translated(9, "fr", ["12"])]))
    run = make(qa, "--questions", file, "--out", tmp_path / "out")
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr == "translations.jsonl, line 1: there is no row row-9 in this part of the question files\n"
    assert not (tmp_path / "out").exists()


def test_documents_that_are_there_already_are_left_alone(tmp_path, held_out):
    (tmp_path / "documents").mkdir()
    with pytest.raises(QuestionFileError, match="remove it or name another"):
        write_documents(held_out, tmp_path / "documents")
    assert list((tmp_path / "documents").iterdir()) == []

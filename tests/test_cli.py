"""The command line as a person or a script meets it: what it prints, where, and with which exit status.

Most commands run in this process, for speed; what only a process of its own can show runs as ``python -m qa_service``.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from qa_service import __version__
from qa_service.cli import main
from qa_service.generations import IndexFolder
from qa_service.keys import Keys
from qa_service.pipeline import Pipeline
from qa_service.settings import load_settings
from tests.llm_server import KEY, Reply, fails, says

ENGLISH = """---
title: The new tram line
url: https://example.org/tram
---
The tram line between the harbour and the university opens on 4 May 2031. A ticket costs two euros.
The trams were built by a workshop in the north of the country.
"""
FRENCH = """---
title: La bibliothèque du quartier
translation_of: en/library
---
La bibliothèque du quartier a rouvert ses portes le 12 juin 2030. La directrice, Anne Delmas, accueille
les lecteurs du mardi au samedi. Les travaux ont coûté trois millions d’euros.
"""


QUESTIONS = """
{"id": "tram", "question": "When does the tram line open?", "language": "en", "must": "4 May 2031"}
{"id": "billet", "question": "Combien coûte un billet de tramway ?", "language": "fr", "must": "two euros"}
{"id": "library", "question": "When did the library open again?", "language": "en", "must": "12 juin 2030"}
{"id": "directrice", "question": "Qui est la directrice de la bibliothèque ?", "language": "fr", "must": "Anne Delmas"}
{"id": "wine", "question": "Who discovered penicillin?", "language": "en", "unanswerable": true}
{"id": "near", "question": "When does the tram line open?", "language": "en", "unanswerable": "near_miss"}
"""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str

    def json(self):
        return json.loads(self.out)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A folder with two documents and their index. Tests work on a copy."""
    home = tmp_path_factory.mktemp("prepared")
    for name, text in {"en/tram.md": ENGLISH, "fr/bibliotheque.md": FRENCH}.items():
        path = home / "documents" / name
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-m", "qa_service", "index"],
        cwd=home,
        env=clean_environment(),
        capture_output=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr.decode()
    return home


@pytest.fixture
def home(prepared, tmp_path, monkeypatch):
    """A copy of the prepared folder, as the working directory, with no settings from outside."""
    copy = tmp_path / "home"
    shutil.copytree(prepared, copy)
    monkeypatch.chdir(copy)
    for name in os.environ.keys() - clean_environment().keys():
        monkeypatch.delenv(name)
    return copy


@pytest.fixture
def qa(home, monkeypatch, capsys):
    """Run ``qa-service`` with these arguments in this process. Whatever the command, it shows no traceback."""

    def run(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["qa-service", *arguments])
        try:
            status = main()
        except SystemExit as end:
            status = end.code
        captured = capsys.readouterr()
        return checked(Ended(status, captured.out, captured.err), home)

    return run


@pytest.fixture
def process(home):
    """The same in a process of its own."""

    def run(*arguments: str, **environment: str) -> Ended:
        done = subprocess.run(
            [sys.executable, "-m", "qa_service", *arguments],
            env=clean_environment() | environment,
            capture_output=True,
            timeout=60,
            check=False,
        )
        return checked(Ended(done.returncode, done.stdout.decode(), done.stderr.decode()), home)

    return run


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.upper().startswith("QA_")}


def checked(ended: Ended, home: Path) -> Ended:
    for text in (ended.out, ended.err):
        assert "Traceback" not in text
        assert str(home.resolve()) not in text
        assert str(Path(__file__).parents[1]) not in text
    return ended


def one_line(ended: Ended) -> str:
    """What a failed command says: one line on standard error and nothing on standard output."""
    assert ended.status == 1
    assert ended.out == ""
    lines = ended.err.splitlines()
    assert len(lines) == 1, ended.err
    assert lines[0].startswith("qa-service: ")
    return lines[0].removeprefix("qa-service: ")


# index


def test_index_prints_its_counts(qa):
    ended = qa("index")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith("0 added, 0 updated, 2 unchanged, 0 removed, 0 failed; 2 passages in the index; ")


def test_index_follows_the_folder(qa, home):
    (home / "documents/en/tram.md").write_text(ENGLISH.replace("two euros", "three euros"), encoding="utf-8")
    (home / "documents/fr/bibliotheque.md").unlink()
    (home / "documents/notes.txt").write_text("The museum is closed on Mondays.\n", encoding="utf-8")
    report = qa("index", "--json").json()
    assert {name: report[name] for name in ("added", "updated", "unchanged", "removed")} == {
        "added": 1,
        "updated": 1,
        "unchanged": 0,
        "removed": 1,
    }
    assert report["failed"] == {}
    assert "three euros" in qa("ask", "How much is a tram ticket?").out


def test_index_can_start_from_nothing(qa):
    report = qa("index", "--rebuild", "--json").json()
    assert (report["added"], report["unchanged"]) == (2, 0)


def test_index_takes_paths(qa, home):
    report = qa("index", "documents/en", "--json").json()
    assert (report["added"], report["removed"]) == (1, 2)


def test_a_bad_document_is_reported_and_the_rest_is_indexed(qa, home):
    (home / "documents/broken.pdf").write_bytes(b"%PDF-1.7 nothing more")
    (home / "documents/latin.txt").write_bytes("Une année à Rabat".encode("latin-1"))
    (home / "documents/new.txt").write_text("The swimming pool has eight lanes.\n", encoding="utf-8")
    ended = qa("index")
    assert ended.status == 1
    first, second = ended.err.splitlines()
    assert "broken.pdf" in first
    assert "latin.txt" in second
    assert second.endswith("is not UTF-8 text")
    assert "1 added" in ended.out
    assert "2 failed" in ended.out
    assert "eight lanes" in qa("ask", "How many lanes does the swimming pool have?").out


def test_a_document_that_became_unreadable_stays_answerable(qa, home):
    (home / "documents/en/tram.md").write_bytes(b"\xff\xfe\x00")
    ended = qa("index", "--json")
    assert ended.status == 1
    assert len(ended.json()["failed"]) == 1
    assert "4 May 2031" in qa("ask", "When does the tram line open?").out


def test_an_empty_folder_leaves_the_index_as_it_was(qa, home):
    shutil.rmtree(home / "documents")
    (home / "documents").mkdir()
    assert "no documents" in one_line(qa("index"))
    assert qa("status").status == 0


def test_a_missing_folder_is_named(qa):
    assert "nowhere" in one_line(qa("index", "nowhere"))


# ask, search, status


@pytest.mark.parametrize(
    ("question", "found", "document_id"),
    [
        ("When does the tram line open?", "4 May 2031", "en/tram"),
        ("Qui est la directrice de la bibliothèque ?", "Anne Delmas", "fr/bibliotheque"),
        ("When did the library open again?", "12 juin 2030", "fr/bibliotheque"),
        ("Combien coûte un billet de tramway ?", "two euros", "en/tram"),
    ],
)
def test_ask_answers_in_four_directions(qa, question, found, document_id):
    ended = qa("ask", question)
    assert (ended.status, ended.err) == (0, "")
    answer, _, citations = ended.out.partition("\n\n[1] ")
    assert found in answer
    assert "[1]" in answer
    assert document_id in citations


def test_the_answer_can_be_asked_for_in_a_language(qa):
    answer = qa("ask", "When does the tram line open?", "--language", "fr", "--json").json()
    assert (answer["language"], answer["question"]) == ("fr", "When does the tram line open?")
    assert answer["answer"].startswith("L’article en anglais")


def test_json_is_one_answer_of_the_agreed_shape(process):
    ended = process("ask", "When does the tram line open?", "--json")
    assert (ended.status, ended.err) == (0, "")
    answer = ended.json()
    assert answer["abstained"] is False
    first = answer["citations"][0]
    assert (first["document_id"], first["url"]) == ("en/tram", "https://example.org/tram")
    for citation in answer["citations"]:
        assert citation["quote"] in ENGLISH + FRENCH
        assert citation["end"] - citation["start"] == len(citation["quote"])
    assert {"id", "conversation_id", "composer", "warnings", "timings_ms"} <= answer.keys()


def test_questions_under_one_name_lean_on_one_another(qa):
    first = qa("ask", "How much is a ticket for the tram line?", "--conversation", "tram", "--json").json()
    then = qa("ask", "And when does it open?", "--conversation", "tram", "--json").json()
    assert first["conversation_id"] == then["conversation_id"] == "tram"
    assert "4 May 2031" in then["answer"]
    assert qa("ask", "tram?", "--conversation", "x" * 101).status == 1


@pytest.mark.parametrize("command", [["ask", "tram?"], ["status"], ["serve"], ["feedback"]])
def test_a_wrong_database_is_one_line_without_its_password(qa, monkeypatch, command):
    monkeypatch.setenv("QA_DATABASE_URL", "oracle11://qa:hush-hush@host/name")
    ended = qa(*command)
    assert ended.status == 1
    assert ended.err.startswith("qa-service: QA_DATABASE_URL: ")
    assert ended.err.count("\n") == 1
    assert "hush-hush" not in ended.err


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "The sources differ on this point."), ("fr", "Les sources divergent sur ce point.")],
)
def test_sources_that_disagree_are_said_to(qa, home, language, said):
    question = "When does the tram line between the harbour and the university open?"
    assert said not in qa("ask", question, "--language", language).out
    (home / "documents/en/tram-news.md").write_text(ENGLISH.replace("4 May", "9 May"), encoding="utf-8")
    assert qa("index").status == 0
    answer = qa("ask", question, "--language", language).out
    assert f"\n{said}\n" in answer
    assert "4 May 2031" in answer
    assert "9 May 2031" in answer


def test_no_answer_is_an_answer(qa):
    ended = qa("ask", "Who discovered penicillin?", "--json")
    assert ended.status == 0
    assert (ended.json()["abstained"], ended.json()["citations"]) == (True, [])


TRAM = "The tram line between the harbour and the university opens on 4 May 2031"


@pytest.fixture
def written(qa, llm_server, monkeypatch):
    """Run ``qa-service ask`` with the scripted language model, which says this."""

    def run(reply: Reply, *arguments: str) -> Ended:
        llm_server.script(reply)
        monkeypatch.setenv("QA_LLM", "openai:scripted")
        monkeypatch.setenv("QA_LLM_BASE_URL", llm_server.url)
        monkeypatch.setenv("QA_LLM_TIMEOUT", "2")
        return qa("ask", *arguments)

    return run


@pytest.mark.parametrize(
    ("question", "text", "document_id"),
    [
        ("When does the tram line open?", TRAM, "en/tram"),
        (
            "Quand la bibliothèque du quartier a-t-elle rouvert ?",
            "La bibliothèque du quartier a rouvert ses portes le 12 juin 2030",
            "fr/bibliotheque",
        ),
    ],
)
def test_a_language_model_may_write_the_answer(written, question, text, document_id):
    ended = written(says(f"{text} [[1]]."), question)
    assert (ended.status, ended.err) == (0, "")
    answer, _, citations = ended.out.partition("\n\n[1] ")
    assert answer == f"{text} [1]."
    assert document_id in citations


def test_json_says_what_the_language_model_was_asked(written):
    answer = written(says(f"{TRAM} [1]."), "When does the tram line open?", "--json").json()
    assert (answer["composer"], answer["withdrawn"]) == ("llm", [])
    assert answer["usage"] == {"calls": 1, "input_tokens": 12, "output_tokens": 7}


def test_what_was_left_out_is_said_under_the_answer(written):
    ended = written(says(f"{TRAM} [1]. Sergei Kozlov paid 612 euros for it [1]."), "When does the tram line open?")
    assert ended.out.startswith(f"{TRAM} [1].\n")
    assert "\nA sentence that the articles do not bear out was left out of this answer.\n" in ended.out
    assert "Kozlov" not in ended.out


def test_a_language_model_that_fails_costs_a_warning(written):
    ended = written(fails(401), "Quand la bibliothèque du quartier a-t-elle rouvert ?")
    assert ended.status == 0
    assert "12 juin 2030" in ended.out
    assert "\nLe modèle de langue n’était pas disponible : cette réponse cite directement les articles.\n" in plain(
        ended.out
    )
    assert KEY not in ended.out + ended.err


def plain(text: str) -> str:
    """A text with plain spaces for those that do not break."""
    return text.replace("\u202f", " ").replace("\u00a0", " ")


@pytest.mark.parametrize("command", [["ask", "tram?"], ["search", "tram"]])
def test_a_language_model_without_its_key_is_one_line(qa, monkeypatch, command):
    pytest.importorskip("langchain_openai")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("QA_LLM", "openai:gpt-5-mini")
    assert one_line(qa(*command)) == "QA_LLM=openai:gpt-5-mini needs a key: set QA_LLM_API_KEY or OPENAI_API_KEY."


@pytest.mark.parametrize(
    ("name", "value"),
    [("QA_LLM", "gpt-5-mini"), ("QA_LLM", "openai:"), ("QA_LLM_TIMEOUT", "0"), ("QA_LLM_BASE_URL", "host:80")],
)
def test_a_wrong_setting_of_the_language_model_is_one_line(qa, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    assert one_line(qa("ask", "tram?")).startswith(f"{name}: ")


@pytest.mark.parametrize("question", ["", "   ", "\n"])
def test_an_empty_question_is_refused(qa, question):
    assert "empty" in one_line(qa("ask", question))
    assert "empty" in one_line(qa("search", question))


def test_a_question_that_is_too_long_is_refused(qa, monkeypatch):
    monkeypatch.setenv("QA_MAX_QUESTION_CHARS", "10")
    assert "10 characters" in one_line(qa("ask", "When does the tram line open?"))


def test_a_question_of_odd_bytes_is_no_accident(process):
    assert process("ask", os.fsdecode(b"caf\xe9 \xff?"), "--json").status == 0


def test_search_ranks_passages(qa):
    ended = qa("search", "tram ticket", "-k", "1")
    assert (ended.status, ended.err) == (0, "")
    assert "en/tram [" in ended.out
    passages = qa("search", "tram ticket", "--json").json()["passages"]
    assert [passage["document_id"] for passage in passages] == ["en/tram", "fr/bibliotheque"]
    assert passages[0]["score"] > passages[1]["score"]


def test_status_counts_by_language(qa):
    assert qa("status").out.startswith("en: 1 documents, 1 passages\nfr: 1 documents, 1 passages\ngeneration ")
    found = qa("status", "--json").json()
    assert found["documents"] == {"en": 1, "fr": 1}
    assert found["age_s"] >= 0


@pytest.mark.parametrize(
    "arguments", [("index",), ("ask", "tram?"), ("search", "tram"), ("status",), ("evaluate", "questions.jsonl")]
)
def test_json_is_one_value_and_nothing_else(process, questions, arguments):
    ended = process(*arguments, "--json")
    assert (ended.status, ended.err) == (0, "")
    assert isinstance(ended.json(), dict)


# feedback


def rated(home: Path, *given: tuple[str, int, str]) -> list[str]:
    """Rate an answer to each of these questions, as readers would; the answers' ids."""
    with closing(Pipeline(load_settings(index=home / "index"))) as pipeline:
        pipeline.open()
        ids = []
        for question, rating, comment in given:
            ids.append(pipeline.answer(question).id)
            pipeline.rate(ids[-1], rating, comment)
            time.sleep(0.003)
        return ids


GIVEN = [
    ("When does the tram line open?", 1, ""),
    ("Qui est la directrice de la bibliothèque ?", -1, "Elle a changé\nen mai 🙂 \u202egnol"),
]


def test_feedback_is_listed_oldest_first(qa, home):
    first, second = rated(home, *GIVEN)
    ended = qa("feedback")
    assert (ended.status, ended.err) == (0, "")
    day = r"\d{4}-\d\d-\d\d \d\d:\d\d"
    assert re.sub(day, "DAY", ended.out).splitlines() == [
        "+1  DAY  When does the tram line open?",
        f"    answer {first}",
        "-1  DAY  Qui est la directrice de la bibliothèque ?",
        "    Elle a changé en mai 🙂  gnol",
        f"    answer {second}",
    ]


def test_feedback_as_json_holds_all_of_it(process, home):
    ids = rated(home, *GIVEN)
    shutil.rmtree(home / "index/generations")  # no index is needed
    ended = process("feedback", "--json")
    assert (ended.status, ended.err) == (0, "")
    entries = ended.json()
    assert [entry["answer_id"] for entry in entries] == ids
    assert [(entry["question"], entry["rating"], entry["comment"]) for entry in entries] == GIVEN
    assert [entry["language"] for entry in entries] == ["en", "fr"]
    assert "4 May 2031" in entries[0]["citations"][0]["quote"]
    assert entries[1]["citations"][0]["document_id"] == "fr/bibliotheque"
    assert list(entries[0]) == [
        "answer_id", "conversation_id", "asked_at", "given_at", "question", "language", "answer", "abstained",
        "citations", "rating", "comment",
    ]  # fmt: skip
    assert all(entry["given_at"].endswith("+00:00") for entry in entries)


def test_without_feedback_there_is_a_line_or_an_empty_list(qa, home):
    assert (qa("feedback").out, qa("feedback", "--json").out) == ("No answer has been rated.\n", "[]\n")
    assert not list((home / "index").glob("conversations*"))
    qa("ask", "When does the tram line open?")
    assert (qa("feedback").out, qa("feedback", "--json").out) == ("No answer has been rated.\n", "[]\n")
    shutil.rmtree(home / "index")
    assert (qa("feedback").out, qa("feedback", "--json").out) == ("No answer has been rated.\n", "[]\n")


@pytest.mark.parametrize("arguments", [("feedback",), ("feedback", "--json")])
def test_feedback_that_cannot_be_read_is_one_line(process, home, arguments):
    (home / "index/conversations.sqlite3").write_bytes(b"no database" * 1_000)
    assert "SQLITE_NOTADB" in one_line(process(*arguments))
    (home / "index/conversations.sqlite3").unlink()
    (home / "index/conversations.sqlite3").mkdir()
    assert "SQLITE_CANTOPEN" in one_line(process(*arguments))


def test_feedback_is_read_while_it_is_written(qa, home):
    rated(home, *GIVEN)
    with closing(sqlite3.connect(home / "index/conversations.sqlite3", isolation_level=None)) as writer:
        writer.execute("BEGIN")
        writer.execute("UPDATE qa_feedback SET rating = -rating")
        assert [entry["rating"] for entry in qa("feedback", "--json").json()] == [1, -1]
        writer.execute("COMMIT")
        assert [entry["rating"] for entry in qa("feedback", "--json").json()] == [-1, 1]


# evaluate


@pytest.fixture
def questions(home):
    (home / "questions.jsonl").write_text(QUESTIONS, encoding="utf-8")
    return home / "questions.jsonl"


def test_evaluate_prints_its_figures(qa, questions):
    ended = qa("evaluate", "questions.jsonl")
    assert (ended.status, ended.err) == (0, "")
    rows = [line.rstrip() for line in ended.out.splitlines()]
    assert rows[:6] == [
        "answerable               en→en   fr→fr   en→fr   fr→en   total",
        "questions                    1       1       1       1       4",
        "document@1                1.00    1.00    1.00    1.00    1.00",
        "document@3                1.00    1.00    1.00    1.00    1.00",
        "answer in 4 passages      1.00    1.00    1.00    1.00    1.00",
        "quote holds the answer    1.00    1.00    1.00    1.00    1.00",
    ]
    assert rows[8] == "refused                   0.00    0.00    0.00    0.00    0.00"
    assert rows[10:13] == [
        "unanswerable, refused          en   fr       total",
        "off-topic               1.00 of 1    –   1.00 of 1",
        "near miss               0.00 of 1    –   0.00 of 1",
    ]
    assert rows[14].startswith("6 answers, half of them within ")
    assert len(rows) == 15


def test_evaluate_takes_several_files(qa, questions, home):
    lines = QUESTIONS.splitlines()
    (home / "en.jsonl").write_text(lines[1], encoding="utf-8")
    (home / "fr.jsonl").write_text(lines[2], encoding="utf-8")
    figures = qa("evaluate", "en.jsonl", "fr.jsonl", "--json").json()
    assert {name: row["questions"] for name, row in figures["directions"].items()} == {
        "en→en": 1,
        "fr→fr": 0,
        "en→fr": 0,
        "fr→en": 1,
    }
    assert figures["total"]["quote_holds_answer"]["hits"] == 2


def test_evaluate_says_what_is_not_in_the_index(qa, questions):
    lost = QUESTIONS.replace("4 May 2031", "4 May 2032").replace("Anne Delmas", "Anne Dumas")
    questions.write_text(lost, encoding="utf-8")
    ended = qa("evaluate", "questions.jsonl")
    assert ended.status == 0
    assert ended.out.splitlines()[0].split()[-3:] == ["en→?", "fr→?", "total"]
    assert ended.out.splitlines()[-1] == "answers that are not in the index: 2 (tram, directrice)"
    assert qa("evaluate", "questions.jsonl", "--json").json()["not_in_index"] == ["tram", "directrice"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("Who?", "questions.jsonl, line 1: this is not a JSON object"),
        (QUESTIONS + '{"id": "de"}', "questions.jsonl, line 8: the language must be one of en, fr"),
        (QUESTIONS * 2, "questions.jsonl, line 9: the id tram is that of questions.jsonl, line 2 already"),
        ("", "questions.jsonl holds no question"),
    ],
)
def test_a_bad_file_of_questions_is_one_line(qa, questions, content, said):
    questions.write_text(content, encoding="utf-8")
    assert one_line(qa("evaluate", "questions.jsonl")) == said
    assert one_line(qa("evaluate", "questions.jsonl", "--json")) == said


def test_a_missing_file_of_questions_is_named(qa):
    assert one_line(qa("evaluate", "nowhere.jsonl")).startswith("nowhere.jsonl: ")
    assert one_line(qa("evaluate", "documents")).startswith("documents: ")


def test_a_question_that_is_too_long_is_named(qa, questions, monkeypatch):
    monkeypatch.setenv("QA_MAX_QUESTION_CHARS", "30")
    assert one_line(qa("evaluate", "questions.jsonl")) == "billet: The question is longer than 30 characters."


def test_a_citation_that_is_not_exact_is_a_failure(qa, questions, home):
    """An index whose texts are not those that its passages were cut from, and whose checksums say that all is well."""
    generation = IndexFolder(home / "index").candidates()[0]
    with sqlite3.connect(generation.path / "documents.db") as connection:
        connection.execute("UPDATE documents SET text = 'x' || text WHERE id = 'en/tram'")
    connection.close()
    generation.seal(generation.manifest())
    ended = qa("evaluate", "questions.jsonl", "--json")
    assert ended.status == 1
    assert ended.err.splitlines()[0].startswith("qa-service: tram: citation 1 is not what en/tram says from ")
    assert len(ended.json()["errors"]) == len(ended.err.splitlines())


# What goes wrong


@pytest.mark.parametrize(
    "arguments",
    [("ask", "tram?"), ("search", "tram"), ("status",), ("status", "--json"), ("evaluate", "questions.jsonl")],
)
def test_without_an_index_a_line_says_what_to_run(process, home, questions, arguments):
    shutil.rmtree(home / "index")
    assert "qa-service index" in one_line(process(*arguments))


def test_a_damaged_index_is_never_answered_from(qa, home):
    (stored,) = home.glob("index/generations/*/documents.db")
    stored.write_bytes(stored.read_bytes()[:-1])
    ended = qa("ask", "When does the tram line open?")
    assert (ended.status, ended.out) == (1, "")
    assert "damaged" in ended.err.splitlines()[-1]
    assert qa("index").status == 0
    assert "4 May 2031" in qa("ask", "When does the tram line open?").out


@pytest.mark.parametrize(
    "command",
    [
        ("index",),
        ("ask", "x"),
        ("search", "x"),
        ("status",),
        ("evaluate", "questions.jsonl"),
        ("feedback",),
        ("serve",),
    ],
)
def test_a_wrong_setting_stops_every_command(qa, questions, monkeypatch, command):
    monkeypatch.setenv("QA_PORT", "abc")
    assert one_line(qa(*command)).startswith("QA_PORT: ")


def test_a_wrong_embedding_model_is_named(qa, monkeypatch):
    monkeypatch.setenv("QA_EMBEDDINGS", "nonsense")
    assert one_line(qa("ask", "x")).startswith("QA_EMBEDDINGS: ")
    assert one_line(qa("serve")).startswith("QA_EMBEDDINGS: ")


def test_an_index_folder_that_is_none_is_one_line(qa, home, monkeypatch):
    monkeypatch.setenv("QA_INDEX", "documents/en/tram.md")
    one_line(qa("index"))
    one_line(qa("status"))


def test_a_reader_that_cannot_write_says_so_in_one_line(qa, home):
    shutil.rmtree(home / "index/readers", ignore_errors=True)
    (home / "index/readers").write_text("in the way")
    one_line(qa("status"))


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("nonsense",),
        ("--nonsense",),
        ("ask",),
        ("ask", "x", "--nonsense"),
        ("ask", "x", "--language", "de"),
        ("search", "x", "-k", "0"),
        ("search", "x", "-k", "many"),
        ("status", "more"),
        ("feedback", "more"),
        ("evaluate",),
        ("evaluate", "questions.jsonl", "--nonsense"),
        ("serve", "--port", "70000"),
    ],
)
def test_wrong_usage_ends_with_2(qa, arguments):
    ended = qa(*arguments)
    assert (ended.status, ended.out) == (2, "")
    assert "Usage: qa-service" in ended.err


@pytest.mark.parametrize("arguments", [("--help",), ("-h",), ("ask", "--help"), ("serve", "-h")])
def test_help_is_no_error(qa, arguments):
    ended = qa(*arguments)
    assert (ended.status, ended.err) == (0, "")
    assert "Usage: " in ended.out


def test_the_version_is_the_packages(qa):
    assert qa("--version").out == f"qa-service, version {__version__}\n"


def test_the_exit_status_reaches_the_shell(process, home):
    assert process("status").status == 0
    assert process("nonsense").status == 2
    assert process("status", QA_PORT="abc").status == 1


def test_serve_on_a_taken_port_is_one_line(process):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = one_line(process("serve", "--port", port))
    assert port in said
    assert "--port" in said


def test_a_new_key_comes_with_the_form_for_the_setting(qa):
    made = [json.loads(qa("key", "--json").out) for _ in range(2)]
    assert made[0] != made[1]
    for each in made:
        settings = load_settings(api_keys=each["hash"], session_secret="s" * 16)
        assert Keys(settings.keys).accept(each["key"])
    said = qa("key").out.splitlines()
    assert len(said) == 2
    key, listed = (line.split()[-1] for line in said)
    assert Keys([listed]).accept(key)


@pytest.mark.parametrize("host", ["192.0.2.1", "256.0.0.1"])  # of no machine, and of none that can be
def test_serve_at_an_address_that_is_not_here_is_one_line(qa, host):
    assert one_line(qa("serve", "--host", host)).endswith("; choose another with --host.")


def test_serve_without_the_package_for_redis_is_one_line(qa, monkeypatch):
    monkeypatch.setenv("QA_RATE_LIMIT_STORAGE", "redis://:secret@127.0.0.1")
    monkeypatch.setattr("qa_service.channels.limits.find_spec", lambda name: None)
    said = one_line(qa("serve"))
    assert said.startswith("QA_RATE_LIMIT_STORAGE needs the extra")
    assert "secret" not in said

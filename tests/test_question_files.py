"""Files of questions: what a line may say, and how a wrong one is named."""

from __future__ import annotations

import json
import unicodedata

import pytest

from qa_service.errors import QuestionFileError
from qa_service.question_files import Question, comparable, read_questions

ENGLISH = '{"id": "en-1", "question": "When did it open?", "language": "en", "must": "12 May 2024"}'
FRENCH = '{"id": "fr-1", "question": "Qui l’a inaugurée ?", "language": "fr", "must": "Helen Marsh"}'


@pytest.fixture
def file(tmp_path):
    """Write a file of questions, of these bytes or of these lines."""

    def write(*lines: str, name: str = "questions.jsonl", content: bytes | None = None):
        path = tmp_path / name
        path.write_bytes("".join(f"{line}\n" for line in lines).encode() if content is None else content)
        return path

    return write


def line(**changes) -> str:
    """A right line with changes; what is set to nothing is left out."""
    row = {"id": "1", "question": "Who?", "language": "en", "must": "Helen"} | changes
    return json.dumps({name: value for name, value in row.items() if value is not None})


def test_every_field_is_read(file):
    questions = read_questions(
        [
            file(
                ENGLISH,
                '{"id": "fr-1", "question": "Qui ?", "language": "fr", "must": ["H.", "Marsh"], "document_id": "en/a"}',
                '{"id": "fr-2", "question": "Où ?", "language": "fr", "quote": "Là.", "document_id": ["en/a", "fr/a"]}',
                '{"id": 3, "question": "Why?", "language": "en", "quote": ["So.", "Thus."], "note": "ours"}',
            )
        ]
    )
    assert questions == [
        Question("en-1", "When did it open?", "en", must=("12 May 2024",)),
        Question("fr-1", "Qui ?", "fr", must=("H.", "Marsh"), document_ids=("en/a",)),
        Question("fr-2", "Où ?", "fr", quotes=("Là.",), document_ids=("en/a", "fr/a")),
        Question("3", "Why?", "en", quotes=("So.", "Thus.")),
    ]


@pytest.mark.parametrize(
    ("value", "kind"), [(True, "off_topic"), ("off_topic", "off_topic"), ("near_miss", "near_miss")]
)
def test_unanswerable_questions_are_of_two_kinds(file, value, kind):
    (question,) = read_questions([file(line(must=None, unanswerable=value))])
    assert question.unanswerable == kind


def test_a_question_that_is_not_unanswerable_may_say_so(file):
    (question,) = read_questions([file(line(unanswerable=False))])
    assert question.unanswerable is None


@pytest.mark.parametrize(
    "content",
    [
        f"\ufeff{ENGLISH}\n{FRENCH}\n",  # a byte order mark
        f"{ENGLISH}\r\n{FRENCH}\r\n",
        f"\n\n{ENGLISH}\n   \n\t\n{FRENCH}",  # blank lines, and no end of line at the end
    ],
)
def test_files_of_any_editor_are_read(file, content):
    questions = read_questions([file(content=content.encode())])
    assert [question.text for question in questions] == ["When did it open?", "Qui l’a inaugurée ?"]


def test_a_separator_within_a_text_ends_no_line(file):
    (question,) = read_questions([file(ENGLISH.replace("When", "When\u2028\u0085"))])
    assert question.text == "When\u2028\u0085 did it open?"


def test_several_files_are_one_list(file):
    questions = read_questions([file(FRENCH, name="fr.jsonl"), file(ENGLISH, name="en.jsonl")])
    assert [question.id for question in questions] == ["fr-1", "en-1"]


def test_what_cannot_be_printed_is_replaced(file):
    (question,) = read_questions(
        [file(r'{"id": "a\ud800\nb", "question": "\ud800?", "language": "en", "must": "\ud800"}')]
    )
    assert (question.id, question.text, question.must) == ("a? b", "??", ("?",))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("Who opened it?", "this is not a JSON object"),
        ('["Who?"]', "this is not a JSON object"),
        ("[" * 100_000, "this is not a JSON object"),
        (line(id=None), "it has no id"),
        (line(id=" "), "it has no id"),
        (line(id=True), "it has no id"),
        (line(question=None), "it has no question"),
        (line(question=" \n"), "it has no question"),
        (line(question=["Who?"]), "it has no question"),
        (line(language=None), "the language must be one of en, fr"),
        (line(language="de"), "the language must be one of en, fr"),
        (line(language=["en"]), "the language must be one of en, fr"),
        (line(must=None), "it needs exactly one of must, quote and unanswerable"),
        (line(must=None, unanswerable=False), "it needs exactly one of must, quote and unanswerable"),
        (line(quote="Helen cut it."), "it needs exactly one of must, quote and unanswerable"),
        (line(unanswerable=True), "it needs exactly one of must, quote and unanswerable"),
        (line(must=""), "must must be a text or a list of texts, and none empty"),
        (line(must=84), "must must be a text or a list of texts, and none empty"),
        (line(must=[]), "must must be a text or a list of texts, and none empty"),
        (line(must=None, quote=["So.", " "]), "quote must be a text or a list of texts, and none empty"),
        (line(document_id={"en": "a"}), "document_id must be a text or a list of texts, and none empty"),
        (line(must=None, unanswerable="maybe"), "unanswerable must be true or one of off_topic, near_miss"),
        (line(must=None, unanswerable=["off_topic"]), "unanswerable must be true or one of off_topic, near_miss"),
    ],
)
def test_a_wrong_line_is_named(file, wrong, said):
    with pytest.raises(QuestionFileError) as error:
        read_questions([file(ENGLISH, "", wrong, FRENCH)])
    assert str(error.value) == f"questions.jsonl, line 3: {said}"


def test_an_id_stands_once_in_all_files(file):
    with pytest.raises(QuestionFileError) as error:
        read_questions([file(FRENCH, ENGLISH, name="one.jsonl"), file("", ENGLISH, name="two.jsonl")])
    assert str(error.value) == "two.jsonl, line 2: the id en-1 is that of one.jsonl, line 2 already"


def test_a_file_of_another_encoding_is_named(file):
    with pytest.raises(QuestionFileError, match=r"^questions\.jsonl is not UTF-8 text$"):
        read_questions([file(content=FRENCH.replace("inaugurée", "inaugurée").encode("cp1252"))])


@pytest.mark.parametrize("content", [b"", b"\n \r\n", "\ufeff".encode()])
def test_a_file_without_a_question_is_named(file, content):
    with pytest.raises(QuestionFileError, match=r"^empty\.jsonl holds no question$"):
        read_questions([file(ENGLISH), file(name="empty.jsonl", content=content)])


# What holds an answer


@pytest.mark.parametrize(
    ("must", "quote", "held"),
    [
        ("12 May 2024", "It opened on 12 May 2024.", True),
        ("12 May 2024", "It opened on 12\n  May\u00a02024.", True),
        ("l'été dernier", "Elle a ouvert l’été\ndernier.", True),
        ("l’été", unicodedata.normalize("NFD", "Elle a ouvert l'été."), True),
        ("12 may 2024", "It opened on 12 May 2024.", False),
        ("ete", "Elle a ouvert l’été.", False),
        ("It opened on 12 May 2024.", "12 May 2024", False),
    ],
)
def test_words_are_held_whatever_the_lines_and_apostrophes(must, quote, held):
    question = Question("1", "?", "en", must=(must,))
    assert question.is_answered_by(quote) is held
    assert question.is_answered_in(comparable(quote)) is held


def test_one_of_the_words_is_enough():
    question = Question("1", "?", "fr", must=("84 mètres", "84 metres"))
    assert question.is_answered_by("It is 84 metres long.")
    assert question.is_answered_by("Elle mesure 84 mètres.")
    assert not question.is_answered_by("Elle mesure 85 mètres.")


@pytest.mark.parametrize(
    ("cited", "held"),
    [
        ("It opened in May.", True),
        ("Helen came. It opened\nin May. All cheered.", True),
        ("It opened", True),  # a part of the sentence that was to be quoted
        ("It opened in June.", False),
    ],
)
def test_a_sentence_is_quoted_whole_or_in_part(cited, held):
    assert Question("1", "?", "en", quotes=("It opened in May.",)).is_answered_by(cited) is held


def test_a_text_that_is_a_part_of_the_sentence_does_not_hold_it():
    assert not Question("1", "?", "en", quotes=("It opened in May.",)).is_answered_in("It opened")


def test_an_unanswerable_question_is_answered_by_nothing():
    question = Question("1", "?", "en", unanswerable="off_topic")
    assert not question.is_answered_by("It opened in May.")
    assert not question.is_answered_in("")

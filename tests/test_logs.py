"""The log: its two forms, what it never holds, and ids of requests."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
import warnings

import pytest

from qa_service import logs
from qa_service.logs import JsonLines, RequestNotes, TextLines, chosen_id, in_a_line, set_up, shown_path
from qa_service.settings import load_settings


@pytest.fixture(autouse=True)
def restored():
    root, ours = logging.getLogger(), logging.getLogger("qa_service")
    kept = (root.handlers[:], root.level, ours.level, warnings.showwarning)
    yield
    root.handlers[:], root.level, ours.level, warnings.showwarning = kept
    for logger in (root, ours):
        logger.setLevel(logger.level)
    logs.begin(None)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def logged(stream=None, **settings):
    out = stream or io.StringIO()
    set_up(load_settings(**settings), out)
    return out


def lines(out) -> list[dict]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_record_is_an_object_on_one_line():
    out = logged(log_format="json")
    logs.begin(RequestNotes("abc"))
    logging.getLogger("qa_service.x").warning("Été : %s", "\n\u202e\u2028\x1b[31m\ud800", extra={"status": 200})
    assert out.getvalue().isascii()
    (line,) = lines(out)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line == {
        "level": "warning",
        "logger": "qa_service.x",
        "message": "Été : \n\u202e\u2028\x1b[31m\ud800",
        "request_id": "abc",
        "status": 200,
    }


def test_outside_of_a_request_there_is_no_id():
    out = logged(log_format="json")
    logging.getLogger("qa_service").warning("x")
    assert "request_id" not in lines(out)[0]


def test_text_is_one_line_whatever_it_holds():
    out = logged(log_format="text")
    logs.begin(RequestNotes("abc"))
    logging.getLogger("qa_service.x").warning("Été : %s", "a\r\nfake line\u202e\u2066\x00\x9b\ud800")
    (line,) = out.getvalue().splitlines()
    assert line.endswith("Z warning Été : a\\r\\nfake line\\u202e\\u2066\\x00\\x9b\\ud800 [abc]")


def test_text_tells_what_became_of_a_question():
    out = logged(log_format="text")
    told = {"outcome": "answered", "language": "fr", "question": "Où ?\n\u202eReally", "status": 200}
    logging.getLogger("qa_service.x").info("POST /api/ask", extra=told)
    (line,) = out.getvalue().splitlines()
    assert line.endswith('POST /api/ask outcome="answered" language="fr" question="Où ?\\n\\u202eReally"')


@pytest.mark.parametrize("form", ["json", "text"])
def test_an_unexpected_error_keeps_its_traceback(form):
    out = logged(log_format=form)
    error = RuntimeError("first\nsecond\u202e")
    logging.getLogger("qa_service").error("Unexpected error", exc_info=error)
    if form == "json":
        (line,) = lines(out)
        assert line["message"] == "Unexpected error"
        assert "RuntimeError: first\nsecond" in line["exc_info"]
    else:
        first, *rest = out.getvalue().splitlines()
        assert first.endswith("error Unexpected error")
        assert rest[-2:] == ["    RuntimeError: first", "    second\\u202e"]


@pytest.mark.parametrize(
    ("stream", "form", "expected"),
    [
        (Terminal(), "", TextLines),
        (io.StringIO(), "", JsonLines),
        (Terminal(), "json", JsonLines),
        (io.StringIO(), "text", TextLines),
    ],
)
def test_a_terminal_is_read_by_people(stream, form, expected):
    logged(stream, **({"log_format": form} if form else {}))
    (handler,) = logging.getLogger().handlers
    assert type(handler.formatter) is expected


@pytest.mark.parametrize(("level", "said"), [("debug", "diwe"), ("info", "iwe"), ("warning", "we"), ("error", "e")])
def test_the_level_is_that_of_our_own_records(level, said):
    out = logged(log_level=level, log_format="json")
    for name in ("debug", "info", "warning", "error"):
        getattr(logging.getLogger("qa_service.x"), name)(name[0])
    assert "".join(line["message"] for line in lines(out)) == said


def test_of_libraries_nothing_below_a_warning_is_logged():
    out = logged(log_level="debug", log_format="json")
    logging.getLogger("openai").debug("the prompt")
    logging.getLogger("httpx").info("the address")
    logging.getLogger("httpx").warning("w")
    assert [line["message"] for line in lines(out)] == ["w"]


def test_a_warning_of_python_names_no_file():
    out = logged(log_format="json")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = logs._warned
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    (line,) = lines(out)
    assert (line["message"], line["logger"]) == ("DeprecationWarning: old", "qa_service.logs")
    assert __file__ not in out.getvalue()


@pytest.mark.parametrize("sane", ["a", "A-1_b.c", "x" * 128, "0af7651916cd43dd8448eb211c80319c"])
def test_a_sane_id_is_kept(sane):
    assert chosen_id(sane) == sane


@pytest.mark.parametrize(
    "wrong", ["", "x" * 129, "a b", "a\n", "a\r\nX: y", "é", "a;b", "<script>", "a,b", "١", "\x00", "a/b"]
)
def test_another_is_replaced(wrong):
    new = chosen_id(wrong)
    assert re.fullmatch(r"[0-9a-f]{32}", new)
    assert new != chosen_id(wrong)


def test_a_path_is_text_on_one_line_and_not_too_long():
    assert shown_path("/été\n".encode().decode("latin-1")) == "/été\\n"
    assert shown_path("/\xff") == "/\ufffd"
    assert len(shown_path("/" + "x" * 10_000)) == 500
    assert in_a_line("a\u2028\ufeffb") == "a\\u2028\\ufeffb"


def test_notes_are_kept_for_the_current_request_alone():
    logs.note(lost=1)
    notes = RequestNotes("1")
    logs.begin(notes)
    logs.note(kept=1, nothing=None)
    assert notes.fields == {"kept": 1}
    assert logs.current() is notes


def test_standard_error_is_where_it_goes(capsys):
    set_up(load_settings(log_format="text"), sys.stderr)
    logging.getLogger("qa_service").error("here")
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.endswith("error here\n")

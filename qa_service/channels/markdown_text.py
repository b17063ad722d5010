"""An answer as Markdown, for clients that show it so: its text, and below a rule what belongs to it.

Articles' words are data: nothing in them may become a link with words of its own, an image, markup, or a marker that
is none of ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote

from qa_service.answers import Answer, Citation
from qa_service.channels.answer_text import MARKER, is_repeated
from qa_service.channels.links import web_address
from qa_service.channels.page_texts import QUOTATION_MARKS, shown_date, texts, warning_text
from qa_service.language import Language, one_line

# Characters of a title and of a quote in the list of sources; the whole quote is a click away.
_TITLE = 150
_QUOTE = 300

_COLON: dict[Language, str] = {"en": ":", "fr": "\u00a0:"}

# Some chat pages set what stands between dollar signs as a formula. Brackets become round ones, as markers in quotes do
# anyway: with a backslash before it, one begins a formula there too.
_ESCAPED = str.maketrans({sign: f"\\{sign}" for sign in "\\`*~$<"} | {"[": "(", "]": ")"})
# An entity, and what emphasises: within a word nothing does.
_ENTITY_OR_EMPHASIS = re.compile(r"(?=&#?\w+;)|(?<![^\W_])(?=_)|(?=_(?![^\W_]))")
# Before a line's first word: four of them make code of it, and fewer hide what comes next.
_INDENT = re.compile(r"^[ \t]+", re.MULTILINE)
# What makes a line, or the one above it, a heading, a quote, a table or a rule; a dash before a word makes a list.
_LINE_START = re.compile(r"^(?=[#>=|]|:-|-(?![ \t]*[^\s|:-]))", re.MULTILINE)
# Behind a marker these make it a link, or the definition of one.
_AFTER_MARKER = re.compile(r"(\[\d+\])(?=[(:])")
# Where our notes begin: no answer has such a line of its own.
_RULE = re.compile(r"^---[ \t]*$", re.MULTILINE)
# In an address between angle brackets; square ones could pass for a marker.
_KEPT_IN_ADDRESS = "!#$%&'()*+,/:;=?@~-._"


def markdown(answer: Answer, page: Callable[[Citation], str]) -> str:
    """An answer's text with its markers; below it warnings and sources, with the quotes that the text does not hold.

    A source's address is the one where it was published, else that of our own page, which ``page`` gives; where that is
    empty, the source is only named.
    """
    notes = _notes(answer, page)
    return "\n\n".join([_text(answer), "---", *notes]) if notes else _text(answer)


def without_notes(text: str) -> str:
    """What ``markdown`` gave, perhaps cut off, as it was before the notes were added."""
    rule = _RULE.search(text)
    return text[: rule.start()].rstrip() if rule else text


def markers_in(text: str) -> set[int]:
    """The numbers of the markers in a text that ``markdown`` gave."""
    return set(map(int, MARKER.findall(text)))


def _text(answer: Answer) -> str:
    known = {citation.n for citation in answer.citations}
    parts = [
        (f"[{part}]" if int(part) in known else f"({part})") if at % 2 else _harmless(part)
        for at, part in enumerate(MARKER.split(answer.answer))
    ]
    lines = _LINE_START.sub(r"\\", _INDENT.sub("", "".join(parts)))
    return _AFTER_MARKER.sub(r"\1\\", lines)


def _notes(answer: Answer, page: Callable[[Citation], str]) -> list[str]:
    notes = [f"*{warning_text(warning, answer.language)}*" for warning in answer.warnings]
    if answer.citations:
        sources = "\n".join(_source(citation, answer, page) for citation in answer.citations)
        notes += [f"**{texts(answer.language)['sources']}**", sources]
    return notes


def _source(citation: Citation, answer: Answer, page: Callable[[Citation], str]) -> str:
    language = answer.language
    line = f"- [{citation.n}] *{plain_line(citation.title, _TITLE)}*"
    if citation.published:
        line += f" ({plain_line(shown_date(citation.published, language), _TITLE)})"
    if not is_repeated(citation, answer):
        line += f"{_COLON[language]} {_quoted(citation.quote, language)}"
        if citation.parallel:
            line += f" = {_quoted(citation.parallel.quote, language)}"
    published = web_address(citation.url)
    address = published[0] if published else page(citation)
    return f"{line} — <{_in_brackets(address)}>" if address else line


def _quoted(words: str, language: Language) -> str:
    before, after = QUOTATION_MARKS[language]
    return f"{before}{plain_line(words, _QUOTE)}{after}"


def plain_line(text: str, longest: int) -> str:
    """Somebody's words to stand within a line of Markdown, cut between two words where they are longer."""
    line = one_line(text)
    if len(line) > longest:
        line = line[:longest].rsplit(" ", 1)[0] + "…"
    return _harmless(line)


def _harmless(text: str) -> str:
    return _ENTITY_OR_EMPHASIS.sub(r"\\", text.translate(_ESCAPED))


def _in_brackets(address: str) -> str:
    """An address that cannot end before its end."""
    return quote(address, safe=_KEPT_IN_ADDRESS, errors="replace")

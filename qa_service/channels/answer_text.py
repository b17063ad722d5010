"""An answer's text as the page sets it. ``static/answer.js`` does the same in the browser: change both together."""

from __future__ import annotations

import re
from dataclasses import dataclass

from qa_service.answers import Answer, Citation
from qa_service.language import Language

# A marker of an answer's text, with its number.
MARKER = re.compile(r"\[(\d{1,6})\]")
# A character that no line is broken at.
_JOINER = "\u2060"


@dataclass(frozen=True)
class Foreign:
    """Words of a source in the other language, within an answer."""

    text: str
    language: Language


Part = str | int | Foreign


def paragraphs(answer: Answer) -> list[list[Part]]:
    """The answer's paragraphs: texts, words in the other language, and the numbers of the sources they rest on."""
    return [_parts(paragraph, answer) for paragraph in re.split(r"\n{2,}", answer.answer) if paragraph.strip()]


def is_repeated(citation: Citation, answer: Answer) -> bool:
    """Whether a quote need not be shown below its answer, which says it itself.

    It is shown beside its parallel, and where it alone tells two sources of one article apart.
    """
    alone = sum(other.document_id == citation.document_id for other in answer.citations) == 1
    return not citation.parallel and alone and _bare(citation.quote) in " ".join(answer.answer.split())


def _bare(quote: str) -> str:
    """A quote as an answer holds it: on one line, without its full stop."""
    return " ".join(quote.split()).rstrip(". ")


def _parts(paragraph: str, answer: Answer) -> list[Part]:
    known = {citation.n for citation in answer.citations}
    pieces = MARKER.split(paragraph)
    leads = [bool(at % 2) and int(piece) in known for at, piece in enumerate(pieces)] + [False]
    parts: list[Part] = []
    for at, piece in enumerate(pieces):
        if leads[at]:
            parts.append(int(piece))
        elif at % 2:
            parts.append(f"[{piece}]")
        else:
            # The marker stays on the line of the word before it, and the stop behind it on its own.
            glued = re.sub(r"^(?=[^\w\s])", _JOINER, piece) if at and leads[at - 1] else piece
            parts += _in_its_language(re.sub(r" $", "\u00a0", glued) if leads[at + 1] else glued, answer)
    return parts


def _in_its_language(text: str, answer: Answer) -> list[Part]:
    """A text of an answer, in which titles and quotes from the other language stand apart."""
    foreign = [citation for citation in answer.citations if citation.language != answer.language]
    phrases = [words for citation in foreign for words in (citation.title, _bare(citation.quote)) if words]
    if not phrases:
        return [text]
    # They stand in quotation marks; white space may have become another.
    either = "|".join(r"\s+".join(map(re.escape, phrase.split())) for phrase in phrases)
    pieces = re.split(rf"([“«]\s?)({either})(?=\s?[”»])", text)
    parts: list[Part] = []
    for before, mark, words in zip(pieces[::3], [*pieces[1::3], ""], [*pieces[2::3], ""], strict=True):
        parts.append(before + mark)
        if words:
            parts.append(Foreign(words, foreign[0].language))
    return parts

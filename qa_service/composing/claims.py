"""A text that a language model wrote as claims: its sentences, each with the passages that it cites."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from qa_service.chunking import sentences
from qa_service.composing.citations import without_markers
from qa_service.composing.evidence import ends_like_a_sentence
from qa_service.composing.markers import Marker
from qa_service.language import Language

# What a line of a list or a heading begins with: an answer is set in paragraphs.
_LIST_SIGN = re.compile(r"^(?:[-*•–—]\s+|\d{1,2}[.)]\s+|#{1,6}\s+|>\s+)+")
# A single sign counts at an end of a word alone: "5 * 3" and "a_b" hold none.
_EMPHASIS = re.compile(r"\*\*|__|`|(?<!\w)[*_](?=\w)|(?<=\S)[*_](?!\w)")
# What is left of it, and of the space before it, where a marker was all that it held: "in May **[1]**."
_BEFORE_MARKER, _BEHIND_MARKER = " *_`", "*_`"
# Possessive, and never begun within a run: a model may write nothing but dots.
_FINAL_STOP = re.compile(r"(?:[ \u00a0\u202f](?=[!?]))?(?<![.!?…])[.!?…]++[”»\"’)\s]*+$")
_SPACES = re.compile(r" {2,}")


@dataclass(frozen=True)
class Claim:
    """A sentence of a written answer, and the numbers of the passages that it cites, in order."""

    text: str
    cited: tuple[int, ...]
    # Which paragraph it stands in, and whether it ends as a sentence does, or with what it cites.
    paragraph: int
    whole: bool


def read_claims(pieces: Iterable[str | Marker], language: Language) -> list[Claim]:
    """The sentences of a text in which the markers have been read, in order.

    A marker belongs to the sentence that it stands in or behind, on whichever side of the full stop.
    """
    text, markers = _apart(pieces)
    spans = sentences(text, language)
    cited: list[list[int]] = [[] for _ in spans]
    behind = [False] * len(spans)
    starts = [span.start for span in spans]
    for at, marker in markers if spans else ():
        row = max(0, bisect_left(starts, at) - 1)
        cited[row] += [number for number in marker.numbers if number not in cited[row]]
        behind[row] = behind[row] or at >= spans[row].end
    claims = []
    paragraph = 0
    for row, span in enumerate(spans):
        paragraph += row > 0 and "\n" in text[spans[row - 1].end : span.start]
        bare = _bare(text[span.start : span.end])
        if not bare:
            continue
        whole = behind[row] or ends_like_a_sentence(bare) or row + 1 < len(spans)
        claims.append(Claim(bare, tuple(cited[row]), paragraph, whole))
    return claims


def markers_of(numbers: Iterable[int]) -> str:
    """The markers of citations as an answer shows them: "[1][2]"."""
    return "".join(f"[{number}]" for number in numbers)


def with_markers(claim: str, numbers: Iterable[int]) -> str:
    """A claim with its citations before its full stop: "It opened in May [1][2]."."""
    marked = markers_of(numbers)
    stop = _FINAL_STOP.search(claim)
    return f"{claim[: stop.start()].rstrip(' ')} {marked}{stop[0]}" if stop else f"{claim} {marked}"


def _apart(pieces: Iterable[str | Marker]) -> tuple[str, list[tuple[int, Marker]]]:
    """The text without its markers and without emphasis, and where each of the markers stood."""
    text = ""
    markers: list[tuple[int, Marker]] = []
    for piece in _joined(pieces):
        if isinstance(piece, Marker):
            text = text.rstrip(_BEFORE_MARKER)
            markers.append((len(text), piece))
        else:
            text += _EMPHASIS.sub("", piece.lstrip(_BEHIND_MARKER) if markers else piece)
    return text, markers


def _joined(pieces: Iterable[str | Marker]) -> Iterator[str | Marker]:
    """The pieces with the words between two markers as one: emphasis may be cut as a text comes."""
    words = ""
    for piece in pieces:
        if isinstance(piece, Marker):
            yield words
            yield piece
            words = ""
        else:
            words += piece
    yield words


def _bare(sentence: str) -> str:
    """A sentence with single spaces, without what marks it as part of a list, nor what emphasis hid: "[**1**]"."""
    return _SPACES.sub(" ", without_markers(_LIST_SIGN.sub("", sentence))).strip()

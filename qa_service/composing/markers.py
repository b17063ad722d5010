"""A language model's text, read as it arrives: words, and markers where it cites numbered passages as ``[n]``.

Every character is taken by itself, so how the text is cut into pieces makes no difference. A square bracket reaches
the words only within a whole ``[…]`` that says something else than numbers; any other is said as a round one. So
nothing in the words can pass for a marker, whatever was dropped between them and wherever markers are written in.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Container
from dataclasses import dataclass
from itertools import groupby

# Compatibility forms that normalise to square brackets count as such; the lenticular ones some models cite with.
_OPENING = frozenset("[［﹇【")
_CLOSING = frozenset("]］﹈】")
_LINE_BREAKS = frozenset("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")
# No marker is longer, in characters; also the most white space, and the longest start of a link, that is held back.
_LONGEST = 64
# Brackets within brackets, as in "[[1], [2]]"; a limit keeps a flood of brackets from being read over and over.
_DEEPEST = 2
_LONGEST_RANGE = 20

# Possessive throughout: a bracket full of labels or separators must not be tried in every way it might be read.
_LABEL = r"(?:(?:source|passage|document|doc|extrait|excerpt|ref)s?+|n°|no\.|\#)\s*+[.:]?+\s*+"
_CITED = re.compile(
    rf"(?:{_LABEL})*+\^?+\s*+(\d++)(?:\s*+(?:[-‐‒–—−]|to|à)\s*+(\d++))?+(?:\s*+†[^,;]*+)?+(?:[\s,;&、]|and|et)*+"
)
# Of which a bracket that the end of the text cuts off may hold the beginning.
_WORDS = ("and", "et", "to", "sources", "passages", "documents", "docs", "extraits", "excerpts", "refs", "no.", "n°")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
# Within a marker brackets and the backslashes that escape them part numbers as spaces do; Hangul fillers are not seen.
_PLAIN = str.maketrans(
    dict.fromkeys([*_OPENING, *_CLOSING, "\\"], " ") | dict.fromkeys("\u115f\u1160\u3164\uffa0") | {"º": "°"}
)
# What tells a link's target from a remark in parentheses.
_OF_A_LINK = re.compile(r"[/.#:]|^\(\)$")


@dataclass(frozen=True)
class Marker:
    """Where a text cites passages."""

    numbers: tuple[int, ...]
    """Numbers of known passages, each once, as first cited; never empty."""


class MarkerReader:
    """Tells the words of a text from its markers while the text arrives.

    Markers with nothing but spaces between them are one. The spaces before a marker are dropped, whether it cites
    anything or not, and those after one that cites nothing at the start of a line. Of more than 64 spaces in a row
    only the last, at most 64, are held back until it is known what follows; the others are words.
    """

    def __init__(self, known: Container[int]) -> None:
        """Read citations of the known passages; all others are dropped."""
        self._known = known
        self._state: Callable[[str], None] = self._in_words
        self._sure: list[str | Marker] = []
        self._line_begins = True
        # What is not sure yet, in the order of the text: passages cited, None behind words; spaces and perhaps a
        # backslash; a bracket or a link's target, and how many of its brackets are open.
        self._cited: dict[int, None] | None = None
        self._spaces = ""
        self._held = ""
        self._depth = 0

    def feed(self, text: str) -> list[str | Marker]:
        """Take the next piece of the text and return what is sure by now; no string is empty."""
        self._read(text)
        return self._taken()

    def finish(self) -> list[str | Marker]:
        """Return the rest when the text has ended: half a marker or link is dropped, any other bracket is words."""
        while self._state == self._in_bracket and not _may_become_a_marker(self._held):
            self._give_up()
        if self._state == self._in_bracket:
            self._spaces = ""
        self._held, self._state = "", self._in_words
        self._settle()
        return self._taken()

    def _read(self, text: str) -> None:
        for char in text:
            self._state(char)

    def _in_words(self, char: str) -> None:
        if char in _OPENING or (char == "(" and self._cited is not None and not self._spaces):
            self._held, self._depth = char, 1
            self._state = self._in_target if char == "(" else self._in_bracket
        elif char == "\\" or (char.isspace() and char not in _LINE_BREAKS):
            # A backslash is held back for the bracket that it may escape: there is but one, and it comes last.
            if self._spaces.endswith("\\") or len(self._spaces) == _LONGEST:
                self._settle()
            self._spaces += char
        else:
            self._settle()
            self._say(")" if char in _CLOSING else char)

    def _in_bracket(self, char: str) -> None:
        self._held += char
        self._depth += (char in _OPENING) - (char in _CLOSING)
        if not self._depth:
            self._close()
        elif self._depth > _DEEPEST or len(self._held) == _LONGEST or char in _LINE_BREAKS:
            self._give_up()

    def _in_target(self, char: str) -> None:
        """What may be a link's target: in parentheses right behind a marker, without a space."""
        self._held += char
        self._depth += (char == "(") - (char == ")")
        if self._held.endswith("://"):
            self._held, self._state = "", self._in_address
        elif not self._depth and _OF_A_LINK.search(self._held):
            self._held, self._state = "", self._in_words
        elif not self._depth or char.isspace() or char in _OPENING or len(self._held) == _LONGEST:
            self._give_up()

    def _in_address(self, char: str) -> None:
        """A web address, dropped however long it is; without a parenthesis at its end it ends at a space."""
        self._depth += (char == "(") - (char == ")")
        if not self._depth:
            self._state = self._in_words
        elif char.isspace():
            self._state = self._in_words
            self._in_words(char)

    def _close(self) -> None:
        """A bracket is whole: passages are cited, or it is words."""
        numbers = _numbers(_plain(self._held))
        if numbers is None and not _OPENING.isdisjoint(self._held[1:]):
            self._give_up()
            return
        held, self._held, self._state = self._held, "", self._in_words
        if numbers is None:
            self._settle()
            self._say(held)
        else:
            self._spaces = ""
            self._cited = {} if self._cited is None else self._cited
            self._cited.update((each, None) for each in numbers if each in self._known)

    def _give_up(self) -> None:
        """What is held back begins no marker and no link: its bracket is said as a round one, the rest read again."""
        held, self._held, self._state = self._held, "", self._in_words
        self._settle()
        self._say("(")
        self._read(held[1:])

    def _settle(self) -> None:
        """Words follow: what was cited before them, and the spaces, are sure."""
        if self._cited:
            self._sure.append(Marker(tuple(self._cited)))
        elif self._cited is not None and self._line_begins:
            self._spaces = self._spaces.lstrip()
        self._cited = None
        if self._spaces:
            self._say(self._spaces)
            self._spaces = ""

    def _say(self, words: str) -> None:
        self._sure.append(words)
        self._line_begins = words in _LINE_BREAKS

    def _taken(self) -> list[str | Marker]:
        """What is sure, its neighbouring words as one."""
        pieces: list[str | Marker] = []
        for kind, run in groupby(self._sure, type):
            same = list(run)
            pieces += ["".join(map(str, same))] if kind is str else same
        self._sure = []
        return pieces


def read_markers(text: str, known: Container[int]) -> list[str | Marker]:
    """The words and markers of a whole text."""
    reader = MarkerReader(known)
    reader._read(text)
    return reader.finish()


def _plain(bracket: str) -> str:
    """What a bracket says, in lower case and without the characters that do not show by themselves."""
    folded = unicodedata.normalize("NFKC", bracket.translate(_PLAIN))
    seen = (char for char in folded if char.isspace() or unicodedata.category(char)[0] not in "CM")
    # Only now: a combining iota becomes a letter in lower case.
    return "".join(seen).casefold().strip()


def _numbers(plain: str) -> list[int] | None:
    """The numbers that a bracket cites, known or not; None when it says anything else."""
    numbers: list[int] = []
    place = 0
    while item := _CITED.match(plain, place):
        first, last = int(item[1]), int(item[2] or item[1])
        # A range that is longer, or runs backwards, cites nothing.
        if last - first < _LONGEST_RANGE:
            numbers += range(first, last + 1)
        place = item.end()
    return numbers if 0 < place == len(plain) else None


def _may_become_a_marker(bracket: str) -> bool:
    """Whether a bracket that is still open would cite something if a number, or a word and a number, went on."""
    plain = _plain(bracket)
    before = plain.rstrip(_LETTERS)
    begun = any(word.startswith(plain[len(before) :]) for word in _WORDS)
    return _numbers(plain + "1") is not None or (begun and _numbers(before + "1") is not None)

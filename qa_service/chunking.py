"""Article → sentences and passages, with character offsets: the step between articles and the index.

A sentence is the smallest thing an answer quotes, a passage the unit that is searched: whole sentences up to a budget
counted in the tokens of our own table, the last ones repeated at the start of the next passage. Offsets are code points
into the canonical text. All scans take linear time, whatever the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from qa_service.articles import Article
from qa_service.language import STOP_WORDS, Language
from qa_service.tokens import count_tokens

# Full stops with what closes after them. Possessive, and never begun within a run, so that a run is read only once.
_STOP = re.compile(r"(?<![.!?…])[.!?…]++(?:[”\"’)\]]|[ \u00a0\u202f]?»)*+(?=\s)")
# A word whose only dot is a full stop with the space after it missing: "exchanges.The".
_GLUED = re.compile(r"(?<!\S)([^\s.!?…/:@]++)[.!?][”\"’)»]?([^\W\d_]++)[^\s./:@]*+(?![./:@]\S)")
# What may stand between a full stop and the first letter of the next sentence.
_OPENING = re.compile(r"[\s«“\"‘'(\[–—•¿¡-]*+")
_WORD = re.compile(r"\S++")
_WORD_BEFORE = re.compile(r"[\w.°-]++\Z")
_WORDS_AFTER = re.compile(r"(\w++)(?:[’']|\s*+)(\w?)")
_NUMBER = re.compile(r"\d|[IVXLCDM]{2,}\b|[VX]\b|[A-Z]\.")
_LABEL = re.compile(r"\W*(?:\d{1,3}|[IVX]{1,5}|[A-Za-z])\.")
_SHORT = 12  # characters: no abbreviation and no label is longer

# Abbreviations that never end a sentence: a name, or what is compared or explained, follows.
_BEFORE_NAMES = re.compile(
    r"MM|Mmes?|Mlles?|Mgr|Mr|Mrs|Ms|Messrs|Drs?|Pr|Prof|Sen|Rep|Gen|Col|Lt|Sgt|Capt|Cmdr|Maj|Adm|Gov|Pres|Rev|Hon|Supt|"
    r"vs|[Cc]f|[Ee]\.g|[Ii]\.e"
)
# Abbreviations that end no sentence where a number follows.
_BEFORE_NUMBERS = re.compile(
    r"(?i)nos?|n°?|nr|art|pp?|fig|vol|chap|ch|sect?|par|al|éd|ed|op|col|tél|tel|ext|réf|ref|min|max|approx|env|ca|"
    r"janv?|feb|févr?|mar|apr|avr|jun|jul|juill?|aug|sept?|oct|nov|dec|déc"
)
# Abbreviations that may also close a sentence; it goes on unless a function word follows ("in the U.S. The bill").
_OPEN = re.compile(r"(?:[^\W\d_]\.-?)+[^\W\d_]|Ph\.D|Ste?|Mt|Ft|Jr|Sr|Inc|Ltd|Co|Corp|Bros|[Aa]v|[Bb]d|al")
# Function words that are also parts of names: "J. Le Goff".
_PARTICLES = re.compile(r"(?i)l[ea]?|les|d[eu]?|des")
# What follows the dot of an address or of a file name rather than that of a sentence.
_ENDINGS = re.compile(r"(?i)com|org|net|fr|eu|io|ma|gov|edu|html?|pdf|js|py|txt")


@dataclass(frozen=True)
class Span:
    """A half-open range of code points in a canonical text."""

    start: int
    end: int


@dataclass(frozen=True)
class Passage:
    """Consecutive sentences of one article; ``text`` is ``article.text[start:end]``."""

    document_id: str
    language: Language
    number: int
    start: int
    end: int
    text: str
    title: str


@dataclass(frozen=True)
class ChunkSettings:
    """How long passages are and how much of the one before they repeat, in tokens of our own table."""

    tokens: int
    overlap: int

    def __post_init__(self) -> None:
        """Refuse budgets that no passage could keep, with a ``ValueError``."""
        if not 0 <= self.overlap < self.tokens:
            raise ValueError("A passage's overlap must be at least 0 and less than its tokens.")


@dataclass(frozen=True)
class _Piece:
    """A sentence, or a part of one that is over the budget."""

    start: int
    end: int
    tokens: int


def sentences(text: str, language: Language) -> list[Span]:
    """The sentences of a text in order, without white space at their ends; together they hold all of its words.

    A line end always ends a sentence, so that headings and list items stand alone.
    """
    found: list[Span] = []
    offset = 0
    for line in text.split("\n"):
        borders = [0, *_borders(line, language), len(line)]
        found.extend(_stripped(line, left, right, offset) for left, right in pairwise(borders))
        offset += len(line) + 1
    return [span for span in found if span.start < span.end]


def passages(article: Article, settings: ChunkSettings) -> list[Passage]:
    """The passages of an article, numbered from 0, each within the budget.

    A sentence over the budget is cut between words, a word over the budget between characters.
    """
    text, language = article.text, article.language
    pieces = [piece for span in sentences(text, language) for piece in _pieces(text, span, settings.tokens)]
    return [
        Passage(article.id, language, number, group.start, group.end, text[group.start : group.end], article.title)
        for number, group in enumerate(_packed(pieces, settings))
    ]


def _stripped(line: str, left: int, right: int, offset: int) -> Span:
    """A part of a line without the white space around it, as a span of the text that has the line at ``offset``."""
    part = line[left:right]
    start = left + len(part) - len(part.lstrip())
    return Span(offset + start, offset + max(start, left + len(part.rstrip())))


def _borders(line: str, language: Language) -> list[int]:
    """Where sentences end within a line, in order."""
    glued = [match.start(2) for match in _GLUED.finditer(line) if _is_glued(match[1], match[2])]
    borders = [0]
    for stop in _STOP.finditer(line):
        if _ends_sentence(line, borders[-1], stop, language):
            borders.append(stop.end())
    return sorted(glued + borders[1:])


def _is_glued(before: str, after: str) -> bool:
    """Whether two words with nothing but a full stop between them belong to two sentences."""
    ends = before[-3:].isalpha() and before[-3:].islower() and len(before) >= 3
    return ends and after[0].isupper() and after[1:2].islower() and not _ENDINGS.fullmatch(after)


def _ends_sentence(line: str, start: int, stop: re.Match[str], language: Language) -> bool:
    """Whether the sentence begun at ``start`` ends with this full stop."""
    opening = _OPENING.match(line, stop.end())
    position = opening.end() if opening else stop.end()
    after = line[position : position + 40]
    if not after or not (after[0].isalnum() or after[0] in "$€£") or after[0].islower():
        return False
    return stop[0] != "." or not _is_abbreviation(line, start, stop.start(), after, language)


def _is_abbreviation(line: str, start: int, dot: int, after: str, language: Language) -> bool:
    """Whether a single dot belongs to the word before it, and the sentence goes on."""
    if dot - start <= _SHORT and _LABEL.fullmatch(line[start : dot + 1].strip()):
        return True  # the number of a list item or of a heading, not a sentence
    found = _WORD_BEFORE.search(line, max(start, dot - _SHORT), dot)
    word = found[0] if found else ""
    if _BEFORE_NAMES.fullmatch(word) or (word == "M" and language == "fr"):
        return True
    if _BEFORE_NUMBERS.fullmatch(word) and _NUMBER.match(after):
        return True
    initial = len(word) == 1 and word.isupper()
    return bool(initial or _OPEN.fullmatch(word)) and not _is_function_word(after, language)


def _is_function_word(after: str, language: Language) -> bool:
    """Whether a text begins with a word that opens sentences rather than names."""
    match = _WORDS_AFTER.match(after)
    if not match or match[1].lower() not in STOP_WORDS[language]:
        return False
    word, following = match[1], match[2]
    if len(word) == 1 or _PARTICLES.fullmatch(word):
        return following.islower() or following.isdigit()
    return not word.isupper()  # "IT" is no pronoun


def _pieces(text: str, span: Span, budget: int) -> list[_Piece]:
    """A sentence as pieces within the budget: itself, mostly."""
    tokens = count_tokens(text[span.start : span.end])
    if tokens <= budget:
        return [_Piece(span.start, span.end, tokens)]
    matches = _WORD.finditer(text, span.start, span.end)
    words = [piece for match in matches for piece in _word_pieces(text, match.start(), match.end(), budget)]
    return list(_packed(words, ChunkSettings(budget, overlap=0)))


def _word_pieces(text: str, start: int, end: int, budget: int) -> Iterator[_Piece]:
    """A word as one piece, or halved until its parts keep the budget."""
    tokens = count_tokens(text[start:end])
    if tokens <= budget:
        yield _Piece(start, end, tokens)
    elif end - start == 1:  # nothing left to cut
        yield _Piece(start, end, budget)
    else:
        middle = (start + end) // 2
        for left, right in ((start, middle), (middle, end)):
            # The token count of two parts of a word side by side is not their sum: each part takes a whole passage.
            yield from (_Piece(part.start, part.end, budget) for part in _word_pieces(text, left, right, budget))


def _packed(pieces: Sequence[_Piece], settings: ChunkSettings) -> Iterator[_Piece]:
    """Consecutive pieces put together up to the budget, the last ones repeated up to the overlap."""
    first = total = 0
    for index, piece in enumerate(pieces):
        if total + piece.tokens > settings.tokens and first < index:
            yield _Piece(pieces[first].start, pieces[index - 1].end, total)
            # What is repeated must leave room for the new piece: so that each passage brings something new.
            repeated = min(settings.overlap, settings.tokens - piece.tokens)
            while total > repeated:
                total -= pieces[first].tokens
                first += 1
        total += piece.tokens
    if pieces:
        yield _Piece(pieces[first].start, pieces[-1].end, total)

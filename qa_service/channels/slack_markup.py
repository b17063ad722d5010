"""What is written in Slack, as markup in which nobody's words do anything but stand there.

Articles' and readers' words are data: nothing in them may call somebody, become a link, a picture or markup, or a
marker that is none of ours. A link leads to our own pages alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from qa_service.channels.answer_text import MARKER
from qa_service.language import one_line, sound

# A longer address is not linked.
_ADDRESS = 800
# An address that ends where it should.
_SAFE_ADDRESS = re.compile(r"https?://[^\s<>|\"'`\\]+")

# Slack has no escape for its markup. A word joiner is not seen and breaks no line; beside it, a sign no longer stands
# at the edge of a word, where alone Slack takes it for markup, a name between colons is that of no emoji, and what a
# line begins with makes no quotation of it.
_JOINER = "\u2060"
_MARKUP = re.compile(r"([*_~])|(?<=:)(?=[^\s:]+:)|^(?=[ \t]*>)", re.MULTILINE)
# Code would swallow all until the next backtick, our own links too, and it may begin within a word: another sign, which
# looks the same, stands for it.
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "`": "\u02cb"})
# In the text of a notification nothing can be said to be verbatim: addresses and names are parted.
_LINKED_ALONE = re.compile(r"(?<=@)(?=\w)|(?<=:)(?=//)|(?<=\w\.)(?=\w)|(?<=#)(?=\w)|(?<=(?i:mailto):)(?=\w)")
# One character is at most this many when it is escaped and parted.
_WIDEST = 7

# In the Markdown of a stream a backslash takes an ASCII sign's meaning away, by its specification and by Slack's.
# These alone are shown by all as they should be; the others are parted from what would make markup of them.
_ESCAPED_IN_MARKDOWN = {sign: f"\\{sign}" for sign in "\\*_~`"}
_PARTED_IN_MARKDOWN = {sign: sign + _JOINER for sign in "[]()!#+-=|.:@/^$"}
_ENTITIES_IN_MARKDOWN = {"&": f"&amp;{_JOINER}", "<": f"&lt;{_JOINER}", ">": f"{_JOINER}&gt;{_JOINER}"}
_MARKDOWN = str.maketrans(_ESCAPED_IN_MARKDOWN | _PARTED_IN_MARKDOWN | _ENTITIES_IN_MARKDOWN)
# Spaces that may begin a line, where four of them make code: what came before this piece is not known.
_MAYBE_INDENT = re.compile(r"(?<!\S) ")


def escaped(text: str) -> str:
    """Somebody's words as the text of a message, over several lines where they are: nothing in them is markup.

    Addresses and names in it are not linked either, whatever the message says of that.
    """
    return _unlinked(_clean(text))


def harmless(text: str) -> str:
    """Somebody's words in a block, which says of itself that nothing in it is to be linked."""
    return _without_markup(_clean(text))


def unmarked(text: str) -> str:
    """Somebody's words in a block in which a number in square brackets is ours."""
    return harmless(MARKER.sub(r"(\1)", text))


def whole_line(text: str) -> str:
    """Somebody's words on one line; the no-break spaces of French stay."""
    return re.sub(" {2,}", " ", one_line(sound(text)))


def shortened(text: str, longest: int) -> str:
    """Somebody's words on one line, cut between two words where they are longer than so many characters."""
    line = whole_line(text) or "…"
    if len(line) > longest:
        line = line[:longest].rsplit(" ", 1)[0].rstrip() + "…"
    return unmarked(line)


def titled(title: str, address: str | None, longest: int) -> str:
    """A title in bold, linked where there is an address."""
    shown = shortened(title.replace("|", "¦"), longest)  # a bar parts a link's address from its words
    return f"*<{address}|{shown}>*" if may_link(address) else f"*{shown}*"


def may_link(address: str | None) -> bool:
    """Whether an address may stand in a link: nothing in it ends the link early."""
    return bool(address and len(address) <= _ADDRESS and _SAFE_ADDRESS.fullmatch(address))


def preview(text: str) -> str:
    """A piece of an answer's text as Slack's streamed Markdown, harmless whatever came before it or comes behind it.

    Each character is made harmless by itself, since the next may be in another piece.
    """
    lines = (one_line(f".{line}.")[1:-1] for line in sound(text).split("\n"))  # its spaces kept at both ends
    return "\n".join(_MAYBE_INDENT.sub(f"{_JOINER} ", line).translate(_MARKDOWN) for line in lines)


# --- Parts of a text

# Where a text is parted, the best place first: between paragraphs, lines, sentences, words.
_BREAKS = tuple(map(re.compile, (r"(?<=\n\n)(?=[^\n])", r"(?<=\n)", r"(?<=[.!?…»”\]] )", r"(?<= )")))
# Escaped, a part may be wider than its pieces are by themselves: by so much for each.
_SEAM = 2


def parted(text: str, longest: int) -> Iterator[str]:
    """A text in parts, at least one, of which each is no longer than this many characters when it is escaped."""
    part, room = "", longest
    for piece in _pieces(_clean(text) or "…", longest - _SEAM, _BREAKS):
        width = _width(piece) + _SEAM
        if width > room and part.strip():
            yield part.strip()
            part, room = "", longest
        part, room = part + piece, room - width
    if part.strip():
        yield part.strip()


def _pieces(text: str, longest: int, breaks: Sequence[re.Pattern[str]]) -> Iterator[str]:
    """A text cut into pieces that are not too wide, no smaller than need be."""
    if _width(text) <= longest:
        yield text
    elif breaks:
        for piece in breaks[0].split(text):
            yield from _pieces(piece, longest, breaks[1:])
    else:
        step = longest // _WIDEST
        yield from (text[start : start + step] for start in range(0, len(text), step))


def _width(clean: str) -> int:
    return utf16_length(_unlinked(clean))


def utf16_length(text: str) -> int:
    """How long a text is in UTF-16: whichever way Slack counts, it counts no more."""
    return len(text.encode("utf-16-le")) // 2


# --- Signs


def _clean(text: str) -> str:
    """A text without control characters and what changes the direction of writing; its lines stay."""
    return "\n".join(map(one_line, sound(text).split("\n"))).strip()


def _unlinked(clean: str) -> str:
    return _without_markup(_LINKED_ALONE.sub(_JOINER, clean))


def _without_markup(clean: str) -> str:
    return _MARKUP.sub(lambda found: f"{_JOINER}{found[1]}{_JOINER}" if found[1] else _JOINER, clean).translate(
        _ENTITIES
    )

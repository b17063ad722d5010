"""The token table: the one place where text becomes token ids.

It sits below everything else in the flow: chunking counts its budgets in these tokens and the embedded model looks
its vectors up by them. The table is a plain ``tiktoken.Encoding`` built from the ranks shipped with the package, so
nothing is fetched; tiktoken's own loader is avoided because it caches files by path and could serve an older table.
"""

from __future__ import annotations

import base64
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import tiktoken

MODEL_DIRECTORY = Path(__file__).parent / "model"
RANKS_FILE = "tokens.tiktoken"

# Letters | short digit runs | white space | the rest. Words and numbers never share a token, so that a word's vector
# does not depend on what stands around it; white space is its own token and carries a zero vector.
SPLIT_PATTERN = r"[\p{L}\p{M}]+|\p{N}{1,3}|\s+|[^\s\p{L}\p{M}\p{N}]+"

_APOSTROPHES = str.maketrans({"\u2019": "'", "\u2018": "'", "\u02bc": "'", "\u00b4": "'"})
_WHITE_SPACE = re.compile(r"\s+")
_WORD = re.compile(r"\S+")


def normalise(text: str) -> str:
    """Text as the token table knows it: NFKC, lower case, one kind of apostrophe."""
    return unicodedata.normalize("NFKC", text).translate(_APOSTROPHES).lower()


def encoding_from_ranks(ranks: dict[bytes, int]) -> tiktoken.Encoding:
    """The tiktoken encoding for a table of ``token bytes -> rank``."""
    return tiktoken.Encoding("qa-service-en-fr", pat_str=SPLIT_PATTERN, mergeable_ranks=ranks, special_tokens={})


def read_ranks(path: Path) -> dict[bytes, int]:
    """Read a rank file: one ``base64(token) rank`` a line, tiktoken's own format."""
    lines = path.read_bytes().splitlines()
    return {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in lines if line)}


@cache
def token_table() -> tiktoken.Encoding:
    """The shipped table (about 0.1 s the first time, then kept)."""
    return encoding_from_ranks(read_ranks(MODEL_DIRECTORY / RANKS_FILE))


def token_ids(texts: Sequence[str]) -> list[list[int]]:
    """Token ids of each text; nothing in a text is ever taken for a special token."""
    table = token_table()
    return [table.encode_ordinary(normalise(text)) for text in texts]


def count_tokens(text: str) -> int:
    """How many tokens a text costs. White space costs nothing, as the model gives it no weight."""
    table = token_table()
    return sum(len(table.encode_ordinary(word)) for word in _WHITE_SPACE.split(normalise(text)))


def first_tokens(text: str, most: int) -> str:
    """The beginning of a text that costs at most so many tokens, without white space at its end; all of it if it can.

    A word that does not fit is cut where the tokens end.
    """
    left, end = most, 0
    for word in _WORD.finditer(text):
        cost = count_tokens(word[0])
        if cost > left:
            # Longer beginnings of a word may cost less, by a token or so: one that fits is found, not the longest.
            fitting = bisect_right(range(1, len(word[0])), left, key=lambda size: count_tokens(word[0][:size]))
            return text[: word.start() + fitting] if fitting else text[:end]
        left, end = left - cost, word.end()
    return text

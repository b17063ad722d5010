"""Train the byte-level BPE merges and write them as a tiktoken rank file."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Regex, Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, Sequence, Split
from tokenizers.trainers import BpeTrainer

from qa_service.tokens import SPLIT_PATTERN, normalise


def train_ranks(texts: Iterable[str], size: int) -> dict[bytes, int]:
    """Byte-pair merges (Sennrich et al., 2016) over normalised texts of both languages.

    Returns ``size`` entries ``token bytes -> rank``: the 256 bytes first, then the merges in the order learned, which
    is the order in which tiktoken applies them.
    """
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = Sequence(
        [Split(Regex(SPLIT_PATTERN), behavior="isolated"), ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    trainer = BpeTrainer(
        vocab_size=size, min_frequency=2, initial_alphabet=ByteLevel.alphabet(), special_tokens=[], show_progress=False
    )
    tokenizer.train_from_iterator(map(normalise, texts), trainer)
    to_byte = _byte_of_character()
    by_id = sorted((number, token) for token, number in tokenizer.get_vocab().items())
    tokens = [bytes(to_byte[char] for char in token) for _, token in by_id]
    single = [bytes([byte]) for byte in range(256)]
    merged = [token for token in tokens if len(token) > 1]
    return {token: rank for rank, token in enumerate(single + merged)}


def write_ranks(ranks: dict[bytes, int], path: Path) -> None:
    """Write tiktoken's own format: one ``base64(token) rank`` a line."""
    lines = (f"{base64.b64encode(token).decode()} {rank}\n" for token, rank in ranks.items())
    path.write_text("".join(lines), encoding="ascii")


def _byte_of_character() -> dict[str, int]:
    """The inverse of the byte-to-character table of GPT-2's byte-level BPE, which ``tokenizers`` uses.

    Printable bytes stand for themselves; the others are shifted past 255 in order.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = (byte for byte in range(256) if byte not in printable)
    return {chr(byte): byte for byte in printable} | {chr(256 + n): byte for n, byte in enumerate(others)}

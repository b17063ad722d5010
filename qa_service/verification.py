"""Verification of a new generation, run as ``python -m qa_service.verification`` in a process of its own.

A process that wrote a Chroma store can read what never reached the disk; one that has never seen the store cannot.
With the whole generation open, the same process measures from where on questions are refused, if it is asked to.
Starting takes it about a second: it may be started before there is anything to verify.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

from qa_service.chunking import Passage
from qa_service.composing.refusal import unrelated_level
from qa_service.embedding_model import EmbeddingModel
from qa_service.errors import IndexUnavailable, QAServiceError
from qa_service.generations import IndexFolder
from qa_service.index_reader import OpenIndex
from qa_service.language import LANGUAGES
from qa_service.vector_store import key

MEASURE = "--measure"
# To load what it needs, and begin when a line comes on standard input; without one it just ends.
WAIT = "--wait"
# The exit status that tells our own word, one line on standard error, from a traceback.
REFUSED = 3

_SAMPLE = 50
# A passage's own vector; another passage with the very same words may come first, so it is the cosine that tells.
_SAME = 0.99
# The search is approximate, and misses up to a quarter of a crowd of passages that are nearly alike, as measured on
# 3,000 sentences: one in so many may be missed.
# A damaged store misses nearly all.
_MISSED_IN = 2


def verify(index: Path, name: str, embeddings: str, *, measure: bool = True) -> float | None:
    """Open a generation and query it: counts must be right, and passages must be found by their own vectors.

    Returns how well unrelated questions are met in it, see ``composing.refusal``; None when that is not to be
    measured. Raises IndexUnavailable when anything is missing.
    """
    folder, model = IndexFolder(index), EmbeddingModel.load(embeddings)
    opened = OpenIndex.for_answers(folder, folder.generation(name), model)
    try:
        _check_counts(opened)
        total = sum(opened.manifest.passages.values())
        numbers = range(0, total, max(1, total // _SAMPLE))
        _find_again(opened, opened.documents.passages(numbers))
        return unrelated_level(opened, model) if measure else None
    finally:
        opened.close()


def _check_counts(opened: OpenIndex) -> None:
    for language in LANGUAGES:
        found, written = opened.vectors.count(language), opened.manifest.passages[language]
        if found != written:
            raise IndexUnavailable(f"It holds {found} vectors of {language} passages where {written} were written.")


def _find_again(opened: OpenIndex, passages: list[Passage]) -> None:
    missed = [passage for passage in passages if not _is_found(opened, passage)]
    if len(missed) * _MISSED_IN > len(passages):
        raise IndexUnavailable(f"Passage {key(missed[0])} is not found by its own vector.")


def _is_found(opened: OpenIndex, passage: Passage) -> bool:
    vector = opened.vectors.vectors([passage]).get(key(passage))
    if vector is None:
        raise IndexUnavailable(f"Passage {key(passage)} has no vector.")
    if not vector.any():
        return True  # no word of it is known: it has no direction to be found by
    nearest = opened.vectors.search(vector.tolist(), passage.language, 1)
    return bool(nearest) and nearest[0][1] >= _SAME


def main(index: str, name: str, embeddings: str, *options: str) -> int:
    """Verify, and print the level if it is to be measured; returns the exit status."""
    try:
        if WAIT in options and not _was_told_to_begin(embeddings):
            return REFUSED
        level = verify(Path(index), name, embeddings, measure=MEASURE in options)
    except QAServiceError as error:
        sys.stderr.write(f"{error}\n")
        return REFUSED
    if level is not None:
        sys.stdout.write(f"{level}\n")
    return 0


def _was_told_to_begin(embeddings: str) -> bool:
    """Load what takes long to load, and wait; False when whoever was to say a word is gone."""
    EmbeddingModel.load(embeddings)
    import_module("langchain_chroma")
    return bool(sys.stdin.readline())


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

"""Whether an index holds an answer at all, judged against questions that it surely holds none to.

How well anything is met depends on the index: in a large archive even a question about pancakes finds near words. So
each new index is asked a list of everyday questions, and a reader's question must stand out from those. The level is
a low quantile of theirs: an encyclopedia does answer many of them, which moves the lowest ones little.

The manifest of a generation records the level, and what measured it. A generation of another release, whose model or
questions were others, is measured again by whoever reads it, until the next run of indexing records the new level.
"""

from __future__ import annotations

import hashlib
import threading
from functools import cache
from pathlib import Path

import numpy as np

from qa_service.composing.reading import find
from qa_service.composing.sentence_model import WEIGHTS_FILE, sentence_model
from qa_service.embedding_model import EmbeddingModel
from qa_service.index_reader import OpenIndex

_FILE = Path(__file__).with_name("unrelated_questions.txt")

# Which quantile of the unrelated questions' log odds is the level.
LEVEL = 0.1

# A reader holds one generation, and for a moment the one before it.
_REMEMBERED = 4
_measured: dict[str, float] = {}
_measuring = threading.Lock()


@cache
def unrelated_questions() -> tuple[str, ...]:
    """Everyday questions in both languages, one a line of the file beside this one."""
    return tuple(_FILE.read_text(encoding="utf-8").splitlines())


@cache
def refusal_id() -> str:
    """A short checksum of what a level is measured with: the sentence model and the questions."""
    digest = hashlib.sha256()
    for file in (WEIGHTS_FILE, _FILE):
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:12]


def level_of(index: OpenIndex, model: EmbeddingModel) -> float:
    """The level that questions to this index must stand out from: the recorded one, else measured once and kept."""
    recorded = index.manifest.unrelated_level
    if recorded is not None and index.manifest.refusal == refusal_id():
        return recorded
    with _measuring:  # all who ask at once wait for the one who measures
        if index.name not in _measured:
            level = unrelated_level(index, model)
            while len(_measured) >= _REMEMBERED:
                del _measured[next(iter(_measured))]
            _measured[index.name] = level
        return _measured[index.name]


def unrelated_level(index: OpenIndex, model: EmbeddingModel) -> float:
    """A low quantile of the log odds, over unrelated questions, that the index holds an answer."""
    questions = list(unrelated_questions())
    vectors = model.embeddings.embed_documents(questions)  # one request to a provider, not one a question
    judge = sentence_model()
    readings = (find(text, index, model, dense=vector) for text, vector in zip(questions, vectors, strict=True))
    return float(np.quantile([judge.answerable_log_odds(reading.rows) for reading in readings], LEVEL))

"""Learn which stems are related: ``python -m training.stem_vectors PAIRS --questions QA --evaluate FILES``.

The token table learns what makes two sentences translations, which tells "trip" and "visite" apart. Here stems that
stand in like company come close (skip-gram with negative sampling; Mikolov et al., 2013). Both sides of a pair are
read as one text, word by word in turn, so that the company is of both languages and one space holds both (Vulić and
Moens, 2015).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from qa_service.language import Language
from qa_service.related import STEMS_FILE, VECTORS_FILE, labelled
from qa_service.stems import folded_words, stems
from training import corpus
from training.weights import write_weights

_WINDOW = 8
_LEAST_SEEN = 8
_NEGATIVE = 8
_SUBSAMPLED = 2e-4
_LEARNING_RATE = 0.05
# Longer texts are cut: gensim passes over what comes after its own limit.
_LONGEST = 9_000


def main() -> int:
    """Read, learn, write."""
    options = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "texts.txt"
        with file.open("w", encoding="utf-8") as out:
            for text in texts(options.pairs, options.questions, corpus.fingerprints(options.evaluate)):
                out.write(" ".join(text) + "\n")
        _learn(file, options)
    return 0


def texts(pairs: Path, questions: Path | None, excluded: set[str]) -> Iterator[list[str]]:
    """Every training text as labelled stems: each pair's two sides in turn, and each paragraph and question twice."""
    for file in sorted(pairs.glob("*.tsv*")):
        for pair in corpus.read_pairs(file):
            if not excluded.intersection(map(corpus.fingerprint, pair)):
                yield from cut(in_turn(_labelled_stems(pair[0], "en"), _labelled_stems(pair[1], "fr")))
    for text, language in _question_texts(questions, excluded) if questions else ():
        yield from [*cut(_labelled_stems(text, language))] * 2


def _question_texts(folder: Path, excluded: set[str]) -> Iterator[tuple[str, Language]]:
    """The distinct paragraphs and questions of the titles that are not kept for development."""
    seen: set[str] = set()
    for file in sorted(folder.glob("*.jsonl*")):
        for row in corpus.read_questions(file):
            if row.get("title") and corpus.held_out(row["title"]):
                continue
            for text in (row["context"], row["question"]):
                if text not in seen and corpus.fingerprint(text) not in excluded:
                    seen.add(text)
                    yield text, "fr" if row["lang"] == "fr" else "en"


def in_turn(left: list[str], right: list[str]) -> list[str]:
    """Two texts as one, each word at its share of the way through its own text."""
    placed = [((at + 0.5) / len(text), word) for text in (left, right) for at, word in enumerate(text)]
    return [word for _, word in sorted(placed, key=lambda one: one[0])]


def _labelled_stems(text: str, language: Language) -> list[str]:
    return [labelled(stem, language) for stem in stems(folded_words(text, language), language)]


def cut(words: list[str], longest: int = _LONGEST) -> Iterator[list[str]]:
    """A text in pieces that are not too long; nothing of a text without words."""
    for start in range(0, len(words), longest):
        yield words[start : start + longest]


def _learn(file: Path, options: argparse.Namespace) -> None:
    # Heavy and optional: only a training run needs it.
    from gensim.models.word2vec import LineSentence, Word2Vec

    model = Word2Vec(
        LineSentence(str(file)),
        vector_size=options.dimensions,
        window=_WINDOW,
        min_count=_LEAST_SEEN,
        sg=1,
        negative=_NEGATIVE,
        sample=_SUBSAMPLED,
        alpha=_LEARNING_RATE,
        epochs=options.epochs,
        seed=options.seed,
        workers=1,  # with more, no two runs give the same weights
    )
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / STEMS_FILE).write_text("\n".join(model.wv.index_to_key) + "\n", encoding="utf-8")
    write_weights(np.asarray(model.wv.get_normed_vectors(), dtype=np.float32), options.out / VECTORS_FILE)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training.stem_vectors", description=__doc__)
    parser.add_argument("pairs", type=Path, help="folder of en<TAB>fr files, .tsv or .tsv.xz")
    parser.add_argument("--questions", type=Path, help="folder of question files, .jsonl or .jsonl.xz")
    parser.add_argument("--evaluate", type=Path, nargs="*", default=[], help="pair files, never trained on")
    parser.add_argument("--out", type=Path, default=Path("qa_service/model"), help="where the vectors are written")
    parser.add_argument("--dimensions", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

"""``python -m training.languages PAIRS``: learn how French or English a word looks, from sentence pairs.

Each word of the pairs is one row: its share of French is how often it stands on the French side, as the two sides are
of one size, and its weight the logarithm of its count. An accented word counts half as much again without its accents.
"""

from __future__ import annotations

import argparse
import unicodedata
from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qa_service.language import LANGUAGES, WORD, Language, fold
from qa_service.tokens import MODEL_DIRECTORY
from qa_service.word_languages import FILE, PLACES, pieces, write_weights
from training.corpus import REPEATS, read_pairs

Counts = dict[Language, Counter[str]]

# Pairs of each file that are read: words of debates and laws come up soon and often.
PAIRS_EACH = 80_000
# Rarer words are slips of the pen and names.
SEEN = 3
# Half an occurrence in a million words on either side: a word of one side alone is not certain either.
SMOOTHING = 0.5
STEPS = 300
RATE = 0.05
# Of the squared weights, beside the mean loss of a word.
DECAY = 0.01


def main() -> None:
    """Count, learn, write."""
    parser = argparse.ArgumentParser(prog="python -m training.languages", description=__doc__)
    parser.add_argument(
        "pairs", type=Path, help="folder of NAME.tsv or NAME.tsv.xz, one English<TAB>French pair a line"
    )
    parser.add_argument("--out", type=Path, default=MODEL_DIRECTORY / FILE)
    options = parser.parse_args()
    weights, intercept = learn(count(options.pairs))
    write_weights(options.out, weights, intercept)
    print(f"{options.out.name}: {options.out.stat().st_size} bytes")


def count(folder: Path) -> Counts:
    """How often each word stands on each side."""
    counts: Counts = {language: Counter() for language in LANGUAGES}
    for file in sorted(folder.glob("*.tsv*")):
        times = REPEATS.get(file.name.partition(".")[0], 1)
        for pair in islice(read_pairs(file), PAIRS_EACH):
            for language, side in zip(LANGUAGES, pair, strict=True):
                for word in WORD.findall(unicodedata.normalize("NFC", side.lower())):
                    if not any(char.isdigit() for char in word):
                        _add(counts[language], word, times)
    return counts


def _add(counted: Counter[str], word: str, times: int) -> None:
    counted[word] += 2 * times
    if (bare := fold(word)) != word:
        counted[bare] += times


def learn(counts: Counts) -> tuple[NDArray[np.float32], float]:
    """The weight of each place of ``pieces`` and the intercept, by Adam over all words at once."""
    words = sorted(
        word for word in counts["en"] | counts["fr"] if sum(side[word] for side in counts.values()) >= 2 * SEEN
    )
    shares, seen = _shares(words, counts)
    rows = [pieces(word) for word in words]
    places = np.concatenate([np.array(row) for row in rows])
    owners = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    model = np.zeros(PLACES + 1)  # the last one is the intercept
    first, second = np.zeros_like(model), np.zeros_like(model)
    for step in range(1, STEPS + 1):
        odds = np.bincount(owners, model[places], len(rows)) + model[-1]
        error = (1 / (1 + np.exp(-odds)) - shares) * seen
        slope = np.append(np.bincount(places, error[owners], PLACES), error.sum()) / len(rows)
        slope[:-1] += 2 * DECAY * model[:-1] / len(rows)
        first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope**2
        model -= RATE * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
    return model[:-1].astype(np.float32), float(model[-1])


def _shares(words: list[str], counts: Counts) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How French each word is, 0 to 1, and how much it weighs."""
    sides = {language: np.array([counts[language][word] for word in words], dtype=float) for language in LANGUAGES}
    rates = {
        language: 1e6 * side / max(1, sum(counts[language].values())) + SMOOTHING for language, side in sides.items()
    }
    seen = np.log1p((sides["en"] + sides["fr"]) / 2)
    return rates["fr"] / (rates["en"] + rates["fr"]), seen / seen.mean()


if __name__ == "__main__":
    main()

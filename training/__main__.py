"""``python -m training PAIRS``: make the token table and the weights, and print their figures as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from qa_service.embeddings import BilingualEmbeddings
from qa_service.tokens import MODEL_DIRECTORY, RANKS_FILE, encoding_from_ranks, normalise
from training import corpus
from training.figures import question_accuracy, translation_accuracy


def main() -> int:
    """Train, write, measure."""
    options = _arguments()
    excluded = corpus.fingerprints(options.evaluate)
    questions = None if options.no_questions else options.questions
    data = corpus.load(options.pairs, questions, excluded)
    sizes = {name: len(pairs) for name, pairs in data.parts.items()}
    print(f"pairs {sizes}, {data.removed} removed as evaluation sentences", file=sys.stderr)
    overlap = excluded.intersection(corpus.fingerprint(side) for pair in data.epoch() for side in pair)
    if overlap:
        print(f"{len(overlap)} evaluation sentences are in the training set", file=sys.stderr)
        return 1
    if options.check:
        return 0
    if len(data.epoch()) < options.batch:
        print(f"{len(data.epoch())} pairs do not fill one batch of {options.batch}", file=sys.stderr)
        return 1
    _train(data, options)
    if (options.out / RANKS_FILE).read_bytes() != (MODEL_DIRECTORY / RANKS_FILE).read_bytes():
        print("not measured: the package's token table is another one than the model's", file=sys.stderr)
        return 0
    model = BilingualEmbeddings.load(options.out)
    figures: dict[str, object] = {file.name: translation_accuracy(model, file) for file in options.evaluate}
    if options.questions:
        figures |= question_accuracy(model, options.questions)
    print(json.dumps(figures, indent=1))
    return 0


def _train(data: corpus.Corpus, options: argparse.Namespace) -> None:
    # Heavy and optional: only a training run needs them.
    from training.token_table import train_ranks, write_ranks
    from training.vectors import Schedule, learn
    from training.weights import write_weights

    options.out.mkdir(parents=True, exist_ok=True)
    pairs = data.epoch()
    ranks = train_ranks((side for pair in pairs for side in pair), options.tokens)
    write_ranks(ranks, options.out / RANKS_FILE)
    table = encoding_from_ranks(ranks)
    blank = np.array([token.isspace() for token in ranks])
    schedule = Schedule(
        dimensions=options.dimensions,
        epochs=options.epochs,
        batch=options.batch,
        seed=options.seed,
        hard_epochs=options.hard_epochs,
    )
    vectors = learn(
        pairs,
        lambda texts: table.encode_ordinary_batch([normalise(text) for text in texts], num_threads=2),
        blank,
        schedule,
    )
    write_weights(vectors, options.out / BilingualEmbeddings.WEIGHTS_FILE)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("pairs", type=Path, help="folder of en<TAB>fr files, .tsv or .tsv.xz")
    parser.add_argument("--questions", type=Path, help="folder of question files, .jsonl or .jsonl.xz")
    parser.add_argument(
        "--no-questions", action="store_true", help="measure on the question files, do not train on them"
    )
    parser.add_argument(
        "--evaluate", type=Path, nargs="*", default=[], help="pair files to measure on, never trained on"
    )
    parser.add_argument("--out", type=Path, default=Path("qa_service/model"), help="where the model is written")
    parser.add_argument("--check", action="store_true", help="only check that no evaluation sentence is trained on")
    parser.add_argument("--tokens", type=int, default=32_000)
    parser.add_argument("--dimensions", type=int, default=256)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--hard-epochs", type=int, default=2)
    parser.add_argument("--batch", type=int, default=2048, help="pairs in a batch, an even number")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

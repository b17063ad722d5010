"""Learn which sentence answers: ``python -m training.sentence_choice --set DOCUMENTS QUESTIONS.jsonl…``.

Questions are JSON lines with ``question`` and either ``must`` (a string, or a list of them, one of which the right
sentence holds) or ``unanswerable``. The sentence model is a softmax over the sentences found and "none of them"; what
it says of the best ones, together with what was found at all, then decides refusal.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from qa_service.composing.evidence import FEATURES, candidates, features
from qa_service.composing.refusal import unrelated_questions
from qa_service.composing.sentence_model import SUMMARY, WEIGHTS_FILE, Logistic, summary
from qa_service.embedding_model import EmbeddingModel
from qa_service.generations import IndexFolder
from qa_service.index_reader import OpenIndex, open_current
from qa_service.indexing import index_documents
from qa_service.retrieval import PASSAGES_READ, prepare, retrieve
from qa_service.settings import load_settings

# Share of the unanswerable training questions that must be refused.
_REFUSED = 0.97
_L2 = 0.01


Kind = Literal["answerable", "off-topic", "unrelated"]


@dataclass(frozen=True)
class Example:
    """A question's sentences as features, shape (sentences, features), and which of them answer it, if any does."""

    rows: NDArray[np.float32]
    right: NDArray[np.bool_]
    kind: Kind


def main() -> int:
    """Index, measure the features, fit, write."""
    parser = argparse.ArgumentParser(prog="python -m training.sentence_choice", description=__doc__)
    parser.add_argument(
        "--set", nargs="+", type=Path, action="append", required=True, metavar="PATH", help="documents, then questions"
    )
    parser.add_argument("--out", type=Path, default=WEIGHTS_FILE)
    options = parser.parse_args()
    sets = [list(_examples(paths[0], paths[1:])) for paths in options.set]
    options.out.write_text(json.dumps(learn(sets), indent=1) + "\n", encoding="utf-8")
    return 0


def learn(sets: list[list[Example]]) -> dict[str, object]:
    """Both models and the margin, as ``sentence_model.json`` holds them, from the examples of some indexes."""
    examples = [example for some in sets for example in some]
    sentence = fit([example for example in examples if example.kind == "off-topic" or example.right.any()])
    # One row a question, so that the softmax with "none" is plain logistic regression.
    answerable = fit([_summarised(example, sentence) for example in examples])
    refused = [odds for some in sets for odds in _above_level(some, sentence, answerable)]
    return {
        "margin": round(float(np.quantile(refused, _REFUSED)), 4),
        "sentence": _stored(sentence, FEATURES),
        "answerable": _stored(answerable, SUMMARY),
    }


def _summarised(example: Example, sentence: Logistic) -> Example:
    return replace(example, rows=summary(example.rows, sentence), right=np.array([example.kind == "answerable"]))


def _above_level(examples: list[Example], sentence: Logistic, answerable: Logistic) -> list[float]:
    """How far each unanswerable question of one index stands above the median of the unrelated ones."""

    def odds(*kinds: Kind) -> list[float]:
        chosen = [_summarised(example, sentence).rows for example in examples if example.kind in kinds]
        return [float(answerable.log_odds(rows)[0]) for rows in chosen]

    level = float(np.median(odds("unrelated")))
    return [value - level for value in odds("off-topic", "unrelated")]


def _stored(model: Logistic, names: tuple[str, ...]) -> dict[str, float]:
    weights = {name: round(float(weight), 4) for name, weight in zip(names, model.weights, strict=True)}
    return {"intercept": round(model.intercept, 4)} | weights


def _examples(documents: Path, questions: list[Path]) -> Iterator[Example]:
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(documents=documents, index=Path(folder))
        index_documents([documents], settings, measure=False)  # what is measured needs the model learned here
        model = EmbeddingModel.load(settings.embeddings)
        index = open_current(IndexFolder(settings.index), model)
        try:
            for file in questions:
                for line in file.read_text(encoding="utf-8").splitlines():
                    row = json.loads(line)
                    if row.get("unanswerable") != "near_miss":  # by every feature there is, these look answerable
                        kind: Kind = "off-topic" if row.get("unanswerable") else "answerable"
                        yield from _example(row["question"], row.get("must", []), kind, index, model)
            for question in unrelated_questions():
                yield from _example(question, [], "unrelated", index, model)
        finally:
            index.close()


def _example(
    question: str, must: str | list[str], kind: Kind, index: OpenIndex, model: EmbeddingModel
) -> Iterator[Example]:
    query = prepare(question, index, model)
    found = candidates(retrieve(query, index, model, PASSAGES_READ))
    wanted = [must] if isinstance(must, str) else must
    right = np.array([any(words in sentence.text for words in wanted) for sentence, _ in found])
    if found:
        yield Example(features(query, found, model), right, kind)


def fit(examples: list[Example], l2: float = _L2) -> Logistic:
    """Weights for raw features and the intercept, by maximum likelihood with an L2 penalty (L-BFGS)."""
    import torch

    everything = np.concatenate([example.rows for example in examples])
    mean, scale = everything.mean(axis=0), everything.std(axis=0) + 1e-6
    rows = torch.tensor((everything - mean) / scale)
    right = torch.tensor(np.concatenate([example.right for example in examples]))
    question = torch.tensor(np.repeat(np.arange(len(examples)), [len(example.right) for example in examples]))
    none_right = torch.tensor([not example.right.any() for example in examples])
    weights = torch.zeros(rows.shape[1], requires_grad=True)
    none = torch.zeros(1, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights, none], max_iter=300, line_search_fn="strong_wolfe")

    def log_sum(scores: torch.Tensor) -> torch.Tensor:
        largest = torch.full((len(examples),), -1e9).scatter_reduce(0, question, scores, "amax").detach()
        sums = torch.zeros(len(examples)).index_add(0, question, torch.exp(scores - largest[question]))
        return largest + torch.log(sums + 1e-30)

    def loss() -> torch.Tensor:
        scores = rows @ weights
        chosen = torch.where(none_right, none, log_sum(torch.where(right, scores, torch.tensor(-1e9))))
        return (torch.logaddexp(log_sum(scores), none) - chosen).mean() + l2 * (weights**2).sum()

    def step() -> torch.Tensor:
        optimiser.zero_grad()
        value = loss()
        value.backward()
        return value

    optimiser.step(step)
    learned = weights.detach().numpy() / scale
    return Logistic(learned.astype(np.float32), float(-none.detach()[0] - learned @ mean))


if __name__ == "__main__":
    sys.exit(main())

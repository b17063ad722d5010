"""Learn which sentence answers: ``python -m training.sentence_choice --set DOCUMENTS QUESTIONS.jsonl…``.

Questions are in the format of ``qa-service evaluate``. The sentence model is a softmax over the sentences found and
"none of them". What it says of the best ones, together with what was found at all, tells off-topic questions; that and
the best sentence itself tell near misses.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from qa_service.composing.evidence import FEATURES
from qa_service.composing.reading import find
from qa_service.composing.refusal import LEVEL, unrelated_questions
from qa_service.composing.sentence_model import SUMMARY, SUPPORT, WEIGHTS_FILE, Logistic, summary, support
from qa_service.embedding_model import EmbeddingModel
from qa_service.generations import IndexFolder
from qa_service.index_reader import OpenIndex, open_current
from qa_service.indexing import index_documents
from qa_service.question_files import read_questions
from qa_service.settings import load_settings

# Share of the off-topic training questions that must be refused.
_REFUSED = 0.95
# Share of the answerable ones that may be lost to what refuses near misses.
_LOST = 0.015
_FOLDS = 5
_L2 = 0.01
_L2_SUPPORT = 0.05


Kind = Literal["answerable", "off_topic", "near_miss", "unrelated"]


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
    parser.add_argument(
        "--broad",
        nargs="+",
        type=Path,
        action="append",
        default=[],
        metavar="PATH",
        help="the same, of documents on everything: they may well answer everyday questions",
    )
    parser.add_argument("--out", type=Path, default=WEIGHTS_FILE)
    options = parser.parse_args()
    sets = [list(_examples(paths[0], paths[1:])) for paths in options.set]
    sets += [[one for one in _examples(paths[0], paths[1:]) if one.kind != "unrelated"] for paths in options.broad]
    options.out.write_text(json.dumps(learn(sets), indent=1) + "\n", encoding="utf-8")
    return 0


def learn(sets: list[list[Example]]) -> dict[str, object]:
    """The models and what refusal needs, as ``sentence_model.json`` holds them, from the examples of some indexes."""
    examples = [example for some in sets for example in some]
    sentence = fit([example for example in examples if example.kind == "off_topic" or example.right.any()])
    # One row a question, so that the softmax with "none" is plain logistic regression.
    near = [example for example in examples if example.kind != "near_miss"]
    answerable = fit([_summarised(example, sentence) for example in near])
    levels = [_level(some, sentence, answerable) for some in sets]
    refused = [
        odds - level
        for some, level in zip(sets, levels, strict=True)
        if level is not None
        for odds in _odds(some, sentence, answerable, "off_topic", "unrelated")
    ]
    supported, least = _learn_support(examples, sentence)
    best = [float(sentence.log_odds(example.rows).max()) for example in examples if example.kind == "answerable"]
    return {
        "margin": round(float(np.quantile(refused, _REFUSED)), 4),
        "highest": round(max(level for level in levels if level is not None), 4),
        "least": round(least, 4),
        "typical": round(float(np.median(best)), 4),
        "sentence": _stored(sentence, FEATURES),
        "answerable": _stored(answerable, SUMMARY),
        "supported": _stored(supported, SUPPORT),
    }


def _learn_support(examples: list[Example], sentence: Logistic) -> tuple[Logistic, float]:
    """What tells near misses from questions whose best sentences do answer, and the log odds to ask of it.

    These are read off folds that the model was not learned from: on its own examples it is too sure.
    """
    chosen = [
        replace(example, rows=support(example.rows, sentence), right=np.array([example.kind == "answerable"]))
        for example in examples
        if example.kind == "near_miss" or (example.kind == "answerable" and _answered(example, sentence))
    ]
    folds = np.random.default_rng(1).integers(_FOLDS, size=len(chosen))
    odds = []
    for fold in range(_FOLDS):
        model = fit(_balanced([one for one, its in zip(chosen, folds, strict=True) if its != fold]), _L2_SUPPORT)
        odds += [
            float(model.log_odds(one.rows)[0])
            for one, its in zip(chosen, folds, strict=True)
            if its == fold and one.kind == "answerable"
        ]
    return fit(_balanced(chosen), _L2_SUPPORT), float(np.quantile(odds, _LOST))


def _answered(example: Example, sentence: Logistic) -> bool:
    """Whether one of the three best sentences answers."""
    return bool(example.right[np.argsort(-sentence.log_odds(example.rows))[:3]].any())


def _balanced(examples: list[Example]) -> list[Example]:
    """The examples with the rarer near misses as often as the others."""
    near = [example for example in examples if example.kind == "near_miss"]
    times = max(0, (len(examples) - len(near)) // max(1, len(near)) - 1)
    return examples + near * times


def _summarised(example: Example, sentence: Logistic) -> Example:
    return replace(example, rows=summary(example.rows, sentence), right=np.array([example.kind == "answerable"]))


def _level(examples: list[Example], sentence: Logistic, answerable: Logistic) -> float | None:
    """The level of the unrelated questions to one index, if there are any."""
    odds = _odds(examples, sentence, answerable, "unrelated")
    return float(np.quantile(odds, LEVEL)) if odds else None


def _odds(examples: list[Example], sentence: Logistic, answerable: Logistic, *kinds: Kind) -> list[float]:
    """The log odds that there is an answer, of the examples of some kinds."""
    chosen = [_summarised(example, sentence).rows for example in examples if example.kind in kinds]
    return [float(answerable.log_odds(rows)[0]) for rows in chosen]


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
            for question in read_questions(questions):
                kind: Kind = question.unanswerable or "answerable"
                yield from _example(question.text, question.is_answered_by, kind, index, model)
            for text in unrelated_questions():
                yield from _example(text, lambda _: False, "unrelated", index, model)
        finally:
            index.close()


def _example(
    text: str, answers: Callable[[str], bool], kind: Kind, index: OpenIndex, model: EmbeddingModel
) -> Iterator[Example]:
    reading = find(text, index, model)
    if reading.found:
        right = np.array([answers(sentence.text) for sentence, _ in reading.found])
        yield Example(reading.rows, right, kind)


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

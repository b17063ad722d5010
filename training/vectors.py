"""Learn one vector a token so that a sentence and its translation have the same mean."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy, embedding_bag, normalize

from training.corpus import Pair

Ids = NDArray[np.int32]
Encode = Callable[[list[str]], list[list[int]]]

TOKENS_OF_A_TEXT = 160  # of a passage, the start; sentences are shorter than this


@dataclass(frozen=True)
class Schedule:
    """The knobs of one training run."""

    dimensions: int = 256
    epochs: int = 4
    batch: int = 2048
    learning_rate: float = 0.02
    temperature: float = 0.05
    warm_up: int = 100
    seed: int = 1
    hard_epochs: int = 2
    """In the last so many epochs, batches are drawn from neighbourhoods: every other pair is a near miss."""
    clusters: int = 400


@dataclass(frozen=True)
class Side:
    """One side of all pairs, as the concatenated token ids and where each text starts (one more entry at the end)."""

    ids: Ids
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, texts: list[str], encode: Encode, blank: NDArray[np.bool_]) -> Side:
        """Encode texts, leaving white space out."""
        rows = []
        for start in range(0, len(texts), 50_000):
            for row in encode(texts[start : start + 50_000]):
                ids = np.asarray(row, dtype=np.int32)
                rows.append(ids[~blank[ids]][:TOKENS_OF_A_TEXT])
        starts = np.zeros(len(rows) + 1, dtype=np.int64)
        np.cumsum([len(row) for row in rows], out=starts[1:])
        return cls(np.concatenate(rows), starts)

    def bags(self, rows: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
        """The ids of these texts in one run, and the offset of each, as ``embedding_bag`` wants them."""
        pieces = [self.ids[self.starts[row] : self.starts[row + 1]] for row in rows]
        offsets = np.zeros(len(pieces), dtype=np.int64)
        np.cumsum([len(piece) for piece in pieces[:-1]], out=offsets[1:])
        return torch.from_numpy(np.concatenate(pieces).astype(np.int64)), torch.from_numpy(offsets)


def learn(pairs: list[Pair], encode: Encode, blank: NDArray[np.bool_], schedule: Schedule) -> NDArray[np.float32]:
    """Vectors of shape (tokens, dimensions), learned with the symmetric in-batch contrastive loss.

    The loss is InfoNCE both ways over cosine similarities (van den Oord et al., 2018; Henderson et al., 2017, for
    sentence pairs), the optimiser Adam with warm-up and linear decay. White-space tokens keep a zero vector.
    """
    torch.manual_seed(schedule.seed)
    torch.set_num_threads(2)
    generator = np.random.default_rng(schedule.seed)
    left = Side.of([pair[0] for pair in pairs], encode, blank)
    right = Side.of([pair[1] for pair in pairs], encode, blank)
    table = torch.nn.Parameter(_initial(left, right, blank, schedule))
    optimiser = torch.optim.Adam([table], lr=schedule.learning_rate)
    steps = schedule.epochs * (len(pairs) // schedule.batch)
    done, started = 0, time.monotonic()
    for epoch in range(schedule.epochs):
        hard = epoch >= schedule.epochs - schedule.hard_epochs
        clusters = _clusters(table.detach(), left, schedule) if hard else None
        losses = []
        for rows in _batches(len(pairs), clusters, schedule, generator):
            optimiser.param_groups[0]["lr"] = schedule.learning_rate * _pace(done, steps, schedule.warm_up)
            loss = _loss(table, left, right, rows, schedule.temperature)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(float(loss.detach()))
            done += 1
            if done % 100 == 0:
                recent = sum(losses[-100:]) / len(losses[-100:])
                print(f"step {done}/{steps} loss {recent:.3f} {time.monotonic() - started:.0f} s", file=sys.stderr)
    vectors: NDArray[np.float32] = table.detach().numpy()
    vectors[blank] = 0
    return vectors


def _initial(left: Side, right: Side, blank: NDArray[np.bool_], schedule: Schedule) -> torch.Tensor:
    """Random directions, shorter for frequent tokens (smooth inverse frequency: Arora et al., 2017)."""
    size = len(blank)
    counts = np.bincount(left.ids, minlength=size) + np.bincount(right.ids, minlength=size)
    weight = 1e-3 / (1e-3 + counts / counts.sum())
    weight[blank] = 0
    random = torch.randn(size, schedule.dimensions) * 0.1
    return random * torch.from_numpy(weight.astype(np.float32))[:, None]


def _pace(step: int, steps: int, warm_up: int) -> float:
    """Share of the full learning rate: linear warm-up, then linear decay to nothing."""
    return min((step + 1) / warm_up, max(0.0, (steps - step) / max(1, steps - warm_up)))


def _means(table: torch.Tensor, side: Side, rows: NDArray[np.int64]) -> torch.Tensor:
    ids, offsets = side.bags(rows)
    return normalize(embedding_bag(ids, table, offsets, mode="mean"))


def _loss(table: torch.Tensor, left: Side, right: Side, rows: NDArray[np.int64], temperature: float) -> torch.Tensor:
    scores = _means(table, left, rows) @ _means(table, right, rows).T / temperature
    target = torch.arange(len(rows))
    return (cross_entropy(scores, target) + cross_entropy(scores.T, target)) / 2


def _batches(
    count: int, clusters: NDArray[np.int64] | None, schedule: Schedule, generator: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Shuffled batches; with clusters, half of each batch comes from runs of one neighbourhood."""
    order = generator.permutation(count)
    whole = count - count % schedule.batch
    if clusters is None:
        yield from order[:whole].reshape(-1, schedule.batch)
        return
    half = schedule.batch // 2
    near, far = order[: whole // 2], order[whole // 2 : whole]
    near = near[np.argsort(clusters[near], kind="stable")].reshape(-1, half)
    for rows in generator.permutation(math.floor(len(near))):
        yield np.concatenate([near[rows], far[rows * half : (rows + 1) * half]])


def _clusters(table: torch.Tensor, side: Side, schedule: Schedule) -> NDArray[np.int64]:
    """Neighbourhoods of the left sides: spherical k-means, three rounds on a sample, then one assignment."""
    count = len(side.starts) - 1
    sample = np.random.default_rng(schedule.seed).choice(count, min(count, 60_000), replace=False)
    points = _means(table, side, sample)
    centres = points[: schedule.clusters].clone()
    for _ in range(3):
        nearest = (points @ centres.T).argmax(dim=1)
        centres = normalize(torch.zeros_like(centres).index_add_(0, nearest, points))
    everything = np.arange(count)
    labels = [
        (_means(table, side, rows) @ centres.T).argmax(dim=1) for rows in np.array_split(everything, count // 8192 + 1)
    ]
    joined: NDArray[np.int64] = torch.cat(labels).numpy()
    return joined

"""Measure a model: how often the nearest sentence in the other language is the translation."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from qa_service.embeddings import BilingualEmbeddings
from training.corpus import held_out, read_pairs, read_questions


def translation_accuracy(model: BilingualEmbeddings, file: Path) -> dict[str, float]:
    """Share of sentences whose nearest neighbour by cosine is their translation, in both directions."""
    pairs = list(read_pairs(file))
    english = model.encode([pair[0] for pair in pairs])
    french = model.encode([pair[1] for pair in pairs])
    scores = english @ french.T
    truth = np.arange(len(pairs))
    return {
        "pairs": len(pairs),
        "en-fr": float((scores.argmax(axis=1) == truth).mean()),
        "fr-en": float((scores.argmax(axis=0) == truth).mean()),
    }


def question_accuracy(model: BilingualEmbeddings, folder: Path) -> dict[str, dict[str, float]]:
    """Share of held-out questions with their passage among the four nearest, per file and language of the question."""
    figures = {}
    for file in sorted(folder.glob("*.jsonl*")):
        rows = [row for row in read_questions(file) if row.get("title") and held_out(row["title"])]
        passages = list(dict.fromkeys(row["context"] for row in rows))
        if not passages:
            continue
        vectors = model.encode(passages)
        hits: dict[str, list[bool]] = {}
        for row in rows:
            nearest = np.argsort(-(vectors @ model.encode([row["question"]])[0]))[:4]
            hits.setdefault(row["lang"], []).append(row["context"] in [passages[at] for at in nearest])
        shares = {language: float(np.mean(found)) for language, found in hits.items()}
        figures[file.name.split(".")[0]] = {"questions": len(rows), "passages": len(passages)} | shares
    return figures

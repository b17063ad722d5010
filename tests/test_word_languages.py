"""How French or English a word looks, and how that is learned."""

from __future__ import annotations

import lzma
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from qa_service.word_languages import PLACES, frenchness, pieces, read_weights, write_weights

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("word", ["numéro", "numero", "dernière", "derniere", "sécurité", "securite", "pays", "ble"])
def test_french_words_look_french_with_and_without_accents(word):
    assert frenchness(word) > 0.5


@pytest.mark.parametrize("word", ["number", "latest", "security", "wheat", "threats", "growth"])
def test_english_words_look_english(word):
    assert frenchness(word) < -0.5


@pytest.mark.parametrize("word", ["visa", "date", "exemption", "sahara"])
def test_words_of_both_languages_look_like_neither(word):
    assert abs(frenchness(word)) < 1


def test_pieces_are_places_of_a_words_parts_and_the_whole():
    assert len(pieces("ab")) == len({"a", "b", "<a", "ab", "b>", "<ab", "ab>", "<ab>"})
    assert all(0 <= place < PLACES for place in pieces("élève"))
    assert pieces("a" * 100_000) == pieces("a" * 50)


def test_weights_keep_their_values_on_disk(tmp_path):
    weights = np.linspace(-3, 3, PLACES, dtype=np.float32)
    write_weights(tmp_path / "weights.npz", weights, 0.5)
    read, intercept = read_weights(tmp_path / "weights.npz")
    assert np.abs(read - weights).max() < 0.02
    assert intercept == 0.5


def test_a_small_training_tells_its_words_apart_and_repeats_itself(tmp_path):
    pairs = [
        ("the small house in london", "la petite maison de londres"),
        ("the paris of books", "le paris des livres"),
    ]
    text = "".join(f"{english}\t{french}\n" for english, french in pairs * 5)
    (tmp_path / "pairs").mkdir()
    (tmp_path / "pairs" / "sentences.tsv.xz").write_bytes(lzma.compress(text.encode()))
    made = []
    for name in ("one.npz", "two.npz"):
        command = [sys.executable, "-m", "training.languages", tmp_path / "pairs", "--out", tmp_path / name]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        made.append(read_weights(tmp_path / name))
    (weights, intercept), (again, _) = made
    assert np.array_equal(weights, again)
    looks = {word: float(weights[pieces(word)].sum()) + intercept for word in ("the", "maison", "paris")}
    assert looks["the"] < -0.5 < 0.5 < looks["maison"]
    assert abs(looks["paris"]) < 0.5

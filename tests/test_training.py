"""How the model is made: the corpus and its held-out rules, the weights' precision, and a whole small training run."""

from __future__ import annotations

import json
import lzma
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from training import corpus
from training.weights import quantise, write_weights

ROOT = Path(__file__).parents[1]

PAIRS = [
    ("The harbour is open.", "Le port est ouvert."),
    ("She reads a book.", "Elle lit un livre."),
    ("Where is the key?", "Où est la clé ?"),
    ("It snowed all night.", "Il a neigé toute la nuit."),
]


def write_pairs(file: Path, pairs=PAIRS) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{english}\t{french}\n" for english, french in pairs)
    file.write_bytes(lzma.compress(text.encode()) if file.suffix == ".xz" else text.encode())
    return file


def write_questions(file: Path, rows) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return file


def train(*arguments, module="training"):
    return subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, check=False
    )


# Fingerprints


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Où est la clé ?", "ou est la cle"),
        ("Où est la clé ?", "OU EST LA CLÉ?"),
        ("L’État a dit « non ».", "l'etat a dit: non"),
        ("L\u02bcété", "L'été"),
        ("E\u0301te\u0301", "Été"),
        ("Don’t  stop!", "don't stop"),
        ("  A\tline\u00a0of words. ", "a line of words"),
        ("Ｆull width", "full width"),
    ],
)
def test_case_accents_and_punctuation_make_no_other_sentence(one, other):
    assert corpus.fingerprint(one) == corpus.fingerprint(other)


@pytest.mark.parametrize(("one", "other"), [("two cats", "two cars"), ("in 2024", "in 2025"), ("non", "nom")])
def test_other_words_make_another_sentence(one, other):
    assert corpus.fingerprint(one) != corpus.fingerprint(other)


# Reading


@pytest.mark.parametrize("name", ["pairs.tsv", "pairs.tsv.xz"])
def test_pairs_are_read_plain_or_compressed(tmp_path, name):
    assert list(corpus.read_pairs(write_pairs(tmp_path / name))) == PAIRS


def test_lines_that_are_no_pair_are_passed_over(tmp_path):
    file = tmp_path / "odd.tsv"
    file.write_text("a\tb\n\nno tab\nthree\tsides\there\n\tempty\nempty\t \nc\td", encoding="utf-8")
    assert list(corpus.read_pairs(file)) == [("a", "b"), ("c", "d")]


def test_a_folder_without_evaluation_is_read_whole(tmp_path):
    write_pairs(tmp_path / "news.tsv")
    write_pairs(tmp_path / "tatoeba.tsv.xz", PAIRS[:1])
    data = corpus.load(tmp_path, None, set())
    assert {name: len(pairs) for name, pairs in data.parts.items()} == {"news": 4, "tatoeba": 1}
    assert data.removed == 0
    assert len(data.epoch()) == 4 + corpus.REPEATS["tatoeba"]


# What is held out


@pytest.mark.parametrize("side", [0, 1])
def test_a_pair_is_removed_when_either_side_is_an_evaluation_sentence(tmp_path, side):
    write_pairs(tmp_path / "pairs" / "news.tsv")
    spelled_otherwise = corpus.strip_accents(PAIRS[2][side]).upper().replace("?", "!")
    both = [(spelled_otherwise, "Autre chose.") if side == 0 else ("Something else.", spelled_otherwise)]
    excluded = corpus.fingerprints([write_pairs(tmp_path / "test.tsv", both)])
    data = corpus.load(tmp_path / "pairs", None, excluded)
    assert data.removed == 1
    left = {corpus.fingerprint(text) for pair in data.epoch() for text in pair}
    assert not left & excluded
    assert len(data.parts["news"]) == len(PAIRS) - 1


def test_a_question_is_removed_when_it_is_an_evaluation_sentence(tmp_path):
    rows = [
        {"id": "1", "lang": "en", "question": "Where is the key?", "context": "It is in the drawer.", "title": ""},
        {"id": "2", "lang": "en", "question": "Who has it?", "context": "Nobody has it.", "title": ""},
    ]
    write_pairs(tmp_path / "pairs" / "news.tsv", PAIRS[:1])
    write_questions(tmp_path / "questions" / "some.jsonl", rows)
    data = corpus.load(tmp_path / "pairs", tmp_path / "questions", {corpus.fingerprint("where is the KEY")})
    assert set(data.parts["questions"]) == {("Who has it?", "Nobody has it.")}


def test_a_question_in_both_languages_meets_the_passage_of_each(tmp_path):
    rows = [
        {"id": "7", "lang": "en", "question": "q-en", "context": "c-en", "title": ""},
        {"id": "7", "lang": "fr", "question": "q-fr", "context": "c-fr", "title": ""},
        {"id": "8", "lang": "fr", "question": "alone", "context": "c-8", "title": ""},
    ]
    write_questions(tmp_path / "questions" / "some.jsonl", rows)
    pairs = corpus.load(tmp_path, tmp_path / "questions", set()).parts["questions"]
    assert set(pairs) == {("q-en", "c-en"), ("q-en", "c-fr"), ("q-fr", "c-en"), ("q-fr", "c-fr"), ("alone", "c-8")}
    assert len(pairs) == 5 * corpus.QUESTION_REPEATS


def test_questions_on_a_held_out_title_are_not_trained_on(tmp_path):
    titles = [f"Title {number}" for number in range(100)]
    rows = [{"id": title, "lang": "fr", "question": f"q {title}", "context": "c", "title": title} for title in titles]
    write_questions(tmp_path / "questions" / "some.jsonl", rows)
    asked = {question for question, _ in corpus.load(tmp_path, tmp_path / "questions", set()).parts["questions"]}
    assert asked == {f"q {title}" for title in titles if not corpus.held_out(title)}


def test_the_held_out_titles_never_change():
    titles = ["Rabat", "Astana", "Le port", "The harbour", "Été", "Lyon", "Marseille", "Danube", "Église", "Ocean"]
    assert [title for title in titles if corpus.held_out(title)] == ["Lyon", "Ocean"]
    share = sum(corpus.held_out(f"Title {number}") for number in range(2_000)) / 2_000
    assert 0.25 < share < 0.35


@pytest.mark.parametrize(
    ("text", "bare"),
    [("Où est la clé ?", "Ou est la cle ?"), ("Ça, l’œuvre", "Ca, l’oeuvre"), ("ŒUVRE", "OEUVRE"), ("plain", "plain")],
)
def test_accents_are_stripped_and_nothing_else(text, bare):
    assert corpus.strip_accents(text) == bare


def test_one_french_side_in_twelve_is_trained_on_without_accents(tmp_path):
    write_pairs(tmp_path / "news.tsv", [("key", "clé")] * 36)
    pairs = corpus.load(tmp_path, None, set()).parts["news"]
    assert [pair[1] for pair in pairs].count("cle") == 3


# Weights


def test_eight_bits_a_value_are_off_by_half_a_step_at_most(tmp_path):
    vectors = (
        np.random.default_rng(1).normal(size=(200, 16)).astype(np.float32) * 10 ** np.linspace(-1, 2, 200)[:, None]
    )
    vectors = vectors.astype(np.float32)
    vectors[7] = 0
    rows, scales = quantise(vectors)
    assert (rows.dtype, scales.dtype) == (np.int8, np.float16)
    step = np.abs(vectors).max(axis=1) / 127
    # Half a step by rounding; the scale itself is stored with 11 bits, which moves 127 steps by 127/2048 of one.
    assert (np.abs(rows * scales.astype(np.float32)[:, None] - vectors).max(axis=1) <= 0.57 * step + 1e-9).all()
    assert not rows[7].any()
    write_weights(vectors, tmp_path / "vectors.npz")
    with np.load(tmp_path / "vectors.npz", allow_pickle=False) as stored:
        assert (stored["rows"] == rows).all()
        assert (stored["scales"] == scales).all()


# The command. --check needs neither torch nor tokenizers.


def test_check_passes_when_every_evaluation_sentence_was_taken_out(tmp_path):
    write_pairs(tmp_path / "pairs" / "news.tsv")
    evaluation = write_pairs(tmp_path / "test.tsv", PAIRS[1:3])
    done = train(tmp_path / "pairs", "--check", "--evaluate", evaluation)
    assert (done.returncode, done.stdout) == (0, "")
    assert "2 removed as evaluation sentences" in done.stderr


def test_check_fails_when_an_evaluation_sentence_would_be_trained_on(tmp_path):
    write_pairs(tmp_path / "pairs" / "news.tsv")
    rows = [{"id": "1", "lang": "en", "question": "Who reads?", "context": "She reads a book.", "title": ""}]
    write_questions(tmp_path / "questions" / "some.jsonl", rows)
    evaluation = write_pairs(tmp_path / "test.tsv", PAIRS[1:2])
    arguments = [tmp_path / "pairs", "--check", "--questions", tmp_path / "questions", "--evaluate", evaluation]
    done = train(*arguments)
    assert done.returncode == 1
    assert "1 evaluation sentences are in the training set" in done.stderr
    assert train(*arguments, "--no-questions").returncode == 0


@pytest.mark.parametrize("arguments", [(), ("pairs", "--nonsense")])
def test_wrong_usage_is_said(arguments):
    done = train(*arguments)
    assert done.returncode == 2
    assert "usage: python -m training" in done.stderr


def small_run(folder: Path, out: Path, **options: object):
    given = {
        "tokens": 400,
        "dimensions": 16,
        "epochs": 2,
        "hard-epochs": 1,
        "batch": 32,
        "seed": 1,
        "out": out,
    } | options
    return train(folder, *(word for name, value in given.items() for word in (f"--{name}", value)))


def test_a_run_makes_a_model_and_the_seed_repeats_it(tmp_path):
    pytest.importorskip("torch")
    pytest.importorskip("tokenizers")
    words = [
        ("red", "rouge"),
        ("blue", "bleu"),
        ("old", "vieux"),
        ("new", "neuf"),
        ("big", "grand"),
        ("small", "petit"),
    ]
    things = [("house", "maison"), ("boat", "bateau"), ("tree", "arbre"), ("road", "route"), ("bridge", "pont")]
    pairs = [(f"the {w} {t} {n}", f"le {m} {u} {n}") for w, m in words for t, u in things for n in range(5)]
    write_pairs(tmp_path / "pairs" / "news.tsv", pairs)
    files = {}
    for name, seed in {"first": 1, "again": 1, "other": 2}.items():
        done = small_run(tmp_path / "pairs", tmp_path / name, seed=seed)
        assert done.returncode == 0, done.stderr
        assert done.stdout == ""
        assert "not measured" in done.stderr  # another token table than the package's would give wrong figures
        files[name] = {file.name: file.read_bytes() for file in (tmp_path / name).iterdir()}
    assert files["first"].keys() == {"tokens.tiktoken", "vectors.npz"}
    assert files["first"] == files["again"]
    assert files["first"]["vectors.npz"] != files["other"]["vectors.npz"]
    with np.load(tmp_path / "first" / "vectors.npz", allow_pickle=False) as stored:
        assert stored["rows"].shape == (len(files["first"]["tokens.tiktoken"].splitlines()), 16)
        assert stored["rows"].any()


def test_fewer_pairs_than_a_batch_are_no_training_set(tmp_path):
    pytest.importorskip("torch")
    pytest.importorskip("tokenizers")
    write_pairs(tmp_path / "pairs" / "news.tsv")
    done = small_run(tmp_path / "pairs", tmp_path / "out")
    assert done.returncode == 1
    assert "4 pairs" in done.stderr
    assert not (tmp_path / "out").exists()

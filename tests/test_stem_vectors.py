"""How the stems' company is learned: what text is read and what is held out, and a whole small training run."""

from __future__ import annotations

import json
import lzma
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from qa_service.language import LANGUAGES
from training import corpus
from training.stem_vectors import cut, in_turn, texts

ROOT = Path(__file__).parents[1]

PAIRS = [("The harbour is open.", "Le port est ouvert."), ("She reads a book.", "Elle lit un livre.")]
# By their checksums: this title is kept for development, and this one is not.
HELD_OUT, TRAINED_ON = "Lyon", "Rabat"


def write_pairs(folder: Path, pairs: list[tuple[str, str]], name: str = "news.tsv") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{english}\t{french}\n" for english, french in pairs)
    (folder / name).write_bytes(lzma.compress(text.encode()) if name.endswith(".xz") else text.encode())
    return folder / name


def write_questions(folder: Path, rows: list[dict[str, str]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "some.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


def question(question: str, context: str, lang: str = "en", title: str = TRAINED_ON) -> dict[str, str]:
    return {"id": question, "lang": lang, "question": question, "context": context, "title": title}


# Two texts as one


@pytest.mark.parametrize(
    ("left", "right", "together"),
    [
        (["a", "b"], ["x", "y"], ["a", "x", "b", "y"]),
        (["a"], ["x", "y", "z"], ["x", "a", "y", "z"]),
        (["a", "b", "c", "d"], ["x", "y"], ["a", "x", "b", "c", "y", "d"]),
        (["a", "b"], [], ["a", "b"]),
        ([], ["x"], ["x"]),
        ([], [], []),
    ],
)
def test_each_word_stands_at_its_share_of_the_way(left, right, together):
    assert sorted(in_turn(left, right)) == sorted(together)
    assert [word for word in in_turn(left, right) if word in left] == left
    assert [word for word in in_turn(left, right) if word in right] == right
    if len(left) != 1:  # in the middle of both, either may come first
        assert in_turn(left, right) == together


def test_words_far_on_in_one_text_do_not_meet_the_start_of_the_other():
    together = in_turn([f"en:{n}" for n in range(10)], [f"fr:{n}" for n in range(30)])
    assert [together.index(f"en:{n}") // 4 for n in range(10)] == list(range(10))


@pytest.mark.parametrize(("words", "pieces"), [(0, []), (3, [3]), (4, [3, 1]), (6, [3, 3]), (7, [3, 3, 1])])
def test_a_long_text_is_cut_and_nothing_lost(words, pieces):
    text = [str(number) for number in range(words)]
    assert [len(piece) for piece in cut(text, 3)] == pieces
    assert [word for piece in cut(text, 3) for word in piece] == text


def test_a_text_is_cut_before_gensim_passes_over_its_end():
    from_gensim = 10_000  # gensim.models.word2vec.MAX_WORDS_IN_BATCH
    assert max(map(len, cut(["word"] * 25_000))) < from_gensim


# What is read


@pytest.mark.parametrize("name", ["news.tsv", "news.tsv.xz"])
def test_a_pair_is_one_text_of_labelled_stems(tmp_path, name):
    write_pairs(tmp_path, [("The closed bridges", "L’école des élèves")], name)
    assert list(texts(tmp_path, None, set())) == [["en:the", "fr:ecol", "en:close", "fr:de", "en:bridg", "fr:elev"]]


def test_paragraphs_and_questions_are_read_twice_each_in_its_language(tmp_path):
    rows = [
        question("Open bridges?", "Bridges."),
        question("Old bridges?", "Bridges."),
        question("L’école ?", "Écoles.", lang="fr"),
    ]
    write_questions(tmp_path / "questions", rows)
    read = [" ".join(text) for text in texts(tmp_path, tmp_path / "questions", set())]
    assert sorted(read) == sorted(["en:bridg", "en:open en:bridg", "en:old en:bridg", "fr:ecol", "fr:ecol"] * 2)


@pytest.mark.parametrize("side", [0, 1])
def test_a_pair_is_left_out_when_either_side_is_an_evaluation_sentence(tmp_path, side):
    write_pairs(tmp_path / "pairs", PAIRS)
    spelled_otherwise = PAIRS[1][side].upper().replace(".", " !")
    both = (spelled_otherwise, "Autre chose.") if side == 0 else ("Something else.", spelled_otherwise)
    excluded = corpus.fingerprints([write_pairs(tmp_path, [both], "test.tsv")])
    (left,) = texts(tmp_path / "pairs", None, excluded)
    assert "en:harbour" in left
    assert len(list(texts(tmp_path / "pairs", None, set()))) == 2


@pytest.mark.parametrize("field", ["question", "context"])
def test_a_question_or_paragraph_is_left_out_when_it_is_an_evaluation_sentence(tmp_path, field):
    row = question("Is the harbour open?", "The bridge is closed.")
    write_questions(tmp_path / "questions", [row])
    excluded = {corpus.fingerprint(row[field].upper())}
    read = [word for text in texts(tmp_path, tmp_path / "questions", excluded) for word in text]
    assert ("en:harbour" in read) is (field == "context")
    assert ("en:bridg" in read) is (field == "question")


def test_titles_kept_for_development_are_not_read(tmp_path):
    assert corpus.held_out(HELD_OUT)
    assert not corpus.held_out(TRAINED_ON)
    rows = [
        question("Kept?", "Harbour.", title=HELD_OUT),
        question("Read?", "Bridge."),
        question("Also?", "Old.", title=""),
    ]
    write_questions(tmp_path / "questions", rows)
    read = {word for text in texts(tmp_path, tmp_path / "questions", set()) for word in text}
    assert read == {"en:read", "en:bridg", "en:also", "en:old"}


# The command


def learn(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "training.stem_vectors", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("arguments", [(), ("pairs", "--nonsense")])
def test_wrong_usage_is_said(arguments):
    done = learn(*arguments)
    assert done.returncode == 2
    assert "usage: python -m training.stem_vectors" in done.stderr


def test_a_run_makes_a_table_and_the_seed_repeats_it(tmp_path):
    pytest.importorskip("gensim")
    kinds = {
        "water": (["sea", "boat", "harbour", "wave"], ["mer", "bateau", "port", "vague"]),
        "land": (["bread", "oven", "flour", "baker"], ["pain", "four", "farine", "boulanger"]),
    }
    random = np.random.default_rng(1)
    pairs = []
    for _ in range(200):
        for english, french in kinds.values():
            order = random.permutation(4)
            pairs.append((" ".join(english[at] for at in order), " ".join(french[at] for at in order)))
    write_pairs(tmp_path / "pairs", [*pairs, ("zygote", "zygote")])
    files = {}
    for name, seed in {"first": 1, "again": 1, "other": 2}.items():
        done = learn(tmp_path / "pairs", "--dimensions", 16, "--epochs", 150, "--seed", seed, "--out", tmp_path / name)
        assert done.returncode == 0, done.stderr
        files[name] = {file.name: file.read_bytes() for file in (tmp_path / name).iterdir()}
    assert files["first"].keys() == {"stems.txt", "stems.npz"}
    assert files["first"] == files["again"]
    assert files["first"]["stems.npz"] != files["other"]["stems.npz"]
    names = files["first"]["stems.txt"].decode().splitlines()
    assert len(names) == 16  # "zygote" was seen too rarely
    assert {name[:2] for name in names} == set(LANGUAGES)
    with np.load(tmp_path / "first" / "stems.npz", allow_pickle=False) as stored:
        rows = stored["rows"] * stored["scales"].astype(np.float32)[:, None]
    assert rows.shape == (16, 16)
    vectors = dict(zip(names, rows / np.linalg.norm(rows, axis=1, keepdims=True), strict=True))
    for english, french, elsewhere in [("en:sea", "fr:mer", "fr:pain"), ("en:bread", "fr:farin", "fr:bateau")]:
        assert vectors[english] @ vectors[french] > vectors[english] @ vectors[elsewhere]

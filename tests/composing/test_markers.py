"""Markers in a text that arrives in pieces: their forms, what is dropped, and that nothing else passes for one."""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import Callable, Iterable
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qa_service.composing.markers import Marker, MarkerReader, read_markers

KNOWN = frozenset({1, 2, 3})
Pieces = list[str | Marker]


def shown(pieces: Iterable[str | Marker], marker: Callable[[Marker], str] | None = None) -> str:
    """The pieces as one text, markers as "‹1,2›"."""
    marker = marker or (lambda one: f"‹{','.join(map(str, one.numbers))}›")
    return "".join(piece if isinstance(piece, str) else marker(piece) for piece in pieces)


def read(text: str, known: Iterable[int] = KNOWN) -> str:
    return shown(read_markers(text, frozenset(known)))


def read_in_pieces(pieces: Iterable[str], known: Iterable[int] = KNOWN) -> Pieces:
    """What comes of a text in these pieces, neighbouring strings as one."""
    reader = MarkerReader(frozenset(known))
    merged: Pieces = []
    for piece in [*(one for text in pieces for one in reader.feed(text)), *reader.finish()]:
        assert piece != ""
        if merged and isinstance(merged[-1], str) and isinstance(piece, str):
            merged[-1] += piece
        else:
            merged.append(piece)
    return merged


FORMS = [
    ("[1]", (1,)),
    ("[ 1 ]", (1,)),
    ("[01]", (1,)),
    ("[1, 2]", (1, 2)),
    ("[1,2]", (1, 2)),
    ("[1; 2]", (1, 2)),
    ("[1、2]", (1, 2)),
    ("[1 2]", (1, 2)),
    ("[1,]", (1,)),
    ("[2, 1, 2]", (2, 1)),
    ("[1][2]", (1, 2)),
    ("[1] [2]", (1, 2)),
    ("[1]\u00a0[2]", (1, 2)),
    ("[1][1]", (1,)),
    ("[[1]]", (1,)),
    ("[[1], [2]]", (1, 2)),
    ("[[1][2]]", (1, 2)),
    ("[1[2]]", (1, 2)),
    ("【1】", (1,)),
    ("【1†source】", (1,)),
    ("【1†L3-L5】", (1,)),
    ("【1†source】【2†source】", (1, 2)),
    ("［1］", (1,)),
    ("﹇1﹈", (1,)),
    ("[１]", (1,)),
    ("[१, ٢]", (1, 2)),
    ("[①]", (1,)),
    ("[^1]", (1,)),
    ("[1-3]", (1, 2, 3)),
    ("[1–3]", (1, 2, 3)),
    ("[1 — 3]", (1, 2, 3)),
    ("[1‑3]", (1, 2, 3)),
    ("[1 to 3]", (1, 2, 3)),
    ("[1 à 3]", (1, 2, 3)),
    ("[3, 1-2]", (3, 1, 2)),
    ("[1 and 2]", (1, 2)),
    ("[1 et 2]", (1, 2)),
    ("[1, 2, and 3]", (1, 2, 3)),
    ("[1 & 2]", (1, 2)),
    ("[Source 1]", (1,)),
    ("[source: 1]", (1,)),
    ("[SOURCES : 1 et 2]", (1, 2)),
    ("[Source 1, Source 2]", (1, 2)),
    ("[source n° 1]", (1,)),
    ("[passage 2]", (2,)),
    ("[Passages 2 and 3]", (2, 3)),
    ("[document 1]", (1,)),
    ("[extrait 1]", (1,)),
    ("[n°1]", (1,)),
    ("[nº 1]", (1,)),
    ("[#1]", (1,)),
    (r"\[1\]", (1,)),
    (r"\[1\] \[2\]", (1, 2)),
    ("[\u200b1\u00ad]", (1,)),
    ("[1\ufe0f\u2060, \ufeff2]", (1, 2)),
    ("[1\u0345]", (1,)),
    ("[1](http://example.org/a)", (1,)),
    ("[1](https://fr.wikipedia.org/wiki/Accord_(droit))", (1,)),
    ("[1](" + "https://example.org/" + "a" * 500 + ")[2](#2)", (1, 2)),
    ("[1](bridge.md)", (1,)),
    ("[1]()", (1,)),
    ("[[1]](http://example.org)", (1,)),
]


@pytest.mark.parametrize(("form", "numbers"), FORMS)
def test_every_form_is_one_marker(form: str, numbers: tuple[int, ...]) -> None:
    assert read_markers(form, KNOWN) == [Marker(numbers)]
    assert read_markers(f"The bridge is closed {form}.", KNOWN) == ["The bridge is closed", Marker(numbers), "."]
    assert read_in_pieces(f"Le pont est fermé{form} !") == ["Le pont est fermé", Marker(numbers), " !"]


@pytest.mark.parametrize(
    "text",
    [
        "(1)",
        "1",
        "[]",
        "[ ]",
        "[sic]",
        "[see the annex]",
        "[voir l’annexe]",
        "[2024 budget]",
        "[1.5]",
        "[12:30]",
        "[2024-01-05]",
        "[NO2]",
        "[18F]",
        "[source]",
        "[and]",
        "【注】",
        r"\[sic\]",
        "[annexe](http://example.org/1)",
        r"C:\ and \\ and \n",
        "\n  two  spaces \n\n",
        " ",
        "a" * 65,
    ],
)
def test_what_cites_nothing_stays_as_it_is(text: str) -> None:
    assert read(text) == text
    assert read(f"a{text}b") == f"a{text}b"


SENTENCES = [
    ("The bridge opened in 1911 [1]. It carries trams [2, 3].", "The bridge opened in 1911‹1›. It carries trams‹2,3›."),
    ("Le pont a été ouvert en 1911 [1]. Il porte des trams [2 et 3].", "Le pont a été ouvert en 1911‹1›. Il porte des "
     "trams‹2,3›."),
    ("Le péage coûte quatre francs\u00a0[1]\u00a0; il est dû.", "Le péage coûte quatre francs‹1›\u00a0; il est dû."),
    ("[1] says so, [2] too.", "‹1› says so,‹2› too."),
    ("Said [1], [2] and [3](http://example.org).", "Said‹1›,‹2› and‹3›."),
    ("Dit-on [1] [sic] à Rouen.", "Dit-on‹1› [sic] à Rouen."),
    ("So it is [see [1]].", "So it is (see‹1›)."),
    ("Ainsi [voir [1], [2]].", "Ainsi (voir‹1›,‹2›)."),
    ("So [1](twice) and [2](see p. 4).", "So‹1›(twice) and‹2›(see p. 4)."),
    ("So [1] (1.5) and [1]([2].).", "So‹1› (1.5) and‹1›(‹2›.)."),
    ("So [1](a_(b).md).", "So‹1›."),
    ("So [1](http://example.org and more", "So‹1› and more"),
    ("[^1]: the footnote", "‹1›: the footnote"),
    (r"A backslash \\[1].", "A backslash \\‹1›."),
    ("One line [1]  \nand the next", "One line‹1›  \nand the next"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), SENTENCES)
def test_a_text_is_words_and_markers(text: str, expected: str) -> None:
    assert read(text) == expected
    assert shown(read_in_pieces(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[99]", ""),
        ("[2024]", ""),
        ("word [99] next", "word next"),
        ("word [99].", "word."),
        ("mot\u00a0[99]\u00a0; suite", "mot\u00a0; suite"),
        ("word[99]next", "wordnext"),
        ("word [99](http://example.org/99) next", "word next"),
        ("word [99] [98] next", "word next"),
        ("word [1] [99] next", "word‹1› next"),
        ("word [99] [1] next", "word‹1› next"),
        ("[1, 99]", "‹1›"),
        ("[0]", ""),
        ("[1-99]", ""),
        ("[3-1]", ""),
        ("[2-22]", ""),
        ("[2-21]", "‹2,3›"),
        ("[99] First.\n[99] Second.\n", "First.\nSecond.\n"),
        ("(see [99])", "(see)"),
        (f"[{'9' * 60}]", ""),
    ],
)
def test_unknown_numbers_never_show(text: str, expected: str) -> None:
    assert read(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[[9]1]", "‹1›"),
        ("[[9]7]", ""),
        ("[[see [9]1]", "((see1)"),
        ("[a[9]1]", "(a1)"),
        ("[\n[9]1]", "(\n1)"),
        ("[\n1]", "(\n1)"),
        ("1]", "1)"),
        ("[x", "(x"),
        ("[[[1]]]", "(‹1›)"),
        (f"[{' ' * 63}1]", f"({' ' * 63}1)"),
        (f"[{'a' * 62}]", f"[{'a' * 62}]"),
        (f"[{'a' * 63}]", f"({'a' * 63})"),
    ],
)
def test_brackets_without_a_partner_are_round(text: str, expected: str) -> None:
    assert read(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("word [", "word"),
        ("word [1", "word"),
        ("word [1] [2", "word‹1›"),
        ("mot [1 e", "mot"),
        ("word [Sour", "word"),
        ("word [source:", "word"),
        ("word 【1†sou", "word"),
        ("word [1-", "word"),
        ("word \\[1\\", "word"),
        ("word [1](htt", "word‹1›"),
        ("word [1](http://broken-off.", "word‹1›"),
        ("word [see the", "word (see the"),
        ("word [see [1", "word (see"),
        ("word [see [the", "word (see (the"),
        ("word [1] ", "word‹1› "),
        ("word [99] ", "word "),
        ("word \\", "word \\"),
        ("", ""),
    ],
)
def test_the_end_of_the_text_drops_half_a_marker_only(text: str, expected: str) -> None:
    assert read(text) == expected


def test_words_are_passed_on_at_once_and_a_marker_when_it_is_sure() -> None:
    reader = MarkerReader({1, 2})
    assert reader.feed("The bridge") == ["The bridge"]
    assert reader.feed(" ") == []
    assert reader.feed("is") == [" is"]
    assert reader.feed(" closed [") == [" closed"]
    assert reader.feed("1") == reader.feed("]") == reader.feed(" [2") == reader.feed("]") == []
    assert reader.feed(".") == [Marker((1, 2)), "."]
    assert reader.feed(" Voir [l’annexe") == [" Voir"]
    assert reader.feed("] et") == [" [l’annexe] et"]
    assert reader.feed(" [1]") == []
    assert reader.finish() == [Marker((1,))]
    assert reader.finish() == reader.feed("") == []


def test_little_is_held_back() -> None:
    for char in "a [(\\1]":
        reader = MarkerReader({1})
        said = [len(shown(reader.feed(one))) for one in "[1]" + char * 1000]
        assert sum(said) >= 1000 - 2 * 64


def test_of_a_long_run_of_spaces_the_last_are_held_back() -> None:
    (said,) = MarkerReader({1}).feed(" " * 1000)
    assert 1000 - 64 <= len(said) < 1000
    assert read(" " * 1000 + "x") == " " * 1000 + "x"
    assert read(" " * 1000 + "[1]") == said + "‹1›"
    assert read("[1]" + " " * 1000 + "[2]") == "‹1›" + said + "‹2›"


# --- properties

ALPHABET = "[[[]]]【】［］﹇﹈1122399９①  \u00a0\n\u200b\u00ad\ufe0f\u0301†((()))\\\\^,;-–°º:/.#aeno"
FRAGMENTS = [
    "[1]",
    "[99]",
    "[",
    "]",
    "[1",
    "1]",
    "](",
    "](http://",
    "[sic]",
    " and ",
    " et ",
    "source ",
    " " * 70,
    "x" * 70,
]
TEXTS = st.one_of(
    st.text(st.sampled_from(ALPHABET), max_size=60),
    st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.sampled_from(ALPHABET)), max_size=40).map("".join),
    st.text(max_size=60),
)


@given(TEXTS, st.lists(st.integers(0, 200)))
@example("word [1](http://example.org) [99] \\[2\\] [see [3]] [1", [])
def test_every_chunking_gives_the_same(text: str, cuts: list[int]) -> None:
    whole = read_markers(text, KNOWN)
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    assert read_in_pieces(text[a:b] for a, b in pairwise(places)) == whole
    assert read_in_pieces(text) == whole


def bare(text: str) -> str:
    return "".join(char for char in text if unicodedata.category(char) not in {"Cf", "Mn", "Me"})


def as_markers(text: str) -> list[int]:
    return [int(n) for n in re.findall(r"\[\s*(\d+)\s*\]", text)]


@given(TEXTS, st.frozensets(st.integers(0, 12)))
@example("[[9]1]", frozenset())
@example("[1[2]]", frozenset({2}))
@example("[\n[99]1]", frozenset())
@example("[" * 5 + "[99]" + "1]" * 5, frozenset())
def test_nothing_passes_for_a_marker(text: str, known: frozenset[int]) -> None:
    pieces = read_markers(text, known)
    cited = [n for piece in pieces if isinstance(piece, Marker) for n in piece.numbers]
    for before in ("", " "):
        answer = shown(pieces, lambda marker, before=before: "".join(f"{before}[{n}]" for n in marker.numbers))
        folded = unicodedata.normalize("NFKC", answer)
        for seen in (answer, folded, bare(folded), bare(answer), unicodedata.normalize("NFKC", bare(answer))):
            assert as_markers(seen) == cited
    words = shown(pieces, lambda marker: "")
    assert as_markers(words) == as_markers(unicodedata.normalize("NFKC", bare(words))) == []


@given(st.text(st.characters(categories=["C", "M", "N", "Z"]), max_size=4), st.sampled_from(["", "1", "99"]))
def test_no_character_beside_a_number_makes_it_pass_for_a_marker(chars: str, number: str) -> None:
    for text in (f"[{chars}{number}]", f"[{number}{chars}]", f"[a{chars}[99]{number}]"):
        words = shown(read_markers(text, KNOWN), lambda marker: "")
        assert as_markers(bare(unicodedata.normalize("NFKC", words))) == []


@given(TEXTS, st.frozensets(st.integers(0, 12)))
def test_markers_name_known_passages_once_each(text: str, known: frozenset[int]) -> None:
    for marker in (piece for piece in read_markers(text, known) if isinstance(piece, Marker)):
        assert marker.numbers
        assert known.issuperset(marker.numbers)
        assert len(set(marker.numbers)) == len(marker.numbers)


@given(st.text(), st.text(st.sampled_from("ab 12(),;.\\\n†é")))
def test_a_text_without_brackets_stays_as_it_is(anything: str, usual: str) -> None:
    text = re.sub(r"[][［］﹇﹈【】]", "", anything + usual)
    assert shown(read_in_pieces(text)) == text


@given(st.lists(st.sampled_from(["[99]", "a", " ", "é", "\n"])))
def test_a_dropped_marker_leaves_no_double_space(pieces: list[str]) -> None:
    text = re.sub(" +", " ", "".join(pieces))
    assert "  " not in read(text)
    assert read(text).replace(" ", "") == text.replace("[99]", "").replace(" ", "")


# --- growth

HOSTILE = [
    "[",
    "[1",
    "[[",
    "[1]",
    "[99] ",
    "[a",
    "[[a]",
    "[1](",
    "[1](((",
    "[1](http://",
    "(",
    " ",
    "\\",
    "\\[",
    "[no. ",
    "[" + " " * 62,
    "[[" + "source " * 8 + "x",
    "[1]" + " " * 70,
    "word ",
]


def seconds(pieces: Iterable[str], known: range) -> float:
    start = time.process_time()
    reader = MarkerReader(known)
    for piece in pieces:
        reader.feed(piece)
    reader.finish()
    return time.process_time() - start


@pytest.mark.parametrize("unit", HOSTILE)
@pytest.mark.parametrize("by_character", [False, True])
def test_four_times_the_text_takes_about_four_times_as_long(unit: str, by_character: bool) -> None:
    def took(length: int) -> float:
        text = (unit * (length // len(unit) + 1))[:length]
        return min(seconds(text if by_character else [text], range(100)) for _ in range(3))

    assert took(80_000) < 12 * took(20_000)


def test_many_passages_cited_in_a_row_take_no_longer_each() -> None:
    def took(markers: int) -> float:
        text = "".join(f"[{n}]" for n in range(markers))
        return min(seconds([text], range(markers)) for _ in range(3))

    assert took(16_000) < 12 * took(4_000)

"""What any text becomes before it is quoted and its code points are counted."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_service.articles import canonical


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\ufeffa\r\nb\rc\u2028d\fe", "a\nb\nc\nd\ne"),
        ("e\u0301te\u0301", "été"),
        ("a\0b\x07c\x9bd\te", "abcd\te"),
        ("lone \ud800 surrogate", "lone \ufffd surrogate"),
        ("trailing  \nnon-breaking\u00a0\n", "trailing\nnon-breaking"),
        ("\n\n a\n \n\t\n\nb\n\n", "a\n\nb"),
        ("left\u202eright\u2066\u200f\u061c", "leftright"),
        ("gou\u00adver\u200bne\u2060ment", "gouvernement"),
        ("Pourquoi\u202f?", "Pourquoi\u202f?"),
        ("", ""),
    ],
)
def test_the_rules_of_canonical_text(text, expected):
    assert canonical(text) == expected


@given(st.text())
def test_is_a_fixed_point_without_anything_unwanted(text):
    once = canonical(text)
    assert canonical(once) == once
    assert unicodedata.is_normalized("NFC", once)
    assert "\n\n\n" not in once
    assert not any(unicodedata.category(char) in ("Cc", "Cs") for char in once if char not in "\n\t")


def test_a_tower_of_marks_is_cut_and_costs_nothing():
    tower = canonical("a" + "\u0301\u0327" * 500_000 + "b")
    assert len(tower) <= 33
    assert tower.endswith("b")


def test_letters_of_far_scripts_stay():
    assert canonical("漢字かな" * 20 + "😀" * 40) == "漢字かな" * 20 + "😀" * 40

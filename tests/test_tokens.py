"""The token table: complete, lossless, and indifferent to what a text tries."""

from __future__ import annotations

import subprocess
import sys

import pytest
import tiktoken
from hypothesis import given
from hypothesis import strategies as st

from qa_service.tokens import (
    MODEL_DIRECTORY,
    RANKS_FILE,
    count_tokens,
    first_tokens,
    normalise,
    read_ranks,
    token_ids,
    token_table,
)

OFFLINE = """
import socket
def refuse(*_, **__): raise AssertionError("the network was asked for")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
from qa_service.embeddings import BilingualEmbeddings
from qa_service.tokens import count_tokens
assert count_tokens("The bridge is open.") == 5
assert any(BilingualEmbeddings().embed_query("Le pont est ouvert."))
"""


def test_the_table_is_complete():
    ranks = read_ranks(MODEL_DIRECTORY / RANKS_FILE)
    assert sorted(ranks.values()) == list(range(32_000))
    assert all(bytes([byte]) in ranks for byte in range(256))


def test_it_is_a_plain_tiktoken_encoding():
    assert isinstance(token_table(), tiktoken.Encoding)
    assert token_table().n_vocab == 32_000
    assert token_table().special_tokens_set == set()


@given(st.text())
def test_no_text_is_lost(text):
    (ids,) = token_ids([text])
    assert token_table().decode(ids) == normalise(text)


@given(st.text(alphabet=st.characters()))
def test_lone_surrogates_and_control_characters_are_taken(text):
    (ids,) = token_ids([text])
    assert all(0 <= number < 32_000 for number in ids)
    assert count_tokens(text) >= 0


def test_control_tokens_of_other_models_are_ordinary_text():
    (ids,) = token_ids(["<|endoftext|>"])
    assert len(ids) > 1
    assert token_table().decode(ids) == "<|endoftext|>"


def test_nul_and_a_lone_surrogate_are_counted():
    assert count_tokens("a\0b\ud800c") > 0


@pytest.mark.parametrize(
    ("one", "other"),
    [("L’été", "L'été"), ("ÉCOLE", "école"), ("e\u0301cole", "école"), ("ﬁn", "fin"), ("№ 5", "no 5")],
)
def test_spellings_of_one_text_have_the_same_tokens(one, other):
    assert token_ids([one]) == token_ids([other])


@given(st.lists(st.text(alphabet="ab é'.1", min_size=1, max_size=5), max_size=6))
def test_white_space_costs_nothing(words):
    assert count_tokens("".join(f" {word}\n\t" for word in words)) == sum(map(count_tokens, words))


def test_an_empty_text_has_no_tokens():
    assert token_ids(["", "a"])[0] == []
    assert count_tokens(" \n\u00a0") == 0


def test_a_word_has_the_same_tokens_wherever_it_stands():
    (alone,) = token_ids(["bridge"])
    assert token_ids(["(bridge)2024"])[0][1 : 1 + len(alone)] == alone


@pytest.mark.parametrize("char", ["a", "é", "!", "7", " ", "\u0301"])
def test_a_run_of_one_character_takes_linear_time(char):
    assert count_tokens(char * 200_000) <= 400_000  # finishing is the point


def test_no_network_is_needed():
    run = subprocess.run([sys.executable, "-c", OFFLINE], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(
    "text", ["The bridge isn’t openable. [1]\n\n- A *list*", "Où l’eau coule-t-elle ?", "a" * 5_000, ""]
)
def test_a_beginning_costs_no_more_than_it_may(text):
    whole = count_tokens(text)
    for most in [*range(1, min(whole, 40) + 1), whole, whole + 1]:
        beginning = first_tokens(text, most)
        assert text.startswith(beginning)
        assert count_tokens(beginning) <= most
        assert (beginning == text) == (most >= whole)
        assert beginning == text or count_tokens(beginning) >= most - 2
        assert beginning == text or not beginning[-1:].isspace()


def test_a_beginning_ends_within_a_word_where_the_tokens_do():
    assert first_tokens("  Pont-levis, 12345", 2) == "  Pont-"
    assert first_tokens("ouvert " * 3, 2) == "ouvert ouvert"

"""A written text as claims: its sentences, what each cites, and how they are put together again."""

from __future__ import annotations

import re
import time

import pytest

from qa_service.composing.claims import Claim, read_claims, with_markers
from qa_service.composing.markers import read_markers
from qa_service.language import Language

KNOWN = range(1, 10)


def claims(text: str, language: Language = "en") -> list[Claim]:
    return read_claims(read_markers(text, KNOWN), language)


def said(text: str, language: Language = "en") -> list[tuple[str, tuple[int, ...]]]:
    """Each sentence with what it cites."""
    return [(claim.text, claim.cited) for claim in claims(text, language)]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("It opened in May [1]. It is long [2].", "en"),
        ("It opened in May. [1] It is long. [2]", "en"),
        ("It opened in May.[1] It is long.[2]", "en"),
        ("It opened [1] in May. It is [2] long.", "en"),
        ("It opened in May [[1]]. It is long 【2】.", "en"),
        ("It opened in May [1].\nIt is long [2].", "en"),
    ],
)
def test_a_marker_belongs_to_its_sentence_on_whichever_side_of_the_stop(text: str, language: Language) -> None:
    assert said(text, language) == [("It opened in May.", (1,)), ("It is long.", (2,))]


@pytest.mark.parametrize(
    ("text", "cited"),
    [
        ("It opened in May [1][3].", (1, 3)),
        ("It opened in May [3, 1].", (3, 1)),
        ("It opened [2] in May [2][1].", (2, 1)),
        ("It opened in May [1]. [2]", (1, 2)),
        ("It opened in May [99].", ()),
        ("It opened in May.", ()),
        ("[4] It opened in May.", (4,)),
    ],
)
def test_a_sentence_cites_each_passage_once_in_order(text: str, cited: tuple[int, ...]) -> None:
    assert said(text) == [("It opened in May.", cited)]


def test_french_sentences_keep_their_spaces_and_quotes() -> None:
    text = "Le maire a dit «\u202foui\u202f» [1]. M. Duval a payé 3,5 €\u00a0[2]\u00a0! Est-ce vrai\u202f?"
    assert said(text, "fr") == [
        ("Le maire a dit «\u202foui\u202f».", (1,)),
        ("M. Duval a payé 3,5 €\u00a0!", (2,)),
        ("Est-ce vrai\u202f?", ()),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "- It opened in May [1].",
        "* It opened in May [1].",
        "• It opened in May [1].",
        "1. It opened in May [1].",
        "2) It opened in May [1].",
        "## It opened in May [1].",
        "> - It opened in May [1].",
        "It **opened** in `May` [1].",
        "__It opened__ in May **[1]**.",
        "It opened in May *[1]*.",
        "It opened in May `[1]`.",
        "It opened **[1]** in May.",
        "It opened in **May** [1].",
        "It *opened* in _May_ [1].",
        "_It opened in May_ [1].",
        "*It opened in May.* [1]",
        "It opened in ***May*** [1].",
    ],
)
def test_lists_and_emphasis_are_set_as_plain_sentences(line: str) -> None:
    assert said(line) == [("It opened in May.", (1,))]


@pytest.mark.parametrize(
    "text", ["3.5 million people live there.", "-5 degrees were measured.", "1911 was a dry year."]
)
def test_a_number_at_the_start_is_no_sign_of_a_list(text: str) -> None:
    assert said(text) == [(text, ())]


@pytest.mark.parametrize(
    "text", ["It is long [**84**].", "It is long [`84`].", "It is long [__8__].", "It is [8**4**]."]
)
def test_what_emphasis_hid_becomes_no_marker(text: str) -> None:
    (claim,) = claims(text)
    assert not re.search(r"\[\d+\]", claim.text)


def test_paragraphs_open_where_a_line_begins() -> None:
    text = "It opened in May [1]. It is long [1].\n\nIt is wide [2].\n- It is red [2]."
    assert [claim.paragraph for claim in claims(text)] == [0, 0, 1, 2]


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("It opened in May.", True),
        ("It opened in May [1]", True),
        ("It opened in May…", True),
        ("It opened in “May.”", True),
        ("It opened in", False),
        ("It [1] opened in", False),
        ("It opened in May [1", False),
    ],
)
def test_the_last_sentence_is_whole_with_its_stop_or_with_what_it_cites(text: str, whole: bool) -> None:
    assert claims(text)[-1].whole is whole


def test_a_sentence_before_another_is_whole() -> None:
    assert [claim.whole for claim in claims("The footbridge\nIt opened in")] == [True, False]


@pytest.mark.parametrize("sign", ["**", "*", "__", "_", "***", "`"])
@pytest.mark.parametrize(
    "marked", ["{0}It opened in May.{0} [1] It is long [2].", "It opened in May [1].{0} It{0} is long [2]."]
)
def test_emphasis_hides_no_end_of_a_sentence(sign: str, marked: str) -> None:
    assert said(marked.format(sign)) == [("It opened in May.", (1,)), ("It is long.", (2,))]


@pytest.mark.parametrize("text", ["It is 5 * 3 metres.", "The file is a_b.txt.", "It is 5*3 metres."])
def test_a_sign_within_words_is_no_emphasis(text: str) -> None:
    assert said(text) == [(text, ())]


def test_spaces_are_single_and_what_binds_words_stays() -> None:
    assert said("It  opened ** in \u202f May   [1].") == [("It opened in \u202f May.", (1,))]


@pytest.mark.parametrize("flood", [" ", ".", "?!", "!)", "*", "- ", "`", "«", "[", "\u00a0!"])
def test_a_flood_of_one_sign_takes_no_time(flood: str) -> None:
    started = time.thread_time()
    for claim in claims(f"It opened{flood * (60_000 // len(flood))}in May [1]."):
        with_markers(claim.text, claim.cited)
    assert time.thread_time() - started < 2


@pytest.mark.parametrize("text", ["", "  \n ", "[1]", "[1][2]\n", "**"])
def test_where_nothing_is_said_there_is_no_claim(text: str) -> None:
    assert claims(text) == []


@pytest.mark.parametrize(
    ("claim", "marked"),
    [
        ("It opened.", "It opened [1][2]."),
        ("It opened", "It opened [1][2]"),
        ("It opened .", "It opened [1][2]."),
        ("It opened!", "It opened [1][2]!"),
        ("And so on…", "And so on [1][2]…"),
        ("She said “yes.”", "She said “yes [1][2].”"),
        ("Il a dit «\u202foui\u202f».", "Il a dit «\u202foui\u202f» [1][2]."),
        ("Est-ce vrai ?", "Est-ce vrai [1][2] ?"),
        ("Est-ce vrai\u202f?", "Est-ce vrai [1][2]\u202f?"),
        ("It cost 3.5 million.", "It cost 3.5 million [1][2]."),
    ],
)
def test_citations_stand_before_the_full_stop(claim: str, marked: str) -> None:
    assert with_markers(claim, [1, 2]) == marked


@pytest.mark.parametrize(
    "claim", ["It opened in May.", "It opened in May", "Est-ce vrai\u202f?", "Il a dit «\u202foui\u202f»."]
)
def test_a_sentence_with_its_citations_reads_back_as_itself(claim: str) -> None:
    assert said(with_markers(claim, [3, 1])) == [(claim, (3, 1))]

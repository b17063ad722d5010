"""Markup of Slack in which nobody's words do anything, however they are cut."""

from __future__ import annotations

import random
import re
from html import unescape

import pytest
from markdown_it import MarkdownIt

from qa_service.channels.slack_markup import escaped, may_link, parted, preview, shortened, titled, unmarked
from qa_service.language import one_line, sound
from tests.channels.slack_attacks import ATTACKS, BATCHES, JOINER, SITE, check_harmless


@pytest.mark.parametrize("batch", BATCHES)
def test_escaped_words_say_what_they_said(batch: list[str]) -> None:
    for words in batch:
        text = escaped(words)
        check_harmless(text)
        lines = "\n".join(map(one_line, sound(words).split("\n"))).strip()
        assert unescape(text.replace(JOINER, "").replace("\u02cb", "`")) == lines


def test_what_is_said_on_a_line_is_cut_between_words() -> None:
    line = "Les trains\u00a0: les 9\u202f000 voyageurs"
    assert shortened(f"  {line}\n", 80) == line
    assert shortened("The bridge opened", 12) == "The bridge…"
    assert shortened("A" * 50, 12) == "A" * 12 + "…"
    assert shortened(" \n", 12) == "…"
    assert shortened("See [7]", 12) == unmarked("See [7]") == "See (7)"


@pytest.mark.parametrize(
    ("address", "linked"),
    [
        (f"{SITE}/documents/en/visa?start=1&end=2#cited", True),
        ("http://127.0.0.1:8000/documents/fr/pont", True),
        (None, False),
        ("", False),
        ("javascript:alert(1)", False),
        (f"{SITE}/a|b", False),
        (f"{SITE}/a>b", False),
        (f"{SITE}/a b", False),
        (f"{SITE}/`a`", False),
        (f"{SITE}/{'a' * 800}", False),
    ],
)
def test_a_title_is_linked_where_nothing_ends_the_link_early(address: str | None, linked: bool) -> None:
    assert may_link(address) is linked
    assert titled("Trams | Buses", address, 80) == (f"*<{address}|Trams ¦ Buses>*" if linked else "*Trams ¦ Buses*")


@pytest.mark.parametrize("longest", [60, 300])
@pytest.mark.parametrize("batch", BATCHES)
def test_no_part_is_too_long_and_nothing_is_lost(batch: list[str], longest: int) -> None:
    for words in batch:
        text = words.replace("W" * 5000, "W" * 50).replace("&" * 5000, "&" * 50).replace("😀" * 2500, "😀" * 90)
        found = list(parted(text, longest))
        assert all(0 < len(escaped(part).encode("utf-16-le")) // 2 <= longest for part in found)
        clean = "\n".join(map(one_line, sound(text).split("\n")))
        assert "".join("".join(found).split()) == ("".join(clean.split()) or "…")


def test_a_text_is_parted_at_the_best_place() -> None:
    text = "Le pont a ouvert en mai. Il mesure 84 mètres.\n\nLe péage coûte quatre francs."
    assert list(parted(text, 60)) == [
        "Le pont a ouvert en mai. Il mesure 84 mètres.",
        "Le péage coûte quatre francs.",
    ]
    assert list(parted(text, 40)) == [
        "Le pont a ouvert en mai.",
        "Il mesure 84 mètres.",
        "Le péage coûte quatre francs.",
    ]


# --- While it is written


def pieces(text: str, seed: int) -> list[str]:
    """A text cut at places that the seed decides; at 0 between all of its characters."""
    if not seed:
        return list(text)
    chance = random.Random(seed)
    cuts = sorted(chance.randint(0, len(text)) for _ in range(chance.randint(0, 8)))
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def check_preview(text: str, joined: str) -> None:
    assert not set(joined) & set("<>\u202e\u2028\x00")
    assert not re.search(r"@\w|:[^\s:\u2060]+:|://|www\.\w|#\w", joined)
    page = MarkdownIt("gfm-like", {"linkify": False}).render(joined)
    # One paragraph after the other, with line breaks: no link, picture, heading, code, list, table or emphasis.
    assert set(re.findall(r"</?[a-z]+[^>]*>", page)) <= {"<p>", "</p>", "<br>", "<br />"}
    said = unescape(re.sub(r"<[^>]*>", " ", page)).replace(JOINER, "").split()
    # Where a piece ends, a run of marks that are not shown leaves two spaces.
    assert said == one_line(sound(text)).split()


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("batch", BATCHES)
def test_a_preview_is_harmless_however_it_is_cut(batch: list[str], seed: int) -> None:
    for words in batch:
        text = words.replace("W" * 5000, "W" * 50).replace("&" * 5000, "&" * 50)
        check_preview(text, "".join(map(preview, pieces(text, seed))))


def test_a_preview_keeps_numbers_and_spaces() -> None:
    text = "It  opened [1] in\nMay. \n\nAnd [12], cost 3.5 & “more”:"
    for seed in range(20):
        joined = "".join(map(preview, pieces(text, seed)))
        assert unescape(joined.replace(JOINER, "")) == text
    assert preview("") == ""


def test_two_hostile_pieces_make_no_markup_together() -> None:
    chance = random.Random(5)
    for _ in range(300):
        words = [piece[:60] for piece in chance.choices(ATTACKS, k=6)]
        check_preview("".join(words), "".join(map(preview, words)))

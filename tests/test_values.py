"""Dates and quantities, read alike in every usual English and French form."""

from __future__ import annotations

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_service.values import agree, compatible, values_of

D = "date"


def read(text, language):
    """What is read, in short: dates as (year, month, day), quantities as (kind, low, high)."""
    return [
        (value.year, value.month, value.day) if value.kind == D else (value.kind, value.low, value.high)
        for value in values_of(text, language)
    ]


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "It opens on March 19, 2025.", [(2025, 3, 19)]),
        ("en", "It opens on 19 March 2025.", [(2025, 3, 19)]),
        ("en", "It opens on the 19th of March, 2025.", [(2025, 3, 19)]),
        ("en", "Sept. 26, 2024", [(2024, 9, 26)]),
        ("en", "2025-03-19", [(2025, 3, 19)]),
        ("en", "31/10/2024", [(2024, 10, 31)]),
        ("en", "10/31/2024", [(2024, 10, 31)]),
        ("en", "03/04/2025", [(2025, None, None)]),
        ("en", "05/05/25", [(2025, 5, 5)]),
        ("en", "in March 2025", [(2025, 3, None)]),
        ("en", "by May", [(None, 5, None)]),
        ("en", "They may march in the hall.", []),
        ("en", "presented in 2007.", [(2007, None, None)]),
        ("en", "On Friday, they met.", []),
        ("en", "the 1990s", []),
        ("en", "November 24-27, 2025", [(2025, 11, 24), (2025, 11, 27)]),
        ("en", "from 3 to 5 June", [(None, 6, 3), (None, 6, 5)]),
        ("fr", "le 19 mars 2025", [(2025, 3, 19)]),
        ("fr", "le 1er mars", [(None, 3, 1)]),
        ("fr", "le 19/03/2025", [(2025, 3, 19)]),
        ("fr", "le 03/04/2025", [(2025, 4, 3)]),
        ("fr", "le 3.4.2025", [(2025, 4, 3)]),
        ("fr", "en août 2024", [(2024, 8, None)]),
        ("fr", "le 5 déc. 2024", [(2024, 12, 5)]),
        ("fr", "depuis 2007", [(2007, None, None)]),
        ("fr", "vendredi", []),
        ("fr", "les années 1990", []),
        ("fr", "du 24 au 27 novembre 2025", [(2025, 11, 24), (2025, 11, 27)]),
        ("fr", "Le 19\u00a0mars\u202f2025", [(2025, 3, 19)]),
    ],
)
def test_a_date_is_read_in_every_form(language, text, expected):
    assert read(text, language) == expected


@pytest.mark.parametrize(
    ("language", "text", "kind", "number"),
    [
        ("en", "16 million people", "number", 16e6),
        ("en", "1,200,000 trees", "number", 1.2e6),
        ("en", "1.5 million trees", "number", 1.5e6),
        ("en", "three boats", "number", 3),
        ("en", "twenty-five boats", "number", 25),
        ("en", "two hundred and fifty guests", "number", 250),
        ("en", "three hundred thousand bees", "number", 300_000),
        ("en", "12% of voters", "percentage", 12),
        ("en", "12.5 per cent", "percentage", 12.5),
        ("en", "12 percent", "percentage", 12),
        ("en", "$5 billion", "money", 5e9),
        ("en", "US$5bn", "money", 5e9),
        ("en", "€3m", "money", 3e6),
        ("en", "three million euros", "money", 3e6),
        ("en", "the 93rd session", "ordinal", 93),
        ("en", "at 8:30 p.m.", "time", 20 * 60 + 30),
        ("fr", "16 millions de personnes", "number", 16e6),
        ("fr", "1 200 000 arbres", "number", 1.2e6),
        ("fr", "1\u202f200\u202f000 arbres", "number", 1.2e6),
        ("fr", "1.200.000 arbres", "number", 1.2e6),
        ("fr", "1,5 million d’arbres", "number", 1.5e6),
        ("fr", "trois bateaux", "number", 3),
        ("fr", "vingt et un bateaux", "number", 21),
        ("fr", "quatre-vingt-dix-sept bateaux", "number", 97),
        ("fr", "deux cent cinquante invités", "number", 250),
        ("fr", "trois cent mille abeilles", "number", 300_000),
        ("fr", "5 000 habitants", "number", 5_000),
        ("fr", "12 pour cent", "percentage", 12),
        ("fr", "douze pour cent", "percentage", 12),
        ("fr", "12,5\u00a0%", "percentage", 12.5),
        ("fr", "5 milliards de dollars", "money", 5e9),
        ("fr", "un milliard d’euros", "money", 1e9),
        ("fr", "3 M€", "money", 3e6),
        ("fr", "3 millions d’euros", "money", 3e6),
        ("fr", "4 francs CFA", "money", 4),
        ("fr", "la 93e session", "ordinal", 93),
        ("fr", "à 20 h 30", "time", 20 * 60 + 30),
        ("fr", "pendant 3 heures", "number", 3),
        ("fr", "au bout de 10 heures", "number", 10),
        ("fr", "nos 88 soldats", "number", 88),
        ("fr", "la résolution 2756", "ordinal", 2756),
        ("fr", "le n° 2756", "ordinal", 2756),
    ],
)
def test_a_quantity_is_read_in_every_form(language, text, kind, number):
    assert read(text, language) == [(kind, number, number)]


@pytest.mark.parametrize(
    ("language", "text", "numbers"),
    [
        ("en", "one, two, three", [2, 3]),
        ("en", "three and four boats", [3, 4]),
        ("fr", "cinq et six bateaux", [5, 6]),
        ("en", "two three-storey houses", [2, 3]),
        ("en", "46 cents", [46]),
        ("fr", "46 cents", [46]),
        ("fr", "soixante et onze, soixante-dix-neuf, quatre-vingts, deux cent quatre-vingt-quatre", [71, 79, 80, 284]),
        ("en", "ninety-nine thousand nine hundred and ninety-nine", [99_999]),
    ],
)
def test_numbers_side_by_side_are_told_apart(language, text, numbers):
    assert [value.low for value in values_of(text, language)] == numbers


@pytest.mark.parametrize(
    ("language", "text", "low", "high"),
    [
        ("en", "more than 10 countries", 10, math.inf),
        ("fr", "plus de 10 pays", 10, math.inf),
        ("en", "up to 10 countries", -math.inf, 10),
        ("fr", "moins de 10 pays", -math.inf, 10),
        ("en", "between 10 and 15 ships", 10, 15),
        ("fr", "entre 10 et 15 navires", 10, 15),
        ("en", "5 to 7 million tonnes", 5e6, 7e6),
        ("fr", "de 5 à 7 millions de tonnes", 5e6, 7e6),
    ],
)
def test_a_quantity_may_have_an_open_end(language, text, low, high):
    assert [(value.low, value.high) for value in values_of(text, language)] == [(low, high)]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "One of the F-16 jets, a G20 meeting, COVID-19."),
        ("fr", "Un avion F-16, une réunion du G20, la COVID-19."),
        ("en", "hundreds of people"),
        ("fr", "des milliers de personnes"),
        ("en", ""),
        ("fr", "neuve"),
        ("en", "tens of millions of dollars"),
        ("fr", "des dizaines de millions de dollars"),
        ("en", "2½ hours, a 1.7m crowd"),
        ("fr", "2 millions et demi de visiteurs"),
    ],
)
def test_a_name_and_a_vague_word_are_no_quantities(language, text):
    assert values_of(text, language) == ()


@pytest.mark.parametrize(
    ("english", "french", "may_be"),
    [
        ("March 19, 2025", "le 19 mars 2025", True),
        ("March 19, 2025", "le 20 mars 2025", False),
        ("in March 2025", "le 19 mars 2025", True),
        ("in 2025", "le 19 mars 2025", True),
        ("in 2024", "le 19 mars 2025", False),
        ("03/04/2025", "le 4 mars 2025", True),
        ("16 people", "environ 16 personnes", True),
        ("about 16 people", "17 personnes", True),
        ("16 people", "17 personnes", False),
        ("more than 10 people", "12 personnes", True),
        ("more than 10 people", "8 personnes", False),
        ("a dozen people", "13 personnes", True),
        ("1.2 million people", "1 214 000 personnes", True),
        ("1.2 million people", "1,4 million de personnes", False),
        ("300 people", "350 personnes", False),
        ("3,000 people", "3 012 personnes", True),
        ("12%", "12,4 %", True),
        ("12%", "14 %", False),
        ("$5 billion", "5 milliards de dollars", True),
        ("between 10 and 15 ships", "12 navires", True),
    ],
)
def test_two_values_may_be_the_same_or_not(english, french, may_be):
    (one,), (other,) = values_of(english, "en"), values_of(french, "fr")
    assert one.kind == other.kind
    assert compatible(one, other) is compatible(other, one) is may_be


@pytest.mark.parametrize(
    ("english", "french", "agreed"),
    [
        ("Two ships left on 3 May.", "Deux navires sont partis le 3 mai.", True),
        ("Two ships left on 3 May.", "Deux navires sont partis le 4 mai.", False),
        ("Two ships left on 3 May.", "Trois navires sont partis le 3 mai.", False),
        ("Two ships left on 3 May.", "Des navires sont partis.", True),
        ("It was signed on 3 May and begins on 4 June.", "Signé le 3 mai, il commence le 6 juin.", False),
        ("It was signed on 3 May and begins on 4 June.", "Il commence le 4 juin.", True),
    ],
)
def test_texts_agree_where_no_kind_of_value_contradicts(english, french, agreed):
    assert agree(values_of(english, "en"), values_of(french, "fr")) is agreed


def test_what_a_number_counts_and_costs_is_known():
    (people,) = values_of("Le projet emploie 40 ouvriers qualifiés.", "fr")
    assert people.unit == ("ouvriers", "qualifies")
    assert [value.unit for value in values_of("$3 or 3 Canadian dollars or £3", "en")] == [
        ("dollar",), ("canadian dollar",), ("pound",),
    ]  # fmt: skip


@given(st.text(alphabet="0123456789 .,-/%$€àe unstwovigchmlard’'hp:", max_size=200), st.sampled_from(["en", "fr"]))
def test_any_text_can_be_read(text, language):
    for value in values_of(text, language):
        assert compatible(value, value)
        assert value.written


@pytest.mark.parametrize("unit", ["1 ", "one ", "12 to ", "1,", "may 1 ", "between ", "vingt et ", "1-"])
def test_reading_takes_linear_time(unit):
    started = time.thread_time()
    values_of(unit * 10_000, "en")
    assert time.thread_time() - started < 10


def test_numbers_beyond_all_bounds_are_compared_too():
    (endless,) = values_of("9" * 400, "en")
    for value in values_of("0 million " + "million " * 60, "en"):
        assert compatible(endless, value) in (True, False)

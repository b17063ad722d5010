from __future__ import annotations

import pytest

from qa_service.composing.quantities import borne_out, given_quantities, is_possible, quantities
from qa_service.composing.statements import read_statement
from qa_service.language import Language, detect


def follows(claim: str, sentence: str, years: frozenset[int] = frozenset()) -> bool:
    ours, theirs = read_statement(claim, detect(claim)), read_statement(sentence, detect(sentence))
    assert quantities(ours), claim
    return all(borne_out(value, given_quantities(theirs), years, theirs.folded) for value in quantities(ours))


@pytest.mark.parametrize(
    "date",
    [
        "It was signed on March 19, 2025.",
        "It was signed on 19 March 2025.",
        "It was signed on the 19th of March 2025.",
        "It was signed on 2025-03-19.",
        "Cela a été signé le 19 mars 2025.",
        "Cela a été signé le mercredi 19 mars 2025.",
        "Cela a été signé le 19/03/2025.",
    ],
)
def test_a_date_is_one_in_every_usual_form(date: str) -> None:
    assert follows("The treaty was signed on March 19, 2025.", date)
    assert follows("Le traité a été signé en mars 2025.", date)
    assert follows(date, "Le traité a été signé le 19 mars 2025.")
    assert not follows("The treaty was signed on March 29, 2025.", date)
    assert not follows("Le traité a été signé le 19 mai 2025.", date)


def test_a_claim_must_not_be_more_precise_than_its_source() -> None:
    assert not follows("It was signed on 19 March 2025.", "It was signed in March 2025.")
    assert not follows("It was signed on 19 March 2025.", "It was signed on 19 March.")
    assert follows("It was signed on 19 March 2025.", "It was signed on 19 March.", frozenset([2025]))


@pytest.mark.parametrize(
    ("claim", "sentence"),
    [
        ("It cost 1.2 million euros.", "Cela a coûté 1 200 000 euros."),
        ("Cela a coûté 1,2 million d’euros.", "It cost €1,200,000."),
        ("The deficit is 3.3 percent.", "Le déficit est de 3,3 %."),
        ("Sixteen vessels may fish.", "Les 16 navires pourront pêcher."),
        ("Up to 42,000 tonnes may be caught.", "Ils pourront pêcher jusqu’à 42 000 tonnes."),
        ("La moitié des habitants a voté.", "Half of the residents voted."),
        ("The funding falls by 10 percent.", "The ministry loses one tenth of its funding."),
        ("La société supprime un cinquième des postes.", "La société supprimera 220 postes sur 1 100."),
        ("Huit habitants sur dix ont voté.", "Huit des habitants ont voté."),
        ("Elle a gagné en 2 h 21 min.", "She won in two hours and 21 minutes."),
        ("It was in the 1930s.", "C’était dans les années 1930."),
    ],
)
def test_a_quantity_follows_from_another_form(claim: str, sentence: str) -> None:
    assert follows(claim, sentence)


@pytest.mark.parametrize(
    ("claim", "sentence"),
    [
        ("It cost 1.2 billion euros.", "Cela a coûté 1,2 million d’euros."),
        ("It cost 12 dollars.", "Cela a coûté 12 euros."),
        ("The funding falls by a fifth.", "The ministry loses one tenth of its funding."),
        ("Eighteen vessels may fish.", "Les 16 navires pourront pêcher."),
        ("They meet again within two days.", "They meet again within three weeks."),
        ("More than 20 people came.", "Des gens sont venus, moins de 10."),
    ],
)
def test_another_quantity_does_not(claim: str, sentence: str) -> None:
    assert not follows(claim, sentence)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_small_count_in_words_may_be_worked_out(language: Language) -> None:
    text = {"en": "One of the two signatories left.", "fr": "L’un des deux signataires est parti."}[language]
    assert all(borne_out(value, [], frozenset()) for value in quantities(read_statement(text, language)))


def test_there_may_be_no_values() -> None:
    assert quantities(read_statement("", "en")) == ()
    assert given_quantities(read_statement("Helen Marsh left.", "en")) == ()


@pytest.mark.parametrize(
    ("claim", "sentence", "follows"),
    [
        ("The airline made a third-quarter loss.", "The airline lost money from July to September.", True),
        ("It opens in the second half of the year.", "It opens after the summer.", True),
        ("One job in five will go.", "About a fifth of the workforce will go.", True),
        ("One job in four will go.", "About a fifth of the workforce will go.", False),
        ("The campaign took ten days.", "They did it in ten days.", True),
        ("The commission meets twice a year.", "The commission is to meet every six months.", True),
        ("Prices have doubled.", "Prices rose by a tenth.", False),
    ],
)
def test_what_looks_like_a_share_and_is_none(claim: str, sentence: str, follows: bool) -> None:
    given = given_quantities(read_statement(sentence, "en"))
    values = quantities(read_statement(claim, "en"))
    assert all(borne_out(value, given, frozenset()) for value in values) is follows


@pytest.mark.parametrize(
    ("claim", "sentence", "follows"),
    [
        ("Un emploi sur cinq disparaît.", "Un cinquième des emplois disparaît.", True),
        ("Un emploi sur trois disparaît.", "Un cinquième des emplois disparaît.", False),
        ("Le bateau était à 60 milles de la côte.", "L’embarcation dérivait à 60 milles marins de la côte.", True),
        ("Le champion est un double médaillé.", "Le champion a deux médailles.", True),
    ],
)
def test_what_looks_like_a_share_in_french(claim: str, sentence: str, follows: bool) -> None:
    given = given_quantities(read_statement(sentence, "fr"))
    values = quantities(read_statement(claim, "fr"))
    assert all(borne_out(value, given, frozenset()) for value in values) is follows


@pytest.mark.parametrize(
    ("claim", "possible"),
    [
        ("It was signed on Thursday, 26 September 2024.", True),
        ("It was signed on Friday, 26 September 2024.", False),
        ("Il a été signé le jeudi 26 septembre 2024.", True),
        ("Il a été signé le vendredi 26 septembre 2024.", False),
        ("It was signed on 26 September 2024, and the talks go on each Monday and Friday.", True),
        ("It was signed on Friday.", True),
        ("It was signed on Monday, 31 June 2024.", False),
    ],
)
def test_a_weekday_is_that_of_its_date(claim: str, possible: bool) -> None:
    assert is_possible(read_statement(claim, detect(claim))) is possible

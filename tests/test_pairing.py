"""Which articles tell one story in the two languages, without front matter that says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from qa_service.articles import Article, find_documents, read_article
from qa_service.embeddings import BilingualEmbeddings
from qa_service.pairing import pairs_of

ROOT = Path(__file__).parents[1]
REAL_ARTICLES = ROOT.parent / "shared" / "articles"

FIRE = {
    "en": (
        "A fire broke out in a warehouse in {place} on {day}. About forty firefighters fought the flames for three "
        "hours. Nobody was hurt, the mayor, {mayor}, said. The cause of the fire is not known yet. The police have "
        "opened an inquiry."
    ),
    "fr": (
        "Un incendie s’est déclaré dans un entrepôt de {place} le {day}. Une quarantaine de pompiers ont lutté contre "
        "les flammes pendant trois heures. Personne n’a été blessé, a indiqué la maire, {mayor}. La cause de "
        "l’incendie n’est pas encore connue. La police a ouvert une enquête."
    ),
}
COUNCIL = {
    "en": (
        "The city council of {place} met on {day} in the town hall. The mayor, {mayor}, opened the session. "
        "Councillors discussed the budget for parks and the opening hours of the library."
    ),
    "fr": (
        "Le conseil municipal de {place} s’est réuni le {day} à l’hôtel de ville. La maire, {mayor}, a ouvert la "
        "séance. Les conseillers ont débattu du budget des parcs et des horaires de la bibliothèque."
    ),
}
DAYS = {"spring": {"en": "3 March 2025", "fr": "3 mars 2025"}, "summer": {"en": "June 5, 2025", "fr": "5 juin 2025"}}


@pytest.fixture(scope="module")
def table() -> BilingualEmbeddings:
    return BilingualEmbeddings()


def told(
    story: dict[str, str], language, day="spring", place="Bristol", mayor="Mary Stone", name="x", **meta
) -> Article:
    text = story[language].format(place=place, mayor=mayor, day=DAYS[day][language])
    return Article(f"{language}/{name}", text.split(".")[0], language, text, **meta)


def samples(folder: Path) -> list[Article]:
    files, problems = find_documents([folder])
    assert not problems
    return [read_article(file, max_bytes=1_000_000) for file in files]


@pytest.fixture(scope="module")
def sample_articles() -> list[Article]:
    return samples(ROOT / "documents")


def bare(articles: list[Article]) -> list[Article]:
    return [replace(article, translation_of=None) for article in articles]


def test_the_sample_articles_find_their_partners_without_front_matter(sample_articles, table):
    declared = {article.id: article.translation_of for article in sample_articles if article.translation_of}
    assert len(declared) == 8
    assert pairs_of(bare(sample_articles), table) == declared | {other: own for own, other in declared.items()}


@pytest.mark.parametrize("first", [0, 1])
def test_articles_whose_partners_are_missing_stay_alone(sample_articles, table, first):
    french = [article for article in sample_articles if article.translation_of][first::2]
    partners = {article.translation_of for article in french}
    english = [article for article in sample_articles if article.language == "en" and article.id not in partners]
    assert len(french) == len(english) == 4
    assert pairs_of(bare(french + english), table) == {}


@pytest.mark.skipif(not REAL_ARTICLES.is_dir(), reason="the two real articles are not here")
def test_two_views_of_one_event_are_one_story(table):
    first, second = samples(REAL_ARTICLES)
    assert pairs_of([first, second], table) == {first.id: second.id, second.id: first.id}


def test_what_front_matter_says_is_left_as_it_is(sample_articles, table):
    assert pairs_of(sample_articles, table) == {}
    english, french = told(FIRE, "en"), told(FIRE, "fr")
    assert pairs_of([english, replace(french, translation_of="de/original")], table)
    both = [replace(english, translation_of="de/original"), replace(french, translation_of="de/original")]
    assert pairs_of(both, table) == {}


@pytest.mark.parametrize("story", [FIRE, COUNCIL])
def test_one_event_is_one_story(table, story):
    assert pairs_of([told(story, "en"), told(story, "fr")], table) == {"en/x": "fr/x", "fr/x": "en/x"}


def test_an_event_like_another_is_another_story(table):
    elsewhere = told(FIRE, "fr", "summer", "Nantes", "Anne Dumas")
    assert pairs_of([told(FIRE, "en"), elsewhere], table) == {}


def test_the_same_event_on_another_day_is_another_story(table):
    assert pairs_of([told(COUNCIL, "en"), told(COUNCIL, "fr", "summer")], table) == {}


def test_articles_published_months_apart_are_two_stories(table):
    english, french = (told(FIRE, language, published="2025-03-04") for language in ("en", "fr"))
    assert pairs_of([english, french], table)
    assert pairs_of([english, replace(french, published="2025-09-04")], table) == {}


def test_an_article_that_cannot_tell_its_partner_from_another_stays_alone(table):
    again = told(FIRE, "fr", name="again")
    assert pairs_of([told(FIRE, "en"), told(FIRE, "fr"), again], table) == {}


def test_each_finds_its_own_among_many(table):
    places = [
        ("Lille", "Anne Dumas"),
        ("Toulouse", "Paul Legrand"),
        ("Bristol", "Mary Stone"),
        ("Nantes", "Karim Benali"),
    ]
    articles = [
        told(FIRE, language, place=place, mayor=mayor, name=place)
        for place, mayor in places
        for language in ("en", "fr")
    ]
    expected = {f"en/{place}": f"fr/{place}" for place, _ in places}
    assert pairs_of(articles, table) == expected | {french: english for english, french in expected.items()}


@pytest.mark.parametrize(
    "articles",
    [
        [],
        [Article("en/a", "A", "en", "A short text.")],
        [Article("en/a", "A", "en", "…"), Article("fr/a", "A", "fr", "…")],
        [Article("en/a", "", "en", "x"), Article("fr/a", "", "fr", "y"), Article("fr/b", "", "fr", "z")],
    ],
)
def test_what_says_nothing_is_paired_with_nothing(table, articles):
    assert pairs_of(articles, table) == {}


def test_a_thousand_articles_keep_their_partners(table):
    def letters(number):
        return "".join(chr(ord("a") + int(figure)) for figure in f"{number:03}")

    articles = [
        told(FIRE, language, place=f"Sainte-{letters(n).title()}", mayor=f"Ada {letters(999 - n).title()}", name=str(n))
        for n in range(500)
        for language in ("en", "fr")
    ]
    found = pairs_of(articles, table)
    assert all(own[2:] == other[2:] for own, other in found.items())

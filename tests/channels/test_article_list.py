"""The list of articles: order, filter, pages."""

from __future__ import annotations

import pytest

from qa_service.channels.article_list import ROWS_A_PAGE, ArticleList
from qa_service.document_store import DocumentSummary, Work
from qa_service.language import Language


def document(
    document_id: str, title: str, language: Language, published: str | None = "2025-01-01", of: str | None = None
) -> DocumentSummary:
    return DocumentSummary(document_id, title, language, None, published, of)


VISA: Work = (
    document("en/visa", "A passport is enough", "en", "2025-03-15"),
    document("fr/exemption-1", "L’exemption de visa : l’été des voyageurs", "fr", "2025-03-01"),
    document("fr/exemption-2", "Encore l’exemption", "fr", "2025-03-14"),
)
GARDEN: Work = (document("fr/potager", "Le potager de l'École", "fr", "2025-03-15"),)
HEART: Work = (document("fr/coeur", "Au cœur de la forêt", "fr", None),)
ROSES: Work = (document("en/roses", "Roses in the École garden", "en", None),)
WORKS = (HEART, ROSES, GARDEN, VISA)


def titles(articles: ArticleList, words: str = "", choice: str = "") -> list[str]:
    return [next(one.title for place in row.places for one in place) for row in articles.find(words, choice, 1).rows]


def test_a_row_holds_the_versions_of_each_language() -> None:
    for language, first in (("en", ["en/visa"]), ("fr", ["fr/exemption-2", "fr/exemption-1"])):
        row = ArticleList((VISA,), language).rows[0]  # type: ignore[arg-type]
        assert [one.id for one in row.places[0]] == first
        assert {one.id for place in row.places for one in place} == {one.id for one in VISA}
    assert ArticleList((GARDEN,), "en").rows[0].places == ((), GARDEN)


def test_newest_come_first_then_titles_and_what_has_no_date_last() -> None:
    english = ["A passport is enough", "Le potager de l'École", "Au cœur de la forêt", "Roses in the École garden"]
    french = ["Encore l’exemption", "Le potager de l'École", "Au cœur de la forêt", "Roses in the École garden"]
    assert titles(ArticleList(WORKS, "en")) == english
    assert titles(ArticleList(WORKS, "fr")) == french


def test_articles_and_pairs_are_counted() -> None:
    articles = ArticleList(WORKS, "fr")
    assert articles.counts == {"en": 2, "fr": 4}
    assert articles.pairs == 1


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("ecole", {GARDEN, ROSES}),
        ("ÉCOLE potager", {GARDEN}),
        ("e\u0301cole", {GARDEN, ROSES}),
        ("l'exemption", {VISA}),
        ("L’EXEMPTION", {VISA}),
        ("l'école", {GARDEN}),
        ("l’ecole", {GARDEN}),
        ("coeur", {HEART}),
        ("CŒUR foret", {HEART}),
        ("passport voyageurs", {VISA}),  # in one version each
        ("exemption-2", {VISA}),  # in an id
        ("passport potager", set()),
        ("", set(WORKS)),
        (" \u00a0 ", set(WORKS)),
        ("l’ex em", {VISA}),
        ("%_*.", set()),
        ("\ud800", set()),
        ("\n", set(WORKS)),
    ],
)
def test_all_words_of_a_filter_are_in_any_version(words: str, found: set[Work]) -> None:
    shown = ArticleList(WORKS, "en").find(words, "", 1)
    assert {
        tuple(sorted((one for place in row.places for one in place), key=lambda one: one.id)) for row in shown.rows
    } == {tuple(sorted(work, key=lambda one: one.id)) for work in found}
    assert shown.count == len(found)


@pytest.mark.parametrize(("choice", "count"), [("", 4), ("en", 2), ("fr", 3), ("alone", 3), ("de", 4)])
def test_a_choice_narrows_the_list(choice: str, count: int) -> None:
    assert ArticleList(WORKS, "en").find("", choice, 1).count == count


def test_a_filter_and_a_choice_narrow_together() -> None:
    assert titles(ArticleList(WORKS, "en"), "ecole", "fr") == ["Le potager de l'École"]
    assert titles(ArticleList(WORKS, "en"), "exemption", "alone") == []


def test_ten_thousand_articles_are_paged() -> None:
    works = tuple(
        (document(f"en/{n:04}", f"Title {n}", "en", f"20{n % 25:02}-01-01"), document(f"fr/{n:04}", f"Titre {n}", "fr"))
        for n in range(5_000)
    )
    articles = ArticleList(works, "fr")
    pages = [articles.find("", "", page) for page in range(1, 51)]
    assert {page.pages for page in pages} == {50}
    assert all(len(page.rows) == ROWS_A_PAGE for page in pages)
    assert len({row.words for page in pages for row in page.rows}) == 5_000
    assert articles.find("titre 4999", "", 1).count == 1
    assert articles.counts == {"en": 5_000, "fr": 5_000}


@pytest.mark.parametrize(("asked", "page"), [(-3, 1), (0, 1), (1, 1), (2, 2), (3, 3), (4, 3), (10**6, 3)])
def test_pages_that_there_are_not_become_the_nearest(asked: int, page: int) -> None:
    works = tuple((document(f"en/{n:04}", "Title", "en"),) for n in range(2 * ROWS_A_PAGE + 1))
    found = ArticleList(works, "en").find("", "", asked)
    assert (found.page, found.pages) == (page, 3)
    assert len(found.rows) == (1 if page == 3 else ROWS_A_PAGE)
    assert ArticleList(works, "en").find("none", "", asked) == ArticleList(works, "en").find("none", "", 1)


def test_a_very_long_filter_is_cut() -> None:
    articles = ArticleList(WORKS, "en")
    assert articles.find("ecole " * 10_000, "", 1).count == 2

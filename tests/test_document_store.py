"""Articles and passages of a generation, read back as they were written."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_service.articles import Article
from qa_service.chunking import ChunkSettings, passages
from qa_service.document_store import DocumentStore, IndexedArticle, write_documents
from qa_service.errors import IndexUnavailable, UnknownDocument

ENGLISH = Article(
    "en/bridge", "The bridge", "en", "The bridge 🌉 is open. It is long.\n\nIt is old.", "https://e.org/1"
)
FRENCH = Article("fr/pont", "Le pont", "fr", "Le pont est ouvert.", None, "2024-05-12", "en/bridge")
GARDEN = Article("fr/jardin", "Le jardin", "fr", "Le jardin est fermé.")
ARTICLES = [ENGLISH, FRENCH, GARDEN]
PARTS = [part for article in ARTICLES for part in passages(article, ChunkSettings(8, 0))]


def written(folder, articles, parts=(), pairs=()):
    indexed = [IndexedArticle(article, f"hash of {article.id}") for article in articles]
    write_documents(folder, indexed, parts, dict(pairs))
    return DocumentStore(folder)


@pytest.fixture
def store(tmp_path):
    opened = written(tmp_path, ARTICLES, PARTS)
    yield opened
    opened.close()


@pytest.mark.parametrize("article", ARTICLES, ids=lambda article: article.id)
def test_an_article_is_given_back_whole(store, article):
    assert store.article(article.id) == article


@pytest.mark.parametrize("unknown", ["", "en", "en/BRIDGE", "en/bridge\0", "\ud800", "%", "x' OR '1'='1"])
def test_an_unknown_id_is_said(store, unknown):
    with pytest.raises(UnknownDocument):
        store.article(unknown)
    with pytest.raises(UnknownDocument):
        store.summary(unknown)


@pytest.mark.parametrize("article", ARTICLES, ids=lambda article: article.id)
def test_a_summary_is_the_article_without_its_text(store, article):
    assert vars(store.summary(article.id)) == {name: value for name, value in vars(article).items() if name != "text"}
    assert store.translations(store.summary(article.id)) == store.translations(article)


def test_passages_come_in_the_order_asked_for(store):
    assert len(PARTS) > 3
    assert store.passages([2, 0, 1]) == [PARTS[2], PARTS[0], PARTS[1]]
    assert store.passages(range(len(PARTS))) == PARTS
    assert store.passages([]) == []


def test_a_missing_passage_is_said(store):
    with pytest.raises(IndexUnavailable, match=r"Passage 99 .*--rebuild"):
        store.passages([0, 99])


def test_a_passage_is_a_span_of_its_article(store):
    for part in store.passages(range(len(PARTS))):
        assert store.article(part.document_id).text[part.start : part.end] == part.text


def test_the_passages_of_a_document_are_in_reading_order(store):
    own = store.passages(store.numbers_of("en/bridge"))
    assert own == [part for part in PARTS if part.document_id == "en/bridge"]
    assert store.numbers_of("nobody") == []


def test_more_passages_than_one_query_takes(tmp_path):
    article = Article("en/long", "Long", "en", " ".join(f"Sentence {n} ends here." for n in range(1_500)))
    parts = passages(article, ChunkSettings(5, 0))
    store = written(tmp_path, [article], parts)
    assert len(parts) > 1_200
    assert store.passages(list(reversed(range(len(parts))))) == parts[::-1]
    store.close()


def test_lists_are_sorted_by_id(tmp_path):
    store = written(tmp_path, ARTICLES[::-1])
    assert [summary.id for summary in store.summaries()] == ["en/bridge", "fr/jardin", "fr/pont"]
    assert store.summaries()[2].translation_of == "en/bridge"
    assert store.hashes() == {article.id: f"hash of {article.id}" for article in ARTICLES}
    store.close()


def test_translations_are_known_from_either_side(store):
    assert store.translations(ENGLISH) == ["fr/pont"]
    assert store.translations(FRENCH) == ["en/bridge"]
    assert store.translations(GARDEN) == []


def test_two_translations_of_one_article_in_one_language_are_no_translations_of_each_other(tmp_path):
    second = Article("fr/passerelle", "La passerelle", "fr", "Ouverte.", translation_of="en/bridge")
    store = written(tmp_path, [ENGLISH, FRENCH, second])
    assert store.translations(ENGLISH) == ["fr/passerelle", "fr/pont"]
    assert store.translations(second) == ["en/bridge"]
    store.close()


def test_the_translations_of_an_original_that_is_not_indexed_know_each_other(tmp_path):
    english = Article("en/x", "X", "en", "X.", translation_of="ar/x")
    french = Article("fr/x", "X", "fr", "X.", translation_of="ar/x")
    store = written(tmp_path, [english, french])
    assert store.translations(english) == ["fr/x"]
    store.close()


def test_articles_that_were_paired_are_translations_and_can_be_told_from_declared_ones(tmp_path):
    english = Article("en/jardin", "The garden", "en", "The garden is closed.")
    pairs = {GARDEN.id: english.id, english.id: GARDEN.id}
    store = written(tmp_path, [ENGLISH, FRENCH, GARDEN, english], pairs=pairs)
    assert store.translations(GARDEN) == [english.id]
    assert store.translations(store.summary(english.id)) == [GARDEN.id]
    assert store.pairs() == pairs
    assert store.translations(ENGLISH) == [FRENCH.id]
    store.close()


def test_a_work_holds_the_versions_of_an_article(tmp_path):
    second = Article("fr/passerelle", "La passerelle", "fr", "Ouverte.", translation_of="en/bridge")
    english = Article("en/jardin", "The garden", "en", "The garden is closed.")
    pairs = {GARDEN.id: english.id, english.id: GARDEN.id}
    alone = [
        Article("fr/a", "A", "fr", "A.", translation_of="ar/a"),
        Article("fr/b", "B", "fr", "B.", translation_of="ar/a"),
        Article("fr/c", "C", "fr", "C.", translation_of="fr/c"),
    ]
    store = written(tmp_path, [ENGLISH, FRENCH, GARDEN, second, english, *alone], pairs=pairs)
    ids = [[document.id for document in work] for work in store.works]
    assert ids == [
        ["en/bridge", "fr/passerelle", "fr/pont"],
        ["en/jardin", "fr/jardin"],
        ["fr/a"],
        ["fr/b"],
        ["fr/c"],
    ]
    assert store.works[0][0] == store.summary("en/bridge")
    assert store.works is store.works  # made once
    store.close()


NAMES = st.sampled_from([f"{language}/{letter}" for language in ("en", "fr") for letter in "abcd"])


@given(
    st.dictionaries(NAMES, st.none() | NAMES | st.just("ar/x"), max_size=8),
    st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd")), max_size=2),
)
def test_works_are_what_translations_lead_to(tmp_path_factory, originals, chosen):
    articles = [Article(name, name, name[:2], name, translation_of=of) for name, of in originals.items()]
    couples = [(f"en/{one}", f"fr/{other}") for one, other in dict(chosen).items()]
    pairs = {}
    for one, other in couples:
        if {one, other} <= originals.keys() and not {one, other} & pairs.keys():
            pairs |= {one: other, other: one}
    store = written(tmp_path_factory.mktemp("works"), articles, pairs=pairs)
    for work in store.works:
        reached, ahead = set(), [work[0].id]
        while ahead:
            name = ahead.pop()
            ahead += set(store.translations(store.summary(name))) - reached - {name}
            reached.add(name)
        assert reached == {document.id for document in work}
    assert sorted(document.id for work in store.works for document in work) == sorted(originals)
    store.close()


def test_the_passages_at_a_span_hold_it_whole(store):
    for number, part in enumerate(PARTS):
        assert number in store.numbers_at(part.document_id, part.start, part.end)
        assert number not in store.numbers_at(part.document_id, part.start, part.end + 1)
    assert store.numbers_at("en/none", 0, 1) == []
    assert store.numbers_at("en/bridge", 10**6, 10**7) == []


def test_a_folder_with_signs_in_its_name_can_be_opened(tmp_path):
    folder = tmp_path / "100% d'été #1?mode=rw&x=é"
    folder.mkdir()
    store = written(folder, [ENGLISH])
    assert store.article("en/bridge") == ENGLISH
    store.close()


def test_it_is_never_written(store):
    with pytest.raises(Exception, match="readonly"):
        store._connection.execute("DELETE FROM documents")


def test_threads_may_read_at_once(store):
    start = threading.Barrier(4)

    def read(_):
        start.wait()
        return all(
            store.article("fr/pont") == FRENCH and store.passages(range(len(PARTS))) == PARTS for _ in range(200)
        )

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(read, range(4)))

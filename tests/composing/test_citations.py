"""How a source is cited, and how a finished draft is shown."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from qa_service.answers import Citation, Delta
from qa_service.composing.citations import Draft, Drafting, cite, displayed, shown, without_markers
from qa_service.composing.evidence import Sentence, sentences_of
from qa_service.embedding_model import EmbeddingModel
from qa_service.generations import IndexFolder
from qa_service.index_reader import OpenIndex, open_current
from qa_service.language import Language
from qa_service.settings import Settings


@pytest.fixture
def index(built: Settings, model: EmbeddingModel) -> Iterator[OpenIndex]:
    opened = open_current(IndexFolder(built.index), model)
    yield opened
    opened.close()


def sentence(index: OpenIndex, document_id: str, words: str) -> Sentence:
    passages = index.documents.passages(index.documents.numbers_of(document_id))
    return next(one for passage in passages for one in sentences_of(passage) if words in one.text)


def played(drafting: Drafting) -> tuple[list[Delta | Citation], Draft]:
    """What is shown, and the draft that it ends with."""
    events = []
    while True:
        try:
            events.append(next(drafting))
        except StopIteration as end:
            return events, end.value


@pytest.mark.parametrize(
    ("document_id", "words", "language", "title", "published"),
    [
        ("en/footbridge", "84 metres", "en", "The footbridge over the Alder", "2024-05-13"),
        ("fr/passerelle", "84 mètres", "fr", "La passerelle sur l’Aulne", "2024-05-13"),
        ("en/rose-garden", "Volunteers", "en", "The rose garden behind the library", None),
    ],
)
def test_a_citation_says_where_its_words_are(
    index: OpenIndex,
    model: EmbeddingModel,
    document_id: str,
    words: str,
    language: Language,
    title: str,
    published: str | None,
) -> None:
    citation = cite(3, sentence(index, document_id, words), 0.123456, language, index, model)
    text = index.documents.article(document_id).text
    assert text[citation.start : citation.end] == citation.quote
    assert words in citation.quote
    assert (citation.n, citation.document_id, citation.score) == (3, document_id, 0.1235)
    assert (citation.title, citation.language, citation.published) == (title, language, published)
    assert citation.parallel is None  # the reader understands the quote itself


@pytest.mark.parametrize(
    ("document_id", "words", "asked", "other", "same"),
    [
        ("fr/passerelle", "le ruban", "en", "en/footbridge", "cut the ribbon"),
        ("en/footbridge", "the ribbon", "fr", "fr/passerelle", "coupé le ruban"),
    ],
)
def test_a_quote_in_the_other_language_comes_with_its_parallel(
    index: OpenIndex, model: EmbeddingModel, document_id: str, words: str, asked: Language, other: str, same: str
) -> None:
    parallel = cite(1, sentence(index, document_id, words), 1, asked, index, model).parallel
    assert parallel is not None
    assert parallel.document_id == other
    assert same in parallel.quote
    assert index.documents.article(other).text[parallel.start : parallel.end] == parallel.quote


def test_a_draft_is_shown_by_paragraphs_and_then_its_citations(index: OpenIndex, model: EmbeddingModel) -> None:
    found = sentence(index, "en/footbridge", "84 metres")
    draft = Draft("It is long [1].\n\nIt is 84 metres long [1].", (cite(1, found, 1, "en", index, model),), ("w",))
    events, finished = played(shown(draft))
    assert finished is draft
    assert "".join(event.text for event in events if isinstance(event, Delta)) == draft.text
    assert events[0] == Delta("It is long [1].\n")
    assert tuple(events[-1:]) == draft.citations


def test_an_empty_draft_shows_nothing() -> None:
    events, finished = played(shown(Draft("", ())))
    assert (events, finished.text) == ([], "")


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("see [4]", "see (4)"),
        ("[1][22]", "(1)(22)"),
        ("[４]", "(４)"),
        ("[a] [1a] [ ]", "[a] [1a] [ ]"),
        ("deux\u202fmots", "deux\u202fmots"),
        ("", ""),
    ],
)
def test_nothing_in_a_text_passes_for_a_marker(text: str, plain: str) -> None:
    assert without_markers(text) == plain


def test_a_source_is_displayed_on_one_line() -> None:
    assert displayed("Deux\n\tlignes\u2028[3]  ici ") == "Deux lignes (3) ici"


def test_spaces_that_are_not_to_be_broken_are_displayed() -> None:
    assert (
        displayed("Quatre domaines\u00a0: «\u202fla\n sécurité\u202f»")
        == "Quatre domaines\u00a0: «\u202fla sécurité\u202f»"
    )

"""An answer's text as the page sets it."""

from __future__ import annotations

import pytest

from qa_service.answers import Answer, Citation, Quote
from qa_service.channels.answer_text import Foreign, is_repeated, paragraphs
from qa_service.language import Language

FRENCH = Citation(1, "fr/a", "Le bac du lac", "fr", None, None, "Le bac quitte\u00a0: le quai.", 0, 27, 0.9)
ENGLISH = Citation(2, "en/a", "The ferry", "en", None, None, "The ferry leaves at noon.", 0, 25, 0.8)


def answered(text: str, *citations: Citation, language: Language = "en") -> Answer:
    return Answer("a", "c", "?", language, text, abstained=False, composer="extractive", citations=citations)


def test_markers_are_numbers_and_keep_to_their_words() -> None:
    answer = answered("It leaves [2]. And [9] [2]\n\nEnd [2]", ENGLISH)
    assert paragraphs(answer) == [["It leaves\u00a0", 2, "\u2060. And ", "[9]", "\u00a0", 2, ""], ["End\u00a0", 2, ""]]


@pytest.mark.parametrize(("opened", "closed"), [("“", "”"), ("«\u202f", "\u202f»"), ("« ", " »")])
def test_words_of_the_other_language_stand_apart(opened: str, closed: str) -> None:
    text = f"The article {opened}Le bac du lac{closed} says: {opened}Le bac quitte : le quai{closed} [1]."
    (parts,) = paragraphs(answered(text, FRENCH))
    assert [part for part in parts if isinstance(part, Foreign)] == [
        Foreign("Le bac du lac", "fr"),
        Foreign("Le bac quitte : le quai", "fr"),
    ]
    assert "".join(
        part.text if isinstance(part, Foreign) else str(part) for part in parts if part != 1
    ) == text.replace(" [1].", "\u00a0\u2060.")


def test_words_of_the_same_language_do_not() -> None:
    text = "“The ferry” leaves: “Le bac du lac” [2]."
    assert not any(isinstance(part, Foreign) for part in paragraphs(answered(text, ENGLISH))[0])
    assert not any(isinstance(part, Foreign) for part in paragraphs(answered(text, FRENCH, language="fr"))[0])


def test_a_title_is_only_known_in_quotation_marks() -> None:
    title = Citation(1, "fr/b", "a", "fr", None, None, "(.*", 0, 3, 0.9)
    assert paragraphs(answered("A man (.* said a word [1].", title)) == [["A man (.* said a word\u00a0", 1, "\u2060."]]


def test_what_an_answer_says_itself_is_not_repeated() -> None:
    says = "The ferry leaves at noon [2]."
    assert is_repeated(ENGLISH, answered(says, ENGLISH))
    assert is_repeated(FRENCH, answered("“Le bac quitte : le quai” [1].", FRENCH))
    assert not is_repeated(ENGLISH, answered("It leaves at noon [2].", ENGLISH))
    second = Citation(3, "en/a", "The ferry", "en", None, None, "It costs four crowns.", 30, 51, 0.7)
    assert not is_repeated(ENGLISH, answered(says, ENGLISH, second))
    beside = Citation(
        1, "fr/a", "Le bac", "fr", None, None, "Le bac part.", 0, 12, 0.9, Quote("en/a", "It leaves.", 0, 10)
    )
    assert not is_repeated(beside, answered("“Le bac part” [1].", beside))

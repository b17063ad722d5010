"""What the pages say: in both languages, and typeset."""

from __future__ import annotations

import re

import pytest

from qa_service.channels.page_texts import TEXTS, shown_date, texts
from qa_service.language import LANGUAGES, Language


def test_every_text_is_there_in_both_languages() -> None:
    assert all(set(versions) == set(LANGUAGES) and all(versions.values()) for versions in TEXTS.values())
    placeholder = re.compile(r"\{\w+\}")
    assert all(
        set(placeholder.findall(versions["en"])) == set(placeholder.findall(versions["fr"]))
        for versions in TEXTS.values()
    )


def test_french_texts_have_no_break_spaces() -> None:
    assert not [text for text in texts("fr").values() if re.search(r" [?!;:»]|« ", text)]


@pytest.mark.parametrize(
    ("published", "language", "shown"),
    [
        ("2025-03-19", "en", "19 March 2025"),
        ("2025-03-01", "fr", "1er mars 2025"),
        ("2025-08-14T10:00:00Z", "fr", "14 août 2025"),
        ("2025-02-30", "en", "2025-02-30"),
        ("spring", "en", "spring"),
    ],
)
def test_shown_date(published: str, language: Language, shown: str) -> None:
    assert shown_date(published, language) == shown


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_warning_takes_the_language_of_the_page_for_the_answers(language: Language) -> None:
    """A page in one language shows answers in the other too."""
    warnings = " ".join(text for key, text in texts(language).items() if key.startswith("warning_"))
    assert not re.search("English|French|anglais|français", warnings)

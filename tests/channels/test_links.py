"""Where a reader may be led."""

from __future__ import annotations

from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from qa_service.channels.links import document_address, web_address

SITE = "https://qa.example.org"


def test_an_articles_page_at_a_span() -> None:
    address = document_address(SITE, "en/visa", 3, 40, "fr")
    assert address == "https://qa.example.org/documents/en/visa?start=3&end=40&lang=fr#cited"
    assert document_address(f"{SITE}/news/", "en/visa", 3, 40, "en").startswith(f"{SITE}/news/documents/en/visa?")


@pytest.mark.parametrize(
    "document_id",
    [
        "fr/été 100 %/exemption #1?",
        "a|b",
        "x> <!channel>",
        "\"quoted\" and 'quoted'",
        "a\\b`c`",
        "a?start=9&end=9#x",
        "\u202ea\u2028b\x00c\n",
        "@evil.example/",
        "//evil.example",
    ],
)
def test_an_id_stays_within_its_address(document_id: str) -> None:
    address = document_address(SITE, document_id, 3, 40, "fr")
    assert address.isascii()
    assert not set(address) & set("<>|\"' `\\\n\t")
    parts = urlsplit(address)
    assert (parts.scheme, parts.netloc, parts.fragment) == ("https", "qa.example.org", "cited")
    assert unquote(parts.path) == f"/documents/{document_id}"
    assert parse_qs(parts.query) == {"start": ["3"], "end": ["40"], "lang": ["fr"]}


def test_an_id_that_is_no_text_has_an_address_too() -> None:
    assert document_address(SITE, "a\ud800b", 0, 1, "en").startswith(f"{SITE}/documents/a%3Fb?")


@pytest.mark.parametrize("url", [None, "", "javascript:alert(1)", "ftp://a.example", "https://[bad", "/here"])
def test_other_addresses_are_none_of_the_webs(url: str | None) -> None:
    assert web_address(url) is None
    assert web_address(f"{SITE}/a") == (f"{SITE}/a", "qa.example.org")

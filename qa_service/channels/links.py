"""Where a reader may be led."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from qa_service.language import Language

# A document's id may hold slashes, which are part of its address; all else that could end one is encoded.
_KEPT_IN_ID = "/"


def web_address(url: str | None) -> tuple[str, str] | None:
    """An address of the web and its host; None for any other scheme, which a link must not run."""
    try:
        parts = urlsplit(url or "")
        host = parts.hostname
    except ValueError:
        return None
    return (url, host) if url and host and parts.scheme in ("http", "https") else None


def document_address(public_url: str, document_id: str, start: int, end: int, language: Language) -> str:
    """The absolute address of an article's page at a span (code points), in a language of the page.

    Whatever the id holds, no space, quote, angle bracket or vertical bar is in it: chats end their links at these.
    """
    site = quote(public_url.rstrip("/"), safe="%:/[]@", errors="replace")
    article = quote(document_id, safe=_KEPT_IN_ID, errors="replace")
    return f"{site}/documents/{article}?start={start}&end={end}&lang={language}#cited"

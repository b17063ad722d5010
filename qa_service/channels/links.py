"""Where a reader may be led."""

from __future__ import annotations

from urllib.parse import urlsplit


def web_address(url: str | None) -> tuple[str, str] | None:
    """An address of the web and its host; None for any other scheme, which a link must not run."""
    try:
        parts = urlsplit(url or "")
        host = parts.hostname
    except ValueError:
        return None
    return (url, host) if url and host and parts.scheme in ("http", "https") else None

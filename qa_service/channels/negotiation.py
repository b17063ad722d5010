"""What a request says about its reader, for every channel over HTTP."""

from __future__ import annotations

from flask import request

from qa_service.language import Language, known_language


def preferred_language() -> Language:
    """The first of our languages in ``Accept-Language`` (RFC 9110, 12.5.4), of whatever region; else English."""
    tags = (tag.partition("-")[0].lower() for tag, quality in request.accept_languages if quality > 0)
    return next((language for language in map(known_language, tags) if language), "en")

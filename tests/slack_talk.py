"""What is asked of a running bot in a mock Slack, and how what it said is read."""

from __future__ import annotations

import json
from typing import Any

from qa_service.channels.bot_texts import bot_text
from qa_service.language import LANGUAGES
from tests.llm_server import KEY, LlmServer

# What only the article in the other language says, and what only this one's own article adds to it.
MONTH = "In which month is the Interpol meeting planned in Morocco?"
CITY = "Dans quelle ville aura lieu la réunion d’Interpol\u202f?"


def with_llm(llm: LlmServer, seconds: float) -> dict[str, str]:
    """The environment of a service that asks this language model, which may take so long."""
    return {
        "QA_LLM": "openai:tiny",
        "QA_LLM_BASE_URL": llm.url,
        "QA_LLM_API_KEY": KEY,
        "QA_LLM_TIMEOUT": str(seconds),
    }


def is_whole(message: dict[str, Any]) -> bool:
    """Whether a message says all that it will: it is no sign of life, nor one that is being written."""
    return not message["streaming"] and message["text"] not in ("", *(bot_text("working", each) for each in LANGUAGES))


def told(message: dict[str, Any]) -> str:
    """All that a message says."""
    return json.dumps([message["text"], message["blocks"]], ensure_ascii=False)

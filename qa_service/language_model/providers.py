"""The provider's model with the settings, as LangChain makes it; no request is sent."""

from __future__ import annotations

import math
import os
from typing import Any
from urllib.parse import urlsplit

from langchain_core.language_models import BaseChatModel
from pydantic import SecretStr

from qa_service.errors import MissingExtra, SettingsError, first_line
from qa_service.settings import Settings

_EXTRAS = {"openai": "providers", "anthropic": "anthropic", "mistralai": "mistralai", "ollama": "ollama"}
# Where a provider's own key stands. It goes to the provider's own address alone.
_KEYS = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY", "mistralai": "MISTRAL_API_KEY"}
# Servers of one's own mostly need no key, but their clients do.
_NO_KEY = "none"
# Clients are shared between models, and each model has an event loop of its own: no connection outlives its answer.
_HEADERS = {"Connection": "close"}
# What a prompt holds beside the passages, in tokens: the instruction, the question, an answer to be written again.
_AROUND_TOKENS = 2_000
# Servers that know the newer name of the longest length, and refuse the older one for some models.
_NEWER_OPENAI = ("openai.com", "openai.azure.com")


def load_chat_model(settings: Settings) -> BaseChatModel:
    """The model that ``QA_LLM`` names.

    Raises SettingsError for an unknown provider, a missing key or what the provider's client refuses, MissingExtra
    when its package is not installed; each in one line without the key.
    """
    provider, _, model = settings.llm.partition(":")
    provider = provider.strip().replace("-", "_").lower()
    _check_key(provider, settings)
    try:
        from langchain.chat_models import init_chat_model
    except ImportError:
        raise MissingExtra(_needs_extra(_EXTRAS.get(provider, "providers"))) from None
    try:
        made: Any = init_chat_model(model.strip(), model_provider=provider, **_options(provider, settings))
    except ImportError as error:
        extra = _EXTRAS.get(provider)
        said = _needs_extra(extra) if extra else f"QA_LLM={settings.llm}: {first_line(error)}"
        raise MissingExtra(said) from None
    except Exception as error:  # noqa: BLE001 (each provider refuses a wrong or missing setting in its own way)
        raise SettingsError(_without_key(f"QA_LLM={settings.llm}: {first_line(error)}", settings)) from None
    if provider == "mistralai":
        made.async_client.headers.update(_HEADERS)  # it takes no headers when it is made
    chat: BaseChatModel = made
    return chat


def _check_key(provider: str, settings: Settings) -> None:
    variable = _KEYS.get(provider)
    given = settings.llm_api_key.get_secret_value() or settings.llm_base_url
    if variable and not given and not os.environ.get(variable):
        raise SettingsError(f"QA_LLM={settings.llm} needs a key: set QA_LLM_API_KEY or {variable}.")


def _options(provider: str, settings: Settings) -> dict[str, Any]:
    """What the provider's class takes, by the names that it knows."""
    if provider == "ollama":
        return _ollama_options(settings)
    options: dict[str, Any] = {
        "max_retries": 0,
        "timeout": settings.llm_timeout,
        "max_tokens": settings.llm_max_tokens,
    }
    key = settings.llm_api_key.get_secret_value()
    if settings.llm_base_url:
        options["base_url"] = settings.llm_base_url
        if provider in _KEYS:
            key = key or _NO_KEY
    if key:
        options["api_key"] = SecretStr(key)
    if provider in {"openai", "anthropic"}:
        options["default_headers"] = _HEADERS
    if provider == "openai":
        options |= _openai_options(settings)
    if provider == "mistralai":
        options["timeout"] = math.ceil(settings.llm_timeout)
    return options


def _openai_options(settings: Settings) -> dict[str, Any]:
    # The deadline is ours: a stall between two pieces of text is no failure of its own.
    options: dict[str, Any] = {"stream_usage": True, "stream_chunk_timeout": None}
    host = urlsplit(settings.llm_base_url).hostname or ""
    if host and not host.endswith(_NEWER_OPENAI):
        # LangChain sends the newer name `max_completion_tokens`, which Ollama, for one, does not heed.
        options |= {"max_tokens": None, "extra_body": {"max_tokens": settings.llm_max_tokens}}
    return options


def _ollama_options(settings: Settings) -> dict[str, Any]:
    headers = dict(_HEADERS)
    # Without one its client takes OLLAMA_API_KEY, whatever the address.
    if key := settings.llm_api_key.get_secret_value() or (settings.llm_base_url and _NO_KEY):
        headers["Authorization"] = f"Bearer {key}"
    options: dict[str, Any] = {
        "num_predict": settings.llm_max_tokens,
        # Ollama cuts off the beginning of what its context does not hold, and says nothing.
        "num_ctx": settings.llm_prompt_tokens + settings.llm_max_tokens + _AROUND_TOKENS,
        "client_kwargs": {"timeout": settings.llm_timeout, "headers": headers},
    }
    return options | ({"base_url": settings.llm_base_url} if settings.llm_base_url else {})


def _needs_extra(extra: str) -> str:
    return f"QA_LLM needs the extra: pip install 'qa-service[{extra}]'."


def _without_key(said: str, settings: Settings) -> str:
    for secret in (settings.llm_api_key.get_secret_value(), settings.llm_base_url):
        if secret:
            said = said.replace(secret, "…")
    return said

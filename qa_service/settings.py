"""The one table of settings: environment variables ``QA_…``, also read from ``.env``."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from qa_service.errors import SettingsError

PREFIX = "QA_"

# Settings whose names are another project's: everybody who has set up an app for Slack knows them.
_OWN_NAMES = {
    "slack_bot_token": "SLACK_BOT_TOKEN",
    "slack_signing_secret": "SLACK_SIGNING_SECRET",
    "slack_app_token": "SLACK_APP_TOKEN",
    "slack_api_url": "SLACK_API_URL",
}
# Slack has tokens of several kinds on pages beside each other: what each begins with, and the one it is taken for.
_BEGINS_WITH = {"slack_bot_token": ("xoxb-", "xapp-"), "slack_app_token": ("xapp-", "xoxb-")}

# Values that may hold a password or a key: no message repeats them.
SECRETS = (
    "QA_DATABASE_URL",
    "QA_LLM_BASE_URL",
    "QA_LLM_API_KEY",
    "QA_API_KEYS",
    "QA_ADMIN_KEYS",
    "QA_SESSION_SECRET",
    "QA_RATE_LIMIT_STORAGE",
    "SLACK_BOT_TOKEN",
    "SLACK_SIGNING_SECRET",
    "SLACK_APP_TOKEN",
    "QA_MATTERMOST_TOKENS",
)

_ORIGIN = re.compile(r"(https?)://([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::([0-9]{1,5}))?")
_USUAL_PORTS = {"http": 80, "https": 443}

# What a key begins with of which only the hash is listed.
HASHED = "sha256:"
_HASH = re.compile(r"sha256:[0-9a-f]{64}", re.IGNORECASE)
_SHORTEST_SECRET = 16


class Settings(BaseSettings):
    """Every setting, its default and what it means. An empty value counts as not set."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    documents: Path = Field(
        Path("documents"),
        description="Folder of the articles; the service writes it only where `QA_ADMIN_KEYS` is set.",
    )
    index: Path = Field(Path("index"), description="Folder of the index, which the service writes.")
    embeddings: str = Field(
        "",
        description="Empty: the embedded bilingual model; else LangChain's `provider:model`, for the dense candidates.",
    )
    max_document_bytes: Annotated[int, Field(ge=1)] = Field(
        20_000_000, description="Size of the largest document that is read, in bytes."
    )
    max_question_chars: Annotated[int, Field(ge=1, le=100_000)] = Field(
        2_000, description="Length of the longest question that is taken, in characters."
    )
    passage_tokens: Annotated[int, Field(ge=20, le=2_000)] = Field(
        160, description="Size of a passage, in tokens of the shipped table."
    )
    passage_overlap: Annotated[int, Field(ge=0, le=1_000)] = Field(
        40, description="What a passage repeats of the one before, in tokens, by whole sentences."
    )
    database_url: SecretStr = Field(
        SecretStr(""),
        description="Empty: a SQLite file in `QA_INDEX`; else the database of conversations and feedback, as an "
        "SQLAlchemy URL.",
    )
    conversation_days: Annotated[int, Field(ge=0, le=36_500)] = Field(
        30,
        description="How long conversations and feedback are kept, in days; 0 keeps nothing and deletes what there is.",
    )
    llm: str = Field(
        "",
        description="Empty: answers are quotes; else the language model that writes them, as LangChain's "
        "`provider:model`.",
    )
    llm_base_url: str = Field(
        "", description="Empty: the provider's own address; else that of its API or of an OpenAI-compatible server."
    )
    llm_api_key: SecretStr = Field(SecretStr(""), description="Key of the language model's provider.")
    llm_timeout: Annotated[float, Field(ge=1, le=600)] = Field(
        30, description="How long the language model may take over a whole answer, in seconds."
    )
    llm_max_tokens: Annotated[int, Field(ge=16, le=32_000)] = Field(
        2_000, description="Length of the longest answer of the language model, in its tokens."
    )
    llm_prompt_tokens: Annotated[int, Field(ge=200, le=200_000)] = Field(
        3_000, description="Size of the passages that the language model reads, in its tokens."
    )
    api_keys: SecretStr = Field(
        SecretStr(""),
        description="Empty: open to all; else the keys that open the service, or their hashes (`qa-service key`), "
        "separated by commas.",
    )
    admin_keys: SecretStr = Field(
        SecretStr(""),
        description="Empty: documents cannot be changed over HTTP; else the keys that may, or their hashes, separated "
        "by commas. They open everything else too.",
    )
    session_secret: SecretStr = Field(
        SecretStr(""),
        validate_default=True,
        description="Secret that readers' sessions are signed with besides their keys, of 16 characters or more; "
        "needed where `QA_API_KEYS` holds hashes.",
    )
    rate_limit: str = Field(
        "",
        description="Empty: none; else how often one key, or one address without a key, may ask, such as "
        "`60 per minute`; several limits are separated by semicolons.",
    )
    rate_limit_storage: SecretStr = Field(
        SecretStr(""),
        description="Empty: each worker counts by itself; else the `redis://` address at which all workers count "
        "together.",
    )
    embed_origins: str = Field(
        "",
        description="Empty: none; else the sites that may show the chat page in a frame, as origins separated by "
        "commas.",
    )
    cors_origins: str = Field(
        "",
        description="Empty: none; else the sites whose scripts may call the service, as origins separated by commas.",
    )
    trusted_proxies: Annotated[int, Field(ge=0, le=10)] = Field(
        0, description="How many proxies stand before the service, one behind the other; 0 believes no header of any."
    )
    public_url: str = Field(
        "",
        description="Empty: sources in Slack and Mattermost are named without a link; else the address at which "
        "readers reach the service, which their links begin with.",
    )
    slack_bot_token: SecretStr = Field(
        SecretStr(""),
        validation_alias=_OWN_NAMES["slack_bot_token"],
        description="Empty: no bot in Slack; else its token, which begins with `xoxb-`.",
    )
    slack_signing_secret: SecretStr = Field(
        SecretStr(""),
        validation_alias=_OWN_NAMES["slack_signing_secret"],
        description="Secret that Slack signs its requests with; needed for `POST /slack/events`.",
    )
    slack_app_token: SecretStr = Field(
        SecretStr(""),
        validation_alias=_OWN_NAMES["slack_app_token"],
        description="Token of the app, which begins with `xapp-`; needed for `qa-service slack`, which needs no public "
        "address.",
    )
    slack_api_url: str = Field(
        "", validation_alias=_OWN_NAMES["slack_api_url"], description="Empty: Slack's own; else the address of its API."
    )
    slack_teams: str = Field(
        "",
        description="Empty: every workspace that the app is installed in; else the ids of those that are answered, "
        "such as `T0123ABCD`, separated by commas.",
    )
    slack_threads: bool = Field(
        True,
        description="Whether questions in a thread in which the bot has answered are answered without a mention.",
    )
    mattermost_tokens: SecretStr = Field(
        SecretStr(""),
        description="Empty: no bot in Mattermost; else the tokens of its outgoing webhooks and slash commands, "
        "separated by commas.",
    )
    mattermost_url: str = Field(
        "",
        description="Empty: Mattermost waits for each answer; else its address, where answers to slash commands go "
        "that take longer.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="What is logged: from `debug`, `info`, `warning` or `error` upwards."
    )
    log_format: Literal["", "json", "text"] = Field(
        "",
        description="How it is logged: `json`, an object a line, or `text`, to be read by people; empty: `text` on a "
        "terminal, else `json`.",
    )
    log_questions: bool = Field(
        False, description="Whether the text of questions is logged and traced; without it only their length is."
    )
    host: str = Field("127.0.0.1", description="Address that the service listens on.")
    port: Annotated[int, Field(ge=1, le=65_535)] = Field(8000, description="Port that the service listens on.")
    workers: Annotated[int, Field(ge=1, le=64)] = Field(1, description="Worker processes of the service.")
    threads: Annotated[int, Field(ge=1, le=256)] = Field(8, description="Threads of each worker process.")

    @field_validator("passage_overlap")
    @classmethod
    def _leaves_room(cls, overlap: int, info: ValidationInfo) -> int:
        tokens = info.data.get("passage_tokens")
        if tokens is not None and overlap >= tokens:
            raise PydanticCustomError("overlap", "should be less than QA_PASSAGE_TOKENS ({tokens})", {"tokens": tokens})
        return overlap

    @field_validator("llm")
    @classmethod
    def _names_a_model(cls, name: str) -> str:
        provider, _, model = name.partition(":")
        if name and not (provider.strip() and model.strip()):
            raise PydanticCustomError("llm", "should be empty or of the form provider:model")
        return name

    @field_validator("llm_base_url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        if url and not _is_address(url, {"http", "https"}):
            raise PydanticCustomError("llm_base_url", "should be empty or an http:// or https:// address")
        return url

    @field_validator("llm_api_key", "slack_bot_token", "slack_signing_secret", "slack_app_token")
    @classmethod
    def _fits_a_header(cls, key: SecretStr) -> SecretStr:
        value = key.get_secret_value()
        if not (value.isascii() and value.isprintable()) or " " in value:
            raise PydanticCustomError("key", "should be ASCII without white space")
        return key

    @field_validator("slack_bot_token", "slack_app_token")
    @classmethod
    def _is_of_its_kind(cls, token: SecretStr, info: ValidationInfo) -> SecretStr:
        begins, other = _BEGINS_WITH[str(info.field_name)]
        if token.get_secret_value().startswith(other):
            raise PydanticCustomError(
                "token", "should begin with {begins}, not {other}", {"begins": begins, "other": other}
            )
        return token

    @field_validator("public_url", "slack_api_url", "mattermost_url")
    @classmethod
    def _is_the_beginning_of_addresses(cls, url: str) -> str:
        parts = urlsplit(url) if url and _is_address(url, {"http", "https"}) else None
        if url and (parts is None or parts.username or parts.query or parts.fragment or re.search(r"[<>|\"\\]", url)):
            raise PydanticCustomError("base_url", "should be empty or an http:// or https:// address without a query")
        return url

    @field_validator("slack_signing_secret", "slack_app_token")
    @classmethod
    def _has_its_bot(cls, secret: SecretStr, info: ValidationInfo) -> SecretStr:
        if secret.get_secret_value() and not info.data.get("slack_bot_token", SecretStr("x")).get_secret_value():
            raise PydanticCustomError("slack", "is of no use without SLACK_BOT_TOKEN")
        return secret

    @field_validator("slack_teams")
    @classmethod
    def _are_teams(cls, teams: str) -> str:
        listed = _listed(teams)
        if (teams and not listed) or not all(re.fullmatch(r"T[A-Z0-9]+", team) for team in listed):
            raise PydanticCustomError("teams", "should be ids such as T0123ABCD, separated by commas")
        return teams

    @field_validator("mattermost_tokens")
    @classmethod
    def _are_tokens(cls, tokens: SecretStr) -> SecretStr:
        value = tokens.get_secret_value()
        listed = _listed(value)
        if (value and not listed) or any(not re.fullmatch(r"[!-~]{8,}", token) for token in listed):
            raise PydanticCustomError("tokens", "should be tokens of 8 characters or more, separated by commas")
        return tokens

    @field_validator("api_keys", "admin_keys")
    @classmethod
    def _are_keys(cls, keys: SecretStr) -> SecretStr:
        value = keys.get_secret_value()
        listed = _listed(value)
        # A value that only looks as if it held a key must not open the service to all.
        if (value and not listed) or any(not key.isascii() or not key.isprintable() or " " in key for key in listed):
            raise PydanticCustomError("keys", "should be keys of ASCII without white space, separated by commas")
        if any(key.lower().startswith(HASHED) and not _HASH.fullmatch(key) for key in listed):
            raise PydanticCustomError("keys", "should hold 64 hexadecimal digits after each sha256: (`qa-service key`)")
        return keys

    @field_validator("admin_keys")
    @classmethod
    def _opens_no_sessions(cls, keys: SecretStr, info: ValidationInfo) -> SecretStr:
        readers = info.data.get("api_keys")
        if readers and _hashes(keys) & _hashes(readers):
            raise PydanticCustomError("keys", "should hold no key of QA_API_KEYS, with which readers sign in")
        return keys

    @field_validator("session_secret")
    @classmethod
    def _signs_sessions(cls, secret: SecretStr, info: ValidationInfo) -> SecretStr:
        value, keys = secret.get_secret_value(), info.data.get("api_keys")
        if value and len(value) < _SHORTEST_SECRET:
            raise PydanticCustomError("session_secret", "should be at least 16 characters long")
        # Whoever reads a hash must not be able to sign with it: that would make it as good as its key.
        if not value and keys and any(key.lower().startswith(HASHED) for key in _listed(keys.get_secret_value())):
            raise PydanticCustomError("session_secret", "is needed, because QA_API_KEYS holds hashes")
        return secret

    @field_validator("rate_limit")
    @classmethod
    def _are_limits(cls, value: str) -> str:
        if value:
            from limits import parse_many

            try:
                limits = parse_many(value)
            except ValueError:
                limits = []
            if not limits or any(limit.amount < 1 or limit.get_expiry() < 1 for limit in limits):
                raise PydanticCustomError("rate_limit", "should be of the form 60 per minute; 1000 per day")
        return value

    @field_validator("rate_limit_storage")
    @classmethod
    def _is_a_redis(cls, storage: SecretStr) -> SecretStr:
        value = storage.get_secret_value()
        if value and not _is_address(value, {"redis", "rediss"}):
            raise PydanticCustomError("rate_limit_storage", "should be empty or a redis:// or rediss:// address")
        return storage

    @field_validator("embed_origins", "cors_origins")
    @classmethod
    def _are_origins(cls, origins: str) -> str:
        if "*" in origins:
            raise PydanticCustomError("origins", "should name each site, because * would admit any")
        for origin in _listed(origins):
            parts = _ORIGIN.fullmatch(origin.lower())
            if not parts or not 0 < int(parts[3] or 1) <= 65_535:
                raise PydanticCustomError(
                    "origins",
                    "should be origins such as https://news.example (no path, no user), separated by commas",
                )
        return origins

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that open the service, some perhaps as ``sha256:`` and their hash; none where it is open to all."""
        return tuple(_listed(self.api_keys.get_secret_value()))

    @property
    def administrators(self) -> tuple[str, ...]:
        """The keys that may change documents, in the same forms; none where nobody may."""
        return tuple(_listed(self.admin_keys.get_secret_value()))

    @property
    def teams(self) -> frozenset[str]:
        """The workspaces of Slack that are answered; none where all are."""
        return frozenset(_listed(self.slack_teams))

    @property
    def webhook_tokens(self) -> tuple[str, ...]:
        """The tokens that Mattermost sends; none where it has no bot."""
        return tuple(_listed(self.mattermost_tokens.get_secret_value()))

    @property
    def scripting_origins(self) -> tuple[str, ...]:
        """The sites whose scripts may call the service, as browsers write origins."""
        return tuple(map(_as_browsers_write_it, _listed(self.cors_origins)))

    @property
    def origins(self) -> tuple[str, ...]:
        """The sites that may show the chat page in a frame, as browsers write origins."""
        return tuple(map(_as_browsers_write_it, _listed(self.embed_origins)))

    @property
    def address(self) -> str:
        """Host and port as an address names them, an IPv6 host in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def _hashes(keys: SecretStr) -> set[str]:
    """The listed keys, each by its hash, in whichever form it is listed."""
    listed = _listed(keys.get_secret_value())
    return {
        key.lower() if _HASH.fullmatch(key) else HASHED + hashlib.sha256(key.encode()).hexdigest() for key in listed
    }


def _listed(value: str) -> list[str]:
    """What stands between the commas, without blanks around it."""
    return [part for part in (part.strip() for part in value.split(",")) if part]


def _as_browsers_write_it(origin: str) -> str:
    """An origin in small letters, without the port that its scheme has anyway."""
    scheme, host, port = re.split(r"://|:", f"{origin.lower()}:")[:3]
    return f"{scheme}://{host}" + (f":{int(port)}" if port and int(port) != _USUAL_PORTS[scheme] else "")


def _is_address(url: str, schemes: set[str]) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # brackets that do not close, or a port that is no number
        return False
    plain = url.isprintable() and " " not in url
    return plain and parts.scheme in schemes and bool(parts.hostname) and port != 0


def variable_of(field: str) -> str:
    """The environment variable of a setting."""
    return _OWN_NAMES.get(field, PREFIX + field.upper())


def load_settings(**overrides: object) -> Settings:
    """Read the environment and ``.env``; overrides win.

    Raises SettingsError, one line naming the setting and what is allowed, at the first wrong value.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        name = variable_of("_".join(map(str, wrong["loc"])).lower())
        given_value = "" if name in SECRETS else f", not {wrong['input']!r}"
        raise SettingsError(f"{name}: {wrong['msg'][:1].lower()}{wrong['msg'][1:]}{given_value}") from None
    except UnicodeDecodeError:
        raise SettingsError(".env: should be UTF-8 text") from None

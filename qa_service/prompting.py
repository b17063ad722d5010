"""What a language model is told: the prompts of ``prompts/``, one file for each and each language, filled in.

A file is the instruction, then a line of three dashes, then what is sent with it; the latter alone has places to fill.
Texts of articles and of readers are put between tags that they cannot forge: they hold no angle bracket and no marker.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path

import tiktoken
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from qa_service.chunking import Passage
from qa_service.language import Language
from qa_service.tokens import count_tokens

_DIRECTORY = Path(__file__).with_name("prompts")

# What the model writes where the passages do not answer.
NOT_FOUND = "NOT_FOUND"

# What tiktoken names the tables of providers in its cache, and the SHA-256 of what must be in them: of anything else
# it would delete the file and fetch another.
_O200K = (
    "fb374d419588a4632f3f557e76b4b70aebbca790",
    "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
)
_CL100K = (
    "9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
    "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
)
_CACHED_TABLES = {"o200k_base": _O200K, "o200k_harmony": _O200K, "cl100k_base": _CL100K}
# A provider's table may cut a text into so many times the pieces that ours does: a guess on the safe side.
_MARGIN = 1.5

_BRACKETS = str.maketrans("<>＜＞⟨⟩", "‹›‹›‹›")
_MARKER = re.compile(r"\[(\s*\d[\d\s,;–-]*)\]|【([^】]*)】")


def answer_messages(question: str, passages: Sequence[str], language: Language) -> list[BaseMessage]:
    """The prompt for an answer in a language, from passages as ``numbered`` gives them."""
    system, sent = _prompt("answer", language)
    filled = sent.format(passages="\n\n".join(passages), question=_as_data(question))
    return [SystemMessage(system), HumanMessage(filled)]


def again_messages(messages: list[BaseMessage], answer: str, language: Language) -> list[BaseMessage]:
    """The same prompt and the beginning of what came of it, with the request to answer in the asked language."""
    (again,) = _prompt("again", language)
    return [*messages, AIMessage(answer), HumanMessage(again)]


def numbered(number: int, passage: Passage, published: str | None) -> str:
    """A passage as it stands in a prompt: its number, language, date and title, and its text."""
    date = f' date="{_as_data(published)}"' if published else ""
    title = _as_data(passage.title).replace('"', "'")
    head = f'<passage number="{number}" language="{passage.language}"{date} title="{title}">'
    return f"{head}\n{_as_data(passage.text)}\n</passage>"


def within_budget(texts: Iterable[str], budget: int, count: Callable[[str], int]) -> list[str]:
    """The first texts that fit into so many tokens, whole ones alone; the first one in any case."""
    kept: list[str] = []
    for text in texts:
        budget -= count(text)
        if kept and budget < 0:
            break
        kept.append(text)
    return kept


def question_messages(question: str, earlier: Sequence[tuple[str, str]], language: Language) -> list[BaseMessage]:
    """The prompt for a question that can be understood without the earlier questions and answers, oldest first."""
    system, sent = _prompt("question", language)
    told = "\n".join(f"- {_as_data(asked)}\n  {_as_data(answered)}" for asked, answered in earlier)
    return [SystemMessage(system), HumanMessage(sent.format(conversation=told, question=_as_data(question)))]


def token_counter(llm: str) -> Callable[[str], int]:
    """What counts the tokens of a text for a ``provider:model``.

    The provider's own table does where it is at hand, in the folder that TIKTOKEN_CACHE_DIR names; else the shipped
    one, with a margin. Nothing is fetched.
    """
    table = _table_at_hand(llm.partition(":")[2])
    if table is None:
        return lambda text: round(_MARGIN * count_tokens(text))
    return lambda text: len(table.encode_ordinary(text))


def _table_at_hand(model: str) -> tiktoken.Encoding | None:
    try:
        name = tiktoken.encoding_name_for_model(model)
    except KeyError:
        return None
    return tiktoken.get_encoding(name) if _is_cached(name) else None


def _is_cached(table: str) -> bool:
    """Whether a table lies undamaged in the folder of tables."""
    folder = os.environ.get("TIKTOKEN_CACHE_DIR")
    if not folder or table not in _CACHED_TABLES:
        return False
    name, digest = _CACHED_TABLES[table]
    try:
        return hashlib.sha256((Path(folder) / name).read_bytes()).hexdigest() == digest
    except OSError:
        return False


@cache
def _prompt(name: str, language: Language) -> tuple[str, ...]:
    text = (_DIRECTORY / f"{name}.{language}.md").read_text(encoding="utf-8")
    return tuple(part.strip() for part in text.split("\n---\n"))


def _as_data(text: str) -> str:
    """Somebody's words with nothing in them that could pass for a tag of the prompt or a marker of the answer."""
    return _MARKER.sub(lambda found: f"({found[1] or found[2]})", text.translate(_BRACKETS)).strip()

"""What is said in chats: in both languages, typeset, and nowhere but in its table."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qa_service import channels
from qa_service.answers import Answer, Citation, KeptAnswer, Quote, RelatedPassage
from qa_service.channels.bot_platform import Notice
from qa_service.channels.bot_texts import TEXTS, bot_text
from qa_service.channels.slack_blocks import (
    answer_posts,
    home_view,
    notice_post,
    question_post,
    quotes_view,
    working_post,
)
from qa_service.language import LANGUAGES, Language, other

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
# Two words with a space between them: what a name, a pattern or a header's value is not.
_SENTENCE = re.compile(r"[^\W\d_]{2,},? [^\W\d_]")
_LOGGED = {"debug", "info", "warning", "error", "exception", "critical", "log"}
# Calls whose words are for programs, or for whoever runs the service.
_DESCRIBED = {"Field", "Parameter", "Content", "Operation", "problem"}


def modules() -> list[Path]:
    """The modules of every chat that there is."""
    folder = Path(channels.__file__).parent
    return sorted(path for name in ("bot.py", "slack*.py", "mattermost*.py") for path in folder.glob(name))


def readers_words(source: str) -> list[str]:
    """The strings of a module that read like sentences, and are no docstring, log line, error or description."""
    return [text for text in _strings(ast.parse(source)) if _SENTENCE.search(text)]


def _strings(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            yield node.value
        return
    if isinstance(node, ast.Raise) or _is_told_to_others(node):
        return
    for child in ast.iter_child_nodes(node):
        is_docstring = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
        if not is_docstring:
            yield from _strings(child)


def _is_told_to_others(node: ast.AST) -> bool:
    """Whether it writes to the log, describes a route or its examples to a program, or is a list of single words."""
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return any(isinstance(target, ast.Name) and target.id == "_EXAMPLES" for target in targets)
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Attribute):
        if node.func.attr == "split":
            return isinstance(node.func.value, ast.Constant)
        return node.func.attr in _LOGGED and "log" in ast.unparse(node.func.value).lower()
    return isinstance(node.func, ast.Name) and node.func.id in _DESCRIBED


def values_of(key: str) -> dict[str, str | int]:
    return dict.fromkeys(_PLACEHOLDER.findall(TEXTS[key]["en"]), 7)


def test_every_text_is_there_in_both_languages() -> None:
    for key, versions in TEXTS.items():
        assert set(versions) == set(LANGUAGES), key
        assert all(text == text.strip() and text for text in versions.values()), key
        assert sorted(_PLACEHOLDER.findall(versions["en"])) == sorted(_PLACEHOLDER.findall(versions["fr"])), key


def test_french_is_written_with_plain_spaces_and_typeset() -> None:
    for key, versions in TEXTS.items():
        assert not re.search("[\u00a0\u202f'\"]", "".join(versions.values())), key
        assert not re.search(r" [?!;:»]|« ", bot_text(key, "fr", **values_of(key))), key
    assert bot_text("help_examples", "fr") == "Par exemple\u00a0:"


def test_french_is_polite() -> None:
    said = " ".join(versions["fr"] for versions in TEXTS.values()).lower()
    assert not re.search(r"\b(tu|toi|ton|tes|ta)\b", said)


def test_values_are_taken_as_they_are() -> None:
    assert bot_text("not_in_channel", "fr", channel="#a : {b} !").count("#a : {b} !") == 1
    assert "2000" in bot_text("too_long", "en", longest=2000)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_stands_in_little_room_is_short(language: Language) -> None:
    assert all(len(bot_text(key, language)) <= 24 for key in ("quotes_title", "close"))
    buttons = ("show_quotes", "ask_again", "helpful", "unhelpful", "home_ask")
    assert all(len(bot_text(key, language)) <= 30 for key in buttons)


def test_asking_again_names_the_other_language() -> None:
    assert "French" in bot_text("ask_again", "en")
    assert "anglais" in bot_text("ask_again", "fr")


def test_readers_words_are_found_where_they_are() -> None:
    source = '''
"""A module of words."""
_log.info("not for readers")
text = f"Nothing was {found} here, sorry"
def f():
    """Nor this one here."""
    raise ValueError("nor this one")
    say("Il n’y a rien", key="not_found", header="text/html; charset=utf-8")
Operation("List the articles", description="All of them there")
_WORDS = frozenset("one_name other_name third".split())
_EXAMPLES: dict = {"English": {"text": "When was it?"}}
_TEXTS = {"text": "When was that?"}
'''
    assert readers_words(source) == ["Nothing was ", " here, sorry", "Il n’y a rien", "When was that?"]


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.stem)
def test_no_module_has_words_for_readers_of_its_own(module: Path) -> None:
    assert readers_words(module.read_text(encoding="utf-8")) == []


def shown(language: Language) -> list[str]:
    """Every text that is shown in Slack, with all that there can be, of an article whose words are no language's."""
    parallel = Quote("b", "Xyz.", 0, 4)
    cited = [Citation(n, "a", "Xyz", "en", None, "2025-03-01", "Xyz.", 0, 4, 0.9, parallel) for n in range(1, 200)]
    warnings = ("sources_disagree", "llm_unavailable", "xyz")
    given = Answer("i", "c", "Xyz?", language, "Xyz [1].", False, "extractive", tuple(cited), warnings)
    related = (RelatedPassage("a", "Xyz", "fr", "Xyz.", 0, 4, 0.4),)
    refused = Answer("i", "c", "Xyz?", language, "Xyz.", True, "extractive", (), (), related)
    kept = KeptAnswer("i", "Xyz?", language, "Xyz [1].", tuple(cited))
    posts = [*answer_posts(given, _link, kept=True), *answer_posts(refused, None, kept=True)]
    posts += [working_post(language), question_post("U1", "Xyz?", language)]
    posts += [notice_post(Notice(key, language, values_of(key), ("Xyz?",))) for key in ("help", "too_long", "failed")]
    views = [
        quotes_view(kept, _link),
        quotes_view(KeptAnswer("i", "Xyz?", language, "Xyz.", ()), None),
        home_view(language, ("Xyz?",), {"en": 1, "fr": 2}, kept=True),
    ]
    return [text for each in ([post.text, post.blocks] for post in posts) for text in _texts(each)] + _texts(views)


def _link(document_id: str, start: int, end: int) -> str:
    return f"https://x/{document_id}"


def _texts(shown: Any) -> list[str]:
    if isinstance(shown, str):
        return [shown]
    if isinstance(shown, list):
        return [text for each in shown for text in _texts(each)]
    if isinstance(shown, dict):
        return [text for key in ("text", "elements", "accessory", "title", "close", "blocks", "positive_button",
                                 "negative_button") for text in _texts(shown.get(key))]  # fmt: skip
    return []


def _telling(language: Language) -> set[str]:
    """The pieces of a language's texts that the other's do not hold."""
    others = " ".join(bot_text(key, other(language), **values_of(key)) for key in TEXTS)
    pieces = {piece.strip() for key in TEXTS for piece in re.split(r"\b7\b", bot_text(key, language, **values_of(key)))}
    return {piece for piece in pieces if len(piece) > 3 and piece not in others}


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_shown_is_in_one_language(language: Language) -> None:
    said = "\n".join(shown(language))
    assert [piece for piece in _telling(other(language)) if re.search(rf"\b{re.escape(piece)}\b", said)] == []
    used = [piece for piece in _telling(language) if piece in said]
    assert len(used) > 20


def test_every_text_is_said_somewhere() -> None:
    folder = Path(channels.__file__).parent
    said = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py") if path.name != "bot_texts.py")
    assert [key for key in TEXTS if not re.search(rf"[\"']{key}[\"']", said)] == []

"""What people say to a bot that is no question: greetings, thanks, calls for help."""

from __future__ import annotations

from dataclasses import dataclass

from qa_service.language import WORD, Language, asks, fold

_HELP: dict[str, Language] = {
    **dict.fromkeys("help hello hi".split(), "en"),
    **dict.fromkeys("aide aidez bonjour bonsoir salut".split(), "fr"),
}
_THANKS: dict[str, Language] = {"thanks": "en", "thank": "en", "merci": "fr"}
# What goes with them.
_BESIDE = frozenset("a lot me please so you very much great ok perfect l moi svp beaucoup bien parfait super".split())


@dataclass(frozen=True)
class SmallTalk:
    """A text that is no question. ``language`` is None where it shows none."""

    language: Language | None
    thanks: bool


def small_talk(text: str) -> SmallTalk | None:
    """What a text is that has nothing but such words, with what goes with them, signs and emoji; None for any other.

    So is one without a single word: a mention with nothing else is no question either.
    """
    words = WORD.findall(fold(text))
    if not words:
        return SmallTalk(None, thanks=False)
    found = [word for word in words if word in _HELP or word in _THANKS]
    if not found or len(found) + sum(word in _BESIDE for word in words) < len(words):
        return None
    first = found[0]
    return SmallTalk(_THANKS.get(first) or _HELP[first], thanks=first in _THANKS)


def is_question(text: str) -> bool:
    """Whether a text that is addressed to nobody asks something."""
    return small_talk(text) is None and asks(text)

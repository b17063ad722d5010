"""Keeps a model's thoughts out of its answer: what stands between ``<think>`` and ``</think>``."""

from __future__ import annotations

_OPEN, _CLOSE = "<think>", "</think>"


class VisibleText:
    """What a reader may see of text that comes in pieces, however it is cut.

    White space before the first word is left out as well: a model that thought begins with empty lines.
    """

    def __init__(self) -> None:
        """Nothing was seen so far."""
        # Thoughts ended that had no beginning: what was passed on before were thoughts too.
        self.stray = False
        self.begun = False
        self._held = ""
        self._thinking = False

    def add(self, text: str) -> str:
        """Take a piece; what can be shown by now, perhaps nothing."""
        self._held += text
        shown = []
        while True:
            tag = _CLOSE if self._thinking else _OPEN
            before, found, after = self._held.partition(tag)
            if not found:
                break
            if not self._thinking:
                shown.append(before)
            self._thinking = not self._thinking
            self._held = after
        complete = len(self._held) - self._begun_tag()
        if not self._thinking:
            shown.append(self._held[:complete])
        self._held = self._held[complete:]
        return self._without_margin("".join(shown))

    def rest(self) -> str:
        """At the end of the text: what was held back because a tag might have begun there."""
        held, self._held = self._held, ""
        return "" if self._thinking else self._without_margin(held)

    def _begun_tag(self) -> int:
        tags = (_CLOSE,) if self._thinking else (_OPEN, _CLOSE)
        for length in range(min(len(_CLOSE) - 1, len(self._held)), 0, -1):
            if any(tag.startswith(self._held[-length:]) for tag in tags):
                return length
        return 0

    def _without_margin(self, text: str) -> str:
        self.stray = self.stray or _CLOSE in text
        text = text.partition(_CLOSE)[0]
        if not self.begun:
            text = text.lstrip()
            self.begun = bool(text)
        return text

"""What people write in Slack, as plain text: https://docs.slack.dev/messaging/formatting-message-text/."""

from __future__ import annotations

import re

from qa_service.channels.bot_platform import without_emoji
from qa_service.language import sound

# <@U1>, <@U1|name>, <#C1|name>, <!here>, <!date^…|text>, <https://…>, <https://…|label>.
_SEQUENCE = re.compile(r"<([^<>|]*)(?:\|([^<>]*))?>")
_MENTION = re.compile(r"<@[A-Z0-9]+(?:\|[^<>]*)?>")
# A group, or everybody.
_CALL = re.compile(r"<!(?:subteam\^[A-Z0-9]+|here|channel|everyone)(?:\|[^<>]*)?>")
# To whom a message is addressed, with what people set behind it.
_ADDRESS = re.compile(rf"\s*(?:{_MENTION.pattern}[\s,:]*)+")
_ENTITY = re.compile(r"&(amp|lt|gt);")
_SIGNS = {"amp": "&", "lt": "<", "gt": ">"}


def plain(text: str) -> str:
    """A message as it is read: without whom it is addressed to, labels in place of addresses and ids, entities undone.

    Emoji are left out, and so is a member, a group or a channel whose name the message does not tell.
    """
    text = without_emoji(sound(text))
    bare = _ADDRESS.sub("", text, count=1) if _ADDRESS.match(text) else text
    return _ENTITY.sub(lambda found: _SIGNS[found[1]], _SEQUENCE.sub(_read, bare)).strip()


def mentions_somebody(text: str) -> bool:
    """Whether a message names a member or a group, or calls everybody, anywhere."""
    return bool(_MENTION.search(text) or _CALL.search(text))


def _read(sequence: re.Match[str]) -> str:
    target, label = sequence[1], sequence[2]
    if target.startswith(("@", "#", "!")):
        return label or ""
    return label or target.removeprefix("mailto:")

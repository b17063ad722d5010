"""What the bot says in Mattermost: Markdown in which nothing of an article's or a reader's words is alive."""

from __future__ import annotations

import re
from dataclasses import replace

from qa_service.answers import Answer, Citation
from qa_service.channels.bot_platform import Notice
from qa_service.channels.bot_texts import bot_text
from qa_service.channels.links import document_address
from qa_service.channels.markdown_text import markdown, plain_line, without_notes

# Characters of the longest post.
_LONGEST_POST = 16_383
# Characters of a question that stand above its answer.
_LONGEST_QUESTION = 300

# A character that shows nothing, and that no name has.
_JOINER = "\u2060"
# Our posts in answer to a command begin with it: such a post sets webhooks off, and ours must not answer it again.
_OURS = re.compile(rf"\A\**{_JOINER}")

# An address of ours: articles' own angle brackets come with a backslash.
_ADDRESS = re.compile(r"(?<!\\)(<https?://[^<>\s]+>)")
# What Mattermost would mention or lead to, were it not for a joiner behind it: people and groups, channels, hashtags,
# Slack's forms of them; emoji, faces and addresses, but no time of day; and hosts that are known by their name.
_LIVE = re.compile(r"(?<=[@~#<])(?=\S)|(?<=:)(?=\S)(?!(?<=\d:)\d)|(?<=[wW]{3})(?=\d{0,3}\.)")
# Mattermost looks for names in addresses too.
_NAMES_IN_ADDRESS = str.maketrans({"@": "%40", "~": "%7E"})


def is_ours(text: str) -> bool:
    """Whether a post is an answer of ours to a command."""
    return _OURS.match(text) is not None


def answer_text(answer: Answer, public_url: str, question: str = "") -> str:
    """An answer with its sources, below the question where one is given.

    The sources lead to our own pages where the service knows its address, else to where they were published.
    """

    def page(citation: Citation) -> str:
        place = citation.document_id, citation.start, citation.end, answer.language
        return document_address(public_url, *place) if public_url else ""

    if public_url:
        answer = replace(answer, citations=tuple(replace(citation, url=None) for citation in answer.citations))
    whole = markdown(answer, page)
    text = without_notes(whole)
    notes = whole[len(text) :]
    if answer.abstained:
        notes = f"\n\n*{bot_text('refused_tip', answer.language)}*{notes}"
    asked = f"**{_JOINER}{plain_line(question, _LONGEST_QUESTION)}**\n\n" if question else ""
    return _fitted(asked, text, notes)


def notice_text(notice: Notice) -> str:
    """A notice, with its examples."""
    text = _tamed(notice.text)
    if notice.examples:
        examples = "\n".join(f"- {_tamed(plain_line(each, _LONGEST_QUESTION))}" for each in notice.examples)
        text += f"\n\n{bot_text('help_examples', notice.language)}\n\n{examples}"
    return text


def _tamed(text: str) -> str:
    """Markdown in which Mattermost sees no mention, no emoji and no link but ours."""
    parts = _ADDRESS.split(text)
    return "".join(
        part.translate(_NAMES_IN_ADDRESS) if at % 2 else _LIVE.sub(_JOINER, part) for at, part in enumerate(parts)
    )


def _fitted(question: str, text: str, notes: str) -> str:
    """A post that is not too long: of the text whole paragraphs are left out, at its end, and no source before them."""
    question, text, notes = _tamed(question), _tamed(text), _tamed(notes)
    room = _LONGEST_POST - len(question)
    notes = _cut(notes, room // 2, "\n") if len(text) + len(notes) > room else notes
    return question + _cut(text, room - len(notes), "\n\n") + notes


def _cut(text: str, longest: int, end: str) -> str:
    """A text up to the last such end, else up to the last space, that leaves it short enough."""
    if len(text) <= longest:
        return text
    kept = text[: longest - len(end) - 1]
    at = max(kept.rfind(end), 0) or max(kept.rfind(" "), 0) or len(kept)
    return kept[:at].rstrip("\\ ") + end + "…"

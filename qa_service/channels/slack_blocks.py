"""What is shown in Slack: answers, notices and views as blocks. Nothing here knows the network.

Somebody's words, an article's or a reader's, stand in no block but as ``slack_markup`` makes them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice
from typing import TYPE_CHECKING, Any

from qa_service.channels.answer_text import MARKER
from qa_service.channels.bot_texts import bot_text
from qa_service.channels.page_texts import QUOTATION_MARKS, shown_date, shown_number, texts, warning_text
from qa_service.channels.slack_markup import (
    escaped,
    harmless,
    may_link,
    parted,
    shortened,
    titled,
    unmarked,
    utf16_length,
    whole_line,
)
from qa_service.language import LANGUAGES, Language, other

if TYPE_CHECKING:
    from qa_service.answers import Answer, Citation, KeptAnswer, Quote, RelatedPassage
    from qa_service.channels.bot_platform import Notice

SHOW_QUOTES = "show_quotes"
ASK_AGAIN = "ask_again"
RATE = "rate"
ASK_EXAMPLE = "ask_example"

# A document's id and a span of it, to the address of its page; None where the service does not know its own address.
Link = Callable[[str, int, int], str] | None
Block = dict[str, Any]

# Slack's limits, in characters after escaping.
_SECTION = 3000
_CONTEXT = 2000
# It refuses messages whose blocks are too long together as well, and does not say from where on: this is as much as
# three full sections, markup included.
_MESSAGE = 9000
_SOURCES = 6000
_VALUE = 2000
_MODAL_BLOCKS = 90
_MODAL = 60_000
_EXAMPLES = 5
_RELATED = 5
_WARNINGS = 5
_SEPARATE = 20
# Of a title.
_TITLE = 150
# A user's id; nothing else may stand where somebody is called.
_USER = re.compile(r"[UW][A-Z0-9]{1,30}")


@dataclass(frozen=True)
class Post:
    """A message: its blocks, and the text that a notification shows in their place."""

    text: str
    blocks: list[Block]


def answer_posts(answer: Answer, link: Link, *, kept: bool) -> list[Post]:
    """An answer as one message, or as several where it is too long for one; the last ends with its footer.

    ``kept``: with the buttons that need the answer to be kept.
    """
    posts = _packed(parted(_renumbered(answer), _SECTION))
    below = footer(answer, link, kept=kept)
    if _size(posts[-1].blocks) + _size(below) <= _MESSAGE:
        posts[-1].blocks.extend(below)
    else:
        posts.append(
            Post(texts(answer.language)["sources"] if answer.citations else bot_text("related", answer.language), below)
        )
    return posts


def footer(answer: Answer, link: Link, *, kept: bool) -> list[Block]:
    """What stands below an answer's text: warnings, then its sources or what to do instead, and buttons."""
    language = answer.language
    warnings = [
        _context(shortened(warning_text(warning, language), 2 * _TITLE)) for warning in answer.warnings[:_WARNINGS]
    ]
    said = _instead(answer, link) if answer.abstained else _sources(answer, link)
    return [*warnings, *said, *(_buttons(answer) if kept else [])]


def working_post(language: Language) -> Post:
    """The sign of life that stands where the answer will."""
    working = bot_text("working", language)
    return Post(working, [_context(working)])


def notice_post(notice: Notice) -> Post:
    """What is said that is no answer, with the questions to try that belong to it."""
    blocks = [_section(harmless(part)) for part in islice(parted(notice.text, _SECTION), 3)]
    examples = [f"• {shortened(example, 2 * _TITLE)}" for example in notice.examples[:_EXAMPLES]]
    if examples:
        blocks += _lined([bot_text("help_examples", notice.language), *examples], _section, _SECTION)
    return Post(_fallback(notice.text), blocks)


def question_post(user_id: str, question: str, language: Language) -> Post:
    """A question that was asked with a command: it begins the thread in which it is answered."""
    who = f"<@{user_id}>" if _USER.fullmatch(user_id) else "…"
    asks = bot_text("asks", language, who=who)
    first = islice(parted(question, _SECTION - len(asks) - 1), 3)
    blocks = [_section(harmless(part)) for part in first]
    blocks[0]["text"]["text"] = f"{asks} {blocks[0]['text']['text']}"
    return Post(f"{asks} {_fallback(question)}", blocks)


def quotes_view(kept: KeptAnswer, link: Link) -> dict[str, Any]:
    """A window with the sources of an answer: the words that each sentence rests on, and who else says so."""
    language = kept.language
    blocks: list[Block] = []
    for citation in kept.citations:
        more = _quote_blocks(citation, language, link)
        if len(blocks) + len(more) > _MODAL_BLOCKS or _size(blocks) + _size(more) > _MODAL:
            blocks.append(_context(bot_text("more_quotes", language)))
            break
        blocks += more
    if not blocks:
        blocks.append(_section(bot_text("answer_gone", language)))
    return {
        "type": "modal",
        "title": _plain(bot_text("quotes_title", language)),
        "close": _plain(bot_text("close", language)),
        "blocks": blocks,
    }


def home_view(
    language: Language, examples: tuple[str, ...], indexed: dict[Language, int], *, kept: bool
) -> dict[str, Any]:
    """The app's own page: what it does, questions to try at a click, and how to ask.

    ``indexed``: how many articles there are in each language. ``kept``: whether answers are kept, and have buttons.
    """
    numbers = {name: shown_number(indexed.get(name, 0), language) for name in LANGUAGES}
    blocks = [
        {"type": "header", "text": _plain(bot_text("home_title", language))},
        _section(bot_text("home_intro", language)),
        _context(bot_text("home_indexed", language, **numbers)),
    ]
    # A question that a button cannot hold is none that anybody asks.
    asked = [example for example in map(whole_line, examples) if 0 < utf16_length(example) <= _VALUE][:_EXAMPLES]
    if asked:
        blocks += [{"type": "divider"}, _section(f"*{bot_text('home_examples', language)}*")]
        blocks += [_example(n, example, language) for n, example in enumerate(asked)]
    blocks += [{"type": "divider"}, _section(bot_text("home_how", language))]
    if kept:
        blocks.append(_section(bot_text("home_kept", language)))
    return {"type": "home", "blocks": blocks}


def _example(n: int, question: str, language: Language) -> Block:
    button = _button(bot_text("home_ask", language), f"{ASK_EXAMPLE}_{n}", question)
    return _section(shortened(question, 400)) | {"accessory": button}


# --- An answer


def _renumbered(answer: Answer) -> str:
    """The text of an answer: its own markers stay, other numbers in brackets become round."""
    known = {citation.n for citation in answer.citations}
    return MARKER.sub(lambda found: found[0] if int(found[1]) in known else f"({found[1]})", answer.answer)


def _packed(parts: Iterable[str]) -> list[Post]:
    """Parts of a text, each a section, in as few messages as hold them."""
    posts: list[Post] = []
    for part in parts:
        section = _section(harmless(part))
        if not posts or _size(posts[-1].blocks) + _size([section]) > _MESSAGE:
            posts.append(Post(_fallback(part), []))
        posts[-1].blocks.append(section)
    return posts


def _sources(answer: Answer, link: Link) -> list[Block]:
    """The list of sources; where they are more than fit, without links and shorter, and then the last ones counted."""
    language = answer.language
    if not answer.citations:
        return []
    shown, left = _first([_source(citation, language, link, _TITLE) for citation in answer.citations], _SOURCES)
    if left:
        shorter = [_source(citation, language, None, _TITLE // 3) for citation in answer.citations]
        shown, left = _first(shorter, _SOURCES)
    if left:
        shown = [*shown, bot_text("more_sources", language, n=left)]
    # A block each, which Slack sets on a line of its own; many share blocks.
    return list(map(_context, shown)) if len(shown) <= _SEPARATE else _lined(shown, _context, _CONTEXT)


def _source(citation: Citation, language: Language, link: Link, longest: int) -> str:
    """One source in a line: its number, title, language and date."""
    address = link and link(citation.document_id, citation.start, citation.end)
    title = titled(citation.title or citation.document_id, address, longest)
    named = [f"[{citation.n}]  {title}", texts(language)[f"language_{citation.language}"]]
    if citation.published:
        named.append(shortened(shown_date(citation.published, language), 40))
    return " · ".join(named)


def _instead(answer: Answer, link: Link) -> list[Block]:
    """What to do about a question that the articles do not answer, and what to read instead."""
    language = answer.language
    blocks = [_section(bot_text("refused_tip", language))]
    best: dict[str, RelatedPassage] = {}
    for passage in answer.related:
        best.setdefault(passage.document_id, passage)
    related = list(best.values())[:_RELATED]
    if related:
        lines, _ = _first([f"• {_related(passage, link)}" for passage in related], _MESSAGE // 2)
        blocks += _lined([f"*{bot_text('related', language)}*", *lines], _section, _SECTION)
    return blocks


def _related(passage: RelatedPassage, link: Link) -> str:
    address = link and link(passage.document_id, passage.start, passage.end)
    return titled(passage.title or passage.document_id, address, _TITLE)


def _buttons(answer: Answer) -> list[Block]:
    language = answer.language
    again = _button(bot_text("ask_again", language), ASK_AGAIN, answer.id)
    if answer.abstained or not answer.citations:
        return [{"type": "actions", "elements": [again]}]
    quotes = _button(bot_text("show_quotes", language), SHOW_QUOTES, answer.id)
    rating = {
        "type": "feedback_buttons",
        "action_id": RATE,
        "positive_button": _opinion("helpful", f"{answer.id}:1", language),
        "negative_button": _opinion("unhelpful", f"{answer.id}:-1", language),
    }
    return [{"type": "actions", "elements": [quotes, again]}, {"type": "context_actions", "elements": [rating]}]


def _opinion(key: str, value: str, language: Language) -> Block:
    return {"text": _plain(bot_text(key, language)), "value": value}


# --- Quotes


def _quote_blocks(citation: Citation, language: Language, link: Link) -> list[Block]:
    address = link and link(citation.document_id, citation.start, citation.end)
    title = titled(citation.title or citation.document_id, address, _TITLE)
    head = f"[{citation.n}]  {title} · {texts(language)[f'language_{citation.language}']}"
    blocks = [_section(head), *_quoted(citation.quote, citation.language)]
    return blocks + (
        _parallel(citation.parallel, other(citation.language), language, link) if citation.parallel else []
    )


def _parallel(quote: Quote, spoken: Language, language: Language, link: Link) -> list[Block]:
    """The sentence that says the same in the other language, and where it stands."""
    address = link and link(quote.document_id, quote.start, quote.end)
    where = texts(language)[f"open_{spoken}"] if may_link(address) else quote.document_id
    head = f"{bot_text('says_the_same', language)} {titled(where, address, _TITLE)}"
    return [_context(head), *_quoted(quote.quote, spoken)]


def _quoted(words: str, spoken: Language) -> list[Block]:
    """Words in the quotation marks of their own language."""
    before, after = QUOTATION_MARKS[spoken]
    shown = [unmarked(part) for part in parted(whole_line(words), _SECTION - 10)]
    shown[0] = before + shown[0]
    shown[-1] += after
    return [_section(part) for part in shown]


# --- What fits


def _fallback(text: str) -> str:
    """As much of a text as a notification needs."""
    pieces = parted(text, _SECTION)
    first = escaped(next(pieces))
    return f"{first}…" if next(pieces, None) else first


def _first(lines: Sequence[str], most: int) -> tuple[list[str], int]:
    """As many lines as hold no more than this many characters, and how many are left."""
    widths = accumulate(utf16_length(line) + 1 for line in lines)
    fitting = sum(width <= most for width in widths)
    return list(lines[:fitting]), len(lines) - fitting


def _lined(lines: Iterable[str], block: Callable[[str], Block], longest: int) -> list[Block]:
    """Lines, already escaped, in as few blocks as hold them."""
    parts: list[str] = []
    for line in lines:
        if parts and utf16_length(parts[-1]) + 1 + utf16_length(line) <= longest:
            parts[-1] += f"\n{line}"
        else:
            parts.append(line)
    return list(map(block, parts))


def _size(blocks: list[Block]) -> int:
    return len(json.dumps(blocks, ensure_ascii=False))


# --- Blocks


def _mrkdwn(text: str) -> Block:
    # Verbatim: no address, channel or name is linked that is not written as a link.
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _plain(text: str) -> Block:
    return {"type": "plain_text", "text": text, "emoji": False}


def _section(text: str) -> Block:
    return {"type": "section", "text": _mrkdwn(text)}


def _context(text: str) -> Block:
    return {"type": "context", "elements": [_mrkdwn(text)]}


def _button(label: str, action_id: str, value: str) -> Block:
    return {"type": "button", "text": _plain(label), "action_id": action_id, "value": value}

"""Markdown and HTML sources → the text that a reader sees.

Sits below ``loaders.py``. The sources are parsed by libraries; what is done here is deciding where a line ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from lxml import etree, html
from markdown_it import MarkdownIt
from markdown_it.token import Token

CELL = " | "  # between the cells of a table row
_LINE = "\u2028"  # stands for a line end while the page's own line ends still mean a space
_SPACES = re.compile(r"[ \t\r\n\f]+")
_UNSEEN = ("script", "style", "noscript", "template", "head", etree.Comment, etree.ProcessingInstruction)
_BLOCK = re.compile(
    r"address|article|aside|blockquote|body|br|caption|d[dlt]|div|figcaption|figure|footer|form|h[1-6r]|header|li|main|nav|"
    r"[ou]l|option|p|pre|section|table|t[dhr]"
)

Element = Any  # lxml ships no types


def plain_markdown(source: str) -> str:
    """The text of a Markdown source (CommonMark and tables), raw HTML shown as its text."""
    pieces: list[str] = []
    lists = row = 0
    for token in MarkdownIt("commonmark").enable("table").parse(source):
        if token.type in ("bullet_list_open", "ordered_list_open"):
            lists += 1
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            lists -= 1
        elif token.type == "tr_open":
            row = len(pieces)
        elif token.type == "tr_close":
            pieces[row:] = [CELL.join(pieces[row:])]
        pieces.extend(_block_text(token, in_list=lists > 0))
    return "".join(pieces)


def _block_text(token: Token, *, in_list: bool) -> Iterable[str]:
    line_end = "\n" if in_list else "\n\n"
    if token.type == "inline":
        return (_inline_text(token),)
    if token.type in ("fence", "code_block"):
        return (token.content.rstrip("\n") + line_end,)
    if token.type == "html_block":
        return (visible_text(parse_page(token.content)) + line_end,)
    if token.type == "list_item_open" and token.info:
        return (f"{token.info}. ",)  # the number of an ordered item says something, a bullet doesn't
    if token.type in ("paragraph_close", "heading_close", "table_close", "bullet_list_close", "ordered_list_close"):
        return (line_end,)
    return ("\n",) if token.type == "tr_close" else ()


def _inline_text(token: Token) -> str:
    return "".join(map(_child_text, token.children or ()))


def _child_text(child: Token) -> str:
    if child.type in ("text", "code_inline"):
        return child.content
    if child.type == "image":
        return _inline_text(child)
    if child.type == "softbreak":
        return " "
    is_break = child.type == "hardbreak" or child.content.lower().startswith("<br")
    return "\n" if is_break else ""


def parse_page(source: str) -> Element:
    """The tree of a page or of a piece of one; whatever charset it names, it was decoded already."""
    parser = html.HTMLParser(encoding="utf-8")
    try:
        return html.document_fromstring(source.encode(), parser=parser)
    except etree.ParserError:  # nothing, or nothing but a comment
        return html.document_fromstring("<p>")


def visible_text(page: Element) -> str:
    """All text of a page that a reader would see, one block a line. The tree is changed on the way."""
    etree.strip_elements(page, *_UNSEEN, with_tail=False)
    for block in filter(lambda element: _BLOCK.fullmatch(element.tag), page.iter("*")):
        block.text = _LINE + (block.text or "")
        block.tail = _LINE + (block.tail or "")
    lines = (_SPACES.sub(" ", line).strip() for line in page.text_content().split(_LINE))
    return "\n".join(filter(None, lines))


def page_metadata(page: Element) -> dict[str, object]:
    """The metadata in a page's head, by the names that front matter uses; what is missing is None or empty."""
    named: dict[str, str] = {}
    for tag in page.iter("meta"):
        name = tag.get("name") or tag.get("property") or ""
        named.setdefault(name.strip().lower(), tag.get("content") or "")
    return {
        "title": named.get("title") or _first_text(page, "title") or _first_text(page, "h1"),
        "language": named.get("language") or page.get("lang"),
        "url": named.get("url") or _web_address(_canonical(page), named.get("og:url", "")),
        "published": named.get("published") or named.get("article:published_time"),
        "translation_of": named.get("translation_of"),
    }


def _first_text(page: Element, tag: str) -> str:
    element = next(page.iter(tag), None)
    return "" if element is None else str(element.text_content())


def _canonical(page: Element) -> str:
    links = (link.get("href") or "" for link in page.iter("link") if "canonical" in (link.get("rel") or "").split())
    return next(links, "")


def _web_address(*candidates: str) -> str | None:
    # A saved page's canonical link may be relative: no mistake of the editor's, and no use as a source.
    return next((address for address in candidates if address.startswith(("http://", "https://"))), None)

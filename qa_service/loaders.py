"""One reader per file format: bytes → text and what the file says about itself.

The bottom step of ``documents/ → articles``: `articles.py` picks the loader by suffix and makes the text canonical.
The formats are parsed by libraries; the heavy ones are imported where they are used. A loader raises ``DocumentError``
with a message that starts with a verb ("is encrypted"): the caller puts the document's name in front.
"""

from __future__ import annotations

import io
import logging
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import yaml
from lxml import etree

from qa_service.errors import DocumentError
from qa_service.markup import CELL, Element, page_metadata, parse_page, plain_markdown, visible_text

MAX_FRONT_MATTER = 10_000  # characters
FIELDS_SUFFIX = ".yaml"  # behind the whole name of a document: the file that holds its fields
MAX_NESTING = 10  # lists and mappings within each other in a front matter
MAX_PAGES = 5_000
MAX_UNZIPPED = 200_000_000  # bytes

# Their remarks about odd files name none of them; what is wrong with a file is said by its loader.
for _library in ("pypdf", "trafilatura", "htmldate"):
    logging.getLogger(_library).setLevel(logging.CRITICAL)

_FRONT_MATTER = re.compile(r"---[ \t]*\n(.*?)^---[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f]")
_LIST_ITEM = re.compile(r"[•▪‣●◦*-]\s|\d{1,2}[.)]\s")
_BROKEN_WORD = re.compile(r"[^\W\d_][-\u2010\u00ad]\Z")
# What programs write where the author gave no title.
_NO_TITLE = re.compile(r"(?i)\(?(untitled|unspecified|anonymous)\)?|word document|microsoft word - .*|.*\.(docx?|pdf)")
_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})

# A second copy of a drawing's text, for old versions of Word.
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"


@dataclass(frozen=True)
class Loaded:
    """What a file holds, before anything is checked: its text and its metadata by lower-case name."""

    text: str
    metadata: Mapping[str, object] = field(default_factory=dict)


def load_text(data: bytes) -> Loaded:
    """Plain text, with optional front matter; hard-wrapped lines become flowing paragraphs."""
    metadata, text = split_front_matter(decode(data))
    lines = text.split("\n")
    return Loaded(flowing(lines) if _hard_wrapped(lines) else text, metadata)


def load_markdown(data: bytes) -> Loaded:
    """CommonMark with tables, and optional front matter."""
    metadata, source = split_front_matter(decode(data))
    return Loaded(plain_markdown(source), metadata)


def load_html(data: bytes) -> Loaded:
    """The main text of a page and its meta tags; all its visible text where no main text is found."""
    import trafilatura

    source = decode(data)
    page = parse_page(source)
    metadata = page_metadata(page)
    # A line end means a space, and is not always taken for one.
    flat = source if "<pre" in source else source.replace("\n", " ")
    # By default it drops headings and loose text of short pages; a word too many does less harm here.
    main_text = trafilatura.extract(flat, include_comments=False, include_tables=True, favor_recall=True)
    if not main_text:
        return Loaded(visible_text(page), metadata)
    return Loaded("\n".join(map(_without_marks, main_text.split("\n"))), metadata)


def load_pdf(data: bytes) -> Loaded:
    """The text of all pages as flowing paragraphs; encryption that asks for a password is an error."""
    from pypdf import PdfReader
    from pypdf.errors import DependencyError

    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise DocumentError("is encrypted")
    except DependencyError:  # a cipher that pypdf has only with another package
        raise DocumentError("is encrypted") from None
    if len(reader.pages) > MAX_PAGES:
        raise DocumentError(f"has more than {MAX_PAGES:,} pages")
    lines = [line for page in reader.pages for line in page.extract_text().strip().split("\n")]
    title = reader.metadata.title if reader.metadata else None
    text = flowing(lines).translate(_LIGATURES)
    return Loaded(text, {"title": _own_title(title), "language": _text(reader.root_object.get("/Lang"))})


def load_docx(data: bytes) -> Loaded:
    """The paragraphs and tables of a Word document, in their order, and its title and language."""
    import docx

    if not zipfile.is_zipfile(io.BytesIO(data)):  # Word puts an encrypted document into another container
        raise DocumentError("is encrypted or not a Word document")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > MAX_UNZIPPED:
            raise DocumentError(f"is larger than {MAX_UNZIPPED // 1_000_000} MB when unpacked")
    document = docx.Document(io.BytesIO(data))
    properties = document.core_properties
    body = document.element.body
    etree.strip_elements(body, _FALLBACK, with_tail=False)
    text = "\n".join(_docx_lines(body))
    return Loaded(text, {"title": _own_title(properties.title), "language": _text(properties.language)})


# In the order of the contract; the two long-known spellings of a suffix are taken as well.
LOADERS: dict[str, Callable[[bytes], Loaded]] = {
    ".txt": load_text,
    ".md": load_markdown,
    ".html": load_html,
    ".pdf": load_pdf,
    ".docx": load_docx,
    ".markdown": load_markdown,
    ".htm": load_html,
}


def decode(data: bytes) -> str:
    r"""UTF-8 text with ``\n`` line ends and without byte order mark; anything else is a ``DocumentError``."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DocumentError("is not UTF-8 text") from None
    start = text[:8_000]
    if "\0" in start or len(_CONTROLS.findall(start)) > len(start) / 10:
        raise DocumentError("is not UTF-8 text")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def split_front_matter(text: str) -> tuple[dict[str, object], str]:
    """The YAML mapping between a first line ``---`` and the next one, and the text after it."""
    match = _FRONT_MATTER.match(text)
    if not match:
        return {}, text
    if len(match[1]) > MAX_FRONT_MATTER:
        raise DocumentError(f"has a front matter of more than {MAX_FRONT_MATTER:,} characters")
    return _mapping(match[1]), text[match.end() :]


def load_fields(data: bytes) -> dict[str, object]:
    """What a document's fields file holds, in YAML: the same names as in a front matter."""
    try:
        block = decode(data) if len(data) <= 4 * MAX_FRONT_MATTER else None
    except DocumentError as error:
        raise DocumentError(f"has a {FIELDS_SUFFIX} file that {error}") from None
    if block is None or len(block) > MAX_FRONT_MATTER:
        raise DocumentError(f"has a {FIELDS_SUFFIX} file of more than {MAX_FRONT_MATTER:,} characters")
    return _mapping(block, called=f"{FIELDS_SUFFIX} file", first_line=1)


def _mapping(block: str, *, called: str = "front matter", first_line: int = 2) -> dict[str, object]:
    try:
        _refuse_what_grows(block, called)
        values = yaml.safe_load(block)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date such as 2025-02-30
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + first_line})" if mark else ""
        raise DocumentError(f"has a broken {called}{where}: it must be valid YAML") from None
    if not isinstance(values, dict | None):
        raise DocumentError(f"has a broken {called}: it must be lines of the form 'name: value'")
    return {key.lower(): value for key, value in (values or {}).items() if isinstance(key, str)}


def _refuse_what_grows(block: str, called: str) -> None:
    # Tags make objects, merged aliases grow exponentially, nesting takes time with its square: none has a use here.
    depth = 0
    for event in yaml.parse(block, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_NESTING or isinstance(event, yaml.AliasEvent) or getattr(event, "tag", None):
            raise DocumentError(f"has a {called} with YAML tags, aliases or deep nesting: write plain values")


def flowing(lines: Sequence[str]) -> str:
    """Printed lines as paragraphs of one line each.

    A paragraph ends at a blank line, at a line clearly shorter than the others, and before a list item; a word broken
    by a hyphen is put together again.
    """
    lines = [line.strip() for line in lines]
    lengths = sorted(len(line) for line in lines if line)
    width = max(40, lengths[len(lengths) * 9 // 10]) if lengths else 0
    return "".join(_joined(line, following, width) for line, following in pairwise([*lines, ""]))


def _joined(line: str, following: str, width: int) -> str:
    if not line or not following or _LIST_ITEM.match(following):
        return line + "\n"
    continues = following[0].islower()
    if _BROKEN_WORD.search(line[-2:]):
        return line[:-1] if continues else line  # a hyphen before a capital belongs to the name
    return line + (" " if continues or len(line) * 3 >= width * 2 else "\n")


def _hard_wrapped(lines: Sequence[str]) -> bool:
    """Whether an editor broke the lines: none is long, and most go on in lower case."""
    if not 40 <= max(map(len, lines)) <= 120:
        return False
    starts = [following.strip()[0] for line, following in pairwise(lines) if line.strip() and following.strip()]
    return sum(start.islower() for start in starts) * 2 > len(starts)


def _without_marks(line: str) -> str:
    """A line of trafilatura's output without its list and table marks."""
    if not line.startswith("|"):
        return line.removeprefix("- ")
    cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
    return CELL.join(cells) if any(cell.strip("-") for cell in cells) else ""


def _docx_lines(container: Element) -> Iterator[str]:
    # python-docx's own iteration passes over content controls and insertions, and its table cells take quadratic time.
    from docx.oxml.ns import qn

    for block in container.iterchildren():
        if block.tag == qn("w:p"):
            yield "".join(_docx_runs(block))
            for box in _docx_boxes(block):
                yield from _docx_lines(box)
        elif block.tag == qn("w:tr"):
            cells = (" ".join(filter(None, _docx_lines(cell))) for cell in block.iterchildren(qn("w:tc"), qn("w:sdt")))
            yield CELL.join(cells)
        else:
            yield from _docx_lines(block)


def _docx_boxes(element: Element) -> Iterator[Element]:
    """The text boxes of a paragraph, without those within them: each of these belongs to a paragraph of its box."""
    from docx.oxml.ns import qn

    for child in element.iterchildren():
        if child.tag == qn("w:txbxContent"):
            yield child
        else:
            yield from _docx_boxes(child)


def _docx_runs(element: Element) -> Iterator[str]:
    from docx.oxml.ns import qn

    breaks = {qn("w:tab"): "\t", qn("w:br"): "\n", qn("w:cr"): "\n", qn("w:noBreakHyphen"): "-"}
    for child in element.iterchildren():
        if child.tag == qn("w:t"):
            yield child.text or ""
        elif child.tag in breaks:
            yield breaks[child.tag]
        elif child.tag != qn("w:txbxContent"):
            yield from _docx_runs(child)


def _own_title(title: str | None) -> str | None:
    return None if title is None or _NO_TITLE.fullmatch(title.strip()) else title


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None

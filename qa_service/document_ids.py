"""The ids that a document may be given from outside: each is a visible path in the documents folder, and comes back."""

from __future__ import annotations

import re
import unicodedata

from qa_service.errors import InvalidDocument
from qa_service.loaders import FIELDS_SUFFIX, LOADERS

LONGEST_ID = 400  # characters: addresses with the id, percent-encoded, stay below what servers take
MAX_FOLDERS = 16
# A file name has at most 255 bytes; room is left for the longest suffix and that of the fields file.
MAX_PART_BYTES = 240

# What an editor's programs, or the indexer, take for no document of theirs.
_HIDDEN = (".", "~$")
# Control and format characters (with them two ids look alike), surrogates, and line ends of Unicode's own; and the
# character that stands for bytes which were no UTF-8.
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_REPLACEMENT = "\ufffd"
_OTHER_SPACE = re.compile(r"[^\S ]")
# A folder of such a name would stand where the fields of a document belong.
_FIELDS_FILE = re.compile(rf"(?:{'|'.join(map(re.escape, LOADERS))}){re.escape(FIELDS_SUFFIX)}\Z", re.IGNORECASE)


def checked_id(given: str) -> str:
    """An id as the index will know it, in NFC; InvalidDocument says what no id may have."""
    # Before it is normalised, which takes time with the square of the marks on one letter.
    if len(given) > LONGEST_ID:
        raise InvalidDocument(f"The id is longer than {LONGEST_ID} characters.")
    document_id = unicodedata.normalize("NFC", given)
    if "\\" in document_id or any(
        char == _REPLACEMENT or unicodedata.category(char) in _UNPRINTABLE for char in document_id
    ):
        raise InvalidDocument("The id has a backslash, an invisible character, or one that is not UTF-8.")
    parts = document_id.split("/")
    if len(parts) > MAX_FOLDERS + 1:
        raise InvalidDocument(f"The id names more than {MAX_FOLDERS} folders within each other.")
    for part in parts:
        _check_part(part)
    return document_id


def _check_part(part: str) -> None:
    if not part:
        raise InvalidDocument("The id has an empty part: it is names with one slash between them, such as fr/visa.")
    if part.startswith(_HIDDEN):
        raise InvalidDocument(f"No part of the id may begin with {_HIDDEN[0]} or {_HIDDEN[1]}: such files are ignored.")
    if part.endswith(".") or part != part.strip() or _OTHER_SPACE.search(part):
        raise InvalidDocument("No part of the id may end with a dot, begin or end with a space, or have odd spaces.")
    if _FIELDS_FILE.search(part):
        raise InvalidDocument(f"No part of the id may end like .md{FIELDS_SUFFIX}: so end the files of fields.")
    if len(part.encode()) > MAX_PART_BYTES:
        raise InvalidDocument(f"A part of the id is longer than {MAX_PART_BYTES} bytes.")

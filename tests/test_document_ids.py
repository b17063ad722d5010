"""Which ids a document may be given from outside, and that each comes back from the folder as it was given."""

from __future__ import annotations

import unicodedata

import pytest

from qa_service.articles import find_documents
from qa_service.document_ids import LONGEST_ID, MAX_FOLDERS, MAX_PART_BYTES, checked_id
from qa_service.errors import InvalidDocument

GOOD = [
    "visa",
    "fr/exemption-de-visa",
    "en/2025/03/visa",
    "report.v2",
    "x.md",
    "fr/été 100 %/exemption #1?",
    "a~$b",
    "notes.yaml",
    "a.yaml/x.md.yaml.v2",
    "日本",
]
HOSTILE = [
    "",
    "/",
    "/etc/passwd",
    "a//b",
    "a/",
    ".",
    "..",
    "../x",
    "a/../b",
    "a/./b",
    "a/..",
    ".hidden",
    "a/.hidden/b",
    ".incoming/x",
    "~$lock",
    "a\\b",
    "..\\x",
    "a\0b",
    "a\nb",
    "a\tb",
    "a\x7fb",
    "a\x85b",
    "a\u2028b",
    "a\u202eb",
    "a\u200bb",
    "a\ufeff",
    "a\ud800",
    "a\ufffd",
    "a\u00a0b",
    "a.",
    "a./b",
    " a",
    "a ",
    "a /b",
    "gull.md.yaml",
    "en/gull.md.yaml/x",
    "gull.TXT.Yaml/x",
    "gull.markdown.yaml",
    "gull.docx.yaml/x/y",
    "x" * (LONGEST_ID + 1),
    "é" * (MAX_PART_BYTES // 2 + 1),
    "a/" * (MAX_FOLDERS + 1) + "b",
]


@pytest.mark.parametrize("document_id", GOOD)
def test_an_id_comes_back_from_the_folder(document_id, tmp_path):
    path = tmp_path / f"{checked_id(document_id)}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("Text.")
    assert [file.id for file in find_documents([tmp_path])[0]] == [document_id]


def test_accents_have_one_spelling():
    assert checked_id(unicodedata.normalize("NFD", "fr/été")) == "fr/été"


@pytest.mark.parametrize("document_id", HOSTILE)
def test_what_leads_out_or_hides_is_refused_in_one_line(document_id):
    with pytest.raises(InvalidDocument) as error:
        checked_id(document_id)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 120


def test_the_longest_ids_can_be_files(tmp_path):
    name = checked_id("é" * (MAX_PART_BYTES // 2))
    (tmp_path / f"{name}.docx.yaml").write_text("")
    deepest = checked_id("a/" * MAX_FOLDERS + "b")
    assert deepest.count("/") == MAX_FOLDERS

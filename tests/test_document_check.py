"""Reading a document on trial: what it says of itself, what is wrong with it, and what it may cost."""

from __future__ import annotations

import io
import time
import zipfile

import pytest
from docx import Document
from reportlab.pdfgen.canvas import Canvas

from qa_service.articles import DocumentFile
from qa_service.document_check import check
from qa_service.errors import InvalidDocument


def pdf(text: str) -> bytes:
    canvas = Canvas(stream := io.BytesIO())
    canvas.drawString(72, 720, text)
    canvas.save()
    return stream.getvalue()


def docx(text: str) -> bytes:
    document = Document()
    document.add_paragraph(text)
    document.save(stream := io.BytesIO())
    return stream.getvalue()


def padded_docx(megabytes: int) -> bytes:
    """A Word document of a few kilobytes whose text is very long."""
    with zipfile.ZipFile(io.BytesIO(docx("x"))) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    paragraph = b"<w:p><w:r><w:t>a</w:t></w:r></w:p>"
    count = megabytes * 1_000_000 // len(paragraph)
    parts["word/document.xml"] = parts["word/document.xml"].replace(b"<w:body>", b"<w:body>" + paragraph * count)
    with zipfile.ZipFile(stream := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return stream.getvalue()


@pytest.fixture
def checked(tmp_path):
    def read(suffix: str, data: bytes, fields: str | None = None, max_bytes: int = 20_000_000, **limits: int):
        path = tmp_path / f"staged{suffix}"
        path.write_bytes(data)
        if fields is not None:
            path.with_name(path.name + ".yaml").write_text(fields, encoding="utf-8")
        return check(DocumentFile("fr/essai", path), max_bytes=max_bytes, **limits)

    return read


@pytest.mark.parametrize("padding", [0, 40_000])  # read here, and in a process of its own
def test_text_and_its_fields(checked, padding):
    text = (
        "---\ntitle: Du document\nlanguage: fr\n---\nLa passerelle a été inaugurée.\n" + "Elle est longue. " * padding
    )
    found = checked(
        ".txt", text.encode(), "title: 'L’autre : titre'\ntranslation_of: en/trial\npublished: 2024-05-13\n"
    )
    assert vars(found) == {
        "title": "L’autre : titre",
        "language": "fr",
        "url": None,
        "published": "2024-05-13",
        "translation_of": "en/trial",
    }


@pytest.mark.parametrize(
    ("suffix", "data"),
    [
        (".html", b"<title>The bridge</title><p>The bridge opened in May, and everybody came to see it.</p>"),
        (".pdf", pdf("The bridge opened in May, and everybody came.")),
        (".docx", docx("The bridge opened in May, and everybody came.")),
    ],
)
def test_the_other_formats(checked, suffix, data):
    assert checked(suffix, data).language == "en"
    assert checked(suffix, data, "title: Le pont\nlanguage: fr").title == "Le pont"


@pytest.mark.parametrize(
    ("suffix", "data", "fields", "said"),
    [
        (".txt", b"", None, "fr/essai.txt has no text."),
        (".md", b"caf\xe9", None, "fr/essai.md is not UTF-8 text."),
        (
            ".md",
            b"---\na: [\n---\nText.",
            None,
            "fr/essai.md has a broken front matter (line 3): it must be valid YAML.",
        ),
        (".txt", b"Text.", "language: de", "fr/essai.txt has the language 'de': it must be en or fr."),
        (".txt", b"Text.", "published: soon", "fr/essai.txt has a published date that is not an ISO date such as"),
        (".txt", b"Text.", "url: file:///etc", "fr/essai.txt has a url that is not an http:// or https:// address."),
        (".txt", b"Text.", "a: [", "fr/essai.txt has a broken .yaml file (line 1): it must be valid YAML."),
        (".html", b"<p></p>", None, "fr/essai.html has no text."),
        (".pdf", b"%PDF-1.4 no more", None, "fr/essai.pdf is broken or not a .pdf file."),
        (".docx", b"PK\x03\x04", None, "fr/essai.docx is encrypted or not a Word document."),
    ],
)
def test_what_is_wrong_is_said_in_one_line(checked, suffix, data, fields, said):
    with pytest.raises(InvalidDocument) as error:
        checked(suffix, data, fields)
    assert str(error.value).startswith(said)
    assert "\n" not in str(error.value)


def test_what_is_too_large_is_not_read(checked):
    with pytest.raises(InvalidDocument, match="too large"):
        checked(".txt", b"x" * 101, max_bytes=100)


def test_a_document_that_grows_is_stopped(checked):
    data = padded_docx(50)
    assert len(data) < 1_000_000
    started = time.monotonic()
    with pytest.raises(InvalidDocument, match="takes more than 1 s, or too much memory, to be read"):
        checked(".docx", data, max_seconds=1)
    assert time.monotonic() - started < 10

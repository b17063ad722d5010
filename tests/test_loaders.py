"""Each format → text and metadata, on real files made here (Markdown and HTML: test_markup.py)."""

import io
import zipfile

import pytest
from docx import Document
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from pypdf import PdfReader, PdfWriter
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph, SimpleDocTemplate

from qa_service.articles import canonical
from qa_service.errors import DocumentError
from qa_service.loaders import (
    MAX_PAGES,
    MAX_UNZIPPED,
    flowing,
    load_docx,
    load_pdf,
    load_text,
    split_front_matter,
)

PARAGRAPH = (
    "La bibliothèque et le jardin botanique ont ouvert un nouveau chantier dans leur histoire commune en publiant un "
    "catalogue détaillé et illustré, qui décrit les espèces médicinales, alimentaires, ornementales et tinctoriales."
)


def pdf(*paragraphs, title=None, language=None):
    styles = getSampleStyleSheet()
    SimpleDocTemplate(stream := io.BytesIO(), title=title, lang=language).build(
        [Paragraph(text, styles["BodyText"]) for text in paragraphs]
    )
    return stream.getvalue()


def docx(document):
    document.save(stream := io.BytesIO())
    return stream.getvalue()


class TestFrontMatter:
    @pytest.mark.parametrize(
        "text",
        [
            "no front matter",
            "---\nnever closed\nat all",
            "----\na: b\n----\n",
            " ---\na: b\n---\n",
            "text\n---\na: b\n---\n",
        ],
    )
    def test_without_it_all_is_text(self, text):
        assert split_front_matter(text) == ({}, text)

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("---\na: b\n---\nrest\n---\n", ({"a": "b"}, "rest\n---\n")),
            ("---\nTitle: b\n1: c\n--- \n", ({"title": "b"}, "")),
            ("---\n---\nrest", ({}, "rest")),
            ("---\n# a comment\n---\nrest", ({}, "rest")),
            ("---\na: x --- y\n---", ({"a": "x --- y"}, "")),
        ],
    )
    def test_ends_at_the_next_line_of_dashes(self, text, expected):
        assert split_front_matter(text) == expected

    @pytest.mark.parametrize(
        "block",
        [
            "a: [",
            "a: b: c",
            "\tb: c",
            "just words",
            "- a\n- b",
            "a: !!python/object/apply:os.system [id]",
            "a: !custom b",
            "a: &x [1]\nb: *x",
            "a: &a {x: 1}\nb: {<<: [*a, *a]}",
            "a: " + "[" * 4_000,
            "{" * 4_000,
            "a: b\n" * 2_001,
            "? [a]\n: b",
        ],
    )
    def test_what_is_broken_or_could_do_harm_is_refused(self, block):
        with pytest.raises(DocumentError, match=r"^has a "):
            split_front_matter(f"---\n{block}\n---\ntext")


class TestText:
    def test_lines_stay_as_they_are(self):
        text = "A heading\nA paragraph on one line, however long it may be. " + "More of it. " * 20 + "\n\n- an item"
        assert load_text(text.encode()).text == text

    def test_line_ends_and_byte_order_mark(self):
        loaded = load_text(b"\xef\xbb\xbf---\r\ntitle: x\r\n---\r\na\r\nb\r")
        assert loaded.metadata == {"title": "x"}
        assert loaded.text == "a\nb\n"

    def test_hard_wrapped_lines_become_paragraphs(self):
        wrapped = (
            "A heading\n\nThe lending agreement between readers of both old\n"
            "libraries will change its rules on May 19, 2025, and\nthe librarians said so.\nAnother paragraph.\n"
        )
        assert canonical(load_text(wrapped.encode()).text) == (
            "A heading\n\nThe lending agreement between readers of both old libraries will change its rules on "
            "May 19, 2025, and the librarians said so.\nAnother paragraph."
        )


class TestPdf:
    def test_paragraphs_flow(self):
        text = load_pdf(pdf("Un titre court", PARAGRAPH, "Un autre paragraphe.", PARAGRAPH)).text
        assert canonical(text).split("\n") == ["Un titre court", PARAGRAPH, "Un autre paragraphe.", PARAGRAPH]

    def test_title_and_language(self):
        assert load_pdf(pdf("x", title="Un titre", language="fr-FR")).metadata == {
            "title": "Un titre",
            "language": "fr-FR",
        }

    @pytest.mark.parametrize("title", [None, "untitled", "Microsoft Word - report.docx", "report.pdf", "(anonymous)"])
    def test_a_title_of_the_program_is_none(self, title):
        assert load_pdf(pdf("x", title=title)).metadata == {"title": None, "language": None}

    def test_a_paragraph_may_go_on_on_the_next_page(self):
        canvas = Canvas(stream := io.BytesIO())
        for line in ("The lending agreement between readers of", "both old libraries will change its rules."):
            canvas.drawString(72, 700, line)
            canvas.showPage()
        canvas.save()
        text = "The lending agreement between readers of both old libraries will change its rules."
        assert canonical(load_pdf(stream.getvalue()).text) == text

    def test_pages_without_text(self):
        canvas = Canvas(stream := io.BytesIO())
        canvas.showPage()
        canvas.save()
        assert canonical(load_pdf(stream.getvalue()).text) == ""

    def encrypted(self, user_password):
        writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf("Du texte."))))
        writer.encrypt(user_password, "owner", algorithm="RC4-128")
        writer.write(stream := io.BytesIO())
        return stream.getvalue()

    @pytest.mark.filterwarnings("ignore::DeprecationWarning")
    def test_encrypted(self):
        with pytest.raises(DocumentError, match=r"^is encrypted$"):
            load_pdf(self.encrypted("secret"))
        assert load_pdf(self.encrypted("")).text.strip() == "Du texte."

    def test_too_many_pages(self):
        writer = PdfWriter()
        page = writer.add_blank_page(9, 9).indirect_reference
        writer.root_object["/Pages"]["/Kids"].extend([page] * MAX_PAGES)
        writer.write(stream := io.BytesIO())
        with pytest.raises(DocumentError, match=r"^has more than 5,000 pages$"):
            load_pdf(stream.getvalue())


class TestFlowing:
    @pytest.mark.parametrize(
        ("lines", "expected"),
        [
            (["the visa exemp-", "tion agreement"], "the visa exemption agreement\n"),
            (["le gazoduc Afrique-", "Atlantique"], "le gazoduc Afrique-Atlantique\n"),
            (["the agreement of the years 2024 -", "2025 ends"], "the agreement of the years 2024 - 2025 ends\n"),
            (["a short line", "goes on in lower case"], "a short line goes on in lower case\n"),
            (["A heading", "A paragraph"], "A heading\nA paragraph\n"),
            (["one", "", "two"], "one\n\ntwo\n"),
            (["what is needed:", "• one", "• two"], "what is needed:\n• one\n• two\n"),
            ([], ""),
        ],
    )
    def test_line_ends(self, lines, expected):
        assert flowing(lines) == expected


class TestDocx:
    def test_paragraphs_and_tables_in_order(self):
        document = Document()
        document.core_properties.title = "Un titre"
        document.core_properties.language = "fr-FR"
        document.add_heading("Le visa", level=1)
        document.add_paragraph("Avant le ").add_run("tableau").bold = True
        table = document.add_table(rows=2, cols=2)
        for cell, text in zip(
            (cell for row in table.rows for cell in row.cells), ("Pays", "Visa", "Maroc", ""), strict=True
        ):
            cell.text = text
        document.add_paragraph("une ligne\nune autre\tsuite")
        loaded = load_docx(docx(document))
        assert loaded.text.split("\n") == [
            "Le visa",
            "Avant le tableau",
            "Pays | Visa",
            "Maroc | ",
            "une ligne",
            "une autre\tsuite",
        ]
        assert loaded.metadata == {"title": "Un titre", "language": "fr-FR"}

    def test_content_controls_insertions_and_text_boxes_are_text_and_deletions_are_not(self):
        document = Document()
        inside = "<w:p><w:r><w:t>{}</w:t></w:r></w:p>"
        box = "<w:r><w:pict><w:txbxContent>" + inside.format("in a box") + "</w:txbxContent></w:pict></w:r>"
        compatibility = "http://schemas.openxmlformats.org/markup-compatibility/2006"
        copy = f'<mc:AlternateContent xmlns:mc="{compatibility}"><mc:Choice>{box}</mc:Choice>'
        copy += f"<mc:Fallback>{box}</mc:Fallback></mc:AlternateContent>"
        control = "<w:sdt><w:sdtContent>" + inside.format("in a control") + "</w:sdtContent></w:sdt>"
        edited = (
            "<w:p><w:ins><w:r><w:t>new</w:t></w:r></w:ins><w:del><w:r><w:delText>old</w:delText></w:r></w:del></w:p>"
        )
        namespaces = nsdecls("w")
        body = parse_xml(f"<w:body {namespaces}>{control}{edited}<w:p>{copy}<w:r><w:t>host</w:t></w:r></w:p></w:body>")
        for element in reversed(list(body)):
            document.element.body.insert(0, element)
        assert load_docx(docx(document)).text.split("\n") == ["in a control", "new", "host", "in a box"]

    @pytest.mark.parametrize("depth", [3, 60])
    def test_each_of_text_boxes_within_each_other_is_read_once(self, depth):
        xml = ""
        for level in reversed(range(depth)):
            box = f"<w:r><w:pict><w:txbxContent>{xml}</w:txbxContent></w:pict></w:r>" if xml else ""
            xml = f"<w:p><w:r><w:t>{level}</w:t></w:r>{box}</w:p>"
        document = Document()
        document.element.body.insert(0, parse_xml(xml.replace("<w:p>", f"<w:p {nsdecls('w')}>", 1)))
        assert load_docx(docx(document)).text.split("\n") == [str(level) for level in range(depth)]

    def test_a_long_merged_column(self):
        document = Document()
        table = document.add_table(rows=300, cols=1)
        table.cell(0, 0).merge(table.cell(299, 0)).text = "merged"
        assert load_docx(docx(document)).text.strip() == "merged"

    def test_no_properties(self):
        assert not any(load_docx(docx(Document())).metadata.values())

    def test_another_container_is_not_opened(self):
        encrypted = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(2_000)
        with pytest.raises(DocumentError, match=r"^is encrypted or not a Word document$"):
            load_docx(encrypted)

    def test_a_zip_bomb_is_not_unpacked(self):
        with (
            zipfile.ZipFile(stream := io.BytesIO(), "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
            archive.open("word/document.xml", "w") as entry,
        ):
            for _ in range(MAX_UNZIPPED // 1_000_000 + 1):
                entry.write(bytes(1_000_000))
        with pytest.raises(DocumentError, match=r"^is larger than 200 MB when unpacked$"):
            load_docx(stream.getvalue())

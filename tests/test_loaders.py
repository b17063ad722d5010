"""Each format → text and metadata, on real files made here."""

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

from qa_service import loaders
from qa_service.articles import canonical
from qa_service.errors import DocumentError
from qa_service.loaders import (
    flowing,
    load_docx,
    load_html,
    load_markdown,
    load_pdf,
    load_text,
    plain_markdown,
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


class TestMarkdown:
    @pytest.mark.parametrize(
        ("source", "expected"),
        [
            ("# A *title*\nText", "A title\n\nText"),
            ("soft\nbreak", "soft break"),
            ("hard  \nbreak", "hard\nbreak"),
            ("**b** _i_ `code` [link](http://x) <http://y.org>", "b i code link http://y.org"),
            ("![a picture](x.png) \\*kept\\* &eacute;", "a picture *kept* é"),
            ("- one\n- two\n  - three\n\nAfter", "one\ntwo\nthree\n\nAfter"),
            ("3. three\n\n4. four", "3. three\n4. four"),
            ("| A | B |\n|---|---|\n| 1 | **2** |\n\nAfter", "A | B\n1 | 2\n\nAfter"),
            ("> quoted", "quoted"),
            ("```py\nx = 1\n```\nAfter", "x = 1\n\nAfter"),
            ("<div>raw <b>html</b></div>\n\nAfter", "raw html\n\nAfter"),
            ("<script>alert(1)</script>\n\n<!-- note -->\n\nAfter", "After"),
            ("a<br>b <i>c</i>", "a\nb c"),
            ("one\n\n---\n\ntwo", "one\n\ntwo"),
            ("[ref]: http://x\n\nText[^1] [ref]", "Text[^1] ref"),
        ],
    )
    def test_marks_go_and_words_stay(self, source, expected):
        assert canonical(plain_markdown(source)) == expected

    def test_front_matter_is_not_text(self):
        loaded = load_markdown(b"---\ntitle: T\n---\n# H\n\nText")
        assert loaded.metadata == {"title": "T"}
        assert canonical(loaded.text) == "H\n\nText"

    def test_hostile_nesting_ends(self):
        assert plain_markdown("[" * 20_000).strip()
        plain_markdown("> " * 20_000 + "x")


class TestHtml:
    PAGE = """<!doctype html><html lang="fr-FR"><head><meta charset="latin-1"><title>Le titre | Le site</title>{head}
    <style>p {{color: red}}</style></head><body><nav><a href="/">Accueil</a></nav><article><h1>Le titre</h1>
    <p>Un premier paragraphe avec <b>gras</b> et un <a href="/x">lien</a>,\n assez long pour compter.</p>
    <p>Un second paragraphe, en 2025.</p><ul><li>un</li><li>deux</li></ul>
    <table><tr><th>Pays</th><th>Visa</th></tr><tr><td>Maroc</td><td>non</td></tr></table>
    <script>alert(1)</script></article><footer>Mentions légales</footer></body></html>"""

    def load(self, head=""):
        return load_html(self.PAGE.format(head=head).encode())

    def test_main_text_one_block_a_line(self):
        assert canonical(self.load().text).split("\n") == [
            "Le titre",
            "Un premier paragraphe avec gras et un lien, assez long pour compter.",
            "Un second paragraphe, en 2025.",
            "un",
            "deux",
            "Pays | Visa",
            "",
            "Maroc | non",
        ]

    def test_metadata_of_any_page(self):
        head = """<link rel="canonical" href="https://example.org/a">
        <meta property="article:published_time" content="2025-03-19T10:00:00+00:00">"""
        assert self.load(head).metadata == {
            "title": "Le titre | Le site",
            "language": "fr-FR",
            "url": "https://example.org/a",
            "published": "2025-03-19T10:00:00+00:00",
            "translation_of": None,
        }

    def test_our_own_meta_tags_come_first(self):
        names = {
            "title": "T",
            "language": "en",
            "url": "https://x.org",
            "published": "2025-01-02",
            "translation_of": "a",
        }
        head = "".join(f'<meta name="{name.upper()}" content="{value}">' for name, value in names.items())
        generic = '<link rel="canonical" href="https://y.org"><meta property="og:url" content="https://z.org">'
        assert self.load(generic + head).metadata == names

    def test_a_relative_canonical_link_is_no_source(self):
        head = '<link rel="canonical" href="/a"><meta property="og:url" content="https://example.org/b">'
        assert self.load(head).metadata["url"] == "https://example.org/b"

    def test_the_first_heading_is_the_title_of_a_page_without_one(self):
        assert load_html(b"<h1>A <i>title</i></h1><p>Text</p>").metadata["title"] == "A title"

    @pytest.mark.parametrize(
        ("page", "expected"),
        [
            ("Just words &amp; more", "Just words & more"),
            ("<div>one<br>two <b>th</b>ree</div><div>four\nfive</div>", "one\ntwo three\nfour five"),
            ("<?xml version='1.0' encoding='latin-1'?><html><body><p>été</p></body></html>", "été"),
            ("<script>only()</script><!-- nothing -->", ""),
            ("<!-- nothing -->", ""),
            ("", ""),
        ],
    )
    def test_any_page_gives_what_can_be_seen(self, page, expected):
        assert canonical(load_html(page.encode()).text) == expected


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

    def test_too_many_pages(self, monkeypatch):
        monkeypatch.setattr(loaders, "MAX_PAGES", 0)
        with pytest.raises(DocumentError, match=r"^has more than 0 pages$"):
            load_pdf(pdf("x"))


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
        copy = f'<mc:AlternateContent xmlns:mc="{loaders._FALLBACK[1:-9]}"><mc:Choice>{box}</mc:Choice>'
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

    def test_a_zip_bomb_is_not_unpacked(self, monkeypatch):
        monkeypatch.setattr(loaders, "MAX_UNZIPPED", 1_000_000)
        with zipfile.ZipFile(stream := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("word/document.xml", bytes(1_000_001))
        with pytest.raises(DocumentError, match=r"^is larger than 1 MB when unpacked$"):
            load_docx(stream.getvalue())

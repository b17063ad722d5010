"""Markdown and HTML → the text that a reader sees, and metadata."""

import pytest

from qa_service.articles import canonical
from qa_service.loaders import load_html, load_markdown
from qa_service.markup import plain_markdown


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

"""Files → articles: finding documents, metadata, and what is said about files that cannot be read."""

import hashlib
import os
import socket
import tracemalloc
import unicodedata
from pathlib import Path

import pytest

from qa_service.articles import (
    MAX_TITLE,
    SUFFIXES,
    Article,
    DocumentFile,
    content_hash,
    find_documents,
    read_article,
)
from qa_service.errors import DocumentError

ENGLISH = "The visa exemption takes effect on 19 March 2025, and the ministers have signed it."
FRENCH = "L’exemption de visa entre en vigueur le 19 mars 2025, et les ministres l’ont signée."


def write(folder, name, content):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return DocumentFile(Path(name).with_suffix("").as_posix(), path)


def read(file):
    return read_article(file, max_bytes=100_000)


def ids(documents):
    return [document.id for document in documents]


class TestFindDocuments:
    def test_every_suffix_below_the_folder_sorted_by_id(self, tmp_path):
        for number, suffix in enumerate(SUFFIXES):
            write(tmp_path, f"en/{number}{suffix.upper() if number == 0 else suffix}", "x")
        write(tmp_path, "a.txt", "x")
        write(tmp_path, "picture.png", "x")
        documents, problems = find_documents([tmp_path])
        assert ids(documents) == ["a", *(f"en/{number}" for number in range(len(SUFFIXES)))]
        assert problems == []
        assert documents[0].path == tmp_path / "a.txt"

    def test_the_id_keeps_inner_dots(self, tmp_path):
        write(tmp_path, "v1.2/notes.fr.md", "x")
        assert ids(find_documents([tmp_path])[0]) == ["v1.2/notes.fr"]

    def test_hidden_and_lock_files_are_passed_over(self, tmp_path):
        for name in (".hidden.md", ".git/a.md", "~$report.docx", "sub/.cache/b.txt"):
            write(tmp_path, name, "x")
        assert find_documents([tmp_path]) == ([], [])

    def test_a_root_may_be_one_file_even_a_hidden_one(self, tmp_path):
        file = write(tmp_path, ".drafts/talk.md", "x")
        assert find_documents([file.path]) == ([DocumentFile("talk", file.path)], [])

    def test_a_single_file_of_another_format_is_a_problem(self, tmp_path):
        file = write(tmp_path, "table.xlsx", "x")
        documents, [(name, problem)] = find_documents([file.path])
        assert documents == []
        assert name == "table.xlsx"
        assert ".docx" in problem

    @pytest.mark.parametrize(
        ("root", "shown"),
        [("nowhere/docs", "nowhere/docs"), ("/srv/nowhere/docs", "docs"), ("/srv/two\nlines", "two?lines")],
    )
    def test_a_missing_root_is_named_without_its_place_on_the_machine(self, tmp_path, monkeypatch, root, shown):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(DocumentError) as error:
            find_documents([Path(root)])
        assert str(error.value) == f"There is no file or folder named {shown}."

    def test_of_two_files_with_one_id_the_first_by_path_is_taken(self, tmp_path):
        write(tmp_path, "en/talks.txt", "x")
        write(tmp_path, "en/talks.md", "x")
        documents, problems = find_documents([tmp_path])
        assert [document.path.name for document in documents] == ["talks.md"]
        assert problems == [("en/talks.txt", "has the same id as en/talks.md: rename one of them")]

    def test_the_same_root_twice_is_no_problem(self, tmp_path, monkeypatch):
        write(tmp_path, "docs/a.md", "x")
        monkeypatch.chdir(tmp_path)
        documents, problems = find_documents([Path("docs"), tmp_path / "docs"])
        assert ids(documents) == ["a"]
        assert problems == []

    def test_ids_are_composed_whatever_the_file_system_keeps(self, tmp_path):
        write(tmp_path, unicodedata.normalize("NFD", "fr/sécurité.md"), "x")
        assert ids(find_documents([tmp_path])[0]) == ["fr/sécurité"]

    def test_links_within_the_root_count_and_links_out_of_it_do_not(self, tmp_path):
        outside = write(tmp_path, "secret.txt", "x")
        inside = write(tmp_path, "docs/.data/a.md", "x")
        (tmp_path / "docs/a.md").symlink_to(inside.path)
        (tmp_path / "docs/leak.txt").symlink_to(outside.path)
        (tmp_path / "docs/all").symlink_to(tmp_path, target_is_directory=True)
        (tmp_path / "docs/gone.md").symlink_to(tmp_path / "docs/nothing.md")
        documents, problems = find_documents([tmp_path / "docs"])
        assert ids(documents) == ["a"]
        assert problems == [
            ("all", "is a link to a folder: not followed"),
            ("gone.md", "is not a regular file"),
            ("leak.txt", "is a link that leaves the documents folder: not followed"),
        ]

    def test_the_root_itself_may_be_a_link(self, tmp_path):
        write(tmp_path, "real/a.md", "x")
        (tmp_path / "docs").symlink_to(tmp_path / "real", target_is_directory=True)
        assert ids(find_documents([tmp_path / "docs"])[0]) == ["a"]

    def test_what_is_named_like_a_document_and_is_none_is_a_problem(self, tmp_path, monkeypatch):
        os.mkfifo(tmp_path / "pipe.txt")
        (tmp_path / "folder.md").mkdir()
        monkeypatch.chdir(tmp_path)  # a socket's address must be short
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("socket.md")
            problems = [("pipe.txt", "is not a regular file"), ("socket.md", "is not a regular file")]
            assert find_documents([tmp_path]) == ([], problems)
        assert find_documents([tmp_path / "pipe.txt"]) == ([], problems[:1])

    @pytest.mark.parametrize("name", ["two\nlines.md", os.fsdecode(b"caf\xe9.txt")])
    def test_names_that_cannot_be_shown_are_problems_on_one_line(self, tmp_path, name):
        (tmp_path / name).write_text("x")
        documents, [(shown, problem)] = find_documents([tmp_path])
        assert documents == []
        assert shown.isprintable()
        assert "rename" in problem

    def test_a_folder_whose_name_cannot_be_shown_keeps_nothing_else_out(self, tmp_path):
        write(tmp_path, os.fsdecode(b"caf\xe9/sub/a.md"), "x")
        write(tmp_path, "fine/b.md", "x")
        documents, [(shown, problem)] = find_documents([tmp_path])
        assert ids(documents) == ["fine/b"]
        assert shown == "caf?/sub/a.md"
        assert "rename" in problem

    @pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
    def test_a_folder_that_cannot_be_read_is_a_problem(self, tmp_path):
        write(tmp_path, "closed/a.md", "x")
        (tmp_path / "closed").chmod(0)
        try:
            assert find_documents([tmp_path]) == ([], [("closed", "cannot be read: Permission denied")])
        finally:
            (tmp_path / "closed").chmod(0o700)


class TestReadArticle:
    def test_a_plain_text_is_its_own_source(self, tmp_path):
        article = read(write(tmp_path, "fr/visa.txt", f"\nUn titre\n{FRENCH}\n"))
        assert article == Article("fr/visa", "Un titre", "fr", f"Un titre\n{FRENCH}")

    def test_front_matter_says_it_all(self, tmp_path):
        head = "title: 'Visas: the end'\nlanguage: en\nurl: https://example.org/a?b=1\npublished: 2025-03-19\n"
        file = write(tmp_path, "en/visa.md", f"---\n{head}translation_of: fr/visa\nauthor: [x]\n---\n{ENGLISH}\n")
        assert read(file) == Article(
            "en/visa", "Visas: the end", "en", ENGLISH, "https://example.org/a?b=1", "2025-03-19", "fr/visa"
        )

    @pytest.mark.parametrize(("text", "language"), [(ENGLISH, "en"), (FRENCH, "fr")])
    def test_the_language_is_detected(self, tmp_path, text, language):
        assert read(write(tmp_path, "a.txt", text)).language == language

    @pytest.mark.parametrize("value", ["fr", "FR", "fr-FR", "fr_CA", " fr "])
    def test_regions_and_case_of_a_language_do_not_matter(self, tmp_path, value):
        assert read(write(tmp_path, "a.md", f"---\nlanguage: '{value}'\n---\n{ENGLISH}")).language == "fr"

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("2025-03-19", "2025-03-19"),
            ("'2025-03-19'", "2025-03-19"),
            ("2025-03-19T23:30:00-05:00", "2025-03-19"),
            ("2025-03-19 08:00:00", "2025-03-19"),
            ("'2025-03-19T10:00:00Z'", "2025-03-19"),
            ("", None),
            ("''", None),
        ],
    )
    def test_dates(self, tmp_path, value, expected):
        assert read(write(tmp_path, "a.md", f"---\npublished: {value}\n---\n{ENGLISH}")).published == expected

    @pytest.mark.parametrize(
        ("line", "problem"),
        [
            ("language: de", "a.md has the language 'de': it must be en or fr"),
            ("language: no", "a.md has a 'language' that is not text: put it in quotes"),
            ("title: 1984", "a.md has a 'title' that is not text: put it in quotes"),
            ("title: [a, b]", "a.md has a 'title' that is not text: put it in quotes"),
            ("translation_of: {a: b}", "a.md has a 'translation_of' that is not text: put it in quotes"),
            ("published: 19 mars 2025", "a.md has a published date that is not an ISO date such as 2025-03-19"),
            ("published: 2025-03", "a.md has a published date that is not an ISO date such as 2025-03-19"),
            ("published: 2025-02-30", "a.md has a broken front matter: it must be valid YAML"),
            ("published: 2025", "a.md has a 'published' that is not text: put it in quotes"),
            ("url: 'javascript:alert(1)'", "a.md has a url that is not an http:// or https:// address"),
            ("url: example.org/a", "a.md has a url that is not an http:// or https:// address"),
            ("url: 'https://'", "a.md has a url that is not an http:// or https:// address"),
            ("url: 'http://[::1'", "a.md has a url that is not an http:// or https:// address"),
            ("url: 'http://a b.org/'", "a.md has a url that is not an http:// or https:// address"),
            ("title: Visas: the end", "a.md has a broken front matter (line 2): it must be valid YAML"),
        ],
    )
    def test_wrong_metadata_is_named(self, tmp_path, line, problem):
        with pytest.raises(DocumentError) as error:
            read(write(tmp_path, "a.md", f"---\n{line}\n---\n{ENGLISH}"))
        assert str(error.value) == problem

    def test_titles_are_one_short_clean_line(self, tmp_path):
        first_line = read(write(tmp_path, "a.txt", "word " * 100 + "\n" + ENGLISH)).title
        assert len(first_line) <= MAX_TITLE
        assert first_line == first_line.strip()
        given_title = read(write(tmp_path, "b.md", f'---\ntitle: "Two\\n lines\\u202e"\n---\n{ENGLISH}')).title
        assert given_title == "Two lines"

    @pytest.mark.parametrize("suffix", [".txt", ".md", ".html"])
    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            ("caf\u00e9".encode("latin-1"), "is not UTF-8 text"),
            ("text".encode("utf-16"), "is not UTF-8 text"),
            (b"PK\x03\x04\0\0", "is not UTF-8 text"),
            (b"\x01\x02\x03\x04abc", "is not UTF-8 text"),
            (b"", "has no text"),
            (b" \n\t\r\n", "has no text"),
        ],
    )
    def test_what_is_no_text_is_said_on_one_line(self, tmp_path, suffix, content, problem):
        with pytest.raises(DocumentError) as error:
            read(write(tmp_path, f"sub/a{suffix}", content))
        assert str(error.value) == f"sub/a{suffix} {problem}"

    @pytest.mark.parametrize("suffix", [".pdf", ".docx"])
    @pytest.mark.parametrize("content", [b"", b"%PDF-1.7 nothing", b"PK\x05\x06" + bytes(18), b"plain text"])
    def test_broken_files_are_said_on_one_line(self, tmp_path, suffix, content, capfd):
        with pytest.raises(DocumentError) as error:
            read(write(tmp_path, f"sub/a{suffix}", content))
        message = str(error.value)
        assert message.startswith(f"sub/a{suffix} is ")
        assert "\n" not in message
        assert str(tmp_path) not in message
        assert capfd.readouterr() == ("", "")

    def test_too_large(self, tmp_path):
        file = write(tmp_path, "a.txt", ENGLISH)
        assert read_article(file, max_bytes=len(ENGLISH)).text == ENGLISH
        with pytest.raises(DocumentError, match=r"^a\.txt is too large: more than 10 bytes$"):
            read_article(file, max_bytes=10)

    def test_what_is_too_large_is_not_read_and_a_checksum_reads_in_parts(self, tmp_path):
        file = write(tmp_path, "a.txt", "")
        os.truncate(file.path, 50_000_000)
        tracemalloc.start()
        try:
            with pytest.raises(DocumentError, match="too large"):
                read_article(file, max_bytes=20_000_000)
            content_hash(file)
            assert tracemalloc.get_traced_memory()[1] < 2_000_000
        finally:
            tracemalloc.stop()

    def test_a_limit_beyond_any_memory_costs_none(self, tmp_path):
        assert read_article(write(tmp_path, "a.txt", ENGLISH), max_bytes=10**18).text == ENGLISH

    def test_a_pipe_in_the_place_of_the_file_is_not_opened(self, tmp_path):
        os.mkfifo(tmp_path / "a.txt")
        for reader in (read, content_hash):
            with pytest.raises(DocumentError, match=r"^a\.txt is not a regular file$"):
                reader(DocumentFile("a", tmp_path / "a.txt"))

    def test_a_file_that_vanished(self, tmp_path):
        file = DocumentFile("en/a", tmp_path / "a.txt")
        for reader in (read, content_hash):
            with pytest.raises(DocumentError) as error:
                reader(file)
            assert str(error.value) == "en/a.txt cannot be read: No such file or directory"


def test_content_hash_is_that_of_the_bytes(tmp_path):
    file = write(tmp_path, "a.md", "---\ntitle: x\n---\nété\r\n")
    assert content_hash(file) == hashlib.sha256(file.path.read_bytes()).hexdigest()


class TestFieldsFile:
    """A document's fields in a file beside it, ``report.pdf.yaml`` beside ``report.pdf``."""

    def test_it_overrides_what_the_document_says_itself_field_by_field(self, tmp_path):
        file = write(tmp_path, "fr/visa.md", f"---\ntitle: Avant\nurl: https://example.org/a\n---\n{FRENCH}")
        write(tmp_path, "fr/visa.md.yaml", "Title: 'Après : tout'\nlanguage: fr\npublished: 2025-03-18\n")
        article = read(file)
        assert (article.title, article.url, article.published) == (
            "Après : tout",
            "https://example.org/a",
            "2025-03-18",
        )
        assert article.text == FRENCH

    def test_an_empty_field_leaves_it_to_the_service(self, tmp_path):
        file = write(tmp_path, "en/visa.html", f"<html lang=en><title>Before</title><p>{ENGLISH}</p></html>")
        write(tmp_path, "en/visa.html.yaml", "title: ''\nurl:\n")
        assert read(file).title == ENGLISH

    def test_it_is_no_document(self, tmp_path):
        file = write(tmp_path, "en/visa.md", ENGLISH)
        write(tmp_path, "en/visa.md.yaml", "title: A title")
        assert find_documents([tmp_path]) == ([file], [])

    def test_another_one_makes_another_document(self, tmp_path):
        file = write(tmp_path, "en/visa.md", ENGLISH)
        hashes = [content_hash(file)]
        for fields in ("title: One", "title: Two", ""):
            write(tmp_path, "en/visa.md.yaml", fields)
            hashes.append(content_hash(file))
        assert len(set(hashes)) == 4
        file.fields_path.unlink()
        assert content_hash(file) == hashes[0]

    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            ("title: [", "has a broken .yaml file (line 1): it must be valid YAML"),
            ("- a", "has a broken .yaml file: it must be lines of the form 'name: value'"),
            (
                "a: !!python/name:os.system",
                "has a .yaml file with YAML tags, aliases or deep nesting: write plain values",
            ),
            (b"\xff", "has a .yaml file that is not UTF-8 text"),
            ("a: " + "x" * 10_000, "has a .yaml file of more than 10,000 characters"),
            ("é" * 50_000, "has a .yaml file of more than 10,000 characters"),
            ("language: de", "has the language 'de': it must be en or fr"),
        ],
    )
    def test_what_is_wrong_with_it_is_said_of_the_document(self, tmp_path, content, problem):
        file = write(tmp_path, "en/visa.md", ENGLISH)
        write(tmp_path, "en/visa.md.yaml", content)
        with pytest.raises(DocumentError) as error:
            read(file)
        assert str(error.value) == f"en/visa.md {problem}"

    def test_a_link_in_its_place_is_not_followed(self, tmp_path):
        file = write(tmp_path, "en/visa.md", ENGLISH)
        file.fields_path.symlink_to(write(tmp_path, "secret.yaml", "title: secret").path)
        for look in (read, content_hash):
            with pytest.raises(DocumentError, match=r"en/visa\.md has a \.yaml file that is a link: not followed"):
                look(file)

    def test_a_folder_in_its_place_is_said(self, tmp_path):
        file = write(tmp_path, "en/visa.md", ENGLISH)
        file.fields_path.mkdir()
        with pytest.raises(DocumentError, match=r"has a \.yaml file that is not a regular file"):
            read(file)

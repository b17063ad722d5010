"""Documents in, generations out: what is counted, what is kept, and what never happens to the index that answers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from dataclasses import replace

import numpy as np
import pytest

from qa_service.composing.refusal import refusal_id
from qa_service.embedding_model import EmbeddingModel
from qa_service.errors import (
    DocumentError,
    EmbeddingsUnavailable,
    IndexBusy,
    IndexMismatch,
    IndexUnavailable,
    UnknownDocument,
)
from qa_service.generations import FORMAT, IndexFolder
from qa_service.index_reader import open_current, open_for_reuse
from qa_service.indexing import IndexReport, index_documents, searchable_text
from qa_service.retrieval import prepare, retrieve
from qa_service.settings import load_settings
from qa_service.vector_store import key

PLAIN = "The tool shed is painted green. It holds nine spades.\n"


def run(settings, *roots, **options) -> IndexReport:
    return index_documents(roots or [settings.documents], settings, **options)


def counts(report: IndexReport) -> dict[str, int]:
    """The counts that are not zero."""
    names = ("added", "updated", "unchanged", "removed")
    found = {name: getattr(report, name) for name in names} | {"failed": len(report.failed)}
    return {name: count for name, count in found.items() if count}


@contextmanager
def reading(settings):
    with closing(open_current(IndexFolder(settings.index), EmbeddingModel.load(settings.embeddings))) as index:
        yield index


def ids(settings) -> list[str]:
    with reading(settings) as index:
        return [summary.id for summary in index.documents.summaries()]


def text_of(settings, document_id: str) -> str:
    with reading(settings) as index:
        return index.documents.article(document_id).text


def write(settings, name: str, content: str | bytes):
    path = settings.documents / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def generations(settings) -> list[str]:
    return [generation.name for generation in IndexFolder(settings.index).candidates()]


@pytest.fixture
def provided(settings, embeddings_server):
    return load_settings(index=settings.index, documents=settings.documents, embeddings="openai:letters")


def passages_sent(server) -> list[str]:
    """The passages that the provider was sent since the last call; a passage has its title on a line of its own."""
    sent = [text for text in server.texts if "\n" in text]
    server.texts.clear()
    return sent


# A first run


def test_the_first_run_adds_everything(settings):
    stages: list[str] = []
    report = run(settings, progress=lambda stage, done, total: stages.append(stage))
    assert counts(report) == {"added": 5}
    assert report.generation == IndexFolder(settings.index).current_name()
    assert report.seconds > 0
    assert list(dict.fromkeys(stages)) == ["reading", "embedding", "verifying"]
    with reading(settings) as index:
        assert index.manifest.documents == {"en": 3, "fr": 2}
        assert sum(index.manifest.passages.values()) == report.passages
        assert index.documents.translations(index.documents.article("en/footbridge")) == ["fr/passerelle"]


def test_an_index_of_another_format_is_refused_in_words_and_made_again(indexed):
    manifest = IndexFolder(indexed.index).candidates()[0].path / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"format": FORMAT - 1}))
    with pytest.raises(IndexUnavailable, match=r"another version of the service\. Run `qa-service index --rebuild`"):
        ids(indexed)
    assert counts(run(indexed)) == {"added": 5}
    assert len(ids(indexed)) == 5


def test_articles_that_tell_one_story_are_paired_at_every_run(settings):
    said = settings.documents / "fr/passerelle.md"
    said.write_text(said.read_text(encoding="utf-8").replace("translation_of: en/footbridge\n", ""), encoding="utf-8")
    for _ in range(2):
        run(settings)
        with reading(settings) as index:
            assert index.documents.pairs() == {"en/footbridge": "fr/passerelle", "fr/passerelle": "en/footbridge"}
            assert index.documents.translations(index.documents.article("en/footbridge")) == ["fr/passerelle"]
        write(settings, "en/shed.txt", PLAIN)  # the second run takes over what it knows of the others


def test_everything_that_was_put_in_can_be_found(indexed, model):
    with reading(indexed) as index:
        passages = index.documents.passages(range(sum(index.manifest.passages.values())))
        assert index.vectors.vectors(passages).keys() == {key(passage) for passage in passages}
        for number, passage in enumerate(passages):
            vector = model.embeddings.embed_query(searchable_text(passage))
            assert index.vectors.search(vector, passage.language, 1)[0][0] == number
            assert index.lexical[passage.language].search(passage.text, 1)[0][0] == number
            assert index.documents.article(passage.document_id).text[passage.start : passage.end] == passage.text


def test_a_document_in_one_language_is_enough(settings):
    report = run(settings, settings.documents / "fr/potager.md")
    assert (counts(report), ids(settings)) == ({"added": 1}, ["potager"])
    with reading(settings) as index:
        assert index.manifest.passages["en"] == 0
        assert index.vectors.search([1.0] * 256, "en", 5) == []
        assert index.lexical["en"].search("garden", 5) == []


def test_a_document_of_signs_alone_is_indexed(settings):
    write(settings, "signs.txt", "—\n\n…\n\n* * *\n")
    assert counts(run(settings)) == {"added": 6}
    assert "signs" in ids(settings)


def test_documents_of_signs_alone_make_an_index(settings):
    report = run(settings, write(settings, "signs.txt", "— … —\n"))
    assert counts(report) == {"added": 1}


def test_paths_may_be_folders_and_files(settings):
    report = run(settings, settings.documents / "en", settings.documents / "fr/potager.md")
    assert counts(report) == {"added": 4}
    assert ids(settings) == ["footbridge", "orchard", "potager", "rose-garden"]


def test_of_two_documents_with_one_id_the_second_is_reported(settings):
    write(settings, "en/footbridge.txt", PLAIN)
    report = run(settings)
    assert counts(report) == {"added": 5, "failed": 1}
    assert report.failed == {"en/footbridge.txt": "has the same id as en/footbridge.md: rename one of them"}


def test_the_same_documents_make_the_same_index_whatever_its_history(settings, built):
    later = write(settings, "en/footbridge.md", PLAIN)
    run(settings)
    shutil.copy(built.documents / "en/footbridge.md", later)
    assert counts(run(settings)) == {"updated": 1, "unchanged": 4}
    with reading(settings) as index, reading(built) as other:
        count = sum(index.manifest.passages.values())
        passages = index.documents.passages(range(count))
        assert passages == other.documents.passages(range(sum(other.manifest.passages.values())))
        assert index.documents.hashes() == other.documents.hashes()
        mine, theirs = index.vectors.vectors(passages), other.vectors.vectors(passages)
        assert all(np.allclose(mine[name], theirs[name], atol=1e-6) for name in theirs)
        assert index.lexical["en"].search("bridge", 9) == other.lexical["en"].search("bridge", 9)


# Later runs


def test_without_a_change_nothing_is_written(indexed):
    before = generations(indexed)
    report = run(indexed)
    assert counts(report) == {"unchanged": 5}
    assert (generations(indexed), report.generation) == (before, before[0])
    with reading(indexed) as index:
        assert report.passages == sum(index.manifest.passages.values())


def test_added_updated_and_removed_documents(indexed):
    write(indexed, "en/shed.txt", PLAIN)
    write(indexed, "fr/potager.md", "Le potager est fermé pour travaux.\n")
    (indexed.documents / "en/orchard.html").unlink()
    assert counts(run(indexed)) == {"added": 1, "updated": 1, "unchanged": 3, "removed": 1}
    assert ids(indexed) == ["en/footbridge", "en/rose-garden", "en/shed", "fr/passerelle", "fr/potager"]
    assert text_of(indexed, "fr/potager") == "Le potager est fermé pour travaux."


def test_a_removed_document_is_nowhere_any_more(indexed, model):
    (indexed.documents / "en/orchard.html").unlink()
    run(indexed)
    with reading(indexed) as index:
        with pytest.raises(UnknownDocument):
            index.documents.article("en/orchard")
        assert index.lexical["en"].search("apple trees", 5) == []
        found = index.vectors.search(model.embeddings.embed_query("apple trees in the orchard"), "en", 50)
        assert len(found) == index.vectors.count("en") == index.manifest.passages["en"]
        assert all(index.documents.passages([number])[0].document_id != "en/orchard" for number, _ in found)


def test_a_renamed_document_is_one_added_and_one_removed(indexed):
    (indexed.documents / "en/orchard.html").rename(indexed.documents / "en/apples.html")
    assert counts(run(indexed)) == {"added": 1, "unchanged": 4, "removed": 1}
    assert "en/apples" in ids(indexed)


def test_another_suffix_is_another_reading_of_the_same_bytes(indexed):
    (indexed.documents / "en/rose-garden.txt").rename(indexed.documents / "en/rose-garden.md")
    assert counts(run(indexed)) == {"updated": 1, "unchanged": 4}


def test_a_rebuild_makes_everything_again(indexed):
    before = generations(indexed)
    assert counts(run(indexed, rebuild=True)) == {"added": 5}
    assert generations(indexed)[1:] == before


def test_other_passage_settings_make_everything_again(indexed):
    small = load_settings(index=indexed.index, documents=indexed.documents, passage_tokens=40, passage_overlap=0)
    before = run(indexed).passages
    assert counts(report := run(small)) == {"added": 5}
    assert report.passages > before
    assert counts(run(small)) == {"unchanged": 5}


def test_a_damaged_index_is_made_good_even_if_nothing_changed(indexed):
    (IndexFolder(indexed.index).candidates()[0].path / "vocabulary.json").write_text("{}")
    run(indexed)
    assert counts(run(indexed)) == {"unchanged": 5}
    with reading(indexed) as index:
        assert index.name == IndexFolder(indexed.index).current_name()


def test_what_is_good_of_an_earlier_generation_is_used_again(indexed):
    write(indexed, "en/shed.txt", PLAIN)
    report = run(indexed)
    (IndexFolder(indexed.index).generation(report.generation).path / "vocabulary.json").unlink()
    assert counts(healed := run(indexed)) == {"added": 1, "unchanged": 5}
    assert healed.generation != report.generation
    assert "en/shed" in ids(indexed)


def test_a_lost_pointer_is_written_again(indexed):
    (indexed.index / "CURRENT").write_bytes(b"")
    assert counts(report := run(indexed)) == {"unchanged": 5}
    assert IndexFolder(indexed.index).current_name() == report.generation


# The level of unrelated questions


def recorded(settings) -> tuple[str | None, float | None]:
    manifest = IndexFolder(settings.index).candidates()[0].manifest()
    return manifest.refusal, manifest.unrelated_level


def test_a_level_that_something_else_measured_is_measured_again(indexed):
    (current,) = IndexFolder(indexed.index).candidates()
    now = recorded(indexed)
    assert now[0] == refusal_id()
    current.write_manifest(replace(current.manifest(), refusal="another", unrelated_level=50.0))
    assert counts(report := run(indexed)) == {"unchanged": 5}
    assert report.generation != current.name
    assert recorded(indexed) == now
    assert run(indexed).generation == report.generation


def test_without_a_level_the_passages_and_vectors_are_used_again(provided, embeddings_server):
    report = run(provided, measure=False)
    assert recorded(provided) == (None, None)
    assert len(passages_sent(embeddings_server)) == report.passages
    assert run(provided, measure=False).generation == report.generation
    assert counts(measured := run(provided)) == {"unchanged": 5}
    assert measured.generation != report.generation
    assert recorded(provided)[0] == refusal_id()
    assert passages_sent(embeddings_server) == []
    assert run(provided, measure=False).generation == measured.generation


# Verification


def failing(settings, sabotage) -> str:
    """What is said of a run whose verification comes upon this."""

    def meddle(stage, done, total):
        if stage == "verifying":
            sabotage()

    with pytest.raises(IndexUnavailable) as failed:
        run(settings, progress=meddle)
    said = str(failed.value)
    assert said.startswith("The new index was thrown away, and the old one stays: it failed verification. ")
    assert "\n" not in said
    assert str(settings.index) not in said
    assert not list((settings.index / "generations").glob("*.new"))
    return said


def test_what_verification_finds_is_said(settings):
    def damage():
        next((settings.index / "generations").glob("*.new/vocabulary.json")).write_text("{}")

    assert failing(settings, damage).endswith(" is damaged (vocabulary.json).")


def test_a_provider_that_fails_during_verification_is_named(provided, embeddings_server):
    said = failing(provided, lambda: setattr(embeddings_server, "status", 400))
    assert "openai:letters did not answer" in said
    assert "sk-secret" not in said


def test_a_check_that_breaks_says_nothing_of_the_machine(settings, monkeypatch, caplog):
    monkeypatch.setenv("PYTHONHOME", str(settings.index))
    said = failing(settings, lambda: None)
    assert said.endswith("The check ended with status 1.")
    assert [record.levelname for record in caplog.records if record.levelname != "INFO"] == []


# Documents that cannot be read


def test_an_unreadable_document_is_reported_and_the_rest_indexed(settings):
    write(settings, "en/broken.md", b"\xff\xfe\x00")
    report = run(settings)
    assert counts(report) == {"added": 5, "failed": 1}
    assert list(report.failed) == ["en/broken.md"]
    assert not report.failed["en/broken.md"].startswith("en/broken.md")


def test_the_last_readable_version_stays(indexed):
    write(indexed, "en/rose-garden.txt", b"\xff\xfe\x00")
    assert counts(run(indexed)) == {"unchanged": 4, "failed": 1}
    write(indexed, "en/shed.txt", PLAIN)
    assert counts(run(indexed)) == {"added": 1, "unchanged": 4, "failed": 1}
    assert "one hundred and twenty varieties" in text_of(indexed, "en/rose-garden")
    write(indexed, "en/rose-garden.txt", PLAIN)
    assert counts(run(indexed)) == {"updated": 1, "unchanged": 5}


def test_the_last_readable_version_survives_a_rebuild(indexed):
    write(indexed, "en/rose-garden.txt", b"\xff\xfe\x00")
    assert counts(run(indexed, rebuild=True)) == {"added": 4, "failed": 1}
    assert "one hundred and twenty varieties" in text_of(indexed, "en/rose-garden")
    with reading(indexed) as index:
        assert index.lexical["en"].search("varieties", 1)
    write(indexed, "en/rose-garden.txt", PLAIN)
    assert counts(run(indexed)) == {"updated": 1, "unchanged": 4}


def test_documents_in_a_folder_that_became_a_link_stay(indexed, tmp_path):
    (indexed.documents / "fr").rename(tmp_path / "elsewhere")
    (indexed.documents / "fr").symlink_to(tmp_path / "elsewhere")
    report = run(indexed)
    assert counts(report) == {"unchanged": 3, "failed": 1}
    assert list(report.failed) == ["fr"]
    assert "fr/potager" in ids(indexed)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_documents_in_a_folder_that_cannot_be_read_stay(indexed):
    (indexed.documents / "fr").chmod(0)
    try:
        assert counts(run(indexed)) == {"unchanged": 3, "failed": 1}
    finally:
        (indexed.documents / "fr").chmod(0o755)
    assert "fr/potager" in ids(indexed)


def test_a_document_that_became_a_dangling_link_stays(indexed):
    path = indexed.documents / "en/orchard.html"
    path.unlink()
    path.symlink_to("nowhere.html")
    report = run(indexed)
    assert counts(report) == {"unchanged": 4, "failed": 1}
    assert "en/orchard" in ids(indexed)


def test_an_empty_folder_leaves_the_index_alone(indexed):
    before = generations(indexed)
    shutil.rmtree(indexed.documents)
    indexed.documents.mkdir()
    with pytest.raises(DocumentError, match="no documents"):
        run(indexed)
    assert generations(indexed) == before


def test_a_folder_that_is_not_there_leaves_the_index_alone(indexed):
    before = generations(indexed)
    with pytest.raises(DocumentError, match="no file or folder"):
        run(indexed, indexed.documents / "absent")
    assert generations(indexed) == before


def test_when_nothing_can_be_read_the_first_reason_is_said(settings):
    path = write(settings, "broken.txt", b"\xff\xfe\x00")
    with pytest.raises(DocumentError, match=r"None of the documents could be read \(broken\.txt: "):
        run(settings, path)
    assert IndexFolder(settings.index).current_name() is None


# A model of a provider


def test_a_provider_is_asked_once_for_each_passage(provided, embeddings_server):
    report = run(provided)
    assert len(passages_sent(embeddings_server)) == report.passages

    path = write(provided, "en/shed.txt", "The tool shed\n\nIt is green.\n")
    assert counts(run(provided)) == {"added": 1, "unchanged": 5}
    assert passages_sent(embeddings_server) == ["The tool shed\nThe tool shed\n\nIt is green."]

    path.rename(path.with_name("hut.txt"))
    (provided.documents / "en/orchard.html").unlink()
    assert counts(run(provided)) == {"added": 1, "unchanged": 4, "removed": 2}
    assert len(passages_sent(embeddings_server)) == 1
    with reading(provided) as index:
        assert (index.manifest.model, index.manifest.dimensions) == ("openai:letters", 8)
        (stored,) = index.vectors.vectors(index.documents.passages(index.documents.numbers_of("en/hut"))).values()
        assert stored == pytest.approx([3, 4, 4, 3, 4, 4, 2, 2], abs=1e-5)


def test_another_model_makes_everything_again(indexed, embeddings_server):
    provided = load_settings(index=indexed.index, documents=indexed.documents, embeddings="openai:letters")
    assert counts(run(provided)) == {"added": 5}
    assert len(passages_sent(embeddings_server)) == run(provided).passages
    with closing(open_for_reuse(IndexFolder(indexed.index), EmbeddingModel.load(""))) as index:
        assert index.manifest.model == "openai:letters"


def test_a_provider_that_fails_leaves_the_index_alone(indexed, embeddings_server):
    before = generations(indexed)
    embeddings_server.status = 400
    provided = load_settings(index=indexed.index, documents=indexed.documents, embeddings="openai:letters")
    with pytest.raises(EmbeddingsUnavailable, match="did not answer"):
        run(provided)
    assert generations(indexed) == before
    assert sorted(path.name for path in (indexed.index / "generations").iterdir()) == before


def test_a_provider_that_changed_its_dimensions_is_said_in_one_line(provided, embeddings_server):
    run(provided)
    embeddings_server.vector = lambda text: [1.0, 2.0]
    write(provided, "en/shed.txt", PLAIN)
    with pytest.raises(IndexUnavailable, match="--rebuild"):
        run(provided)
    assert len(generations(provided)) == 1
    assert counts(run(provided, rebuild=True)) == {"added": 6}


def test_a_provider_that_changed_its_dimensions_cannot_be_asked(provided, embeddings_server):
    run(provided)
    embeddings_server.vector = lambda text: [1.0, 2.0]
    model = EmbeddingModel.load(provided.embeddings)
    with reading(provided) as index, pytest.raises(IndexMismatch, match="--rebuild"):
        retrieve(prepare("How long is the footbridge?", index, model), index, model)


# Other runs, and a disk that is no help


def test_a_second_run_is_refused_while_one_is_writing(indexed):
    with IndexFolder(indexed.index).writing(), pytest.raises(IndexBusy):
        run(indexed)


def test_a_run_that_cannot_write_says_so_and_leaves_the_index_alone(indexed):
    folder = IndexFolder(indexed.index)
    before = folder.current_name()
    (indexed.index / "CURRENT.new").mkdir()  # what stands in the way of the pointer
    write(indexed, "en/shed.txt", PLAIN)
    with pytest.raises(IndexUnavailable, match=r"could not be written: .*The old one stays") as failed:
        run(indexed)
    assert str(indexed.index) not in str(failed.value)
    assert folder.current_name() == before
    (indexed.index / "CURRENT.new").rmdir()
    assert "en/shed" not in ids(indexed)
    assert counts(run(indexed)) == {"added": 1, "unchanged": 5}


def test_a_run_that_is_interrupted_leaves_nothing(indexed):
    def interrupt(stage, done, total):
        if stage == "verifying":
            raise KeyboardInterrupt

    before = generations(indexed)
    write(indexed, "en/shed.txt", PLAIN)
    with pytest.raises(KeyboardInterrupt):
        run(indexed, progress=interrupt)
    assert [path.name for path in (indexed.index / "generations").iterdir()] == before


def test_a_killed_run_leaves_nothing_that_matters(indexed):
    write(indexed, "en/shed.txt", PLAIN)
    environment = os.environ | {"QA_INDEX": str(indexed.index), "QA_DOCUMENTS": str(indexed.documents)}
    with subprocess.Popen([sys.executable, "-m", "qa_service", "index"], env=environment) as process:
        while not list((indexed.index / "generations").glob("*.new")) and process.poll() is None:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert "en/shed" not in ids(indexed)
    assert counts(run(indexed)) == {"added": 1, "unchanged": 5}
    assert not list((indexed.index / "generations").glob("*.new"))
    assert os.listdir(indexed.index / "readers") == ["lock"]


def test_no_network_is_asked_for(settings):
    code = """
import socket
def refuse(*_, **__): raise AssertionError("the network was asked for")
socket.getaddrinfo = socket.create_connection = socket.socket.connect = refuse
import sys
from qa_service.cli import main
sys.argv[0] = "qa-service"
sys.exit(main())
"""
    environment = os.environ | {"QA_INDEX": str(settings.index), "QA_DOCUMENTS": str(settings.documents)}
    for arguments in (["index"], ["search", "How long is the footbridge?"]):
        command = [sys.executable, "-c", code, *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
    assert "en/footbridge" in done.stdout


def test_a_run_without_documents_writes_nothing(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DocumentError, match="no documents"):
        run(load_settings(index=tmp_path / "index", documents=tmp_path / "empty"))
    assert not (tmp_path / "index").exists()


def test_a_run_with_nothing_to_do_still_deletes_what_a_killed_one_left(indexed):
    run(indexed)
    left = indexed.index / "generations" / "000099-abcdef.new"
    left.mkdir()
    run(indexed)
    assert not left.exists()

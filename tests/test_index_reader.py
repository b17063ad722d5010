"""Reading the index: the current generation, or the last good one; changed under a running service without a pause."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from contextlib import closing, contextmanager

import pytest

from qa_service.embedding_model import EmbeddingModel
from qa_service.errors import IndexMismatch, IndexUnavailable
from qa_service.generations import Generation, IndexFolder
from qa_service.index_reader import CurrentIndex, OpenIndex, open_current, open_for_reuse
from tests.waiting import wait_until

QUERY = "How long is the footbridge?"

READ = """
import sys
from pathlib import Path
from qa_service.embedding_model import EmbeddingModel
from qa_service.generations import IndexFolder
from qa_service.index_reader import open_current
model = EmbeddingModel.load("")
index = open_current(IndexFolder(Path(sys.argv[1])), model)
for _ in range(50):
    found = index.vectors.search(model.embeddings.embed_query("How long is the footbridge?"), "en", 1)
    assert index.documents.passages([found[0][0]])[0].document_id == "en/footbridge"
index.close()
"""
FORK = """
import os, sys
from pathlib import Path
from qa_service.embedding_model import EmbeddingModel
from qa_service.errors import IndexUnavailable
from qa_service.generations import IndexFolder
from qa_service.index_reader import open_current
model = EmbeddingModel.load("")
folder = IndexFolder(Path(sys.argv[1]))
first = open_current(folder, model)
if os.fork() == 0:  # Chroma would never answer here
    for use in (lambda: first.vectors.search([1.0] * 256, "en", 1), lambda: open_current(folder, model)):
        try:
            use()
            os._exit(1)
        except IndexUnavailable as error:
            assert "forked" in str(error)
    os._exit(0)
assert os.wait()[1] == 0
assert first.vectors.search([1.0] * 256, "fr", 1)
first.close()
assert os.listdir(folder.path / "readers") == ["lock"]
"""


@pytest.fixture
def add_generation(sealed_copy):
    """Switch to a copy of the current generation, changed before it is sealed."""

    def add(folder: IndexFolder, change=lambda path: None, **manifest) -> Generation:
        with folder.writing():
            return folder.switch_to(sealed_copy(folder, change, **manifest))

    return add


def damage(generation: Generation, name: str = "documents.db") -> None:
    path = generation.path / name
    os.truncate(path, path.stat().st_size // 2 or 1)


def best(index: OpenIndex, model: EmbeddingModel) -> str:
    """The document that the dense vectors find for the query: all parts of an index have to work together for it."""
    number, _ = index.vectors.search(model.embeddings.embed_query(QUERY), "en", 1)[0]
    return index.documents.passages([number])[0].document_id


def copies(folder: IndexFolder) -> list[str]:
    return sorted(path.parent.name for path in folder.path.glob("readers/*/alive"))


@contextmanager
def following(folder, model, **options):
    current = CurrentIndex(folder, model, **options)
    current.follow()
    try:
        yield current
    finally:
        current.stop()


def name_in_use(current: CurrentIndex) -> str:
    with current.use() as index:
        return index.name


# Opening


def test_all_parts_of_the_current_generation_are_read(folder, model):
    with closing(open_current(folder, model)) as index:
        assert best(index, model) == "en/footbridge"
        lexical = index.lexical["fr"].search("la citerne du potager", 1)
        assert index.documents.passages([lexical[0][0]])[0].document_id == "fr/potager"
        rarity, met = index.vocabulary.read(model.words.of(["zygote", "citerne"], "fr"))
        assert rarity[1] < rarity[0] == pytest.approx(1)
        assert index.documents.passages([int(met[:, 1].argmax())])[0].document_id == "fr/potager"
        assert index.manifest.documents == {"en": 3, "fr": 2}
        assert index.name == folder.current_name()
        assert len(copies(folder)) == 1
    assert copies(folder) == []


def test_without_an_index_it_says_what_to_do(tmp_path, model):
    with pytest.raises(IndexUnavailable, match="qa-service index"):
        open_current(IndexFolder(tmp_path / "index"), model)


def test_another_model_is_a_mismatch_and_says_what_to_do(folder, model, add_generation):
    add_generation(folder, model="openai:small")
    with pytest.raises(IndexMismatch, match=r"openai:small.*qa-service index"):
        open_current(folder, model)
    assert copies(folder) == []


def test_for_reuse_any_model_will_do(folder, model, add_generation):
    add_generation(folder, model="openai:small")
    with closing(open_for_reuse(folder, model)) as index:
        assert index.documents.article("en/footbridge")


def test_damage_to_any_file_is_noticed_and_the_generation_before_used(folder, model, add_generation):
    first = folder.current_name()
    for name in [*folder.candidates()[0].manifest().files, "manifest.json"]:
        second = add_generation(folder)
        damage(second, name)
        with closing(open_current(folder, model)) as index:
            assert index.name == first, name
            assert best(index, model) == "en/footbridge"
        second.delete()
        (folder.path / "CURRENT").write_text(first)
    assert copies(folder) == []


def test_when_all_are_damaged_the_first_is_named(folder, model):
    damage(folder.candidates()[0])
    second = add_generation_of_nothing(folder)
    with pytest.raises(IndexUnavailable, match=rf"{second.name}.*qa-service index --rebuild"):
        open_current(folder, model)


def add_generation_of_nothing(folder: IndexFolder) -> Generation:
    manifest = folder.candidates()[0].manifest()
    with folder.writing():
        built = folder.begin()
        built.seal(manifest)
        return folder.switch_to(built)


@pytest.mark.parametrize(
    "spoiled",
    [
        "documents.db",
        "vectors/chroma.sqlite3",
        "lexical-en/numbers.npy",
        "vocabulary.json",
        "vocabulary-en.npz",
        "vocabulary-fr.npz",
    ],
)
def test_a_whole_generation_that_cannot_be_opened_is_passed_over(folder, model, spoiled, add_generation):
    first = folder.current_name()
    add_generation(folder, lambda path: (path / spoiled).write_bytes(b"of a library's next version"))
    with closing(open_current(folder, model)) as index:
        # SQLite looks at a file no sooner than it is asked something.
        assert index.name == first or spoiled == "documents.db"
    assert copies(folder) == []


def test_an_index_in_a_folder_with_signs_in_its_name_works(folder, model, tmp_path):
    odd = IndexFolder(folder.path.rename(tmp_path / "100% d'été #1?mode=rw&x=é"))
    with closing(open_current(odd, model)) as index:
        assert best(index, model) == "en/footbridge"


def test_several_processes_read_at_once(folder):
    command = [sys.executable, "-c", READ, str(folder.path)]
    readers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    assert [(reader.communicate()[1], reader.returncode) for reader in readers] == [("", 0)] * 3
    assert copies(folder) == []


def test_a_process_forked_from_one_that_has_the_index_open_is_told_so(folder):
    command = [sys.executable, "-c", FORK, str(folder.path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 0, run.stderr


def test_thirty_generations_leave_no_file_and_no_thread_open(folder, model, add_generation):
    def used() -> int:
        return len(os.listdir("/proc/self/fd")) + len(os.listdir("/proc/self/task"))

    def change() -> None:
        name = add_generation(folder).name
        current.refresh()
        with current.use() as index:
            assert index.name == name
            assert best(index, model) == "en/footbridge"

    current = CurrentIndex(folder, model)
    change()
    before = used()
    for _ in range(30):
        change()
    wait_until(lambda: used() <= before + 5)
    assert len(copies(folder)) == 1
    current.stop()
    assert copies(folder) == []


# Following


def test_a_new_generation_is_picked_up_while_the_old_one_is_still_used(folder, model, add_generation):
    with following(folder, model) as current:
        with current.use() as old:
            new = add_generation(folder)
            wait_until(lambda: name_in_use(current) == new.name)
            assert old.name != new.name
            assert best(old, model) == "en/footbridge"
            assert len(copies(folder)) == 2
        wait_until(lambda: len(copies(folder)) == 1)
        assert copies(folder)[0].startswith(new.name)
    assert copies(folder) == []


def test_the_first_index_is_picked_up(settings, built, model):
    with following(IndexFolder(settings.index), model) as current:
        with pytest.raises(IndexUnavailable, match="qa-service index"), current.use():
            pass
        shutil.copytree(built.index, settings.index, ignore=shutil.ignore_patterns("readers"))
        wait_until(lambda: ready(current))


def ready(current: CurrentIndex) -> bool:
    try:
        return bool(name_in_use(current))
    except (IndexUnavailable, IndexMismatch):
        return False


def test_a_damaged_new_generation_leaves_the_old_one_in_use(folder, model, add_generation):
    current = CurrentIndex(folder, model)
    current.refresh()
    first = folder.current_name()
    mine = copies(folder)
    damage(add_generation(folder))
    current.refresh()
    assert name_in_use(current) == first
    assert copies(folder) == mine
    current.stop()


def test_everything_damaged_leaves_what_is_open_in_use(folder, model):
    current = CurrentIndex(folder, model)
    current.refresh()
    with current.use() as index:
        shutil.rmtree(folder.path / "generations")
        (folder.path / "CURRENT").unlink()
        current.refresh()
        assert best(index, model) == "en/footbridge"
    assert ready(current)
    current.stop()


def test_what_could_not_be_opened_is_tried_again(folder, model, add_generation):
    current = CurrentIndex(folder, model, retry_after_s=0)
    current.refresh()
    new = add_generation(folder)
    hidden = (new.path / "documents.db").rename(new.path / "hidden")
    current.refresh()
    assert name_in_use(current) != new.name
    hidden.rename(new.path / "documents.db")
    current.refresh()
    assert name_in_use(current) == new.name
    current.stop()


def test_another_model_leaves_what_is_open_in_use(folder, model, add_generation):
    current = CurrentIndex(folder, model)
    current.refresh()
    add_generation(folder, model="openai:small")
    current.refresh()
    assert ready(current)
    current.stop()


def test_another_model_from_the_start_is_said(folder, model, add_generation):
    add_generation(folder, model="openai:small")
    current = CurrentIndex(folder, model)
    current.refresh()
    with pytest.raises(IndexMismatch), current.use():
        pass
    current.stop()


def test_saying_again_what_is_wrong_keeps_nothing(tmp_path, model):
    current = CurrentIndex(IndexFolder(tmp_path / "index"), model)
    for _ in range(100):
        with pytest.raises(IndexUnavailable) as failed, current.use():
            pass
    assert len(failed.traceback) < 10


def test_an_unchanged_index_is_opened_once(folder, model):
    current = CurrentIndex(folder, model)
    current.refresh()
    mine = copies(folder)
    for _ in range(3):
        current.refresh()
    assert copies(folder) == mine
    current.stop()


def test_stopping_waits_for_the_last_user(folder, model):
    current = CurrentIndex(folder, model)
    current.refresh()
    with current.use() as index:
        current.stop()
        assert best(index, model) == "en/footbridge"
    assert copies(folder) == []
    with pytest.raises(IndexUnavailable), current.use():
        pass
    current.stop()


def test_a_refresh_after_the_stop_leaves_nothing_open(folder, model):
    current = CurrentIndex(folder, model)
    current.stop()
    current.refresh()
    assert not ready(current)
    assert copies(folder) == []


def test_threads_use_the_index_during_changes(folder, model, add_generation):
    done = threading.Event()
    wrong: list[object] = []
    seen: set[str] = set()

    def ask(current: CurrentIndex) -> None:
        while not done.is_set():
            try:
                with current.use() as index:
                    seen.add(index.name)
                    if best(index, model) != "en/footbridge":
                        wrong.append(index.name)
            except Exception as error:  # noqa: BLE001 (whatever it is, it is what this test looks for)
                wrong.append(error)

    current = CurrentIndex(folder, model)
    current.refresh()
    users = [threading.Thread(target=ask, args=(current,)) for _ in range(4)]
    for user in users:
        user.start()
    for _ in range(12):
        add_generation(folder)
        current.refresh()
    done.set()
    for user in users:
        user.join()
    assert wrong == []
    assert len(seen) > 3
    assert len(copies(folder)) == 1
    current.stop()
    assert copies(folder) == []


def test_refreshing_from_two_threads_opens_one(folder, model):
    current = CurrentIndex(folder, model)
    threads = [threading.Thread(target=current.refresh) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(copies(folder)) == 1
    current.stop()


def test_whether_it_is_followed_is_known(folder, model):
    current = CurrentIndex(folder, model)
    assert current.is_followed  # nobody asked for it
    current.follow()
    try:
        assert current.is_followed
        current._stopped.set()
        wait_until(lambda: not current.is_followed)
    finally:
        current.stop()

"""The index folder: one step from a whole generation to the next, whatever is killed, damaged or deleted."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from qa_service.errors import IndexBusy, IndexUnavailable
from qa_service.generations import FORMAT, Generation, IndexFolder, Manifest
from qa_service.reader_copies import private_copy

MADE = Manifest("model", 8, 160, 40, {"en": 1, "fr": 0}, {"en": 1, "fr": 0})

HOLD = """
import sys
from pathlib import Path
from qa_service.generations import IndexFolder
from qa_service.reader_copies import private_copy
folder = IndexFolder(Path(sys.argv[1]))
holding = folder.writing() if sys.argv[2] == "writing" else private_copy(folder, folder.candidates()[0])
with holding:
    print("held", flush=True)
    sys.stdin.read()
"""
FORK = """
import os, sys
from pathlib import Path
from qa_service.generations import IndexFolder
from qa_service.reader_copies import private_copy
folder = IndexFolder(Path(sys.argv[1]))
with private_copy(folder, folder.candidates()[0]) as copy:
    if os.fork() == 0:
        sys.exit()
    os.wait()
    assert (copy / "text").read_text() == "one"
assert not copy.exists()
"""


@contextmanager
def holder(folder: IndexFolder, what: str):
    """Another process that is writing, or reading a copy; told to end at the end."""
    command = [sys.executable, "-c", HOLD, str(folder.path), what]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        if process.poll() is None:
            process.stdin.close()
            process.wait()


def build(folder: IndexFolder, text: str = "one", *, sealed: bool = True) -> Generation:
    folder.delete_unfinished()
    generation = folder.begin()
    (generation.path / "text").write_text(text)
    (generation.path / "part").mkdir()
    (generation.path / "part" / "more").write_bytes(bytes(1000))
    if sealed:
        generation.seal(MADE)
    return generation


def publish(folder: IndexFolder, text: str = "one") -> Generation:
    with folder.writing():
        return folder.switch_to(build(folder, text))


def texts(folder: IndexFolder) -> list[str]:
    return [(generation.path / "text").read_text() for generation in folder.candidates()]


def read(folder: IndexFolder) -> str:
    """What a reader sees: the text of the first candidate that can be copied."""
    for generation in folder.candidates():
        try:
            with private_copy(folder, generation) as copy:
                return (copy / "text").read_text()
        except IndexUnavailable:
            continue
    return ""


@pytest.fixture
def folder(tmp_path):
    return IndexFolder(tmp_path / "index")


def test_a_folder_that_is_not_there_holds_nothing(folder):
    assert folder.current_name() is None
    assert folder.candidates() == []


def test_a_generation_is_seen_once_it_is_switched_to(folder):
    with folder.writing():
        built = build(folder)
        assert folder.candidates() == []
        finished = folder.switch_to(built)
    assert folder.current_name() == finished.name
    assert folder.candidates() == [finished]
    assert not built.path.exists()


def test_the_manifest_tells_what_was_made(folder):
    manifest = publish(folder).manifest()
    assert (manifest.model, manifest.dimensions, manifest.passages) == ("model", 8, {"en": 1, "fr": 0})
    assert {name: size for name, (size, _) in manifest.files.items()} == {"text": 3, "part/more": 1000}


def test_the_last_two_generations_are_kept(folder):
    for text in ("one", "two", "three", "four"):
        publish(folder, text)
    assert texts(folder) == ["four", "three"]
    assert len(list((folder.path / "generations").iterdir())) == 2


def test_the_one_kept_to_fall_back_to_is_one_that_can_be_trusted(folder):
    publish(folder, "one")
    damaged = publish(folder, "two")
    (damaged.path / "text").write_text("twX")
    publish(folder, "three")
    assert texts(folder) == ["three", "one"]


def test_order_goes_by_number(folder):
    publish(folder, "old")
    ninety = publish(folder, "ninety")
    ninety.path.rename(ninety.path.parent / "999999-aaaaaa")
    new = publish(folder, "new")
    assert new.name.startswith("1000000-")
    (folder.path / "CURRENT").unlink()
    assert texts(folder) == ["new", "ninety"]


def test_a_folder_of_another_making_comes_last(folder):
    first = publish(folder, "one")
    shutil.copytree(first.path, first.path.parent / "copy of an index")
    assert [found.name for found in folder.candidates()] == [first.name, "copy of an index"]


@pytest.mark.parametrize(
    "content", [None, b"", b"\n", b"000007-absent\n", b"../../etc", b"\xff\xfe\x00", b"x" * 100_000, "a folder"]
)
def test_without_a_usable_pointer_the_newest_generation_counts(folder, content):
    publish(folder, "one")
    publish(folder, "two")
    pointer = folder.path / "CURRENT"
    pointer.unlink()
    if content == "a folder":
        pointer.mkdir()
    elif content is not None:
        pointer.write_bytes(content)
    assert texts(folder) == ["two", "one"]


# Killed runs


def test_what_a_killed_run_left_is_never_read_and_deleted_by_the_next(folder):
    publish(folder, "one")
    unsealed, sealed = build(folder, "unsealed", sealed=False), build(folder, "sealed")
    assert not unsealed.path.exists()
    assert texts(folder) == ["one"]
    with folder.writing():
        folder.delete_unfinished()
        new = folder.begin()
    assert not sealed.path.exists()
    assert texts(folder) == ["one"]
    assert new.path.is_dir()


def test_a_run_killed_between_naming_and_switching_left_a_good_generation(folder):
    publish(folder, "one")
    built = build(folder, "two")
    built.path.rename(built.path.with_suffix(""))
    assert texts(folder) == ["one", "two"]
    publish(folder, "three")
    assert texts(folder) == ["three", "two"]


def test_a_half_deleted_generation_is_no_candidate(folder):
    half = publish(folder, "one")
    publish(folder, "two")
    (half.path / "manifest.json").unlink()
    assert texts(folder) == ["two"]
    publish(folder, "three")
    assert not half.path.exists()


def test_a_leftover_of_a_killed_switch_does_not_matter(folder):
    publish(folder, "one")
    (folder.path / "CURRENT.new").write_text("half a na")
    publish(folder, "two")
    assert texts(folder)[0] == "two"


def test_discarding_leaves_the_others(folder):
    publish(folder, "one")
    with folder.writing():
        build(folder, "two").delete()
    assert texts(folder) == ["one"]


# One writer


def test_a_second_writer_is_refused(folder):
    with folder.writing(), pytest.raises(IndexBusy), folder.writing():
        pass


def test_a_writer_in_another_process_is_noticed(folder):
    with holder(folder, "writing"), pytest.raises(IndexBusy, match="Another run"), folder.writing():
        pass
    publish(folder)


def test_the_lock_ends_with_a_killed_writer(folder):
    with holder(folder, "writing") as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        publish(folder)


def test_an_error_while_writing_frees_the_lock(folder):
    with pytest.raises(ZeroDivisionError), folder.writing():
        raise ZeroDivisionError
    publish(folder)


# Damage


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def lengthen(path: Path) -> None:
    with path.open("ab") as stream:
        stream.write(b"\0")


def to_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES = [flip, truncate, lengthen, Path.unlink, to_folder]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("name", ["text", "part/more", "manifest.json"])
def test_damage_is_noticed_and_the_one_before_read(folder, damage, name):
    publish(folder, "one")
    damage(publish(folder, "two").path / name)
    assert read(folder) == "one"
    assert os.listdir(folder.path / "readers") == ["lock"]


def test_damage_is_named_without_a_folder_of_the_machine(folder):
    generation = publish(folder)
    flip(generation.path / "part" / "more")
    with pytest.raises(IndexUnavailable) as failed, private_copy(folder, generation):
        pass
    assert "part/more" in str(failed.value)
    assert str(folder.path) not in str(failed.value)


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "7", '"x"', "{}", '{"format": 2}', "[" * 5000, "\ufeff{}"])
def test_a_manifest_that_is_none_is_noticed(folder, content):
    generation = publish(folder)
    (generation.path / "manifest.json").write_text(content)
    with pytest.raises(IndexUnavailable):
        generation.manifest()


def test_every_value_of_a_manifest_is_protected(folder):
    generation = publish(folder)
    path = generation.path / "manifest.json"
    stored = json.loads(path.read_text())
    for name in stored:
        changed = stored | {name: "other"}
        path.write_text(json.dumps(changed))
        with pytest.raises(IndexUnavailable):
            generation.manifest()


def test_a_generation_of_another_version_says_so(folder):
    generation = publish(folder)
    path = generation.path / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": FORMAT - 1}))
    with pytest.raises(IndexUnavailable, match="another version"):
        generation.manifest()


# Readers


def test_a_copy_holds_the_files_of_the_manifest_and_them_alone(folder):
    generation = publish(folder)
    (generation.path / "text-journal").write_text("left by a crash")
    with private_copy(folder, generation) as copy:
        assert sorted(path.name for path in copy.rglob("*") if path.is_file()) == ["more", "text"]
        (copy / "text").write_text("a reader may change its copy")
    generation.check()


def test_a_copy_outlives_its_generation_and_not_its_reader(folder):
    with private_copy(folder, publish(folder, "one")) as copy:
        for text in ("two", "three", "four"):
            publish(folder, text)
        assert (copy / "text").read_text() == "one"
    assert os.listdir(folder.path / "readers") == ["lock"]


def test_an_error_of_the_reader_is_its_own(folder):
    with pytest.raises(ConnectionError), private_copy(folder, publish(folder)):
        raise ConnectionError
    assert os.listdir(folder.path / "readers") == ["lock"]


def test_living_readers_keep_their_copies_and_killed_ones_do_not(folder):
    publish(folder)
    with holder(folder, "reading") as living, holder(folder, "reading") as killed:
        with private_copy(folder, folder.candidates()[0]):
            assert len(os.listdir(folder.path / "readers")) == 4
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        with private_copy(folder, folder.candidates()[0]):
            left = os.listdir(folder.path / "readers")
            assert len(left) == 3
            assert any(f"-{living.pid}-" in name for name in left)
    assert os.listdir(folder.path / "readers") == ["lock"]


def test_a_reader_killed_before_it_had_a_lock_is_dead_too(folder):
    publish(folder)
    (folder.path / "readers" / "000001-x-1-y" / "generation").mkdir(parents=True)
    assert read(folder) == "one"
    assert os.listdir(folder.path / "readers") == ["lock"]


def test_a_forked_process_leaves_the_copy_alone(folder):
    publish(folder)
    run = subprocess.run([sys.executable, "-c", FORK, str(folder.path)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_a_reader_beside_a_busy_writer_always_gets_a_whole_generation(folder):
    publish(folder, "0")
    done = threading.Event()
    seen, failed = [], []

    def look():
        while not done.is_set():
            text = read(folder)
            (seen if text else failed).append(text)

    readers = [threading.Thread(target=look) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(1, 40):
        publish(folder, str(number))
    done.set()
    for reader in readers:
        reader.join()
    assert len(set(seen)) > 3
    # Between the listing and the copying, a writer as quick as this one may delete both that were listed.
    assert len(failed) <= len(seen) // 10


# A folder that cannot be written


def refusal(action) -> str:
    with pytest.raises(IndexUnavailable) as refused, action:
        pass
    return str(refused.value)


def test_an_index_that_is_a_file_is_refused_in_one_line(folder):
    folder.path.write_text("not a folder")
    assert refusal(folder.writing()) == "The index folder cannot be written: Not a directory."
    assert folder.candidates() == []


def test_a_place_that_nobody_can_write_is_refused_in_one_line():
    assert refusal(IndexFolder(Path("/proc/index")).writing()).startswith("The index folder cannot be written: ")


def test_a_reader_that_cannot_write_its_copy_says_so(folder):
    generation = publish(folder)
    (folder.path / "readers").write_text("not a folder")
    assert refusal(private_copy(folder, generation)) == "The index folder cannot be written: File exists."

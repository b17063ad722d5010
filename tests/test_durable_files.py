"""Files written safely to disk."""

from __future__ import annotations

import pytest

from qa_service.durable_files import sync, write_durably


def test_a_file_is_written_in_blocks_and_again(tmp_path):
    path = tmp_path / "été.txt"
    write_durably(path, [b"Une ligne,\n", "et l’été.\n".encode()], new=True)
    assert path.read_text(encoding="utf-8") == "Une ligne,\net l’été.\n"
    write_durably(path, [b"Shorter."])
    assert path.read_bytes() == b"Shorter."
    sync(path)
    sync(tmp_path)


def test_one_that_is_to_be_new_replaces_nothing(tmp_path):
    path = tmp_path / "kept.txt"
    path.write_bytes(b"Kept.")
    (tmp_path / "link.txt").symlink_to(path)
    for there in (path, tmp_path / "link.txt"):
        with pytest.raises(FileExistsError):
            write_durably(there, [b"x"], new=True)
    assert path.read_bytes() == b"Kept."
    with pytest.raises(FileNotFoundError):
        sync(tmp_path / "none")

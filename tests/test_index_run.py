"""One run of indexing in a process of its own: what it is told, and how it says what became of it."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from qa_service.generations import IndexFolder
from qa_service.index_run import BUSY, REFUSED, command, main
from qa_service.settings import load_settings


def test_it_works_with_the_settings_that_it_is_given_and_not_with_the_environments(indexed, tmp_path):
    outside = os.environ | {"QA_DOCUMENTS": str(tmp_path / "none"), "QA_INDEX": str(tmp_path / "other")}
    run = subprocess.run(command(indexed), env=outside, capture_output=True, text=True, check=True)
    report = json.loads(run.stdout)
    assert (report["unchanged"], report["failed"]) == (5, {})
    assert report["generation"] == IndexFolder(indexed.index).current_name()
    assert not (tmp_path / "other").exists()


def test_no_secret_stands_on_its_command_line(tmp_path):
    given = load_settings(admin_keys="a-secret", api_keys="a-secret-too", llm_api_key="a-secret")
    assert "a-secret" not in " ".join(command(given))


@pytest.fixture
def here(monkeypatch):
    """Runs in this process, which stays as nice as it was."""
    monkeypatch.setattr(os, "nice", lambda _: 0)


def test_another_run_is_told_by_its_status(indexed, here):
    with IndexFolder(indexed.index).writing():
        assert main(command(indexed)[-1]) == BUSY


def test_what_cannot_be_done_is_one_line(tmp_path, here, capsys):
    empty = load_settings(documents=tmp_path, index=tmp_path / "index")
    assert main(command(empty)[-1]) == REFUSED
    assert capsys.readouterr().err == "There are no documents to index; the index was left as it was.\n"

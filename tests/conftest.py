"""What the tests share: a small bilingual corpus about a town's bridges and gardens, an index of it, and fakes."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import hypothesis
import pytest

from qa_service.embedding_model import EmbeddingModel
from qa_service.generations import Generation, IndexFolder
from qa_service.indexing import index_documents
from qa_service.pipeline import Pipeline
from qa_service.settings import PREFIX, Settings, load_settings
from tests.llm_server import LlmServer
from tests.local_server import in_a_thread

hypothesis.settings.register_profile("shared-cores", deadline=None, database=None)
hypothesis.settings.load_profile("shared-cores")

# The sample documents that come with the service.
DOCUMENTS = Path(__file__).parents[1] / "documents"

CORPUS = {
    "en/footbridge.md": """---
title: The footbridge over the Alder
language: en
published: 2024-05-13
---
The footbridge over the river Alder opened on 12 May 2024. It is 84 metres long and rests on three stone piers.

The mayor, Helen Marsh, cut the ribbon in front of four hundred people. Cyclists must dismount before they cross,
because the deck is only two metres wide.

The bridge replaces a ferry that had carried schoolchildren since 1931. The ferryman retired in April, and his boat is
now shown in the town museum.
""",
    "fr/passerelle.md": """---
title: La passerelle sur l’Aulne
language: fr
published: 2024-05-13
translation_of: en/footbridge
---
La passerelle sur la rivière Aulne a été inaugurée le 12 mai 2024. Elle mesure 84 mètres et repose sur trois piles en
pierre.

La maire, Helen Marsh, a coupé le ruban devant quatre cents personnes. Les cyclistes doivent mettre pied à terre avant
de traverser, car le tablier ne fait que deux mètres de large.
""",
    "en/rose-garden.txt": """The rose garden behind the library

The rose garden holds one hundred and twenty varieties. Volunteers prune the roses every February.
Entrance is free on Sundays, and a ticket costs three euros on other days.
""",
    "fr/potager.md": """---
title: Le potager partagé
language: fr
---
Le potager partagé compte trente parcelles. Chaque jardinier verse une cotisation de vingt euros par an.

L’eau vient d’une citerne enterrée de neuf mille litres. En cas de sécheresse, l’arrosage est permis de six heures à
huit heures du matin.
""",
    "en/orchard.html": """<!doctype html>
<html lang="en"><head><title>The school orchard</title></head>
<body><article><h1>The school orchard</h1>
<p>Pupils planted forty apple trees in the school orchard in November 2022. The first apples are expected in 2026.</p>
<p>A beekeeper lends two hives in spring, so that the blossom is visited even in cold weather.</p>
</article></body></html>
""",
}


def write_corpus(folder: Path, corpus: dict[str, str] = CORPUS) -> Path:
    for name, text in corpus.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside(tmp_path_factory):
    """Neither the environment nor the ``.env`` of whoever runs the tests has a say in them."""
    with pytest.MonkeyPatch.context() as patch:
        outside = (PREFIX, "OPENAI_", "ANTHROPIC_", "MISTRAL_", "OLLAMA_", "SLACK_")
        for name in [name for name in os.environ if name.upper().startswith(outside)]:
            patch.delenv(name)
        patch.chdir(tmp_path_factory.mktemp("work"))
        yield


@pytest.fixture(scope="session")
def model() -> EmbeddingModel:
    return EmbeddingModel.load("")


@pytest.fixture
def documents(tmp_path) -> Path:
    """The corpus, for this test alone."""
    return write_corpus(tmp_path / "documents")


@pytest.fixture
def settings(tmp_path, documents):
    """Settings for the corpus and an index that is not there yet."""
    return load_settings(index=tmp_path / "index", documents=documents)


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """Settings for the corpus and its index, shared by all tests: open it, and change nothing."""
    folder = tmp_path_factory.mktemp("built")
    settings = load_settings(index=folder / "index", documents=write_corpus(folder / "documents"))
    index_documents([settings.documents], settings)
    return settings


@pytest.fixture(scope="session")
def sample_index(tmp_path_factory):
    """The index of the sample documents, shared by all tests: copy it where a service runs on it."""
    index = tmp_path_factory.mktemp("samples") / "index"
    index_documents([DOCUMENTS], load_settings(documents=DOCUMENTS, index=index))
    return index


@pytest.fixture
def index(sample_index, tmp_path) -> Path:
    """A copy of the index of the sample documents, for this test alone."""
    return Path(shutil.copytree(sample_index, tmp_path / "index"))


@pytest.fixture(scope="session")
def index_texts():
    """Write articles as text files into a folder and index them; settings for both."""

    def index(folder: Path, articles: dict[str, str], **options: int) -> Settings:
        for name, text in articles.items():
            path = folder / "documents" / f"{name}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        settings = load_settings(documents=folder / "documents", index=folder / "index", **options)
        index_documents([settings.documents], settings)
        return settings

    return index


@pytest.fixture(scope="module")
def opened_pipeline():
    """Index a folder of documents and open a pipeline over it, which is closed behind the module's last test."""
    with ExitStack() as opened:

        def over(documents: Path, index: Path) -> Pipeline:
            settings = load_settings(documents=documents, index=index)
            index_documents([documents], settings)
            pipeline = Pipeline(settings)
            pipeline.open()
            opened.callback(pipeline.close)
            return pipeline

        yield over


@pytest.fixture(scope="session")
def sealed_copy():
    """A generation like the current one, changed before it is sealed: in a moment, without indexing. Not switched to.

    Who calls it holds the folder's lock.
    """

    def make(folder: IndexFolder, change=lambda path: None, **manifest) -> Generation:
        source = folder.candidates()[0]
        built = folder.begin()
        shutil.copytree(source.path, built.path, dirs_exist_ok=True)
        (built.path / "manifest.json").unlink()
        change(built.path)
        built.seal(replace(source.manifest(), **manifest))
        return built

    return make


@pytest.fixture
def indexed(settings, built):
    """Settings for the corpus and its index, for this test alone."""
    shutil.copytree(built.index, settings.index, ignore=shutil.ignore_patterns("readers"))
    return settings


@pytest.fixture
def folder(indexed) -> IndexFolder:
    return IndexFolder(indexed.index)


def letters(text: str) -> list[float]:
    """A vector of eight numbers that anyone can check: the lengths of the first words."""
    return [float(len(word)) for word in (text.split() + [""] * 8)[:8]]


class EmbeddingsServer:
    """An OpenAI-compatible embeddings server on this machine; it notes every text it is asked about."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.status = 200
        self.vector = letters
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["input"]
                texts = [asked] if isinstance(asked, str) else asked
                outer.texts += texts
                data = [
                    {"object": "embedding", "index": n, "embedding": outer.vector(text)} for n, text in enumerate(texts)
                ]
                usage = {"prompt_tokens": 1, "total_tokens": 1}
                body = {"object": "list", "data": data, "model": "letters", "usage": usage}
                if outer.status != 200:
                    body = {"error": {"message": "Incorrect key: sk-secret", "type": "invalid_request_error"}}
                content = json.dumps(body).encode()
                self.send_response(outer.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    @contextmanager
    def running(self):
        with in_a_thread(self._server):
            yield self


@pytest.fixture
def embeddings_server(monkeypatch):
    """A provider of embeddings that LangChain's ``openai:`` reaches, as ``QA_EMBEDDINGS=openai:letters``."""
    pytest.importorskip("langchain_openai")
    with EmbeddingsServer().running() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "a-key-of-the-tests")
        yield server


@pytest.fixture
def llm_server():
    """A scripted language model: see ``tests/llm_server.py``. Settings for it are ``llm_server.settings()``."""
    pytest.importorskip("langchain_openai")
    with LlmServer().running() as server:
        yield server

"""The README and docs/ tell the truth: the file map, links, routes, examples. (The settings: test_settings.py.)"""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from pathlib import Path

import pytest

from qa_service.app import create_app
from qa_service.cli import main
from qa_service.indexing import index_documents
from qa_service.settings import load_settings
from tests.channels.test_openai_api import served

ROOT = Path(__file__).parents[1]
# Where the examples expect the service.
SERVED = "http://127.0.0.1:8000"
README = (ROOT / "README.md").read_text(encoding="utf-8")
EVALUATION = (ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8")


def blocks(kind: str, text: str = README) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def section(title: str) -> str:
    return re.split(r"^## ", README.partition(f"\n## {title}\n")[2], flags=re.MULTILINE)[0]


def mapped() -> list[str]:
    """The paths of the file map, folders with a slash at their end."""
    (block,) = blocks("text", section("File map"))
    parents: list[str] = []
    paths = []
    for line in block.splitlines():
        name = line.split()[0]
        depth = (len(line) - len(line.lstrip())) // 2
        parents[depth:] = [name]
        paths.append("".join(parents))
    return paths


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """An index of the sample documents."""
    folder = tmp_path_factory.mktemp("readme") / "index"
    index_documents([ROOT / "documents"], load_settings(documents=ROOT / "documents", index=folder))
    return folder


@pytest.fixture
def settings(index, monkeypatch, tmp_path):
    """The sample documents' index by way of the environment, and nothing else set."""
    for name in [name for name in os.environ if name.startswith("QA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("QA_INDEX", str(index))
    monkeypatch.chdir(tmp_path)
    return load_settings()


@pytest.fixture
def app(settings):
    app = create_app(settings)
    yield app
    app.extensions["qa_service"].close()


def test_the_two_commands_come_first():
    introduction = README.split("\n## ")[0]
    commands = [line.split("#")[0].strip() for line in blocks("sh", introduction)[0].splitlines()]
    assert commands == ["make run", "make test"]
    assert README.index("```sh\nmake run") < 600


def test_every_path_of_the_file_map_is_there():
    for path in mapped():
        assert (ROOT / path).is_dir() if path.endswith("/") else (ROOT / path).is_file(), path


def test_every_module_is_in_the_file_map_once():
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "qa_service").rglob("*.py")}
    # A folder's line speaks for its __init__.py.
    modules -= {path for path in modules if path.count("/") > 1 and path.endswith("/__init__.py")}
    listed = [path for path in mapped() if path.startswith("qa_service/") and path.endswith(".py")]
    assert sorted(listed) == sorted(modules)


def test_every_line_of_the_file_map_says_something():
    (block,) = blocks("text", section("File map"))
    assert all(len(line.split()) > 1 or line.endswith("/") for line in block.splitlines())


@pytest.mark.parametrize(
    "file",
    [
        "README.md",
        "docs/evaluation.md",
        "docs/mattermost.md",
        "docs/quality.md",
        "index/README.md",
        "training/README.md",
        "benchmarks/README.md",
    ],
)
def test_links_within_the_project_lead_somewhere(file):
    text = (ROOT / file).read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    for link in links:
        assert ((ROOT / file).parent / link).exists(), link


def test_every_question_file_is_listed_with_its_lines():
    quality = (ROOT / "docs" / "quality.md").read_text(encoding="utf-8")
    listed = {name: int(lines) for name, lines in re.findall(r"^\| `(\w+\.jsonl)` \| (\d+) \|", quality, re.MULTILINE)}
    files = (ROOT / "tests" / "golden").glob("*.jsonl")
    assert listed == {file.name: len(file.read_text(encoding="utf-8").splitlines()) for file in files}


def test_make_targets_that_are_named_exist():
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert set(re.findall(r"make (\w+)", " ".join(re.findall(r"`(make [^`]*)`", README)))) <= targets


def test_the_routes_are_the_applications(app):
    listed = set()
    for row in re.findall(r"^\| (`(?:GET|POST|PUT|DELETE) .*?) \|", README, flags=re.MULTILINE):
        listed |= set(re.findall(r"`(GET|POST|PUT|DELETE) (\S+)`", row))
    served = {
        (method, re.sub(r"<.*>", "<id>", rule.rule))
        for rule in app.url_map.iter_rules()
        if not rule.endpoint.endswith("static")
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert listed == served


def test_the_example_answer_has_the_shape_of_a_real_one(app):
    shown = json.loads(blocks("json")[0])
    answer = app.test_client().post("/api/ask", json={"question": shown["question"]}).get_json()
    assert list(shown) == sorted(answer, key=list(shown).index)
    assert shown["timings_ms"].keys() == answer["timings_ms"].keys()
    for name in ("question", "language", "abstained", "composer"):
        assert shown[name] == answer[name]
    (citation,) = shown["citations"]
    (real,) = [each for each in answer["citations"] if each["quote"] == citation["quote"]]
    for name in real.keys() - {"n", "score"}:  # these two are a matter of the day's ranking
        assert citation[name] == real[name]
    assert citation.keys() == real.keys()


def test_the_requests_of_the_start_are_answered(app):
    requests = [shlex.split(line) for line in section("Start").splitlines() if line.startswith("curl ")]
    assert len(requests) == 2
    spoken = []
    for words in requests:
        assert words[:2] == ["curl", "http://127.0.0.1:8000/api/ask"]
        body = words[words.index("-d") + 1]
        answer = app.test_client().post("/api/ask", data=body, content_type="application/json").get_json()
        assert answer["citations"], body
        spoken.append(answer["language"])
    assert spoken == ["en", "fr"]


def test_the_commands_of_the_start_work(settings, monkeypatch, capsys):
    commands = [shlex.split(line) for line in section("Start").splitlines() if line.startswith(".venv/bin/qa-service ")]
    assert {words[1] for words in commands} == {"ask", "search", "status", "evaluate"}
    for words in commands:
        arguments = [str(ROOT / word) if word.endswith(".jsonl") else word for word in words[1:]]
        monkeypatch.setattr(sys, "argv", ["qa-service", *arguments])
        assert main() == 0
        printed = capsys.readouterr()
        assert printed.err == ""
        assert words[1] != "ask" or "[1]" in printed.out, words


@pytest.fixture
def question_file(settings):
    """The example of docs/evaluation.md as a file of the working directory, which its other examples read."""
    (example,) = blocks("jsonl", EVALUATION)
    Path("questions.jsonl").write_text(example, encoding="utf-8")


def test_the_example_questions_are_about_the_sample_articles(question_file, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["qa-service", "evaluate", "questions.jsonl", "--json"])
    assert main() == 0
    found = json.loads(capsys.readouterr().out)
    assert found["not_in_index"] == []
    assert [found["directions"][name]["questions"] for name in ("en→en", "fr→fr", "en→fr", "fr→en")] == [1, 1, 1, 1]
    assert [found["unanswerable"][kind]["total"]["of"] for kind in ("off_topic", "near_miss")] == [1, 1]


def test_the_example_run_shows_what_is_printed(question_file, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["qa-service", "evaluate", "questions.jsonl"])
    assert main() == 0
    shown, printed = blocks("text", EVALUATION)[0].splitlines()[1:], capsys.readouterr().out.splitlines()

    def without_figures(lines):
        return [re.sub(r"[\d.]+( of \d+)?|–", "0", re.sub(r" +", " ", line)) for line in lines]

    assert without_figures(shown) == without_figures(printed)


@pytest.mark.parametrize(
    "label",
    [
        "document@1",
        "document@3",
        "answer in 4 passages",
        "quote holds the answer",
        "citation precision",
        "quotes per answer",
        "refused",
        "off-topic",
        "near miss",
    ],
)
def test_every_figure_is_explained(label):
    assert re.search(rf"^\| [^|]*`{label}`[^|]* \|", EVALUATION, flags=re.MULTILINE)


def test_the_evaluation_runs_from_python(question_file, capsys):
    (code,) = blocks("python", EVALUATION)
    exec(code, {})
    assert 0 <= float(capsys.readouterr().out) <= 1


@pytest.mark.parametrize("code", [code for code in blocks("python") if SERVED in code])
def test_python_examples_of_clients_run(app, capsys, code):
    with served(app) as address:
        names: dict[str, object] = {}
        exec(code.replace(SERVED, address.removesuffix("/v1")), names)
        if "client" in names:
            names["client"].close()
    assert "**Sources**" in capsys.readouterr().out


def test_the_request_of_an_openai_client_is_answered(app):
    (words,) = [shlex.split(line) for line in section("OpenAI-compatible clients").splitlines() if line[:5] == "curl "]
    body = words[words.index("-d") + 1]
    answered = app.test_client().post(words[1].removeprefix(SERVED), data=body).get_json()
    assert answered["choices"][0]["message"]["citations"]


@pytest.mark.parametrize("code", [code for code in blocks("python") if SERVED not in code])
def test_python_examples_run(settings, capsys, code):
    names: dict[str, object] = {}
    try:
        exec(code, names)
    finally:
        if "app" in names:
            names["app"].extensions["qa_service"].close()
    assert capsys.readouterr().out.strip()


def test_the_front_matter_example_is_one(tmp_path):
    from qa_service.articles import DocumentFile, read_article

    (example,) = blocks("yaml")
    (tmp_path / "visa.md").write_text(example + "L’accord est signé.\n", encoding="utf-8")
    article = read_article(DocumentFile("fr/visa", tmp_path / "visa.md"), max_bytes=10_000)
    assert (article.language, article.published, article.translation_of) == ("fr", "2025-03-18", "en/visa-exemption")
    assert article.url
    assert article.title == "Exemption de visa : ce qui change"


def test_the_changelog_begins_with_this_version():
    from qa_service import __version__

    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d{2}-\d{2}$", text, flags=re.MULTILINE)
    assert released[0] == __version__

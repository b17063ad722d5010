from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from qa_service.answers import Answer, Citation, Delta, Exchange, Progress
from qa_service.errors import (
    IndexUnavailable,
    InvalidFeedback,
    InvalidQuestion,
    SettingsError,
    StorageUnavailable,
    UnknownAnswer,
    UnknownDocument,
)
from qa_service.pipeline import Pipeline
from qa_service.settings import Settings, load_settings
from tests.conftest import DOCUMENTS
from tests.llm_server import LlmServer, fails, says, stalls


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory, opened_pipeline: Callable[[Path, Path], Pipeline]) -> Pipeline:
    return opened_pipeline(DOCUMENTS, tmp_path_factory.mktemp("index"))


def test_an_english_question_is_answered_from_a_french_article(pipeline: Pipeline) -> None:
    answer = pipeline.answer("What number does the Security Council resolution have?")
    assert answer.language == "en"
    assert not answer.abstained
    french = next(citation for citation in answer.citations if citation.language == "fr")
    assert "2756" in french.quote
    assert f"[{french.n}]" in answer.answer
    assert "The French article" in answer.answer


def test_a_french_question_is_answered_from_an_english_article(pipeline: Pipeline) -> None:
    answer = pipeline.answer("Dans quelle ville l'accord sur les visas a-t-il été signé ?")
    assert answer.language == "fr"
    english = next(citation for citation in answer.citations if "New York" in citation.quote)
    assert english.language == "en"
    assert "L’article en anglais" in answer.answer


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_language_asked_for_wins(pipeline: Pipeline, language: str) -> None:
    answer = pipeline.answer("When was the visa agreement signed?", language)  # type: ignore[arg-type]
    assert answer.language == language


def test_a_quote_in_the_other_language_has_its_parallel(pipeline: Pipeline) -> None:
    answer = pipeline.answer("When did Morocco present its Autonomy Plan?", "fr")
    foreign = [citation for citation in answer.citations if citation.language == "en"]
    own = [citation for citation in answer.citations if citation.language == "fr"]
    assert own or any(citation.parallel for citation in foreign)
    for citation in foreign:
        if citation.parallel:
            text = pipeline.document(citation.parallel.document_id).article.text
            assert text[citation.parallel.start : citation.parallel.end] == citation.parallel.quote
            assert pipeline.document(citation.parallel.document_id).article.language == "fr"


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_question_of_names_alone_is_answered_in_the_default_language(pipeline: Pipeline, language: str) -> None:
    assert pipeline.answer("Nurtleu Bourita Rabat ?", default_language=language).language == language  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("How do I remove a wine stain?", "I could not find"),
        ("Comment enlever une tache de vin ?", "Je n’ai pas trouvé"),
    ],
)
def test_what_the_documents_do_not_hold_is_refused(pipeline: Pipeline, question: str, words: str) -> None:
    answer = pipeline.answer(question)
    assert answer.abstained
    assert answer.citations == ()
    assert answer.answer.startswith(words)


def test_a_conversation_keeps_its_id(pipeline: Pipeline) -> None:
    assert pipeline.answer("What is Interpol?", conversation_id="c1").conversation_id == "c1"
    assert pipeline.answer("What is Interpol?").conversation_id != pipeline.answer("What is Interpol?").conversation_id


@pytest.mark.parametrize(
    ("first", "then", "language", "words"),
    [
        ("When was the visa agreement signed?", "Where?", "en", "New York"),
        ("Quand l’accord sur les visas a-t-il été signé ?", "Et où ?", "fr", "New York"),
        ("When was the visa agreement signed?", "Et quand entre-t-il en vigueur ?", "fr", "19 mars 2025"),
        ("Quand l’exemption de visa entre-t-elle en vigueur ?", "And in English?", "en", "19 mars 2025"),
    ],
)
def test_a_question_may_lean_on_the_one_before(
    pipeline: Pipeline, first: str, then: str, language: str, words: str
) -> None:
    started = pipeline.answer(first)
    answer = pipeline.answer(then, conversation_id=started.conversation_id)
    assert (answer.question, answer.language) == (then, language)
    assert any(words in citation.quote for citation in answer.citations)
    told = pipeline.answer(then, earlier=[Exchange(first, started.answer)])
    assert (told.question, told.language, told.citations) == (then, language, answer.citations)


def test_a_conversation_that_is_told_takes_the_place_of_the_kept_one(pipeline: Pipeline) -> None:
    kept = pipeline.answer("When was the visa agreement signed?").conversation_id
    assert "New York" in pipeline.answer("Where?", conversation_id=kept).answer
    assert "New York" not in pipeline.answer("Where?", conversation_id=kept, earlier=[]).answer


def test_a_told_conversation_is_read_as_far_as_it_may_matter(pipeline: Pipeline) -> None:
    visa = Exchange("When was the visa agreement signed?", "")
    leaning = Exchange("And how long is it? " + "x" * 5_000, "\ud800\0" + "y" * 5_000)
    assert "New York" in pipeline.answer("Where?", earlier=[visa, *[Exchange("Why?", "")] * 19]).answer
    assert "New York" not in pipeline.answer("Where?", earlier=[visa, *[Exchange("Why?", "")] * 20]).answer
    assert (
        pipeline.answer("Et où ?", earlier=[visa, leaning, Exchange("\ud800", ""), Exchange("", "")]).language == "fr"
    )


def test_an_answer_in_a_told_conversation_is_kept(pipeline: Pipeline) -> None:
    answer = pipeline.answer("Where?", earlier=[Exchange("When was the visa agreement signed?", "In 2024 [1].")])
    pipeline.rate(answer.id, 1)
    (turn,) = pipeline._conversations.turns(answer.conversation_id)
    assert (turn.question, turn.answer) == ("Where?", answer.answer)
    assert "agreement" in turn.understood


def test_names_alone_are_answered_in_the_conversations_language(pipeline: Pipeline) -> None:
    conversation = pipeline.answer("Qui a reçu le ministre kazakh ?").conversation_id
    for default in ("en", "fr"):
        answer = pipeline.answer("Nurtleu Bourita Rabat ?", None, conversation, default_language=default)  # type: ignore[arg-type]
        assert answer.language == "fr"


def test_a_question_asked_at_once_in_one_conversation_loses_nothing(pipeline: Pipeline) -> None:
    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(pipeline.answer, f"What is wheat {n}?", None, "busy") for n in range(6)]
        assert {answer.result().conversation_id for answer in asked} == {"busy"}
    kept = pipeline._conversations.turns("busy")
    assert {turn.question for turn in kept} == {f"What is wheat {n}?" for n in range(6)}


@pytest.mark.parametrize("name", ["x" * 100, "é" * 100, "a\x00b", "\ud800", "'; DROP TABLE qa_turns", "../../etc"])
def test_any_short_id_names_a_conversation(pipeline: Pipeline, name: str) -> None:
    kept = pipeline.answer("When was the visa agreement signed?", conversation_id=name).conversation_id
    kept.encode("utf-8")
    answer = pipeline.answer("Where?", conversation_id=name)
    assert answer.conversation_id == kept
    assert any("New York" in citation.quote for citation in answer.citations)


def test_a_long_id_is_refused_and_an_empty_one_begins_a_conversation(pipeline: Pipeline) -> None:
    with pytest.raises(InvalidQuestion, match="id is longer than 100"):
        pipeline.answer("visa?", conversation_id="x" * 101)
    assert len(pipeline.answer("visa?", conversation_id=" ").conversation_id) == 32


def test_without_memory_each_question_is_answered_by_itself(pipeline: Pipeline, tmp_path: Path) -> None:
    shutil.copytree(
        pipeline._settings.index, tmp_path / "index", ignore=shutil.ignore_patterns("readers", "conversations*")
    )
    forgetful = Pipeline(load_settings(index=tmp_path / "index", conversation_days=0))
    forgetful.open()
    started = forgetful.answer("Quand l’accord sur les visas a-t-il été signé ?")
    names = forgetful.answer("Nurtleu Bourita ?", conversation_id=started.conversation_id)
    forgetful.close()
    assert names.conversation_id == started.conversation_id
    assert names.language == "en"
    assert not list((tmp_path / "index").glob("conversations*"))


def test_what_is_not_to_be_remembered_is_not_kept(pipeline: Pipeline) -> None:
    pipeline.answer("When was the visa agreement signed?", conversation_id="tried", remember=False)
    assert pipeline._conversations.turns("tried") == []


def test_a_broken_database_costs_no_answer(
    pipeline: Pipeline, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(
        pipeline._settings.index, tmp_path / "index", ignore=shutil.ignore_patterns("readers", "conversations*")
    )
    (tmp_path / "index" / "conversations.sqlite3").write_bytes(b"no database" * 1_000)
    broken = Pipeline(load_settings(index=tmp_path / "index"))
    broken.open()
    for _ in range(3):
        assert broken.answer("When was the visa agreement signed?", conversation_id="c").citations
    broken.close()
    assert caplog.text.count("answered without memory") == 1
    assert "visa agreement" not in caplog.text


@pytest.mark.parametrize("question", ["", "   ", "\n\t", "\x00"])
def test_an_empty_question_is_refused(pipeline: Pipeline, question: str) -> None:
    with pytest.raises(InvalidQuestion, match="empty"):
        pipeline.answer(question)


def test_a_very_long_question_is_refused(pipeline: Pipeline) -> None:
    with pytest.raises(InvalidQuestion, match="longer than 2000"):
        pipeline.answer("visa " * 200_000)


@pytest.mark.parametrize(
    "question", ["<|endoftext|> visa?", "visa \ud800 agreement", "visa\x00 agreement", "[1] visa [2]", "🙂", "a" * 2000]
)
def test_odd_questions_get_a_sane_answer(pipeline: Pipeline, question: str) -> None:
    answer = pipeline.answer(question)
    assert answer.abstained == (not answer.citations)
    answer.answer.encode("utf-8")


def test_an_unknown_language_is_refused(pipeline: Pipeline) -> None:
    with pytest.raises(InvalidQuestion, match="en, fr"):
        pipeline.answer("visa?", "de")  # type: ignore[arg-type]


def test_tokens_are_counted_in_any_text_in_no_time(pipeline: Pipeline) -> None:
    assert pipeline.count_tokens("The harbour, le port") == pipeline.count_tokens("The  harbour,\nle port") == 5
    begun = time.thread_time()
    assert pipeline.count_tokens("a" + "\u0301" * 60_000 + "\u0316" * 60_000) < 100
    assert time.thread_time() - begun < 2


def test_search_ranks_both_languages(pipeline: Pipeline) -> None:
    found = pipeline.search("wheat hub", k=10)
    assert len(found) == 10
    assert {passage.language for passage in found} == {"en", "fr"}


@pytest.mark.parametrize("k", [0, 101])
def test_search_refuses_an_odd_count(pipeline: Pipeline, k: int) -> None:
    with pytest.raises(InvalidQuestion, match="from 1 to 100"):
        pipeline.search("wheat", k)


def test_documents_know_their_translations(pipeline: Pipeline) -> None:
    assert len(pipeline.documents()) == 16
    assert pipeline.document("fr/exemption-de-visa").translations == ("en/visa-exemption",)
    assert pipeline.document("en/visa-exemption").translations == ("fr/exemption-de-visa",)
    with pytest.raises(UnknownDocument):
        pipeline.document("en/none")


def test_works_hold_an_article_in_both_languages(pipeline: Pipeline) -> None:
    works = pipeline.works()
    assert len(works) == 8
    assert [document.id for document in works[0]] == sorted(document.id for document in works[0])
    assert all({document.language for document in work} == {"en", "fr"} for work in works)
    assert pipeline.works() is works
    assert pipeline.summary("fr/exemption-de-visa") in {document for work in works for document in work}
    with pytest.raises(UnknownDocument):
        pipeline.summary("en/none")


def test_a_span_leads_to_the_same_in_the_other_language(pipeline: Pipeline) -> None:
    article = pipeline.document("en/visa-exemption").article
    start = article.text.index("The ordinary passport is")
    parallel = pipeline.parallel(article.id, start, article.text.index(".", start) + 1, "fr")
    assert parallel is not None
    assert parallel.document_id == "fr/exemption-de-visa"
    assert parallel.quote.startswith("Le passeport ordinaire est celui")
    assert pipeline.parallel(parallel.document_id, parallel.start, parallel.end, "en").start == start  # type: ignore[union-attr]
    assert pipeline.parallel(article.id, 0, len(article.text), "fr") is None
    with pytest.raises(UnknownDocument):
        pipeline.parallel("en/none", 0, 10, "fr")


@pytest.mark.parametrize("language", ["en", "fr"])
def test_questions_to_begin_with_are_answered_in_their_language(pipeline: Pipeline, language: str) -> None:
    questions = pipeline.example_questions(language)  # type: ignore[arg-type]
    assert len(questions) == 4
    for question in questions:
        answer = pipeline.answer(question, remember=False)
        assert (answer.language, answer.abstained) == (language, False)


def test_questions_to_begin_with_are_not_remembered(pipeline: Pipeline) -> None:
    kept = pipeline._settings.index / "conversations.sqlite3"
    before = kept.stat().st_mtime_ns if kept.exists() else None
    pipeline.example_questions("en", 3)
    assert (kept.stat().st_mtime_ns if kept.exists() else None) == before


def test_status_counts_both_languages(pipeline: Pipeline) -> None:
    status = pipeline.status()
    assert status.documents == {"en": 8, "fr": 8}
    assert all(status.passages.values())
    assert status.age_s >= 0


def test_without_an_index_there_is_a_clear_error(tmp_path: Path) -> None:
    empty = Pipeline(load_settings(documents=tmp_path, index=tmp_path / "index"))
    empty.open()
    with pytest.raises(IndexUnavailable, match="qa-service index"):
        empty.answer("visa?")


# Feedback


@pytest.mark.parametrize("question", ["When was the visa agreement signed?", "Comment enlever une tache de vin ?"])
def test_an_answer_can_be_rated(pipeline: Pipeline, question: str) -> None:
    answer = pipeline.answer(question)
    assert pipeline.keeps_answers
    pipeline.rate(answer.id, 1)
    pipeline.rate(answer.id, -1, "La date\0 manque")
    (entry,) = [entry for entry in pipeline._feedback.entries() if entry.answer_id == answer.id]
    assert (entry.question, entry.language, entry.answer) == (question, answer.language, answer.answer)
    assert (entry.rating, entry.comment, entry.abstained) == (-1, "La date  manque", answer.abstained)
    assert [citation["quote"] for citation in entry.citations] == [citation.quote for citation in answer.citations]


def test_what_cannot_be_rated_is_refused(pipeline: Pipeline) -> None:
    forgotten = pipeline.answer("When was the visa agreement signed?", remember=False)
    for answer_id in (forgotten.id, "none", "\ud800"):
        with pytest.raises(UnknownAnswer):
            pipeline.rate(answer_id, 1)
    known = pipeline.answer("When was the visa agreement signed?")
    for rating, comment in ((0, ""), (2, ""), (1, "x" * 2_001)):
        with pytest.raises(InvalidFeedback):
            pipeline.rate(known.id, rating, comment)


def test_where_no_answer_is_kept_none_is_rated(tmp_path: Path) -> None:
    with closing(Pipeline(load_settings(index=tmp_path / "index", conversation_days=0))) as forgetful:
        assert not forgetful.keeps_answers
        with pytest.raises(UnknownAnswer):
            forgetful.rate("0" * 32, 1)


def test_a_rating_that_a_broken_database_loses_is_told(tmp_path: Path) -> None:
    (tmp_path / "conversations.sqlite3").write_bytes(b"no database" * 1_000)
    with closing(Pipeline(load_settings(index=tmp_path))) as broken, pytest.raises(StorageUnavailable):
        broken.rate("0" * 32, 1)


# Streams


@pytest.mark.parametrize(
    "question",
    ["When was the visa agreement signed?", "Quand l’accord sur les visas a-t-il été signé ?", "How do I bake bread?"],
)
def test_a_stream_shows_the_answer_and_ends_with_it(pipeline: Pipeline, question: str) -> None:
    progress, *shown, answer = pipeline.stream(question)
    assert isinstance(progress, Progress)
    assert 0 < progress.passages <= 100
    assert isinstance(answer, Answer)
    assert "".join(event.text for event in shown if isinstance(event, Delta)) == answer.answer
    assert tuple(event for event in shown if isinstance(event, Citation)) == answer.citations
    again = pipeline.answer(question)
    assert (again.answer, again.citations) == (answer.answer, answer.citations)


@pytest.mark.parametrize(
    ("question", "language", "conversation"),
    [(" ", None, None), ("visa " * 1_000, None, None), ("visa?", "de", None), ("visa?", None, "x" * 101)],
)
def test_a_stream_that_cannot_begin_says_so_at_once(
    pipeline: Pipeline, question: str, language: str | None, conversation: str | None
) -> None:
    with pytest.raises(InvalidQuestion):
        pipeline.stream(question, language, conversation)  # type: ignore[arg-type]


def test_a_stream_without_an_index_says_so_at_once(tmp_path: Path) -> None:
    with closing(Pipeline(load_settings(documents=tmp_path, index=tmp_path / "index"))) as empty:
        empty.open()
        with pytest.raises(IndexUnavailable, match="qa-service index"):
            empty.stream("visa?")


def test_only_a_finished_answer_is_remembered(pipeline: Pipeline) -> None:
    events = pipeline.stream("When was the visa agreement signed?", conversation_id="half")
    assert isinstance(next(events), Progress)
    events.close()
    assert pipeline._conversations.turns("half") == []
    *_, answer = pipeline.stream("When was the visa agreement signed?", conversation_id="half")
    assert isinstance(answer, Answer)
    assert [turn.answer for turn in pipeline._conversations.turns("half")] == [answer.answer]


def test_a_stream_that_is_not_to_be_remembered_is_not_kept(pipeline: Pipeline) -> None:
    *_, answer = pipeline.stream("When was the visa agreement signed?", conversation_id="shown", remember=False)
    assert isinstance(answer, Answer)
    assert answer.citations
    assert pipeline._conversations.turns("shown") == []


def test_an_answer_says_how_long_it_took(pipeline: Pipeline) -> None:
    answer = pipeline.answer("When was the visa agreement signed?")
    assert list(answer.timings_ms) == ["retrieve", "compose", "total"]
    assert all(value > 0 for value in answer.timings_ms.values())
    parts = answer.timings_ms["retrieve"] + answer.timings_ms["compose"]
    assert answer.timings_ms["total"] == pytest.approx(parts, abs=0.05)
    assert answer.usage == {}


# With a language model

FOOTBRIDGE = "When did the footbridge over the Alder open?"
OPENED = "The footbridge over the river Alder opened on 12 May 2024"


@pytest.fixture
def writing(llm_server: LlmServer, indexed: Settings) -> Iterator[Pipeline]:
    """A pipeline over the small corpus, whose answers the scripted model writes."""
    with closing(Pipeline(llm_server.settings(index=indexed.index, documents=indexed.documents))) as pipeline:
        pipeline.open()
        yield pipeline


def test_usage_sums_up_what_the_model_was_asked(writing: Pipeline, llm_server: LlmServer) -> None:
    llm_server.script(fails(500), says(f"{OPENED} [1].", usage=(800, 30), pause=0.02))
    answer = writing.answer(FOOTBRIDGE)
    assert answer.composer == "llm"
    assert answer.usage == {"calls": 2, "input_tokens": 800, "output_tokens": 30}
    assert answer.timings_ms["compose"] > 100
    assert answer.timings_ms["retrieve"] < answer.timings_ms["compose"] < answer.timings_ms["total"]


def test_the_answer_is_remembered_as_it_was_finished(writing: Pipeline, llm_server: LlmServer) -> None:
    llm_server.script(says(f"{OPENED} [1]. Sergei Kozlov paid 612 euros for it [1]."))
    answer = writing.answer(FOOTBRIDGE, conversation_id="c")
    (turn,) = writing._conversations.turns("c")
    assert turn.answer == answer.answer
    assert "Kozlov" not in turn.answer
    assert [citation["n"] for citation in turn.citations] == [1]


def test_what_is_not_to_be_remembered_is_written_and_not_kept(writing: Pipeline, llm_server: LlmServer) -> None:
    llm_server.script(says(f"{OPENED} [1]."))
    assert writing.answer(FOOTBRIDGE, conversation_id="c", remember=False).composer == "llm"
    assert writing._conversations.turns("c") == []


def test_a_question_that_is_refused_asks_nobody(writing: Pipeline, llm_server: LlmServer) -> None:
    llm_server.script(says(f"{OPENED} [1]."))
    with pytest.raises(InvalidQuestion):
        writing.stream("")
    writing.search("footbridge")
    assert llm_server.requests == []


def test_many_answers_are_written_at_once(writing: Pipeline, llm_server: LlmServer) -> None:
    llm_server.script(lambda body: f"{OPENED} [1]." if "footbridge over" in str(body) else "NOT_FOUND")
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(writing.answer, [FOOTBRIDGE] * 6))
    assert {(answer.composer, answer.answer) for answer in answers} == {("llm", answers[0].answer)}
    assert [answer.usage["calls"] for answer in answers] == [1] * 6


def test_closing_ends_what_is_being_written(llm_server: LlmServer, indexed: Settings) -> None:
    pipeline = Pipeline(llm_server.settings(index=indexed.index, llm_timeout=30))
    pipeline.open()
    llm_server.script(stalls(f"{OPENED} [1]. The"))
    events = pipeline.stream(FOOTBRIDGE)
    next(events)
    pipeline.close()
    assert llm_server.wait_until_closed()
    events.close()


@pytest.mark.parametrize("name", ["openai:gpt", "anthropic:claude"])
def test_a_model_without_its_key_is_refused_before_any_question(name: str, tmp_path: Path) -> None:
    if name.startswith("anthropic"):
        pytest.importorskip("langchain_anthropic")
    with pytest.raises(SettingsError, match="needs a key"):
        Pipeline(load_settings(index=tmp_path / "index", llm=name))

"""A question that leans on a conversation, rewritten by the scripted model, or completed without it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace

import pytest

from qa_service.answers import Answer
from qa_service.conversations import Turn
from qa_service.embedding_model import EmbeddingModel
from qa_service.errors import IndexUnavailable
from qa_service.follow_ups import complete
from qa_service.language import Language
from qa_service.language_model import LanguageModel
from qa_service.pipeline import Pipeline
from qa_service.rewriting import rewrite
from qa_service.settings import Settings
from tests.llm_server import LlmServer, Reply, breaks, cuts, fails, hangs, overflows, says, says_html, says_nothing

ENGLISH = Turn(
    "When did the footbridge open?",
    "When did the footbridge open?",
    "en",
    abstained=False,
    answer="The footbridge over the river Alder opened on 12 May 2024 [1].",
)
FRENCH = Turn(
    "Quand la passerelle a-t-elle été inaugurée ?",
    "Quand la passerelle a-t-elle été inaugurée ?",
    "fr",
    abstained=False,
    answer="La passerelle sur la rivière Aulne a été inaugurée le 12 mai 2024 [1].",
)
ASKED: dict[Language, tuple[str, Turn]] = {
    "en": ("How long is it?", ENGLISH),
    "fr": ("Quelle est sa longueur ?", FRENCH),
}
REWRITTEN: dict[Language, str] = {
    "en": "How long is the footbridge over the river Alder?",
    "fr": "Quelle est la longueur de la passerelle sur la rivière Aulne ?",
}

Rewrite = Callable[..., str | None]


@pytest.fixture
def rewritten(llm_server: LlmServer, model: EmbeddingModel) -> Iterator[Rewrite]:
    """What becomes of a question when the model answers so."""
    # A third of it is what a rewriting may take.
    with closing(LanguageModel.load(llm_server.settings(llm_timeout=9))) as llm:  # type: ignore[arg-type]

        def ask(question: str, earlier: Sequence[Turn], language: Language, *replies: Reply) -> str | None:
            llm_server.script(*replies)
            assert llm
            return rewrite(question, earlier, language, model, llm, llm.allowance())

        yield ask


def by(rewritten: Rewrite, language: Language, reply: str | Reply) -> str | None:
    question, turn = ASKED[language]
    return rewritten(question, [turn], language, says(reply) if isinstance(reply, str) else reply)


# What is trusted


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_question_that_leans_is_rewritten(rewritten: Rewrite, llm_server: LlmServer, language: Language) -> None:
    assert by(rewritten, language, REWRITTEN[language]) == REWRITTEN[language]
    (request,) = llm_server.requests
    question, turn = ASKED[language]
    assert question in request.prompt
    assert turn.understood in request.prompt
    assert turn.answer.removesuffix(" [1].") in request.prompt


@pytest.mark.parametrize(
    ("language", "written"),
    [
        ("en", f"“{REWRITTEN['en']}”"),
        ("en", f'"{REWRITTEN["en"]}"\n'),
        ("en", f"\n  {REWRITTEN['en']}  "),
        ("en", f"<think>It is the footbridge.</think>\n{REWRITTEN['en']}"),
        ("fr", f"« {REWRITTEN['fr']} »"),
        ("fr", f"«\u202f{REWRITTEN['fr']}\u202f»"),
    ],
)
def test_what_is_put_around_a_question_is_left_out(rewritten: Rewrite, language: Language, written: str) -> None:
    assert by(rewritten, language, written) == REWRITTEN[language]


def test_the_model_reads_the_last_turns_and_the_beginnings_of_their_answers(
    rewritten: Rewrite, llm_server: LlmServer
) -> None:
    turns = [
        Turn(f"Question {n}?", f"Understood {n}?", "en", abstained=False, answer=f"{n} " + "long " * 100 + "end")
        for n in range(5)
    ]
    rewritten("How long is it?", turns, "en", says("no"))
    prompt = llm_server.requests[0].prompt
    assert [f"Understood {n}?" in prompt for n in range(5)] == [False, False, True, True, True]
    assert "Question 4?" not in prompt
    assert "long long" in prompt
    assert "end" not in prompt.partition("<conversation>")[2].partition("</conversation>")[0]


def test_a_word_in_the_other_language_is_one_of_the_conversation(rewritten: Rewrite) -> None:
    question = "How long is the bridge over the river?"
    asked = "Quand le pont sur la rivière a-t-il été ouvert ?"
    turn = replace(FRENCH, question=asked, understood=asked)
    assert rewritten("How long is it?", [turn], "en", says(question)) == question


# What is not


@pytest.mark.parametrize(
    ("language", "written"),
    [
        ("en", "How long is the footbridge in Paris?"),
        ("en", "How long is the footbridge that Boris Kozlov built?"),
        ("en", "How long is the footbridge of 1987?"),
        ("en", "How long is the footbridge that opened on 13 May 2024?"),
        ("fr", "Quelle est la longueur de la passerelle de Tombouctou ?"),
        ("fr", "Quelle est la longueur de la passerelle de Boris Kozlov ?"),
        ("fr", "Quelle est la longueur de la passerelle de 1987 ?"),
    ],
)
def test_a_name_or_number_from_nowhere_is_not_trusted(rewritten: Rewrite, language: Language, written: str) -> None:
    assert by(rewritten, language, written) is None


@pytest.mark.parametrize(
    ("language", "written"),
    [
        ("en", REWRITTEN["fr"]),
        ("fr", REWRITTEN["en"]),
        ("en", f"{REWRITTEN['en']}\nIt is 84 metres long."),
        ("fr", f"{REWRITTEN['fr']}\n\nLa passerelle ?"),
        ("en", REWRITTEN["en"].replace(" over", "\r over")),
        ("en", REWRITTEN["en"].replace(" over", "\u2028over")),
        ("en", REWRITTEN["en"].replace(" over", " \ud83d over")),
        ("en", REWRITTEN["en"].replace(" over", " \x00 over")),
        ("en", REWRITTEN["en"] * 9),
        ("fr", REWRITTEN["fr"] * 7),
        ("en", "?"),
        ("en", "“”"),
        ("en", "Is it?"),
    ],
)
def test_what_is_no_single_question_in_the_language_is_not_trusted(
    rewritten: Rewrite, language: Language, written: str
) -> None:
    assert by(rewritten, language, written) is None


@pytest.mark.parametrize(
    "reply",
    [
        fails(500),
        fails(429, retry_after="0"),
        fails(401),
        overflows(),
        hangs(),
        says_html(),
        says_nothing(),
        cuts(),
        cuts(REWRITTEN["en"]),
        breaks(REWRITTEN["en"]),
        says(REWRITTEN["en"], finish="length"),
        says(REWRITTEN["en"], finish=None),
    ],
)
def test_a_call_that_fails_is_not_repeated(rewritten: Rewrite, llm_server: LlmServer, reply: Reply) -> None:
    assert by(rewritten, "en", reply) is None
    assert len(llm_server.requests) == 1


# When nothing is asked


@pytest.mark.parametrize(
    ("question", "earlier", "language"),
    [
        ("How long is it?", [], "en"),
        ("How long is the footbridge over the Alder?", [ENGLISH], "en"),
        ("Quelle est la longueur de la passerelle ?", [FRENCH], "fr"),
        ("And in French?", [ENGLISH], "fr"),
        ("Et en anglais ?", [FRENCH], "en"),
        ("Thank you!", [ENGLISH], "en"),
        ("How long is it? " * 20, [ENGLISH], "en"),
    ],
)
def test_a_question_that_stands_alone_costs_no_call(
    rewritten: Rewrite, llm_server: LlmServer, question: str, earlier: list[Turn], language: Language
) -> None:
    assert rewritten(question, earlier, language, says(REWRITTEN[language])) is None
    assert llm_server.requests == []


# In a conversation


@pytest.fixture
def opened(llm_server: LlmServer, indexed: Settings) -> Iterator[Callable[[float], Pipeline]]:
    """Opens a pipeline whose model may take so many seconds."""
    with ExitStack() as stack:

        def opened(seconds: float) -> Pipeline:
            settings = llm_server.settings(index=indexed.index, documents=indexed.documents, llm_timeout=seconds)
            pipeline = stack.enter_context(closing(Pipeline(settings)))
            pipeline.open()
            return pipeline

        yield opened


@pytest.fixture
def pipeline(opened: Callable[[float], Pipeline]) -> Pipeline:
    return opened(15)


SAID: dict[Language, tuple[str, str]] = {
    "en": (
        "The footbridge over the river Alder opened on 12 May 2024 [1].",
        "The footbridge over the river Alder is 84 metres long [1].",
    ),
    "fr": (
        "La passerelle sur la rivière Aulne a été inaugurée le 12 mai 2024 [1].",
        "La passerelle sur la rivière Aulne mesure 84 mètres [1].",
    ),
}


def conversation(pipeline: Pipeline, llm_server: LlmServer, language: Language, reply: Reply) -> Answer:
    """The answer to the second question, where the model rewrites it so."""
    question, turn = ASKED[language]
    opened, long = SAID[language]
    llm_server.script(says(opened), reply, says(long))
    pipeline.answer(turn.question, conversation_id="c")
    return pipeline.answer(question, conversation_id="c")


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_rewritten_question_is_answered_and_remembered(
    pipeline: Pipeline, llm_server: LlmServer, language: Language
) -> None:
    answer = conversation(pipeline, llm_server, language, says(REWRITTEN[language]))
    assert answer.question == ASKED[language][0]
    assert answer.usage["calls"] == 2
    assert len(llm_server.requests) == 3
    assert f" {REWRITTEN[language]}\n" in llm_server.requests[2].prompt
    first, second = pipeline._conversations.turns("c")
    assert (first.question, first.understood) == (ASKED[language][1].question,) * 2
    assert (second.question, second.understood) == (ASKED[language][0], REWRITTEN[language])


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("reply", [says("Who is Boris Kozlov?"), fails(500)])
def test_without_it_the_question_is_completed(
    pipeline: Pipeline, llm_server: LlmServer, language: Language, reply: Reply
) -> None:
    question, turn = ASKED[language]
    answer = conversation(pipeline, llm_server, language, reply)
    completed = complete(question, [turn.question])
    assert completed != question
    assert f" {completed}\n" in llm_server.requests[2].prompt
    assert [turn.understood for turn in pipeline._conversations.turns("c")] == [turn.question, completed]
    assert answer.usage["calls"] == 2


def test_a_rewriting_that_takes_all_the_time_leaves_quotes(
    opened: Callable[[float], Pipeline], llm_server: LlmServer
) -> None:
    answer = conversation(opened(2), llm_server, "en", hangs())
    assert (answer.composer, answer.warnings) == ("extractive", ("llm_unavailable",))
    assert answer.timings_ms["total"] < 3_000
    assert "84 metres" in answer.answer


def test_a_server_that_asks_for_a_pause_gets_it_before_the_answer(pipeline: Pipeline, llm_server: LlmServer) -> None:
    answer = conversation(pipeline, llm_server, "en", fails(429, retry_after="0.5"))
    assert answer.composer == "llm"
    _, rewriting, answering = llm_server.requests
    assert answering.at - rewriting.at >= 0.5


def test_without_an_index_nothing_is_asked(pipeline: Pipeline, llm_server: LlmServer) -> None:
    llm_server.script(says(SAID["en"][0]))
    pipeline.answer(ASKED["en"][1].question, conversation_id="c")
    with closing(Pipeline(pipeline._settings)) as unready, pytest.raises(IndexUnavailable):
        unready.answer(ASKED["en"][0], conversation_id="c")
    assert len(llm_server.requests) == 1


@pytest.mark.parametrize("question", ["And in French?", "Where is the rose garden?"])
def test_a_question_that_stands_alone_is_asked_once(pipeline: Pipeline, llm_server: LlmServer, question: str) -> None:
    llm_server.script(says(SAID["en"][0]))
    pipeline.answer(ASKED["en"][1].question, conversation_id="c")
    asked = pipeline.answer(question, conversation_id="c")
    assert all(json.dumps(request.body).count("<passages>") for request in llm_server.requests)
    assert asked.question == question

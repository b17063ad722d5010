"""What a bot does with a message: one answer, a sign of life where it takes longer, and words where there is none."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

import pytest
from sqlalchemy import text

from qa_service.answers import Answer
from qa_service.channels.bot import Bot
from qa_service.channels.bot_platform import Message, Notice, Reply, TryLater, Undeliverable
from qa_service.database import FILE, Database
from qa_service.errors import StorageUnavailable
from qa_service.inbox import Inbox
from qa_service.language import Language
from qa_service.settings import Settings, load_settings
from tests.channels.fake_pipeline import FakePipeline

if TYPE_CHECKING:
    from qa_service.pipeline import Pipeline

ENGLISH = "When does the visa exemption begin?"
FRENCH = "Quand l’exemption de visa commence-t-elle\u202f?"
WAIT_S = 20


class FakeChat:
    """A chat that keeps what it is shown, and fails on demand."""

    name = "chat"
    help_key = "help"

    def __init__(self) -> None:
        self.shown: list[tuple[str, Answer | Notice]] = []
        self.signs: list[tuple[str, Language]] = []
        self.written: list[str] = []
        self.kept: list[dict[str, Any]] = []
        self.showing: list[str] = []
        self.faults: list[Exception] = []
        self.speaks: Language | None = None
        # Set: an answer that is shown waits until it may go on.
        self.hold: threading.Event | None = None
        self.changed = threading.Condition()

    def reply(self, message: Message, kept: dict[str, Any], remember: Callable[[dict[str, Any]], None]) -> Reply:
        self.kept.append(kept)
        return FakeReply(self, message, remember)

    def add(self, where: list[Any], what: object) -> None:
        with self.changed:
            where.append(what)
            self.changed.notify_all()

    def wait(self, where: list[Any], count: int = 1) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(where) >= count, WAIT_S)


class FakeReply:
    """Where one message is answered."""

    def __init__(self, chat: FakeChat, message: Message, remember: Callable[[dict[str, Any]], None]) -> None:
        self.chat, self.message, self.remember = chat, message, remember

    def conversation(self) -> str:
        return self.message.conversation or "made-by-posting"

    def language(self) -> Language | None:
        return self.chat.speaks

    def alive(self, language: Language) -> None:
        self.remember({"ts": "1700.2"})
        self.chat.add(self.chat.signs, (self.message.id, language))

    def write(self, text: str) -> None:
        self.chat.add(self.chat.written, text)

    def answer(self, answer: Answer) -> None:
        self.show(answer)

    def notice(self, notice: Notice) -> None:
        self.show(notice)

    def show(self, what: Answer | Notice) -> None:
        if self.chat.hold:
            self.chat.add(self.chat.showing, self.message.id)
            self.chat.hold.wait(WAIT_S)
        if self.chat.faults:
            raise self.chat.faults.pop(0)
        self.chat.add(self.chat.shown, (self.message.id, what))


@pytest.fixture
def settings(tmp_path: Any) -> Settings:
    return load_settings(index=tmp_path / "index")


@pytest.fixture
def pipeline() -> FakePipeline:
    return FakePipeline()


@pytest.fixture
def chat() -> FakeChat:
    return FakeChat()


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    with closing(Database(settings, retry_after_s=0)) as opened:
        yield opened


@pytest.fixture
def made(settings: Settings, pipeline: FakePipeline, chat: FakeChat) -> Iterator[Callable[..., Bot]]:
    """Makes bots as workers have them: each with an inbox of its own."""
    with ExitStack() as opened:

        def make(chat: FakeChat = chat, lease_s: float = 60.0) -> Bot:
            database = opened.enter_context(closing(Database(settings, retry_after_s=0)))
            inbox = Inbox(database, "chat", 30, lease_s=lease_s)
            bot = Bot(cast("Pipeline", pipeline), inbox, chat, longest=200, threads=16, lease_s=lease_s)
            return opened.enter_context(closing(bot))

        yield make


@pytest.fixture
def bot(made: Callable[..., Bot]) -> Bot:
    return made()


def message(text: str = ENGLISH, number: int = 1, **fields: Any) -> Message:
    return Message(f"chat:{number}", text, {"channel": "C1"}, **fields)


def last(chat: FakeChat, count: int = 1) -> Answer | Notice:
    chat.wait(chat.shown, count)
    return chat.shown[-1][1]


def make_due(database: Database) -> None:
    """Let every lease run out now."""
    query = text("UPDATE qa_inbox SET leased_until = 0")
    database.perform(lambda connection: connection.execute(query), writes=True)


# One answer


@pytest.mark.parametrize(("question", "language"), [(ENGLISH, "en"), (FRENCH, "fr")])
def test_a_question_is_answered_in_its_language(
    bot: Bot, chat: FakeChat, pipeline: FakePipeline, question: str, language: str
) -> None:
    assert bot.take(message(question, conversation="thread"))
    answer = last(chat)
    assert isinstance(answer, Answer)
    assert (answer.question, answer.conversation_id) == (question, "thread")
    assert pipeline.defaults == [language]
    assert "".join(chat.written) == answer.answer
    assert chat.signs == []


def test_the_same_message_is_answered_once(made: Callable[..., Bot], chat: FakeChat) -> None:
    first, second = made(), made()
    assert [bot.take(message()) for bot in (first, second, first, second)] == [True, False, False, False]
    last(chat)
    assert not second.take(message())
    assert [shown for shown, _ in chat.shown] == ["chat:1"]


def test_a_language_that_is_asked_for_wins(bot: Bot, chat: FakeChat, pipeline: FakePipeline) -> None:
    bot.take(message(ENGLISH, language="fr"))
    last(chat)
    assert pipeline.asked[0][1] == "fr"


def test_who_shows_no_language_is_answered_in_that_of_the_chat(
    bot: Bot, chat: FakeChat, pipeline: FakePipeline
) -> None:
    chat.speaks = "fr"
    bot.take(message("Nurtleu\u202f?"))
    last(chat)
    assert pipeline.defaults == ["fr"]


def test_a_conversation_may_have_to_be_begun_by_posting(bot: Bot, chat: FakeChat, pipeline: FakePipeline) -> None:
    bot.take(message())
    last(chat)
    assert pipeline.asked[0][2] == "made-by-posting"
    assert bot.knows("made-by-posting")
    assert not bot.knows("another")


# Signs of life


@pytest.mark.parametrize(("question", "language"), [(ENGLISH, "en"), (FRENCH, "fr")])
def test_an_answer_that_takes_longer_gets_a_sign_of_life(
    bot: Bot, chat: FakeChat, pipeline: FakePipeline, question: str, language: str
) -> None:
    pipeline.hold = threading.Event()
    bot.take(message(question))
    chat.wait(chat.signs)
    assert chat.signs == [("chat:1", language)]
    assert chat.shown == []
    pipeline.hold.set()
    assert isinstance(last(chat), Answer)
    assert len(chat.signs) == 1


def test_signs_of_life_do_not_wait_for_answers(bot: Bot, chat: FakeChat, pipeline: FakePipeline) -> None:
    pipeline.hold = threading.Event()
    for number in range(40):
        bot.take(message(number=number))
    chat.wait(chat.signs, 40)
    pipeline.hold.set()
    chat.wait(chat.shown, 40)
    assert sorted(shown for shown, _ in chat.shown) == sorted(f"chat:{number}" for number in range(40))


def test_signs_of_life_do_not_wait_for_answers_that_a_chat_takes_slowly(
    bot: Bot, chat: FakeChat, pipeline: FakePipeline
) -> None:
    chat.hold = threading.Event()
    for number in range(10):
        bot.take(message(number=number))
    chat.wait(chat.showing, 10)
    time.sleep(1.5)  # a sign is due for each of them
    pipeline.hold = threading.Event()
    bot.take(message(number=10))
    chat.wait(chat.signs)
    assert chat.signs == [("chat:10", "en")]
    assert chat.shown == []
    for held in (pipeline.hold, chat.hold):
        held.set()
    chat.wait(chat.shown, 11)


def test_no_sign_is_given_for_a_message_that_another_has_by_now(
    bot: Bot, chat: FakeChat, pipeline: FakePipeline, database: Database
) -> None:
    pipeline.hold = threading.Event()
    bot.take(message())
    query = text("UPDATE qa_inbox SET owner = 'another', leased_until = leased_until + 3600000")
    database.perform(lambda connection: connection.execute(query), writes=True)
    time.sleep(2)
    pipeline.hold.set()
    bot.close()
    assert (chat.signs, chat.shown) == ([], [])


# Words in place of an answer


@pytest.mark.parametrize(
    ("asked", "language"),
    [("help", "en"), ("Hello 👋", "en"), ("À l’aide !", "fr"), ("Bonjour 👋", "fr"), ("🎉", "fr"), ("", "fr")],
)
def test_help_has_examples(bot: Bot, chat: FakeChat, pipeline: FakePipeline, asked: str, language: Language) -> None:
    chat.speaks = "fr"
    bot.take(message(asked))
    notice = last(chat)
    assert isinstance(notice, Notice)
    assert (notice.key, notice.language) == ("help", language)
    assert notice.examples == pipeline.example_questions(language, 3)


@pytest.mark.parametrize(
    ("said", "language"),
    [("Thanks!", "en"), ("Merci beaucoup 🙏", "fr")],
)
def test_thanks_are_no_question(
    bot: Bot, chat: FakeChat, pipeline: FakePipeline, said: str, language: Language
) -> None:
    bot.take(message(said))
    assert last(chat) == Notice("welcome", language)
    assert pipeline.asked == []


@pytest.mark.parametrize("asked", ["Help for whom?", "Bonjour, quand est-ce ?"])
def test_a_question_may_begin_like_them(bot: Bot, chat: FakeChat, asked: str) -> None:
    bot.take(message(asked))
    assert isinstance(last(chat), Answer)


def test_help_needs_no_index(bot: Bot, chat: FakeChat, pipeline: FakePipeline) -> None:
    pipeline.unavailable = True
    bot.take(message("help"))
    assert last(chat) == Notice("help", "en")


@pytest.mark.parametrize(("question", "language"), [(ENGLISH, "en"), (FRENCH, "fr")])
def test_without_an_index_this_is_said(
    bot: Bot, chat: FakeChat, pipeline: FakePipeline, question: str, language: Language
) -> None:
    pipeline.unavailable = True
    bot.take(message(question))
    assert last(chat) == Notice("not_ready", language)


def test_a_question_that_is_too_long_is_told_the_limit(bot: Bot, chat: FakeChat) -> None:
    bot.take(message("Why is this question too long?"))
    notice = last(chat)
    assert notice == Notice("too_long", "en", {"longest": 200})
    assert "200" in notice.text


class BrokenPipeline(FakePipeline):
    """A pipeline with a fault that nobody thought of."""

    def answer(self, *asked: Any, **how: Any) -> Answer:
        raise RuntimeError("/secret/place")


def test_what_nobody_thought_of_is_told_and_logged(
    settings: Settings, chat: FakeChat, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(Database(settings)) as database:
        bot = Bot(cast("Pipeline", BrokenPipeline()), Inbox(database, "chat", 30), chat, longest=200)
        with closing(bot):
            bot.take(message(FRENCH))
            notice = last(chat)
    assert notice == Notice("failed", "fr")
    assert "secret" not in notice.text
    assert "Unexpected error" in caplog.text


@pytest.mark.parametrize(("question", "language"), [(ENGLISH, "en"), (FRENCH, "fr")])
def test_an_answer_that_cannot_be_shown_is_told_of(
    bot: Bot, chat: FakeChat, database: Database, question: str, language: Language
) -> None:
    chat.faults.append(KeyError("parallel"))
    bot.take(message(question))
    assert last(chat) == Notice("failed", language)
    settle(database, owner="")


def test_where_not_even_that_can_be_said_it_ends(bot: Bot, chat: FakeChat, database: Database) -> None:
    chat.faults += [KeyError("parallel"), KeyError("parallel")]
    bot.take(message())
    settle(database, owner="")
    assert chat.shown == []


# What becomes of a message that could not be answered at first


def test_a_reply_that_may_work_later_is_tried_again(bot: Bot, chat: FakeChat, database: Database) -> None:
    chat.faults.append(TryLater())
    bot.take(message())
    settle(database, attempts=1)
    assert chat.shown == []
    make_due(database)
    assert isinstance(last(chat), Answer)
    assert [kept["attempt"] for kept in chat.kept] == [1, 2]


def test_what_cannot_be_delivered_is_not_tried_again(bot: Bot, chat: FakeChat, database: Database) -> None:
    chat.faults.append(Undeliverable())
    bot.take(message())
    settle(database, owner="")
    assert not bot.take(message())
    assert chat.shown == []


def test_who_dies_leaves_its_messages_to_others(
    made: Callable[..., Bot], chat: FakeChat, pipeline: FakePipeline, database: Database
) -> None:
    """A worker that hangs is as good as dead: what it says after all is not posted."""
    pipeline.hold = threading.Event()
    hanging, survivor = made(lease_s=3600), made()
    hanging.take(message(conversation="thread"))
    chat.wait(chat.signs)
    survivor.start()
    make_due(database)
    chat.wait(chat.kept, 2)
    assert chat.kept[1] == {"ts": "1700.2", "attempt": 2}
    pipeline.hold.set()
    last(chat)
    hanging.close()
    survivor.close()
    assert [shown for shown, _ in chat.shown] == ["chat:1"]


def test_who_leaves_hands_back_what_is_not_begun(
    made: Callable[..., Bot], chat: FakeChat, pipeline: FakePipeline
) -> None:
    pipeline.hold = threading.Event()
    leaving, staying = made(), made()
    for number in range(40):
        leaving.take(message(number=number))
    chat.wait(chat.signs, 40)
    leaving.hand_back()
    staying.start()
    chat.wait(chat.kept, 41)
    pipeline.hold.set()
    leaving.close()
    chat.wait(chat.shown, 40)
    staying.close()
    assert sorted(shown for shown, _ in chat.shown) == sorted(f"chat:{number}" for number in range(40))


def test_what_one_that_ends_cannot_answer_is_left_to_others(
    made: Callable[..., Bot], chat: FakeChat, database: Database
) -> None:
    ending, other = made(), made()
    ending.start()
    ending.close()
    ending.take(message(FRENCH, conversation="thread"))
    other.start()
    assert isinstance(last(chat), Answer)
    settle(database, attempts=2)


def test_after_many_attempts_it_says_so(bot: Bot, chat: FakeChat, database: Database) -> None:
    chat.faults.append(TryLater())
    bot.take(message(FRENCH))
    settle(database, attempts=1)
    query = text("UPDATE qa_inbox SET attempts = 6, leased_until = 0")
    database.perform(lambda connection: connection.execute(query), writes=True)
    assert last(chat) == Notice("given_up", "fr")


def test_a_database_that_fails_is_told_to_the_chat(bot: Bot, chat: FakeChat, settings: Settings) -> None:
    settings.index.mkdir()
    (settings.index / FILE).write_bytes(b"no database" * 200)
    with pytest.raises(StorageUnavailable):
        bot.take(message())
    assert chat.shown == []


def test_what_was_answered_while_the_database_failed_is_not_answered_again(
    made: Callable[..., Bot], chat: FakeChat, pipeline: FakePipeline, settings: Settings, database: Database
) -> None:
    bot = made(lease_s=1.0)
    pipeline.hold = threading.Event()
    bot.take(message())
    chat.wait(chat.signs)
    table, away = "ALTER TABLE qa_inbox RENAME TO away", "ALTER TABLE away RENAME TO qa_inbox"
    database.perform(lambda connection: connection.execute(text(table)), writes=True)
    pipeline.hold.set()
    last(chat)
    time.sleep(1.5)  # its lease runs out
    database.perform(lambda connection: connection.execute(text(away)), writes=True)
    assert not bot.take(message())
    settle(database, owner="")
    bot.close()
    assert [shown for shown, _ in chat.shown] == ["chat:1"]


def test_each_message_has_a_line_in_the_log(bot: Bot, chat: FakeChat, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="qa_service.channels.bot"):
        bot.take(message())
        last(chat)
        bot.close()
    (record,) = [record for record in caplog.records if "dealt with" in record.getMessage()]
    assert record.channel == "chat"
    assert ENGLISH not in caplog.text


# The end of a process


def left_by_another(database: Database, number: int, **fields: Any) -> None:
    """A message that a worker took, and died."""
    left = asdict(message(number=number)) | fields
    Inbox(database, "chat", 30, lease_s=-1).claim(f"chat:{number}", "", left)


def row(database: Database, number: int) -> dict[str, Any]:
    query = text("SELECT owner, attempts FROM qa_inbox WHERE id = :id")
    values = {"id": f"chat:{number}"}
    return dict(database.perform(lambda connection: connection.execute(query, values).mappings().one()))


def test_who_ends_answers_what_it_took_and_takes_nothing_more(
    made: Callable[..., Bot], chat: FakeChat, pipeline: FakePipeline, database: Database
) -> None:
    pipeline.hold = threading.Event()
    ending = made()
    ending.take(message(number=1))
    chat.wait(chat.signs)
    with ThreadPoolExecutor(1) as threads:
        closed = threads.submit(ending.close)
        while not ending._leaving:
            time.sleep(0.01)
        left_by_another(database, 2)
        assert ending.take(message(number=3))
        time.sleep(3)  # it looks for what was left every two seconds
        assert row(database, 2)["attempts"] == 1
        pipeline.hold.set()
        closed.result(WAIT_S)
    assert [shown for shown, _ in chat.shown] == ["chat:1"]
    made().start()  # what came too late is another's at once
    chat.wait(chat.shown, 3)
    assert sorted(shown for shown, _ in chat.shown) == ["chat:1", "chat:2", "chat:3"]


ENDING = """
import sys, threading, time
from qa_service.channels.bot import Bot
from qa_service.channels.bot_platform import Message
from qa_service.database import Database
from qa_service.inbox import Inbox
from qa_service.settings import load_settings
from tests.channels.test_bot import ENGLISH, FakeChat, left_by_another
from tests.channels.fake_pipeline import FakePipeline

pipeline, chat = FakePipeline(), FakeChat()
pipeline.hold = threading.Event()
database = Database(load_settings(index=sys.argv[1]), retry_after_s=0)
bot = Bot(pipeline, Inbox(database, "chat", 30), chat, longest=200)
bot.take(Message("chat:1", ENGLISH, {}))
time.sleep(0.5)
left_by_another(database, 2)
threading.Timer(4, pipeline.hold.set).start()
"""


def test_an_interpreter_that_ends_without_a_word_does_the_same(settings: Settings, database: Database) -> None:
    """As a worker of gunicorn's does: nobody closes its bot."""
    command = [sys.executable, "-c", ENDING, str(settings.index)]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=3 * WAIT_S)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert row(database, 1)["owner"] == ""
    assert row(database, 2)["owner"] != ""


def test_a_message_that_cannot_be_read_keeps_no_other_from_an_answer(
    bot: Bot, chat: FakeChat, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    left_by_another(database, 1, of_another_version=True)
    left_by_another(database, 2)
    bot.start()
    last(chat)
    assert [shown for shown, _ in chat.shown] == ["chat:2"]
    assert "Unexpected error" in caplog.text
    assert row(database, 1)["owner"] != ""


def settle(database: Database, **expected: object) -> None:
    """Wait until nothing is at work, and the row is as expected."""
    query = text("SELECT owner, attempts, leased_until FROM qa_inbox")
    deadline = time.monotonic() + WAIT_S
    while True:
        row = database.perform(lambda connection: connection.execute(query).mappings().first())
        set_aside = row and (not row["owner"] or row["leased_until"] - time.time() * 1000 < 30_000)
        if set_aside and all(row[name] == value for name, value in expected.items()):
            return
        assert time.monotonic() < deadline
        time.sleep(0.02)

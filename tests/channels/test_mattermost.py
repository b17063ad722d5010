"""Mattermost's outgoing webhooks and slash commands, answered over HTTP by a bot with a database of its own."""

from __future__ import annotations

import logging
import re
import threading
import time
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, cast
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from markdown_it import MarkdownIt
from sqlalchemy import text

from qa_service.answers import Answer, Citation
from qa_service.channels import bodies, problems
from qa_service.channels.bot import Bot
from qa_service.channels.bot_platform import Message, Notice, TryLater, Undeliverable
from qa_service.channels.bot_texts import bot_text
from qa_service.channels.mattermost import Mattermost, blueprint
from qa_service.database import Database
from qa_service.inbox import Inbox
from qa_service.settings import load_settings
from tests.channels.fake_pipeline import ENGLISH_QUOTE, FRENCH_QUOTE, FakePipeline
from tests.mattermost_server import MattermostServer, mattermost_server

TOKENS = ("token-of-the-webhook", "token-of-the-command")
PUBLIC = "https://ask.example/articles"
JOINER = "\u2060"

WEBHOOK = {
    "token": TOKENS[0],
    "team_id": "team1",
    "team_domain": "news",
    "channel_id": "channel1",
    "channel_name": "town-square",
    "timestamp": "1700000000",
    "user_id": "user1",
    "user_name": "ada",
    "post_id": "post1",
    "text": "ask When does the visa exemption begin?",
    "trigger_word": "ask",
    "file_ids": "",
}
COMMAND = {
    "token": TOKENS[1],
    "team_id": "team1",
    "team_domain": "news",
    "channel_id": "channel1",
    "channel_name": "town-square",
    "user_id": "user1",
    "user_name": "ada",
    "command": "/ask",
    "text": "When does the visa exemption begin?",
    "trigger_id": "trigger1",
    "root_id": "",
}
FRENCH = "Quand l’exemption de visa entre-t-elle en vigueur\u202f?"


class BilingualPipeline(FakePipeline):
    """Answers in the language of the question, with words of a test's own where it has some."""

    def __init__(self) -> None:
        super().__init__()
        self.words: str | None = None

    def answer(self, question: str, *asked: Any, **how: Any) -> Answer:
        made = super().answer(question, *asked, **how)
        made = replace(made, language=how.get("default_language", "en"))
        if self.words is None:
            return made
        cited = replace(made.citations[0], title=self.words, quote=self.words, published=self.words, url=None)
        return replace(made, answer=f"{self.words} [1].\n{self.words}\n\n{self.words}", citations=(cited,))


@dataclass
class Chat:
    """A service with a bot, as Mattermost sees it."""

    client: FlaskClient
    platform: Mattermost

    def post(self, **fields: str) -> dict[str, Any]:
        return self.sent(WEBHOOK | fields)

    def command(self, **fields: str) -> dict[str, Any]:
        return self.sent(COMMAND | fields)

    def sent(self, fields: dict[str, str]) -> dict[str, Any]:
        response = self.client.post("/mattermost", data=fields)
        assert response.status_code == 200, response.text
        assert response.mimetype == "application/json"
        return cast("dict[str, Any]", response.get_json())


def app_with(platform: Mattermost, bot: Bot | None, tokens: tuple[str, ...] = TOKENS) -> Flask:
    app = Flask("mattermost_test", static_folder=None)
    bodies.init_app(app)
    problems.init_app(app)
    app.register_blueprint(blueprint(platform, bot, tokens))
    return app


@pytest.fixture
def pipeline():
    return BilingualPipeline()


@pytest.fixture
def open_chat(pipeline, tmp_path):
    """Makes a chat; all its bots end with the test."""
    bots, databases = [], []

    def made(**settings: Any) -> Chat:
        platform = Mattermost(TOKENS, **({"public_url": PUBLIC, "webhook_wait_s": 10, "command_wait_s": 10} | settings))
        databases.append(Database(load_settings(index=tmp_path)))
        bots.append(Bot(pipeline, Inbox(databases[-1], "mattermost", 30), platform, longest=2000))
        return Chat(app_with(platform, bots[-1]).test_client(), platform)

    yield made
    if pipeline.hold:
        pipeline.hold.set()
    for bot in bots:
        bot.close()
    for database in databases:
        database.close()


@pytest.fixture
def chat(open_chat):
    return open_chat()


@pytest.fixture
def server():
    with mattermost_server() as running:
        yield running


# Both ways in


@pytest.mark.parametrize("as_json", [False, True])
def test_a_post_is_answered_in_its_thread(chat, pipeline, as_json):
    sent = {"json": WEBHOOK | {"timestamp": 1700000000}} if as_json else {"data": WEBHOOK}
    said = chat.client.post("/mattermost", **sent).get_json()
    assert said["response_type"] == "comment"
    assert said["skip_slack_parsing"] is True
    assert said["text"].startswith("The French article says:")
    assert "**Sources**" in said["text"]
    assert f"<{PUBLIC}/documents/fr/" in said["text"]
    assert f"<{PUBLIC}/documents/en/visa?" in said["text"]  # and not where it was published
    question, language, conversation = pipeline.asked[0]
    assert (question, language) == ("When does the visa exemption begin?", None)
    assert re.fullmatch(r"mattermost-[0-9a-f]{64}", conversation)


def test_a_command_is_answered_for_its_channel_with_its_question(chat):
    said = chat.command(response_url="https://chat.example/hooks/commands/hook1")
    assert said["response_type"] == "in_channel"
    assert said["text"].startswith(f"**{JOINER}When does the visa exemption begin?**\n\nThe French article says:")


def test_french_is_answered_in_french(chat):
    said = chat.post(text=f"ask {FRENCH}")["text"]
    assert "1er mars 2025" in said
    assert "lang=fr" in said
    assert FRENCH in chat.command(text=FRENCH)["text"]


def test_without_a_public_address_articles_are_only_named(open_chat):
    said = open_chat(public_url="").post()["text"]
    assert "*Exemption de visa :" in said
    assert re.findall(r"<(.*?)>", said) == ["https://example.org/en/visa"]


def test_one_person_has_one_conversation_in_a_channel(chat, pipeline):
    chat.post()
    chat.command()
    for number, other in enumerate(({"user_id": "user2"}, {"channel_id": "channel2"}, {"team_id": "team2"})):
        chat.post(post_id=f"other{number}", **other)
    first, second, *others = [conversation for _, _, conversation in pipeline.asked]
    assert first == second
    assert len({first, *others}) == 4


@pytest.mark.parametrize(
    ("text", "trigger", "question"),
    [
        ("ask :wave: Who signed it? :pray:", "ask", "Who signed it?"),
        (":robot: Qui a signé ?", ":robot:", "Qui a signé ?"),
        ("ask: When?", "ask", "When?"),
        ("?When?", "?", "When?"),
        ("asking when?", "ask", "asking when?"),
        ("@news-bot, When?", "@news-bot", "When?"),
        ("@news-bot When?", "", "When?"),
        ("ask @news-bot: When @noon?", "ask", "When @noon?"),
        ("/ask When?", "", "When?"),
        ("When?\0", "", "When?"),
    ],
)
def test_what_called_the_bot_is_no_part_of_the_question(chat, pipeline, text, trigger, question):
    chat.sent((COMMAND if text.startswith("/") else WEBHOOK) | {"text": text, "trigger_word": trigger})
    assert pipeline.asked[0][0] == question


# Who may ask


@pytest.mark.parametrize(
    ("token", "header", "status"),
    [
        (TOKENS[0], "", 200),
        (TOKENS[1], "", 200),
        ("", f"Token {TOKENS[1]}", 200),
        ("wrong", f"token {TOKENS[0]}", 200),
        ("", "", 401),
        ("wrong", "Token wrong", 401),
        (TOKENS[0][:-1], "", 401),
        ("", f"Bearer {TOKENS[0]}", 401),
        ("é\ud800", "", 401),
    ],
)
def test_a_token_opens_it(chat, pipeline, caplog, token, header, status):
    caplog.set_level(logging.DEBUG)
    headers = {"Authorization": header} if header else {}
    response = chat.client.post("/mattermost", json=WEBHOOK | {"token": token}, headers=headers)
    assert response.status_code == status
    assert bool(pipeline.asked) == (status == 200)
    assert not any(each in response.text + caplog.text for each in (*TOKENS, "wrong"))
    if status == 401:
        assert response.mimetype == "application/problem+json"
        assert response.headers["WWW-Authenticate"] == "Token"


def test_without_tokens_there_is_nothing(pipeline, tmp_path):
    for bot, tokens in ((None, TOKENS), (cast("Bot", object()), ())):
        client = app_with(Mattermost(tokens), bot, tokens).test_client()
        assert client.post("/mattermost", data=WEBHOOK).status_code == 404


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (urlencode([*WEBHOOK.items(), ("token", TOKENS[1])]), "form", 400),
        (urlencode([*WEBHOOK.items(), ("text", "more")]), "form", 400),
        (urlencode([*COMMAND.items(), *[("user_mentions", "a"), ("user_mentions_ids", "b")] * 40]), "form", 200),
        (urlencode([*COMMAND.items(), *[("user_mentions", "a")] * 300]), "form", 413),
        ("a=" + "x" * 300_000, "form", 413),
        (b"text=\xff", "form", 400),
        ("", "form", 401),
        ("{", "json", 400),
        ('{"token": "a", "token": "b"}', "json", 400),
        ('{"token": 1}', "json", 422),
        (f'{{"token": "{TOKENS[0]}", "text": "When?"}}', "json", 422),
        (f'{{"token": "{TOKENS[0]}", "command": "/ask", "text": "When?"}}', "json", 422),
    ],
)
def test_what_is_no_question_is_refused(chat, body, kind, status):
    kinds = {"form": "application/x-www-form-urlencoded", "json": "application/json"}
    response = chat.client.post("/mattermost", data=body, content_type=kinds[kind])
    assert response.status_code == status, response.text
    assert TOKENS[0] not in response.text


def test_a_compressed_form_is_refused(chat):
    assert chat.client.post("/mattermost", data=WEBHOOK, headers={"Content-Encoding": "gzip"}).status_code == 415


# Once


def test_the_same_post_is_answered_once(chat, open_chat, pipeline):
    assert chat.post()["text"]
    assert chat.post() == {}
    assert open_chat().post() == {}  # another worker
    assert chat.command()["text"]
    assert chat.command(text="Something else?") == {}
    assert len(pipeline.asked) == 2


def test_a_post_that_comes_again_while_it_is_answered_gets_nothing(chat, pipeline):
    pipeline.hold = threading.Event()
    said: list[dict[str, Any]] = []
    thread = threading.Thread(target=lambda: said.append(chat.post()))
    thread.start()
    while not pipeline.asked:
        time.sleep(0.01)
    assert chat.client.application.test_client().post("/mattermost", data=WEBHOOK).get_json() == {}
    pipeline.hold.set()
    thread.join()
    assert said[0]["text"].startswith("The French article")


def test_our_own_posts_are_no_questions(chat, pipeline):
    posted = chat.command()["text"]
    assert chat.post(text=posted, trigger_word="") == {}
    assert len(pipeline.asked) == 1


def test_long_ids_fit(chat, pipeline):
    assert chat.command(trigger_id="x" * 400)["text"]
    assert chat.command(trigger_id="x" * 400) == {}
    old = {"trigger_id": "", "response_url": f"https://chat.example/hooks/{'y' * 300}"}
    assert chat.command(**old)["text"]
    assert chat.command(**old) == {}


@pytest.mark.parametrize(
    "named",
    [
        {"trigger_id": "", "response_url": "https://chat.example/hooks/commands/hook1"},
        {"trigger_id": "a\0b\nc"},
        {"trigger_id": "mattermost:été"},
    ],
)
def test_what_is_no_plain_id_stands_in_no_log_and_no_database(chat, tmp_path, named):
    """An address takes posts from whoever has it, and PostgreSQL fails over a NUL."""
    assert chat.command(**named)["text"]
    assert chat.command(**named) == {}
    with closing(Database(load_settings(index=tmp_path))) as database:
        query = text("SELECT id FROM qa_inbox")
        (kept,) = database.perform(lambda connection: connection.execute(query).scalars().all())
    assert re.fullmatch(r"mattermost:[0-9a-f]{64}", kept)


# Late answers


def asked_late(open_chat, pipeline, server: MattermostServer, **fields: str) -> tuple[Chat, dict[str, Any]]:
    """A command whose answer takes longer than it waits for."""
    pipeline.hold = threading.Event()
    chat = open_chat(url=server.url, command_wait_s=0.2)
    return chat, chat.command(**({"response_url": f"{server.url}/hooks/commands/hook1"} | fields))


@pytest.mark.parametrize(("question", "language"), [(COMMAND["text"], "en"), (FRENCH, "fr")])
def test_a_command_gets_a_sign_of_life_and_its_answer_later(open_chat, pipeline, server, question, language):
    _, said = asked_late(open_chat, pipeline, server, text=question)
    assert said == {
        "response_type": "ephemeral",
        "text": bot_text("working", language),
        "skip_slack_parsing": True,
    }
    assert server.posts == []
    pipeline.hold.set()
    (posted,) = server.wait_for(1)
    assert posted["response_type"] == "in_channel"
    assert posted["text"].startswith(f"**{JOINER}{question}**\n\nThe French article says:")
    assert server.posts[0][0] == "/hooks/commands/hook1"
    assert server.types == ["application/json"]


@pytest.mark.parametrize(("question", "language"), [("ask When does it begin?", "en"), (f"ask {FRENCH}", "fr")])
def test_a_post_whose_answer_takes_too_long_is_told_so(open_chat, pipeline, caplog, question, language):
    pipeline.hold = threading.Event()
    chat = open_chat(webhook_wait_s=0.2)
    said = chat.post(text=question)
    assert (said["response_type"], said["text"]) == ("comment", bot_text("too_slow", language))
    pipeline.hold.set()
    until = time.monotonic() + 10
    while "no longer waited" not in caplog.text and time.monotonic() < until:
        time.sleep(0.02)
    assert "no longer waited" in caplog.text


@pytest.mark.parametrize(
    "address",
    [
        "http://evil.example/hooks/commands/hook1",
        "https://127.0.0.1:{port}/hooks/commands/hook1",
        "http://127.0.0.1:1/hooks/commands/hook1",
        "http://127.0.0.1/hooks/commands/hook1",
        "http://127.0.0.1:{port}@evil.example/hooks",
        "http://127.0.0.1:{port}\\@evil.example/hooks",
        "http://u@127.0.0.1:{port}/hooks",
        "http://127.0.0.1:{port}/a b",
        "http://127.0.0.1:{port}",
        "http://127.0.0.1:port/hooks",
        "http://[127.0.0.1:{port}/hooks",
        "file:///etc/hostname",
    ],
)
def test_answers_go_to_no_other_site(open_chat, pipeline, server, caplog, address):
    """Such a command waits as a webhook does."""
    chat = open_chat(url=server.url, command_wait_s=0)
    given = address.replace("{port}", server.url.rpartition(":")[2])
    assert chat.command(response_url=given)["response_type"] == "in_channel"
    assert chat.command(response_url=given, trigger_id="trigger2")["response_type"] == "in_channel"
    assert server.posts == []
    assert caplog.text.count("another site") == 1
    assert "evil" not in caplog.text
    message = Message("mattermost:x", "When?", {"command": True, "response_url": given}, "c")
    with pytest.raises(Undeliverable):
        chat.platform.reply(message, {}, lambda _: None).notice(Notice("failed", "en"))


def test_a_late_answer_goes_where_the_setting_says(open_chat, pipeline, server):
    given = f"{server.url}/sub/hooks/commands/hook1?more#else".replace("http", "HTTP")
    asked_late(open_chat, pipeline, server, response_url=given)
    pipeline.hold.set()
    server.wait_for(1)
    assert server.posts[0][0] == "/sub/hooks/commands/hook1"


def test_no_more_wait_than_leave_threads_for_others(pipeline, tmp_path):
    """A post beyond them is told so at once, and is not taken."""
    pipeline.hold = threading.Event()
    settings = load_settings(index=tmp_path)
    platform = Mattermost(TOKENS, public_url=PUBLIC, at_once=1)
    with closing(Database(settings)) as database:
        bot = Bot(cast("Any", pipeline), Inbox(database, "mattermost", 30), platform, longest=2_000)
        client = app_with(platform, bot).test_client()
        first = threading.Thread(target=client.post, args=("/mattermost",), kwargs={"data": WEBHOOK})
        first.start()
        try:
            while not pipeline.asked:
                time.sleep(0.02)
            said = client.post("/mattermost", data=WEBHOOK | {"post_id": "post2", "text": f"ask {FRENCH}"}).get_json()
        finally:
            pipeline.hold.set()
            first.join()
            bot.close()
    assert said["text"] == bot_text("too_slow", "fr")
    assert len(pipeline.asked) == 1


# After a crash, another process answers


def left_behind(platform: Mattermost, server: MattermostServer, *, command: bool = True) -> Any:
    back = f"{server.url}/hooks/commands/hook1" if command else ""
    message = Message("mattermost:x", "When?", {"command": command, "response_url": back}, "c")
    return platform.reply(message, {"attempt": 2}, lambda _: None)


@pytest.mark.parametrize(
    ("met", "error"),
    [(500, TryLater), (503, TryLater), (429, TryLater), ("cut", TryLater), (404, Undeliverable), (302, Undeliverable)],
)
def test_an_answer_that_is_not_taken_is_tried_again_where_that_may_help(server, caplog, met, error):
    server.script(met)
    reply = left_behind(Mattermost(TOKENS, url=server.url), server)
    with pytest.raises(error):
        reply.notice(Notice("failed", "en"))
    assert len(caplog.records) == 1
    assert "hook1" not in caplog.text
    assert server.url not in caplog.text
    assert server.strays == 0
    server.script(200)
    if error is TryLater:
        reply.notice(Notice("failed", "fr"))
        assert server.posts[-1][1]["text"] == bot_text("failed", "fr")


def test_a_mattermost_that_is_away_is_tried_again():
    platform = Mattermost(TOKENS, url="http://127.0.0.1:1")
    message = Message("mattermost:x", "When?", {"command": True, "response_url": "http://127.0.0.1:1/hooks/a"}, "c")
    with pytest.raises(TryLater):
        platform.reply(message, {}, lambda _: None).notice(Notice("failed", "en"))


def test_the_environments_proxies_are_not_asked(server, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    left_behind(Mattermost(TOKENS, url=server.url), server).notice(Notice("failed", "en"))
    assert len(server.posts) == 1


def test_a_post_has_no_way_back_for_another_process(server):
    reply = left_behind(Mattermost(TOKENS, url=server.url), server, command=False)
    assert reply.language() is None
    assert reply.conversation() == "c"
    reply.alive("en")
    reply.write("The ")
    with pytest.raises(Undeliverable):
        reply.notice(Notice("failed", "en"))
    assert server.posts == []


# Other than an answer


@pytest.mark.parametrize(("word", "language"), [("help", "en"), ("aide", "fr")])
def test_help_has_examples(chat, pipeline, word, language):
    said = chat.command(text=word)
    assert said["response_type"] == "ephemeral"  # for its asker alone
    assert bot_text("help_examples", language) in said["text"]
    assert f"\n- {pipeline.example_questions(language)[0]}" in said["text"]
    assert chat.post(text=f"ask {word}")["response_type"] == "comment"
    assert pipeline.asked == []


def test_a_call_without_a_question_gets_help(chat, pipeline):
    assert bot_text("help_examples", "en") in chat.post(text="ask")["text"]
    assert bot_text("help_examples", "en") in chat.command(text=" ")["text"]
    assert pipeline.asked == []


@pytest.mark.parametrize(
    ("question", "language", "key"),
    [
        ("What is too long here?", "en", "too_long"),
        ("Pourquoi est-ce que cette question est too long\u202f?", "fr", "too_long"),
        ("Is there a bug in this?", "en", "failed"),
        ("Pourquoi y a-t-il un bug dans la réponse\u202f?", "fr", "failed"),
    ],
)
def test_failures_are_told_in_the_askers_language(chat, question, language, key):
    said = chat.post(text=f"ask {question}")["text"]
    assert said == bot_text(key, language, **({"longest": 2000} if key == "too_long" else {}))
    assert "secret" not in said


@pytest.mark.parametrize(("question", "language"), [(WEBHOOK["text"], "en"), (FRENCH, "fr")])
def test_without_an_index_it_says_so(chat, pipeline, question, language):
    pipeline.unavailable = True
    assert chat.post(text=question)["text"] == bot_text("not_ready", language)


def test_a_refusal_has_no_sources(chat):
    said = chat.post(text="ask Which wine goes with it?")["text"]
    tip = bot_text("refused_tip", "en")
    assert said == f"I could not find an answer to this in the documents.\n\n*{tip}*"


def test_a_database_that_fails_is_told(pipeline, tmp_path):
    (tmp_path / "file").write_text("no folder")
    database = Database(load_settings(index=tmp_path / "file"))
    platform = Mattermost(TOKENS)
    bot = Bot(pipeline, Inbox(database, "mattermost", 30), platform, longest=2000)
    chat = Chat(app_with(platform, bot).test_client(), platform)
    assert chat.post(text="ask Where is the bridge?")["text"] == bot_text("storage", "en")
    assert chat.command(text=FRENCH)["text"] == bot_text("storage", "fr")
    bot.close()
    database.close()


# Articles' words


HOSTILE = [
    frame.format(word)
    for word in (
        "@channel",
        "@all",
        "@here @ada.b",
        "<!channel>",
        "<!here|here>",
        "<@user1> <@U1|ada>",
        "<#C1|town>",
        "<https://evil.example|a link>",
        "<https://evil.example>",
        "[a link](https://evil.example)",
        "![a picture](https://evil.example/seen.png)",
        "[a]: https://evil.example",
        "https://evil.example/@all?x=1",
        "www.evil.example WWW2.evil.example",
        "mailto:ada@evil.example ada@evil.example",
        "~town-square",
        "#hashtag #été",
        ":smile: :+1: :100: :) :D",
        "\\@all \\\\@all \\<!all> \\:smile:",
        "`@all` ```\n@all\n```",
    )
    for frame in ("{}", "a{}b", "({}", "— {}", "**{}**")
]
OURS = re.compile(r"(?<!\\)<(https?://[^<>\s]*)>")


def as_mattermost_reads(text: str) -> str:
    """A webhook's text after Mattermost has rewritten what is in Slack's form, without the links that are ours."""
    for name in ("channel", "here", "all"):
        text = text.replace(f"<!{name}>", f"@{name}")
    text = re.sub(r"<@([a-zA-Z0-9]+)>", r"@\1", text)
    text = re.sub(r"<([^\n<|>]+)\|([^|\n>]+)>", r"[\2](\1)", text)
    return OURS.sub("", text)


@pytest.mark.parametrize("words", HOSTILE)
def test_an_articles_words_call_nobody_and_lead_nowhere(chat, pipeline, words):
    pipeline.words = words
    for said in (chat.post(), chat.command(text=f"When? {words}")):
        text = said["text"]
        read = as_mattermost_reads(text)
        assert all(link.startswith(PUBLIC) for link in OURS.findall(text))
        # A name is what stands behind its sign, up to what no name has.
        assert not re.search(r"@[\w.:-]*\w", read)
        assert not re.search(r"~[\w-]", read)
        assert not re.search(r"#\w", read)
        assert not re.search(r":[\w+-]+:", re.sub(r"\d:\d", "", read))
        assert not re.search(r":[()DPp/]", read)
        assert not re.search(r"\w://|(?i:www\d{0,3}\.)|mailto:\w", read)
        page = MarkdownIt("gfm-like", {"linkify": False}).render(read)
        assert not re.search(r"<(?:a|img|code|pre|table|h\d)\b", page), page


def cited(url: str) -> Citation:
    return Citation(1, "en/a", "A", "en", url, None, "It opened.", 0, 4, 0.9)


def shown(answer: Answer, *, command: bool = False) -> str:
    message = Message("mattermost:x", "When?", {"command": command, "response_url": ""}, "c")
    return Mattermost(TOKENS).shown(message, answer).text


def answer_of(text: str, url: str = "https://news.example/a", count: int = 1) -> Answer:
    citations = tuple(replace(cited(url), n=n) for n in range(1, count + 1))
    return Answer("a", "c", "When?", "en", text, abstained=False, composer="extractive", citations=citations)


def test_names_in_an_address_call_nobody():
    text = shown(answer_of("It opened [1].", "https://news.example:8000/@all/~town?a:b:c#d"))
    assert text.endswith("— <https://news.example:8000/%40all/%7Etown?a:b:c#d>")


def test_plain_words_stay_as_they_are():
    text = "À 16:30, l’eau (9 000 l) vient d’une citerne : « sic » ; 5 % & plus, a/b [1]."
    assert shown(answer_of(text)).startswith(text + "\n\n---")


@pytest.mark.parametrize("command", [False, True])
@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("\n\n".join(f"Paragraph {n}. " + "Some words. " * 80 for n in range(40)) + " [1].", 3),
        ("word " * 6_000 + "[1].", 3),
        ("@" * 40_000 + "[1].", 3),
        ("\\*" * 20_000, 1),
        ("It opened [1].\n\n" + "More. " * 100, 300),
    ],
)
def test_a_long_answer_fits_one_post(text, count, command):
    said = shown(answer_of(text, count=count), command=command)
    assert len(said) <= 16_383
    assert "…" in said
    assert "\n\n**Sources**\n\n- [1] *A*" in said
    if count == 3:
        assert "- [3] *A*" in said
        assert said.endswith("<https://news.example/a>")
    if text.startswith("Paragraph"):
        assert re.search(r"Some words\.\s*\n\n…\n\n---", said)


def test_the_quotes_are_those_of_the_articles(chat):
    said = chat.post()["text"]
    assert FRENCH_QUOTE.rstrip(".") in said
    assert ENGLISH_QUOTE.rstrip(".") in said


def test_a_source_that_has_no_address_is_named():
    assert shown(answer_of("It opened [1].", "javascript:alert(1)")).endswith("- [1] *A*")

"""The Flask application: the pipeline behind its channels."""

from __future__ import annotations

import logging
from hashlib import sha256
from importlib.util import find_spec
from typing import TYPE_CHECKING, cast

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from qa_service import __version__, tracing
from qa_service.channels import (
    access,
    api,
    article_pages,
    bodies,
    cross_origin,
    docs_page,
    headers,
    ingest,
    limits,
    mattermost,
    metrics,
    observing,
    openai_api,
    openapi,
    pages,
    problems,
    slack,
    web,
    widget,
)
from qa_service.channels.bot import Bot
from qa_service.channels.questions import ObservedPipeline
from qa_service.database import Database
from qa_service.errors import MissingExtra
from qa_service.inbox import RETRY_AFTER_S, Inbox
from qa_service.language_model import answers_at_once
from qa_service.pipeline import Pipeline
from qa_service.publishing import Publisher, warn_of_waiting
from qa_service.settings import Settings, load_settings

if TYPE_CHECKING:
    from qa_service.channels.slack_app import SlackApp

_LOG = logging.getLogger(__name__)

# What the log says when no message of a chat can be written down.
_LOST = "Messages to a bot cannot be taken (%s); Slack is asked to send them again."


def create_app(settings: Settings | None = None) -> Flask:
    """Make the application, by default from the environment's settings.

    The index is opened here and followed from then on, so that call this in the process that serves, after any fork.
    Raises SettingsError or MissingExtra when the settings cannot be met; a missing index is no error: questions are
    answered with 503 until there is one.
    """
    settings = settings or load_settings()
    app = Flask(__name__, static_folder=None)  # the pages serve their own
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.json.sort_keys = False  # type: ignore[attr-defined]
    tracing.start(__version__, questions=settings.log_questions)
    pipeline = Pipeline(settings)
    pipeline.follow()
    app.extensions["qa_service"] = pipeline
    publisher = Publisher(settings) if settings.administrators else None
    app.extensions["qa_service_publisher"] = publisher
    add_channels(app, pipeline, settings, publisher)
    for bot in app.extensions["qa_service_bots"]:
        bot.start()
    if publisher:
        publisher.start()
    else:
        warn_of_waiting(settings)
    return app


def add_channels(app: Flask, pipeline: Pipeline, settings: Settings, publisher: Publisher | None = None) -> None:
    """Serve a pipeline over every channel, to whom the settings let in; documents change where there is a publisher."""
    # An id is what it is: no address is made of another one by leaving slashes out.
    app.url_map.merge_slashes = False
    observing.init_app(app, __version__)  # the first: what turns a request away is observed too
    pipeline = observed(pipeline, settings)
    problems.init_app(app)
    bodies.init_app(app)
    cross_origin.init_app(app, settings)
    access.init_app(app, settings)
    limits.init_app(app, settings)
    headers.init_app(app)
    pages.init_app(app)
    for channel in (api, openai_api, web, article_pages, metrics):
        app.register_blueprint(channel.blueprint(pipeline))
    app.register_blueprint(ingest.blueprint(publisher))
    app.register_blueprint(widget.blueprint(pipeline, settings.origins))
    app.register_blueprint(openapi.blueprint(app, settings))
    app.register_blueprint(docs_page.blueprint(app, settings))
    _add_bots(app, pipeline, settings)
    _believe_proxies(app, settings.trusted_proxies)


def slack_app(pipeline: Pipeline, settings: Settings) -> SlackApp:
    """The bot in Slack, before an observed pipeline. Raises MissingExtra where Slack's libraries are not installed."""
    check_bots(settings)
    from qa_service.channels.slack_app import SlackApp

    # Another app may share the database: what it was sent is not for this one's token.
    token = sha256(settings.slack_bot_token.get_secret_value().encode()).hexdigest()
    return SlackApp(pipeline, _inbox(f"slack-{token[:12]}", settings), settings, threads=answers_at_once(settings))


def check_bots(settings: Settings) -> None:
    """Raise MissingExtra where a bot is set up and what it needs is not installed."""
    if settings.slack_bot_token.get_secret_value() and not find_spec("slack_bolt"):
        raise MissingExtra("SLACK_BOT_TOKEN needs the extra: pip install 'qa-service[slack]'.")


def observed(pipeline: Pipeline, settings: Settings) -> Pipeline:
    """A pipeline whose questions are counted and logged, whichever channel asks them."""
    # What it does not observe it hands on; a test holds what it does to the pipeline's own signatures.
    return cast("Pipeline", ObservedPipeline(pipeline, log_questions=settings.log_questions))


def _add_bots(app: Flask, pipeline: Pipeline, settings: Settings) -> None:
    secret = settings.slack_signing_secret.get_secret_value()
    _warn_of_half_a_bot(settings)
    ours = slack_app(pipeline, settings) if secret else None
    app.register_blueprint(slack.blueprint(ours, secret))
    tokens = settings.webhook_tokens
    longest, threads = settings.max_question_chars, answers_at_once(settings)
    chat = mattermost.Mattermost(tokens, url=settings.mattermost_url, public_url=settings.public_url, at_once=threads)
    theirs = Bot(pipeline, _inbox(chat.name, settings), chat, longest=longest, threads=threads) if tokens else None
    app.register_blueprint(mattermost.blueprint(chat, theirs, tokens))
    app.extensions["qa_service_bots"] = [bot for bot in (ours, theirs) if bot]


def _warn_of_half_a_bot(settings: Settings) -> None:
    """Say in the log where a bot's token is set alone, with which nothing can reach the bot."""
    others = settings.slack_signing_secret, settings.slack_app_token
    if settings.slack_bot_token.get_secret_value() and not any(each.get_secret_value() for each in others):
        _LOG.warning(
            "SLACK_BOT_TOKEN is set, but the bot hears nothing: set SLACK_SIGNING_SECRET too, or SLACK_APP_TOKEN and "
            "run `qa-service slack`."
        )


def _inbox(platform: str, settings: Settings) -> Inbox:
    database = Database(settings, lost=_LOST, retry_after_s=RETRY_AFTER_S)
    return Inbox(database, platform, settings.conversation_days)


def _believe_proxies(app: Flask, count: int) -> None:
    """Take the client's address, scheme and host from the last so many proxies, each of which must say them.

    The path that the service is under is not taken from them: hardly a proxy says it, or takes away what a client says.
    """
    if count:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)  # type: ignore[method-assign]

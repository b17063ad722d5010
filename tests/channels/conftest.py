"""The channels over HTTP, in front of a pipeline of three articles."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest
from flask import Flask
from flask.testing import FlaskClient

from qa_service.channels import api, article_pages, pages, problems, web
from tests.channels.fake_pipeline import FakePipeline

if TYPE_CHECKING:
    from qa_service.pipeline import Pipeline


@pytest.fixture
def pipeline() -> FakePipeline:
    return FakePipeline()


@pytest.fixture
def app(pipeline: FakePipeline) -> Flask:
    app = Flask("pages_test", static_folder=None)
    problems.init_app(app)
    pages.init_app(app)
    for channel in (api, web, article_pages):
        app.register_blueprint(channel.blueprint(cast("Pipeline", pipeline)))
    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()

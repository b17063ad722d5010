"""The channels over HTTP, in front of a pipeline of three articles."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.channels.fake_pipeline import FakePipeline, app_for


@pytest.fixture
def pipeline() -> FakePipeline:
    return FakePipeline()


@pytest.fixture
def app(pipeline: FakePipeline) -> Flask:
    return app_for(pipeline)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()

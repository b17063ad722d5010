"""What Prometheus asks for: the counts of all workers, and the figures of the index."""

from __future__ import annotations

from flask import Blueprint, Response, request

from qa_service import metrics
from qa_service.channels.operations import Content, Operation, operation
from qa_service.errors import QAServiceError
from qa_service.pipeline import Pipeline

_PLAIN, _OPEN_METRICS = "text/plain", "application/openmetrics-text"
_EXAMPLE = """\
# HELP qa_questions_total Questions.
# TYPE qa_questions_total counter
qa_questions_total{channel="api",composer="extractive",direction="fr_en",language="fr",outcome="answered"} 12.0
# HELP qa_index_documents Documents in the index.
# TYPE qa_index_documents gauge
qa_index_documents{language="en"} 21.0
qa_index_documents{language="fr"} 21.0
"""


def blueprint(pipeline: Pipeline) -> Blueprint:
    """The route that is scraped."""
    routes = Blueprint("metrics", __name__)

    @routes.get("/metrics")
    @operation(
        Operation(
            "Give Prometheus its metrics",
            "Operation",
            description="In Prometheus' text format, or in OpenMetrics where that is accepted. The counts are those of "
            "all workers, whichever answers.",
            replies={200: Content(media_types=(_PLAIN, _OPEN_METRICS), examples={"questions in French": _EXAMPLE})},
        )
    )
    def scrape() -> Response:
        body, content_type = metrics.exposition(request.headers.get("Accept", ""), lambda: _figures(pipeline))
        return Response(body, content_type=content_type, headers={"Cache-Control": "no-store"})

    return routes


def _figures(pipeline: Pipeline) -> metrics.IndexFigures | None:
    try:
        found = pipeline.status()
    except QAServiceError:
        return None
    return metrics.IndexFigures(
        found.generation, found.model, found.created, found.age_s, found.size_bytes, found.documents, found.passages
    )

"""Cited answers from bilingual (English/French) articles.

``AnsweringChain`` gives the answers as a LangChain ``Runnable``, and the ranking of passages as a
``BilingualRetriever``. ``BilingualEmbeddings`` is the embedded model as a LangChain ``Embeddings``; ``create_app`` is
the Flask application factory. Each is imported when first asked for, so that none costs the others' time.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qa_service.app import create_app
    from qa_service.chain import AnsweringChain
    from qa_service.embeddings import BilingualEmbeddings
    from qa_service.retriever import BilingualRetriever

__all__ = ["AnsweringChain", "BilingualEmbeddings", "BilingualRetriever", "__version__", "create_app"]

_MODULES = {
    "AnsweringChain": "qa_service.chain",
    "BilingualEmbeddings": "qa_service.embeddings",
    "BilingualRetriever": "qa_service.retriever",
    "create_app": "qa_service.app",
}

try:
    __version__ = version("qa-service")
except PackageNotFoundError:  # read from a source tree that was never installed
    __version__ = "0"


def __getattr__(name: str) -> Any:  # noqa: ANN401 (PEP 562: whatever the module offers)
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

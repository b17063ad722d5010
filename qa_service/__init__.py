"""Cited answers from bilingual (English/French) articles.

``BilingualEmbeddings`` is the embedded model as a LangChain ``Embeddings``; ``create_app`` is the Flask application
factory. Both are imported when first asked for, so that neither costs the other's time.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qa_service.app import create_app
    from qa_service.embeddings import BilingualEmbeddings

__all__ = ["BilingualEmbeddings", "__version__", "create_app"]

try:
    __version__ = version("qa-service")
except PackageNotFoundError:  # read from a source tree that was never installed
    __version__ = "0"


def __getattr__(name: str) -> Any:  # noqa: ANN401 (PEP 562: whatever the module offers)
    if name == "BilingualEmbeddings":
        from qa_service.embeddings import BilingualEmbeddings

        return BilingualEmbeddings
    if name == "create_app":
        from qa_service.app import create_app

        return create_app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

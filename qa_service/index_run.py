"""One run of indexing in a process of its own, ``python -m qa_service.index_run``, while the service answers.

Takes settings as JSON, and prints the run's report as JSON, or on standard error, in one line, why there is none.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from dataclasses import asdict

from qa_service.errors import IndexBusy, QAServiceError
from qa_service.indexing import index_documents
from qa_service.settings import Settings, load_settings

# The exit statuses that tell our own words from a traceback.
REFUSED = 3
BUSY = 4

# The settings that a run depends on: what the service was started with, whatever the environment says by now.
_HANDED_OVER = ("documents", "index", "embeddings", "max_document_bytes", "passage_tokens", "passage_overlap")
# Whoever asks a question goes first.
_NICENESS = 5


def command(settings: Settings) -> list[str]:
    """What starts a run with these settings."""
    given = json.dumps({name: getattr(settings, name) for name in _HANDED_OVER}, default=str)
    return [sys.executable, "-m", "qa_service.index_run", given]


def main(given: str) -> int:
    """Index, and print the report; returns the exit status."""
    with suppress(OSError):
        os.nice(_NICENESS)
    try:
        settings = load_settings(**json.loads(given))
        report = index_documents([settings.documents], settings)
    except IndexBusy:
        return BUSY
    except QAServiceError as error:
        sys.stderr.write(f"{error}\n")
        return REFUSED
    except OSError as error:  # its name would tell a folder of the machine
        sys.stderr.write(f"The documents could not be indexed: {error.strerror or type(error).__name__}.\n")
        return REFUSED
    sys.stdout.write(json.dumps(asdict(report)))
    return 0


if __name__ == "__main__":  # processes spawned for verification import this module under another name
    sys.exit(main(*sys.argv[1:]))

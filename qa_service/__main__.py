"""``python -m qa_service`` is ``qa-service``."""

import sys

from qa_service.cli import main

if __name__ == "__main__":  # processes spawned for verification import this module under another name
    sys.exit(main())

"""Whether a request is Slack's: its signature over the very bytes that came, no older than five minutes.

https://docs.slack.dev/authentication/verifying-requests-from-slack/ describes it. The comparison takes the same time
wherever the first difference is. Bolt checks it too, over the text that it makes of the bytes, and takes
``ssl_check=1`` without a signature.
"""

from __future__ import annotations

import re

from slack_sdk.signature import SignatureVerifier
from werkzeug.datastructures import Headers

# ``int`` would take signs, blanks, underscores, and the digits of any script.
_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)
_SIGNATURE = re.compile(r"v0=[0-9a-f]{64}", re.ASCII)


def is_signed(verifier: SignatureVerifier, body: bytes, headers: Headers) -> bool:
    """Whether Slack, or whoever else has the secret, sent this body just now; each header must be there once."""
    timestamps = headers.getlist("X-Slack-Request-Timestamp")
    signatures = headers.getlist("X-Slack-Signature")
    if len(timestamps) != 1 or len(signatures) != 1:
        return False
    if not _TIMESTAMP.fullmatch(timestamps[0]) or not _SIGNATURE.fullmatch(signatures[0]):
        return False
    try:
        return verifier.is_valid(body, timestamps[0], signatures[0])
    except UnicodeDecodeError:  # what Slack sends is UTF-8
        return False

"""What every response says for safety's sake, whatever made it; pages add their own (``channels.pages``).

``Strict-Transport-Security`` is not among it: it binds a whole host, for which whoever ends HTTPS there must speak.
"""

from __future__ import annotations

from flask import Flask, Response

_HEADERS = {
    # What is no page must not be taken for one.
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    # The pages need nothing of a device, and no frame in them may ask for it.
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    # A window that opened ours, or that ours opened, cannot reach into it.
    "Cross-Origin-Opener-Policy": "same-origin",
    # No page of another site may take it in; what is for such pages says so itself.
    "Cross-Origin-Resource-Policy": "same-origin",
}
_FRAMES = "X-Frame-Options"


def init_app(app: Flask) -> None:
    """Add to every response what it does not say itself."""
    app.after_request(secured)


def secured(response: Response) -> Response:
    """A response with what it does not say itself."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    # For browsers that do not know frame-ancestors; the others go by that.
    if "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]:
        response.headers.setdefault(_FRAMES, "DENY")
    return response

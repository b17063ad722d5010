"""How often one may ask: by key, by session or by address.

What changes nothing and costs little (pages, lists, health) is not counted, nor is what is open to all. Wrong keys at
the sign-in are always counted. A wrong key in a header is not: a key that ``qa-service key`` made cannot be guessed,
and a limit on addresses would lock out every program behind the same one.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from importlib.util import find_spec
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from flask import Flask, Response, request
from flask_limiter import ApplicationLimit, Limiter

from qa_service.channels.access import access_of, caller
from qa_service.channels.operations import SAFE_METHODS
from qa_service.errors import MissingExtra
from qa_service.settings import Settings

# How often one address may give a wrong key at the sign-in.
_WRONG_KEYS = "10 per minute"
_SIGN_IN = "access.check"

# One household or one machine has at least so much of an IPv6 address to itself.
_IPV6_NETWORK = 64

# Some proxies say the port too: 192.0.2.7:5555, [2001:db8::7]:5555.
_WITH_PORT = re.compile(r"(\[.*\]|[0-9.]+):[0-9]+")

# How long a question waits for a store of counts that does not answer, in seconds.
_STORE_TIMEOUT_S = 1


def init_app(app: Flask, settings: Settings) -> None:
    """Count what is asked, where there is a limit. Raises MissingExtra where Redis is named and its package missing.

    Comes after the guard of ``channels.access``, so that nobody is counted who was turned away.
    """
    check(settings)
    if not (settings.rate_limit or settings.keys):
        return
    # Its lower levels say who asked too often, by address.
    logging.getLogger("flask-limiter").setLevel(logging.WARNING)
    limiter = _limiter(settings)
    app.after_request(lambda response: _told(limiter, response))  # after the limiter itself, which is added later
    limiter.init_app(app)
    if settings.keys:
        counted = limiter.limit(
            _WRONG_KEYS,
            key_func=_address,
            deduct_when=lambda response: bool(response.status_code == 401),
            error_message="Too many wrong keys were given from this address. Please wait a minute.",
        )
        views: dict[str, Callable[..., Any]] = app.view_functions
        views[_SIGN_IN] = counted(views[_SIGN_IN])


def check(settings: Settings) -> None:
    """Raise MissingExtra where Redis is to count and its package is not there."""
    if settings.rate_limit_storage.get_secret_value() and not find_spec("redis"):
        raise MissingExtra("QA_RATE_LIMIT_STORAGE needs the extra: pip install 'qa-service[redis]'.")


def _limiter(settings: Settings) -> Limiter:
    store = settings.rate_limit_storage.get_secret_value()
    limit = ApplicationLimit(
        settings.rate_limit,
        exempt_when=_costs_nothing,
        error_message=f"Too many requests: {settings.rate_limit} are taken. Please wait.",
    )
    return Limiter(
        _who,
        application_limits=[limit] if settings.rate_limit else [],
        storage_uri=store or "memory://",
        storage_options=_impatient() if store else {},
        # Without its store each worker counts by itself, and an answer is worth more than a count.
        in_memory_fallback_enabled=bool(store),
        swallow_errors=bool(store),
        key_prefix="qa",
    )


def _impatient() -> dict[str, Any]:
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    return {
        "socket_connect_timeout": _STORE_TIMEOUT_S,
        "socket_timeout": _STORE_TIMEOUT_S,
        # Once, at once: a server closes connections that have long been idle.
        "retry": Retry(NoBackoff(), 1),
    }


def _costs_nothing() -> bool:
    return request.method in SAFE_METHODS or access_of(request.endpoint) == "open"


def _who() -> str:
    """Whom a request counts for: its key or its session, else where it comes from."""
    return caller() or _address()


def _address() -> str:
    """The address of the client, of IPv6 the part that one client cannot change at will."""
    given = request.remote_addr or ""
    if with_port := _WITH_PORT.fullmatch(given):
        given = with_port[1]
    try:
        address = ip_address(given.strip("[]"))
    except ValueError:  # a proxy said something else in its place: whoever it says so of counts as one
        return "unknown"
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or ip_network((address.packed, _IPV6_NETWORK), strict=False))
    return str(address)


def _told(limiter: Limiter, response: Response) -> Response:
    """A response that says how much is left, and where nothing is, when to come back."""
    limit = limiter.current_limit
    if limit is None or not (limit.shared or limit.breached):  # the sign-in says nothing before it must
        return response
    try:
        left, wait = limit.remaining, max(1, limit.reset_at - int(time.time()))
    except Exception:  # noqa: BLE001 (whatever a store raises that has just gone: the answer goes out without)
        left, wait = 0, 1
    response.headers["RateLimit-Limit"] = str(limit.limit.amount)
    response.headers["RateLimit-Remaining"] = str(left)
    response.headers["RateLimit-Reset"] = str(wait)
    if limit.breached:
        response.headers["Retry-After"] = str(wait)
    return response

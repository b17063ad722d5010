"""Who is let in: keys for programs, a sign-in for readers, and no request that another site makes in a reader's name.

Each route says who may use it (``channels.operations``); one that says nothing needs a key. Where no key is set the
service is open, but for what needs an administrator's key.

A reader's browser may be made to send a request by any page that it shows, and adds the reader's cookie (or, in an open
service, the reader's place in the network) to it. Browsers say in ``Sec-Fetch-Site`` and ``Origin`` where a request
comes from, and scripts cannot change either; what is neither a browser nor says so has nothing to be borrowed. This is
what "Fetch Metadata" in OWASP's Cross-Site Request Forgery Prevention Cheat Sheet describes, and what
``http.CrossOriginProtection`` of Go's standard library does; the exception for a ``Bearer`` header is ours, because a
browser never adds one by itself (it does add ``Basic``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Annotated
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from flask import Blueprint, Flask, Response, current_app, g, request, url_for
from pydantic import Field
from werkzeug.exceptions import Forbidden, NotFound, TooManyRequests

from qa_service.channels.cross_origin import from_allowed_script
from qa_service.channels.operations import (
    PAGE,
    PAGE_LANGUAGE,
    SAFE_METHODS,
    Access,
    Content,
    Operation,
    Parameter,
    operation,
    operation_of,
)
from qa_service.channels.pages import chosen_language, page, page_blueprint
from qa_service.channels.problems import is_for_programs, problem
from qa_service.keys import SESSION_S, Keys, name_of, signed_part
from qa_service.settings import Settings

COOKIE = "qa_session"

_OWN_SITES = frozenset({"same-origin", "none"})
_PORTS = {"http": 80, "https": 443}

# A path of this host and nothing else: browsers read "//" and "/\" as the beginning of a host's name, and pass over
# tabs and line ends before they look.
_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]*")


@dataclass(frozen=True)
class SignInForm:
    """The sign-in's form."""

    key: Annotated[str, Field(description="One of the keys.")]


_ONWARDS = Content(
    media_types=(),
    description="To the page that was asked for.",
    headers={"Location": "Where that is."},
)
_NEXT = Parameter("next", str, "query", "Path of the page to show after it.", example="/articles")
_SHOWN = Operation(
    "Show the page where a reader gives a key",
    "Sign-in",
    access="open",
    parameters=(_NEXT, PAGE_LANGUAGE),
    replies={200: PAGE, 303: _ONWARDS},
)
_CHECKED = Operation(
    "Sign in with a key",
    "Sign-in",
    access="open",
    parameters=(_NEXT, PAGE_LANGUAGE),
    body=Content(SignInForm, ("application/x-www-form-urlencoded", "multipart/form-data")),
    replies={
        303: replace(_ONWARDS, headers={**_ONWARDS.headers, "Set-Cookie": "`qa_session`, for 30 days."}),
    },
    problems=(401,),
)
_ENDED = Operation(
    "Sign out",
    "Sign-in",
    access="open",
    parameters=(PAGE_LANGUAGE,),
    replies={
        303: Content(
            media_types=(),
            description="To the sign-in.",
            headers={"Location": "Where that is.", "Set-Cookie": "`qa_session`, deleted."},
        )
    },
)


def init_app(app: Flask, settings: Settings) -> None:
    """Guard every route of the application, those that are added later too, and serve the sign-in."""
    keys = Keys(settings.keys, settings.session_secret.get_secret_value())
    administrators = Keys(settings.administrators)
    app.before_request(lambda: _same_site_only(settings.scripting_origins))
    app.register_blueprint(_blueprint(keys))
    app.context_processor(lambda: {"signed_in": _signed_in(keys)})
    app.before_request(lambda: _turned_away(keys, administrators, framed=bool(settings.origins)))
    app.after_request(lambda response: _kept_private(response, closed=bool(keys)))


def caller() -> str | None:
    """The name of the key or session that let this request in; None where none was needed or given."""
    name: str | None = g.get("qa_caller")
    return name


def access_of(endpoint: str | None) -> Access:
    """Who may use a route: whoever it says, else who has a key."""
    view = current_app.view_functions.get(endpoint or "")
    described = operation_of(view) if view else None
    return described.access if described else "key"


def _blueprint(keys: Keys) -> Blueprint:
    routes = page_blueprint("access")

    @routes.get("/sign-in")
    @operation(_SHOWN)
    def sign_in() -> Response:
        if not keys or _signed_in(keys):
            return _back()
        return page("sign_in.html", ended="ended" in request.args, out="out" in request.args)

    @routes.post("/sign-in")
    @operation(_CHECKED)
    def check() -> Response:
        session = keys.session(request.form.get("key", "").strip())
        if not keys:
            return _back()
        if not session:
            return _challenged(page("sign_in.html", 401, wrong=True))
        response = _back()
        response.set_cookie(
            COOKIE, session, max_age=SESSION_S, path=_root(), secure=request.is_secure, httponly=True, samesite="Lax"
        )
        return response

    @routes.errorhandler(TooManyRequests)
    def too_often(_error: TooManyRequests) -> Response:
        return page("sign_in.html", 429, too_many=True)

    @routes.post("/sign-out")
    @operation(_ENDED)
    def sign_out() -> Response:
        response = _see(url_for("access.sign_in", out=1, lang=chosen_language()))
        response.delete_cookie(COOKIE, path=_root(), secure=request.is_secure, httponly=True, samesite="Lax")
        return response

    return routes


def _same_site_only(scripting_origins: tuple[str, ...]) -> None:
    if request.method in SAFE_METHODS or _bearer() is not None or _from_own_site():
        return
    # These need a key of their own where there are keys: see _let_in.
    if from_allowed_script(scripting_origins):
        return
    raise Forbidden("This request was made by a page of another site.")


def _from_own_site() -> bool:
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        return site in _OWN_SITES
    return origin is None or _same_host(origin, request.host)


def _same_host(origin: str, host: str) -> bool:
    """Whether an origin is at a host; a proxy may have changed the scheme, and with it the port that goes unsaid."""
    try:
        ours, theirs = urlsplit(f"//{host}"), urlsplit(origin)
        usual = _PORTS.get(theirs.scheme)
        return (theirs.hostname, theirs.port or usual) == (ours.hostname, ours.port or usual) and bool(theirs.hostname)
    except ValueError:
        return False


def _turned_away(keys: Keys, administrators: Keys, *, framed: bool) -> Response | None:
    """What whoever may not gets in place of the answer; None for everybody else."""
    access, bearer = access_of(request.endpoint), _bearer()
    if access == "open":
        return None
    if bearer is not None and administrators.accept(bearer):
        g.qa_caller = name_of(bearer)
        return None
    known = _let_in(keys, bearer)
    if access == "admin":
        return _no_administrator(administrators, known=known or not (keys or administrators))
    return None if known or not keys else _shown_the_way(framed=framed)


def _shown_the_way(*, framed: bool) -> Response:
    """What says how to come in: the error of a program, the sign-in of a reader."""
    if is_for_programs(request.path):
        return _challenged(problem(401, "This needs a key: Authorization: Bearer KEY."))
    if request.blueprint == "widget":
        if not framed:
            raise NotFound
        # A frame cannot show the sign-in, and one on another site would never have its session.
        return _challenged(page("sign_in_first.html", 401))
    sent = request.method not in SAFE_METHODS  # and lost: the page says so
    wanted = None if sent and not _can_be_read() else _this_page()
    return _see(url_for("access.sign_in", next=wanted, lang=chosen_language(), ended=1 if sent else None))


def _let_in(keys: Keys, bearer: str | None) -> bool:
    """Whether the request comes with a key or a session; which one it is, is kept for whoever counts."""
    # A header that is wrong is not made good by a cookie: it alone has passed for no forgery.
    if bearer is None:
        # Nor is a session for the scripts of other sites, whichever may call.
        known = _signed_in(keys) and (request.method in SAFE_METHODS or _from_own_site())
    else:
        known = bool(keys) and keys.accept(bearer)
    if known:
        g.qa_caller = name_of(signed_part(request.cookies[COOKIE]) if bearer is None else bearer)
    return known


def _no_administrator(administrators: Keys, *, known: bool) -> Response:
    if not known:
        return _challenged(problem(401, "This needs an administrator's key: Authorization: Bearer KEY."))
    if administrators:
        return problem(403, "This needs an administrator's key, and the one that was given is none.")
    return problem(403, "This needs an administrator's key, and QA_ADMIN_KEYS names none.")


def _bearer() -> str | None:
    """The key that a program sends; None where it sends none."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else None


def _signed_in(keys: Keys) -> bool:
    return bool(keys) and keys.admit(request.cookies.get(COOKIE, ""))


def _kept_private(response: Response, *, closed: bool) -> Response:
    """What a key opens is for its reader alone: nothing of it stays, or the way back would show it after a sign-out."""
    access = access_of(request.endpoint)
    if access == "open" and request.blueprint != "access":
        return response
    if not closed and access != "admin":
        return response
    response.vary.add("Cookie")
    response.headers["Cache-Control"] = "no-store"
    return response


def _challenged(response: Response) -> Response:
    response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _can_be_read() -> bool:
    """Whether there is a page where something was sent to."""
    routes = current_app.create_url_adapter(request)
    return routes is not None and routes.test(method="GET")


def _this_page() -> str:
    """The path and query of what was asked for."""
    query = quote(request.query_string, safe="!$&'()*+,-./:;=?@_~%")
    return quote(request.path) + (f"?{query}" if query else "")


def _back() -> Response:
    """To the page that the reader came for; to the first one where the address names none of ours."""
    wanted, language = request.args.get("next", ""), chosen_language()
    if not _PATH.fullmatch(wanted):
        return _see(url_for("web.chat", lang=language))
    if language:  # chosen here, after the address was
        path, _, query = wanted.partition("?")
        kept = [(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name != "lang"]
        wanted = f"{path}?{urlencode([*kept, ('lang', language)])}"
    return _see(request.script_root + wanted)


def _see(address: str) -> Response:
    return Response(status=303, headers={"Location": address, "Cache-Control": "no-store"})


def _root() -> str:
    return request.script_root or "/"

"""Keys, the sign-in, and requests that another site makes."""

from __future__ import annotations

import logging
import re
import time
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask

from qa_service.channels.operations import Operation, operation
from qa_service.keys import SESSION_S, new_key, signer
from qa_service.publishing import Publisher
from qa_service.settings import load_settings
from tests.channels.fake_pipeline import FRENCH_ID, FakePipeline, app_for

KEY, SECOND, REMOVED, ADMIN = "k-1f7a93", "k-2b8c04", "k-3d9e15", "a-4e0f26"
ORIGIN = "https://news.example"
LATER = time.time() + SESSION_S + 60

# What answers without a key, and with which status.
OPEN = {
    ("GET", "/healthz"): 200,
    ("GET", "/readyz"): 200,
    ("GET", "/assets/page.css"): 200,
    ("GET", "/assets/none.css"): 404,
    ("GET", "/embed.js"): 200,
    ("GET", "/sign-in"): 200,
    ("POST", "/sign-in"): 401,
    ("POST", "/sign-out"): 303,
    # Bots check for themselves who sends; without one there is nothing.
    ("POST", "/slack/events"): 404,
    ("POST", "/mattermost"): 404,
}
FOR_PROGRAMS = [
    ("POST", "/api/ask"),
    ("POST", "/api/search"),
    ("POST", "/api/feedback"),
    ("GET", "/api/documents"),
    ("GET", "/api/documents/en/visa"),
    ("GET", "/api/none"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/qa-service"),
    ("POST", "/v1/chat/completions"),
    ("GET", "/v1/none"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
    ("PUT", "/api/documents/en/visa"),
    ("DELETE", "/api/documents/en/visa"),
    ("GET", "/api/jobs/5f0c8a8e6b3f4f7c9d1e2a3b4c5d6e7f"),
    ("GET", "/api/added-later"),
]
PAGES = [
    ("GET", "/"),
    ("POST", "/"),
    ("GET", "/documents/en/visa"),
    ("GET", "/documents/none"),
    ("POST", "/feedback"),
    ("GET", "/articles"),
    ("GET", "/articles/rows"),
    ("GET", "/favicon.ico"),
    ("GET", "/added-later"),
    ("GET", "/docs"),
]
FRAME = [("GET", "/embed"), ("POST", "/embed")]

ADDED = {("GET", "/added-later"), ("GET", "/api/added-later")}

# Each route of the service, an address of it, and what it answers to no key, a wrong key, a key, an administrator's.
TO_ALL = {
    "/healthz": "/healthz",
    "/readyz": "/readyz",
    "/assets/<path:filename>": "/assets/page.css",
    "/embed.js": "/embed.js",
    "/sign-in": "/sign-in",
}
TABLE = {
    **{("GET", rule): (path, 200, 200, 200, 200) for rule, path in TO_ALL.items()},
    ("POST", "/sign-in"): ("/sign-in", 401, 401, 401, 401),
    ("POST", "/sign-out"): ("/sign-out", 303, 303, 303, 303),
    ("POST", "/slack/events"): ("/slack/events", 404, 404, 404, 404),
    ("POST", "/mattermost"): ("/mattermost", 404, 404, 404, 404),
    ("POST", "/api/ask"): ("/api/ask", 401, 401, 200, 200),
    ("POST", "/api/search"): ("/api/search", 401, 401, 200, 200),
    ("POST", "/api/feedback"): ("/api/feedback", 401, 401, 204, 204),
    ("GET", "/api/documents"): ("/api/documents", 401, 401, 200, 200),
    ("GET", "/api/documents/<path:document_id>"): ("/api/documents/en/visa", 401, 401, 200, 200),
    ("PUT", "/api/documents/<path:document_id>"): ("/api/documents/en/visa", 401, 401, 403, 415),
    ("DELETE", "/api/documents/<path:document_id>"): ("/api/documents/en/none", 401, 401, 403, 404),
    ("GET", "/api/jobs/<job_id>"): ("/api/jobs/none", 401, 401, 403, 404),
    ("GET", "/v1/models"): ("/v1/models", 401, 401, 200, 200),
    ("GET", "/v1/models/<path:model>"): ("/v1/models/qa-service", 401, 401, 200, 200),
    ("POST", "/v1/chat/completions"): ("/v1/chat/completions", 401, 401, 200, 200),
    ("GET", "/metrics"): ("/metrics", 401, 401, 200, 200),
    ("GET", "/openapi.json"): ("/openapi.json", 401, 401, 200, 200),
    ("GET", "/docs"): ("/docs", 303, 303, 200, 200),
    ("GET", "/"): ("/", 303, 303, 200, 200),
    ("POST", "/"): ("/", 303, 303, 200, 200),
    ("POST", "/feedback"): ("/feedback", 303, 303, 200, 200),
    ("GET", "/articles"): ("/articles", 303, 303, 200, 200),
    ("GET", "/articles/rows"): ("/articles/rows", 303, 303, 200, 200),
    ("GET", "/documents/<path:document_id>"): ("/documents/en/visa", 303, 303, 200, 200),
    ("GET", "/embed"): ("/embed", 401, 401, 200, 200),
    ("POST", "/embed"): ("/embed", 401, 401, 200, 200),
    # Routes as others may be: one that says nothing, one for administrators, one for all.
    ("GET", "/added-later"): ("/added-later", 303, 303, 200, 200),
    ("GET", "/api/added-later"): ("/api/added-later", 401, 401, 200, 200),
    ("GET", "/api/for-all"): ("/api/for-all", 200, 200, 200, 200),
    ("GET", "/api/administer"): ("/api/administer", 401, 401, 403, 200),
    ("PUT", "/administer"): ("/administer", 401, 401, 403, 200),
}


@dataclass(frozen=True)
class Status:
    documents: dict[str, int]
    passages: dict[str, int] = field(default_factory=dict)
    generation: str = "1-abc"
    model: str = "static"
    created: str = "2026-01-02T03:04:05+00:00"
    age_s: float = 60.0
    size_bytes: int = 1_000


class WholePipeline(FakePipeline):
    """One that answers all that can be asked over HTTP."""

    def status(self):
        return Status({"en": 2, "fr": 1})

    def documents(self):
        return []

    def search(self, query, k):
        return []


def service(keys: str = f"{KEY},{SECOND}", origins: str = ORIGIN, **settings: Any) -> Flask:
    app = app_for(WholePipeline(), api_keys=keys, embed_origins=origins, **settings)
    for _, path in ADDED:
        app.add_url_rule(path, path, lambda: "added")
    return app


@pytest.fixture(scope="module")
def app() -> Flask:
    return service()


@pytest.fixture(autouse=True)
def _no_wrong_keys_counted_yet(app):
    for limiter in app.extensions["limiter"]:
        limiter.reset()


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def plain(app):
    """A client that sends the cookies of its headers and keeps none."""
    return app.test_client(use_cookies=False)


def cookie(key: str = KEY, at: float | None = None) -> str:
    """A session that was begun with a key, now or at another time."""
    made = signer([key.encode()])
    if at is not None:
        made.get_timestamp = lambda: int(at)
    return made.sign(b"reader").decode()


def credentials() -> dict[str, dict[str, str]]:
    old = time.time() - SESSION_S - 60
    forged = cookie()[:-2] + ("AA" if not cookie().endswith("AA") else "BB")
    return {
        "nothing": {},
        "wrong key": {"Authorization": "Bearer k-1f7a9"},
        "longer key": {"Authorization": f"Bearer {KEY}0"},
        "no key": {"Authorization": "Bearer "},
        "key of another scheme": {"Authorization": f"Basic {KEY}"},
        "key that is no ASCII": {"Authorization": "Bearer clé"},
        "both keys": {"Authorization": f"Bearer {KEY},{SECOND}"},
        "expired cookie": {"Cookie": f"qa_session={cookie(at=old)}"},
        "cookie of the future": {"Cookie": f"qa_session={cookie(at=LATER)}"},
        "cookie of a removed key": {"Cookie": f"qa_session={cookie(REMOVED)}"},
        "forged cookie": {"Cookie": f"qa_session={forged}"},
        "unsigned cookie": {"Cookie": "qa_session=reader"},
        "key as cookie": {"Cookie": f"qa_session={KEY}"},
    }


def accepted() -> dict[str, dict[str, str]]:
    return {
        "key": {"Authorization": f"Bearer {KEY}"},
        "second key": {"Authorization": f"bearer  {SECOND}"},
        "cookie": {"Cookie": f"qa_session={cookie()}"},
        "cookie of the second key": {"Cookie": f"qa_session={cookie(SECOND)}"},
        "cookie beside another scheme": {"Authorization": "Basic eDp5", "Cookie": f"qa_session={cookie()}"},
    }


def ask(client, method: str, path: str, **options):
    """A request whose body is right for what it is sent to."""
    if method == "POST" and path.startswith("/api/"):
        options["json"] = {"question": "When?", "query": "visa", "answer_id": "answer", "rating": 1}
    elif path == "/v1/chat/completions":
        options["json"] = {"model": "qa-service", "messages": [{"role": "user", "content": "When?"}]}
    elif path in ("/", "/embed", "/feedback") and method == "POST":
        options["data"] = {"question": "When?", "answer_id": "answer", "rating": "1"}
    with client.open(path, method=method, **options) as response:
        response.get_data()
        return response


# Who is let in


@pytest.fixture
def publisher(tmp_path):
    (tmp_path / "documents").mkdir()
    with closing(Publisher(load_settings(documents=tmp_path / "documents", index=tmp_path / "index"))) as made:
        yield made


def with_every_kind(publisher: Publisher | None = None, **settings: str) -> Flask:
    """A service with an administrator's key, and a route of each kind of access."""
    app = service(admin_keys=ADMIN, publisher=publisher, **settings)
    for path, access in {"/api/for-all": "open", "/api/administer": "admin", "/administer": "admin"}.items():
        view = operation(Operation("Does nothing.", "none", access=access))(lambda: "done")
        app.add_url_rule(path, path, view, methods=["PUT" if path == "/administer" else "GET"])
    return app


def routes_of(app: Flask) -> set[tuple[str, str]]:
    return {(method, rule.rule) for rule in app.url_map.iter_rules() for method in rule.methods - {"HEAD", "OPTIONS"}}


def test_every_route_answers_each_credential_as_the_table_says(publisher):
    app = with_every_kind(publisher)
    plain = app.test_client(use_cookies=False)
    assert set(TABLE) == routes_of(app)
    for (method, rule), (path, *expected) in TABLE.items():
        answered = [
            ask(plain, method, path, headers={"Authorization": f"Bearer {key}"} if key else {}).status_code
            for key in (None, "k-1f7a9", KEY, ADMIN)
        ]
        assert answered == expected, (method, rule)


def test_whoever_may_not_administer_is_told_why():
    plain = with_every_kind().test_client(use_cookies=False)
    unknown = plain.put("/administer", headers={"Authorization": "Bearer no"})
    assert (unknown.mimetype, unknown.headers["WWW-Authenticate"]) == ("application/problem+json", "Bearer")
    for headers in ({"Authorization": f"Bearer {KEY}"}, {"Cookie": f"qa_session={cookie()}"}):
        known = plain.put("/administer", headers=headers)
        assert (known.status_code, known.mimetype) == (403, "application/problem+json")
        assert "administrator" in known.get_json()["detail"]
    done = plain.put("/administer", headers={"Authorization": f"Bearer {ADMIN}"})
    assert (done.text, done.headers["Cache-Control"]) == ("done", "no-store")


def test_without_administrators_nobody_administers():
    app = service(SECOND)
    app.add_url_rule("/api/administer", "a", operation(Operation("Nothing.", "none", access="admin"))(lambda: "done"))
    plain = app.test_client(use_cookies=False)
    assert plain.get("/api/administer").status_code == 401
    refused = plain.get("/api/administer", headers={"Authorization": f"Bearer {SECOND}"})
    assert (refused.status_code, "QA_ADMIN_KEYS" in refused.get_json()["detail"]) == (403, True)


@pytest.mark.parametrize(("administrators", "without", "wrong", "right"), [(ADMIN, 401, 401, 200), ("", 403, 403, 403)])
def test_an_open_service_is_administered_with_a_key_alone(administrators, without, wrong, right):
    app = service("", admin_keys=administrators)
    app.add_url_rule("/api/administer", "a", operation(Operation("Nothing.", "none", access="admin"))(lambda: "done"))
    plain = app.test_client(use_cookies=False)
    answered = [plain.get("/api/administer").status_code]
    for key in ("no", ADMIN):
        headers = {"Authorization": f"Bearer {key}"}
        answered.append(plain.get("/api/administer", headers=headers).status_code)
        assert ask(plain, "POST", "/api/ask", headers=headers).status_code == 200
    assert answered == [without, wrong, right]
    assert ask(plain, "GET", "/").status_code == 200


def test_hashed_keys_open_what_plain_ones_do():
    key, hashed = new_key()
    plain = service(hashed, session_secret="s" * 16, admin_keys=new_key()[1]).test_client(use_cookies=False)
    for given, status in ((key, 200), (hashed, 401), (hashed.removeprefix("sha256:"), 401)):
        headers = {"Authorization": f"Bearer {given}"}
        assert ask(plain, "GET", "/api/documents", headers=headers).status_code == status
    session = sign_in(plain, key).headers["Set-Cookie"].split(";")[0]
    assert ask(plain, "GET", "/", headers={"Cookie": session}).status_code == 200
    # Whoever has read the hash signs with it, and is not let in.
    for signed_with in (hashed, hashed.removeprefix("sha256:")):
        forged = {"Cookie": f"qa_session={cookie(signed_with)}"}
        assert ask(plain, "GET", "/", headers=forged).status_code == 303


def test_an_administrators_key_begins_no_session(client):
    administered = service(admin_keys=ADMIN).test_client()
    assert "Set-Cookie" not in sign_in(administered, ADMIN).headers


def test_the_table_holds_every_route(app):
    listed = {*OPEN, *FOR_PROGRAMS, *PAGES, *FRAME}
    adapter = app.url_map.bind("localhost")
    matched = set()
    for method, path in listed:
        if adapter.test(path, method):
            matched.add((method, adapter.match(path, method)[0]))
    served = {(m, rule.endpoint) for rule in app.url_map.iter_rules() for m in rule.methods - {"HEAD", "OPTIONS"}}
    assert served <= matched


@pytest.mark.parametrize("who", credentials())
def test_without_a_key_only_what_is_named_is_open(plain, who):
    headers = credentials()[who]
    for (method, path), status in OPEN.items():
        assert ask(plain, method, path, headers=headers).status_code == status, path
    for method, path in FOR_PROGRAMS:
        response = ask(plain, method, path, headers=headers)
        assert response.status_code == 401, path
        if path.startswith("/v1/"):
            assert response.get_json()["error"]["code"] == "invalid_api_key"
        else:
            assert response.mimetype == "application/problem+json"
        assert response.headers["WWW-Authenticate"] == "Bearer"
    for method, path in PAGES:
        response = ask(plain, method, path, headers=headers)
        assert response.status_code == 303, path
        assert response.location.startswith("/sign-in"), path
    for method, path in FRAME:
        response = ask(plain, method, path, headers=headers)
        assert response.status_code == 401
        assert 'href="/sign-in" target="_blank" rel="noopener"' in response.text


@pytest.mark.parametrize("who", accepted())
def test_a_key_and_a_session_open_everything(plain, who):
    headers = accepted()[who]
    for method, path in [*FOR_PROGRAMS, *PAGES, *FRAME]:
        response = ask(plain, method, path, headers=headers)
        there = path in ("/", "/embed", "/articles", "/articles/rows", "/metrics", "/openapi.json", "/docs")
        there = there or path.startswith("/v1/models") or "documents" in path or "added" in path
        known = (there or method == "POST") and "none" not in path
        for_administrators = method in ("PUT", "DELETE") or "jobs" in path
        answered = {"/api/feedback": 204}.get(path, 200) if known else 404
        expected = 403 if for_administrators else answered
        assert response.status_code == expected, (method, path)


def test_a_wrong_key_is_not_made_good_by_a_session(plain):
    headers = {"Authorization": "Bearer no", "Cookie": f"qa_session={cookie()}"}
    assert ask(plain, "POST", "/api/ask", headers=headers).status_code == 401
    assert ask(plain, "GET", "/", headers=headers).status_code == 303


def test_a_closed_service_has_no_frame_either_where_no_site_is_named():
    client = service(origins="").test_client()
    assert [client.get(path).status_code for path in ("/embed", "/embed.js")] == [404, 404]


def test_a_session_ends_when_its_key_is_removed():
    headers = {"Cookie": f"qa_session={cookie(SECOND)}"}
    assert ask(service().test_client(use_cookies=False), "GET", "/", headers=headers).status_code == 200
    assert ask(service(KEY).test_client(use_cookies=False), "GET", "/", headers=headers).status_code == 303
    assert (
        ask(service(f"new-key,{SECOND}").test_client(use_cookies=False), "GET", "/", headers=headers).status_code == 200
    )


def test_an_open_service_asks_for_nothing():
    plain = service("").test_client(use_cookies=False)
    for method, path in [("GET", "/"), ("POST", "/"), ("POST", "/api/ask"), ("GET", "/embed"), ("GET", "/healthz")]:
        response = ask(plain, method, path)
        assert response.status_code == 200
        assert "no-store" not in response.headers.get("Cache-Control", "")
    for method in ("GET", "POST"):
        response = ask(plain, method, "/sign-in?lang=fr")
        assert (response.status_code, response.location) == (303, "/?lang=fr")
    assert 'class="sign-out"' not in ask(plain, "GET", "/", headers={"Cookie": f"qa_session={cookie()}"}).text


@pytest.mark.parametrize("path", ["/", "/documents/en/visa", "/api/documents/en/visa", "/embed", "/sign-in"])
def test_what_a_key_opens_is_kept_nowhere(plain, path):
    for headers in (*accepted().values(), {}):
        response = ask(plain, "GET", path, headers=headers)
        assert response.headers["Cache-Control"] == "no-store"
        assert "Cookie" in response.headers["Vary"]


def test_what_is_open_is_kept_by_any_cache(plain):
    for path in ("/assets/page.css", "/embed.js", "/healthz"):
        response = ask(plain, "GET", path)
        assert "no-store" not in response.headers.get("Cache-Control", "")
        assert "Cookie" not in response.headers.get("Vary", "")


# The sign-in


def sign_in(client, key: str = KEY, address: str = "/sign-in", **options):
    return client.post(address, data={"key": key}, **options)


def attributes(response) -> set[str]:
    """What the cookie of a response says beside its value."""
    return {part.strip() for part in response.headers["Set-Cookie"].split(";")[1:]}


@pytest.mark.parametrize(
    ("language", "words", "wrong"),
    [("en", "Access key", "This key is not right."), ("fr", "Clé d’accès", "Cette clé n’est pas la bonne.")],
)
def test_the_form_says_what_it_wants_and_what_is_wrong(client, language, words, wrong):
    page = client.get("/sign-in", query_string={"lang": language, "next": "/documents/en/visa?start=1"})
    assert f'<html lang="{language}">' in page.text
    assert words in page.text
    assert "alert" not in page.text
    switched = re.search(r'class="switch" href="([^"]+)"', page.text)
    assert switched
    assert parse_qs(urlsplit(switched[1].replace("&amp;", "&")).query)["next"] == ["/documents/en/visa?start=1"]
    for given in ("", "k-1f7a9", "clé", "\ud83d\ude00", "x" * 10_000):
        page = sign_in(client, given.encode("utf-8", "replace").decode(), f"/sign-in?lang={language}")
        assert page.status_code == 401
        assert re.search(rf'role="alert">{wrong}', page.text)
        assert "Set-Cookie" not in page.headers
        assert "value=" not in page.text


def test_the_cookie_says_nothing_and_reaches_no_script(client):
    response = sign_in(client, f" {KEY}\n")
    assert (response.status_code, response.location) == (303, "/")
    value = client.get_cookie("qa_session").value
    assert KEY not in value
    month = f"Max-Age={SESSION_S}"
    assert {"HttpOnly", "SameSite=Lax", "Path=/", month} <= attributes(response)
    assert "Secure" not in attributes(response)
    assert client.get("/").status_code == 200
    assert client.post("/api/ask", json={"question": "When?"}).status_code == 200
    assert client.get("/sign-in?next=/documents/en/visa").location == "/documents/en/visa"


def test_the_cookie_is_for_https_where_the_page_is_and_for_the_services_part_of_a_host(app):
    response = sign_in(app.test_client(), base_url="https://qa.example/articles/")
    assert {"Secure", "Path=/articles"} <= attributes(response)
    assert response.location == "/articles/"
    response = app.test_client().get("/documents/en/visa", base_url="https://qa.example/articles/")
    assert response.location == "/articles/sign-in?next=/documents/en/visa"
    response = sign_in(app.test_client(), address="/sign-in?next=/documents/en/visa", base_url="http://qa.example/a/")
    assert response.location == "/a/documents/en/visa"


@pytest.mark.parametrize(("language", "words"), [("en", "Sign out"), ("fr", "Se déconnecter")])
def test_signing_out(client, language, words):
    sign_in(client)
    page = client.get(f"/?lang={language}")
    assert f'action="/sign-out?lang={language}"><button type="submit">{words}</button>' in page.text
    response = client.post(f"/sign-out?lang={language}")
    assert (response.status_code, response.location) == (303, f"/sign-in?out=1&lang={language}")
    assert {"Max-Age=0", "Path=/", "HttpOnly"} <= attributes(response)
    assert client.get("/").status_code == 303
    assert words not in client.get(f"/sign-in?lang={language}").text


def test_a_question_that_comes_too_late_is_asked_for_again(client):
    assert client.post("/api-less").location == "/sign-in?ended=1"
    response = client.post("/?lang=fr", data={"question": "Quand ?"})
    assert parse_qs(urlsplit(response.location).query) == {"next": ["/?lang=fr"], "lang": ["fr"], "ended": ["1"]}
    assert "envoyez de nouveau votre question" in client.get(response.location).text


@pytest.mark.parametrize(
    ("asked", "led"),
    [
        ("/", "/"),
        ("/documents/en/visa?start=1&end=9&lang=fr", "/documents/en/visa?start=1&end=9&lang=fr"),
        ("/documents/fr/%C3%A9t%C3%A9%20100%20%25/exemption%20%231%3F", None),
        ("/?q=a%26b%3Dc+d&lang=en", "/?q=a%26b%3Dc%2Bd&lang=en"),
    ],
)
def test_the_sign_in_leads_back(client, asked, led):
    turned = client.get(asked)
    response = sign_in(client, address=turned.location)
    if led is None:
        assert response.location == asked
        assert FRENCH_ID.split("/")[-1].split("?")[0][:9] in client.get(response.location).request.path
    else:
        ours, theirs = (parse_qs(urlsplit(address).query) for address in (response.location, led))
        assert ours.keys() == theirs.keys()
        assert urlsplit(response.location).path == urlsplit(led).path


def test_a_path_that_looks_like_a_host_is_not_led_to(client):
    turned = client.get("/", environ_overrides={"PATH_INFO": "//evil.example/path"})
    assert turned.location == "/sign-in?next=/evil.example/path"
    assert sign_in(client, address=turned.location).location == "/evil.example/path"


def test_the_language_chosen_last_is_kept(client):
    response = sign_in(client, address="/sign-in?lang=fr&next=/documents/en/visa?start%3D1%26lang%3Den")
    assert response.location == "/documents/en/visa?start=1&lang=fr"


@pytest.mark.parametrize(
    "elsewhere",
    [
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "\t//evil.example",
        " //evil.example",
        "https://evil.example",
        "https:evil.example",
        "HTTPS://evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "evil.example",
        "",
        "?lang=fr",
        ".//evil.example",
        "@evil.example",
        "/a\r\nSet-Cookie: a=b",
        "/\x00/evil.example",
        "/a\\b",
        "/é",
        "/\u2028/evil.example",
        "\u2044/evil.example",
        "/\u200b/evil.example",
    ],
)
def test_the_sign_in_never_leads_elsewhere(client, elsewhere):
    options = {"query_string": {"next": elsewhere}}
    assert sign_in(client, **options).location == "/"
    assert client.get("/sign-in", **options).location == "/"  # signed in already


@pytest.mark.parametrize(
    "odd", ["/%2F/evil.example", "/%5Cevil.example", "/..//evil.example", "/.//evil.example", "/%09/x"]
)
def test_an_odd_path_stays_on_this_host(client, odd):
    address = sign_in(client, address="/sign-in?next=" + odd.replace("%", "%25")).location
    assert address == odd
    for _ in range(3):
        response = client.get(address)
        if response.status_code not in (301, 302, 303, 307, 308):
            break
        address = response.location
        assert urlsplit(address).netloc in ("", "localhost")
        assert not address.startswith("//")


def test_no_key_is_in_the_log_or_in_an_answer(client, caplog):
    caplog.set_level(logging.DEBUG)
    said = []
    for headers in ({"Authorization": f"Bearer {REMOVED}"}, {"Cookie": f"qa_session={REMOVED}"}):
        said += [client.get(path, headers=headers) for path in ("/", "/api/documents", "/embed", "/sign-in")]
    said += [sign_in(client, REMOVED), sign_in(client)]
    written = caplog.text + "".join(f"{each.headers}{each.text}" for each in said)
    assert not [key for key in (KEY, SECOND, REMOVED) if key in written]
    assert KEY not in repr(load_settings(api_keys=KEY))


# Requests that another site makes

OWN = "http://localhost"
TAKEN = [
    {},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
    {"Origin": OWN},
    {"Origin": "http://LOCALHOST:80"},
    {"Origin": "https://localhost"},  # a proxy speaks HTTPS for us
    {"Origin": "https://qa.example", "Host": "qa.example:443"},
    {"Origin": "http://127.0.0.1:8000", "Host": "127.0.0.1:8000"},
    {"Origin": "http://[::1]:8000", "Host": "[::1]:8000"},
    {"Authorization": f"Bearer {KEY}", "Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
]
FORGED = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": ""},
    {"Sec-Fetch-Site": "Same-Origin"},
    {"Sec-Fetch-Site": "same-origin, cross-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": OWN},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "https://evil.example"},
    {"Origin": "http://localhost.evil.example"},
    {"Origin": "http://localhost:8000"},
    {"Origin": "http://evil.example@localhost.evil.example"},
    {"Origin": "http://[localhost"},
    {"Origin": "http://localhost:port"},
    {"Origin": "file://"},
    {"Origin": "https://localhost:80"},
    {"Origin": OWN, "Host": "127.0.0.1"},
    {"Origin": "https://evil.example", "Authorization": "Basic eDp5"},
    {"Origin": "https://evil.example", "Authorization": KEY},
]


@pytest.mark.parametrize("keys", ["", KEY])
@pytest.mark.parametrize("headers", TAKEN)
def test_what_comes_from_the_page_or_from_a_program_is_taken(headers, keys):
    client = service(keys).test_client(use_cookies=False)
    headers = {"Cookie": f"qa_session={cookie()}"} | headers
    for path in ("/api/ask", "/", "/embed"):
        assert ask(client, "POST", path, headers=headers).status_code == 200, path
    assert ask(client, "POST", "/sign-out", headers=headers).status_code == 303


@pytest.mark.parametrize("keys", ["", KEY])
@pytest.mark.parametrize("headers", FORGED)
def test_what_another_site_sends_is_refused(headers, keys):
    client = service(keys).test_client(use_cookies=False)
    headers = {"Cookie": f"qa_session={cookie()}"} | headers
    for method, path in [("POST", "/api/ask"), ("DELETE", "/api/documents/en/visa"), ("PUT", "/api/none")]:
        response = ask(client, method, path, headers=headers)
        assert (response.status_code, response.mimetype) == (403, "application/problem+json")
    for path in ("/", "/embed", "/sign-in", "/sign-out"):
        for language, words in (("en", "a page of another site"), ("fr", "d’un autre site")):
            response = ask(client, "POST", f"{path}?lang={language}", headers=headers)
            assert (response.status_code, response.mimetype) == (403, "text/html")
            assert words in response.text
            assert "Set-Cookie" not in response.headers


@pytest.mark.parametrize("headers", FORGED)
def test_a_link_from_another_site_is_followed(plain, headers):
    headers = {"Cookie": f"qa_session={cookie()}"} | headers
    for method in ("GET", "HEAD", "OPTIONS"):
        assert ask(plain, method, "/documents/en/visa", headers=headers).status_code == 200

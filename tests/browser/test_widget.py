"""The chat page within other sites, and the sign-in, in a browser."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest
from werkzeug.wrappers import Request, Response

from tests.browser.conftest import CHROMIUM, CHROMIUM_OPTIONS, serving
from tests.channels.fake_pipeline import ENGLISH_QUOTE, FakePipeline, app_for, span

if TYPE_CHECKING:
    from playwright.sync_api import Page

KEY = "k-3f9c2b71d0"
WRONG = ("error", "warning")


class Newspaper:
    """A site with a strict policy, which holds the widget's script as often as the path's number says."""

    def __init__(self) -> None:
        self.service = ""

    def __call__(self, environ, start_response):
        path = Request(environ).path
        script = f'<script src="{self.service}/embed.js" {{}} defer></script>'
        scripts = {
            "/": script.format(""),
            "/none": "",
            "/twice": script.format("") * 2,
            "/fr": script.format('data-language="fr" data-label="Une question ?"'),
            "/frame": f'<iframe src="{self.service}/embed?lang=en" width="600" height="500"></iframe>',
        }
        language = "fr-CA" if path == "/canada" else "en-GB"
        body = f"""<!doctype html><html lang="{language}"><meta charset="utf-8">
            <meta name="viewport" content="width=device-width">
            <title>The Alder Gazette</title><link rel="icon" href="data:,">
            <h1>The Alder Gazette</h1><p><a href="#more" id="more">Read on</a></p>
            {scripts.get(path, script.format(""))}"""
        policy = (
            f"default-src 'none'; script-src {self.service}; frame-src {self.service}; img-src data:; "
            "require-trusted-types-for 'script'; trusted-types 'none'"
        )
        response = Response(body, mimetype="text/html", headers={"Content-Security-Policy": policy})
        return response(environ, start_response)


class Town:
    """A newspaper that may show the chat page, one that may not, and the service."""

    def __init__(self, gazette: str, other: str, service: str, pipeline: FakePipeline) -> None:
        self.gazette = gazette
        self.other = other
        self.service = service
        self.pipeline = pipeline


@contextmanager
def town(gazette_host="127.0.0.1", **settings):
    with ExitStack() as stack:
        newspapers = [Newspaper(), Newspaper()]
        sites = [stack.enter_context(serving(newspaper)) for newspaper in newspapers]
        gazette = sites[0].replace("127.0.0.1", gazette_host)
        pipeline = FakePipeline()
        service = stack.enter_context(serving(app_for(pipeline, embed_origins=gazette, **settings)))
        for newspaper in newspapers:
            newspaper.service = service
        yield Town(gazette, sites[1], service, pipeline)


@pytest.fixture(scope="module")
def open_town():
    with town() as place:
        yield place


@pytest.fixture(scope="module")
def locked_town():
    with town(api_keys=f"another-key,{KEY}") as place:
        yield place


@pytest.fixture
def visit(browser):
    """Open an address in a browser of its own; what the console said is the page's ``problems``."""
    with ExitStack() as stack:

        def open_page(address: str, **options):
            context = browser.new_context(locale="en-GB", **options)
            stack.callback(context.close)
            context.set_default_timeout(15_000)
            page = context.new_page()
            page.problems = []
            page.on("console", lambda said: page.problems.extend([said.text] * (said.type in WRONG)))
            page.on("pageerror", lambda error: page.problems.append(str(error)))
            page.goto(address)
            return page

        yield open_page


def launcher(page: Page, name: str = "Ask the articles"):
    return page.get_by_role("button", name=name)


def in_focus(page: Page) -> str:
    """What the focus is on, in the widget where it is there."""
    return page.evaluate("""() => {
        const { activeElement: outer } = document;
        const inner = outer?.shadowRoot?.activeElement ?? outer;
        return inner?.className || inner?.id || inner?.localName;
    }""")


def opened(page: Page):
    """The page in the frame, once it is in use."""
    frame = page.frame_locator("iframe")
    frame.locator("#question:focus").wait_for()
    return frame


def signed_in(page: Page, service: str) -> None:
    """Sign in, and wait until the page's scripts are there: before them, Enter is a line break."""
    page.goto(f"{service}/sign-in")
    page.get_by_label("Access key").fill(KEY)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign out").wait_for()
    page.wait_for_load_state("load")


# The widget


def test_a_question_is_asked_with_the_keyboard_alone(open_town, visit):
    page = visit(open_town.gazette)
    for _ in range(2):  # a link, then the launcher
        page.keyboard.press("Tab")
    assert in_focus(page) == "launcher"
    assert launcher(page).get_attribute("aria-expanded") == "false"
    assert page.locator("iframe").count() == 0
    page.keyboard.press("Enter")
    frame = opened(page)
    assert launcher(page).get_attribute("aria-expanded") == "true"
    assert page.locator("iframe").get_attribute("title") == "Ask the articles"
    page.keyboard.type("When?")
    page.keyboard.press("Enter")
    frame.locator(".details").wait_for()
    page.keyboard.press("Escape")
    page.locator(".launcher:focus").wait_for()
    assert launcher(page).get_attribute("aria-expanded") == "false"
    assert not page.locator("iframe").is_visible()
    page.keyboard.press("Enter")
    opened(page)
    assert frame.locator(".answer").count() == 1  # the conversation goes on
    assert page.problems == []


def test_escape_outside_the_frame_and_the_two_buttons_close_it(open_town, visit):
    page = visit(open_town.gazette)
    for close in (
        lambda: (page.locator("#more").focus(), page.keyboard.press("Escape")),
        lambda: page.get_by_role("button", name="Close").click(),
        lambda: launcher(page).click(),
    ):
        launcher(page).click()
        opened(page)
        close()
        page.locator(".launcher:focus").wait_for()
        assert not page.get_by_role("dialog").is_visible()
    page.keyboard.press("Escape")
    assert launcher(page).get_attribute("aria-expanded") == "false"
    assert page.problems == []


def test_only_the_frame_can_close_it(open_town, visit):
    page = visit(open_town.gazette)
    launcher(page).click()
    opened(page)
    page.evaluate("postMessage({ type: 'qa-service:close' }, '*')")
    page.evaluate("new Promise((done) => setTimeout(done, 100))")
    assert page.get_by_role("dialog").is_visible()


def test_a_frame_that_comes_late_does_not_take_the_keyboard_away(open_town, visit):
    page = visit(open_town.gazette)
    held = []
    page.context.route("**/embed?*", lambda route, _: held.append(route))
    launcher(page).click()
    page.locator("#more").focus()
    while not held:
        page.wait_for_timeout(20)
    with page.expect_event("requestfinished", lambda request: request.url.endswith("embedded.js")):
        held[0].continue_()
    page.frame_locator("iframe").get_by_label("Your question").wait_for()
    page.wait_for_timeout(200)  # the frame's load, and what it would lead to
    assert in_focus(page) == "more"
    assert page.problems == []


def test_a_site_that_is_not_named_is_refused(open_town, visit):
    page = visit(open_town.other)
    launcher(page).click()
    page.wait_for_timeout(500)
    assert page.frame_locator("iframe").locator("#question").count() == 0
    assert any("frame-ancestors" in problem for problem in page.problems)


def test_it_speaks_the_language_of_the_site_or_the_one_that_it_is_given(open_town, visit):
    for path, name in (("/canada", "Interroger les articles"), ("/fr", "Une question ?")):
        page = visit(open_town.gazette + path)
        launcher(page, name).click()
        assert opened(page).locator("html").get_attribute("lang") == "fr"
        assert page.locator("iframe").get_attribute("title") == name
        assert page.get_by_role("button", name="Fermer").is_visible()
        assert page.problems == []


def test_the_script_leaves_nothing_behind_and_adds_one_launcher(open_town, visit):
    names = "Object.getOwnPropertyNames(window).sort().join()"
    page = visit(open_town.gazette + "/none")
    before = page.evaluate(names)
    page.goto(open_town.gazette + "/twice")
    assert launcher(page).count() == 1
    assert page.evaluate(names) == before
    assert page.problems == []


def test_the_styles_of_the_site_do_not_reach_it(open_town, visit):
    """Rules that match its one element there are stronger than its own ones, unless these are important."""
    looks = """() => [...document.querySelector("[data-qa-service]").shadowRoot.querySelectorAll("*")].map((each) => {
        const { x, y, width, height } = each.getBoundingClientRect();
        const { color, backgroundColor, font, letterSpacing, textTransform, visibility } = getComputedStyle(each);
        const look = [color, backgroundColor, font, letterSpacing, textTransform, visibility];
        return [each.localName, x, y, width, height, ...look];
    })"""
    page = visit(open_town.gazette, reduced_motion="reduce")
    launcher(page).click()
    opened(page)
    before = page.evaluate(looks)
    page.evaluate("""() => {
        const sheet = new CSSStyleSheet();
        sheet.replaceSync(`div, button, dialog {
            display: none !important; visibility: hidden; transform: scale(2); font: 40px serif !important; color: lime;
            letter-spacing: 1em; text-transform: uppercase; --accent: lime; --paper: lime !important; opacity: 0.1;
        }`);
        document.adoptedStyleSheets = [sheet];
    }""")
    assert page.evaluate(looks) == before
    assert page.problems == []


@pytest.mark.parametrize("reduced_motion", ["reduce", "no-preference"])
def test_a_phone_shows_a_sheet(open_town, visit, reduced_motion):
    size = {"width": 390, "height": 700}
    page = visit(open_town.gazette, viewport=size, reduced_motion=reduced_motion)
    launcher(page).click()
    opened(page)
    page.wait_for_timeout(250)
    assert page.get_by_role("dialog").bounding_box() == {"x": 0, "y": 0} | size
    animation = page.get_by_role("dialog").evaluate("panel => getComputedStyle(panel).animationName")
    assert animation == ("none" if reduced_motion == "reduce" else "rise")
    page.keyboard.press("Escape")
    page.locator(".launcher:focus").wait_for()
    launcher(page).click()
    opened(page)
    page.get_by_role("button", name="Close").click()
    page.locator(".launcher:focus").wait_for()
    assert page.problems == []


def test_articles_open_beside_the_site(open_town, visit):
    page = visit(open_town.gazette)
    launcher(page).click()
    frame = opened(page)
    page.keyboard.type("When?")
    page.keyboard.press("Enter")
    frame.get_by_role("button", name="Source 2", exact=True).click()
    assert frame.get_by_role("dialog").locator("mark").inner_text() == ENGLISH_QUOTE
    page.keyboard.press("Escape")  # closes the article, and not yet the panel
    frame.get_by_role("dialog").wait_for(state="hidden")
    assert frame.locator(".answer").is_visible()
    frame.get_by_role("button", name="Source 2", exact=True).click()
    with page.context.expect_page() as found:
        frame.get_by_role("dialog").get_by_role("link", name="Open article").click()
    article = found.value
    assert article.locator("mark").inner_text() == ENGLISH_QUOTE
    assert article.evaluate("opener") is None


def test_the_frame_works_without_javascript(open_town, visit):
    page = visit(f"{open_town.gazette}/frame", java_script_enabled=False)
    frame = page.frame_locator("iframe")
    frame.get_by_label("Your question").fill("When?")
    frame.get_by_role("button", name="Ask", exact=True).click()
    assert "The French article says" in frame.locator(".answer").inner_text()
    assert {link.get_attribute("target") for link in frame.locator(".open").all()} == {"_blank"}
    assert page.problems == []


def test_a_form_of_another_site_is_not_taken(open_town, visit):
    page = visit(open_town.other + "/none")
    open_town.pipeline.asked.clear()
    page.context.route(
        "**/forged",
        lambda route: route.fulfill(
            content_type="text/html",
            body="""
        <form method="post" action="SERVICE/"><input name="question" value="When?"><button>Win</button></form>
    """.replace("SERVICE", open_town.service),
        ),
    )
    page.goto(open_town.other + "/forged")
    page.get_by_role("button").click()
    assert "another site" in page.get_by_role("alert").inner_text()
    assert open_town.pipeline.asked == []


# The sign-in


def test_a_reader_signs_in_and_out(locked_town, visit):
    place = span("en/visa", ENGLISH_QUOTE)
    page = visit(f"{locked_town.service}/documents/en/visa?start={place.start}&end={place.end}")
    page.locator("#key:focus").wait_for()  # without a click
    page.keyboard.type("not-a-key")
    page.keyboard.press("Enter")
    assert page.get_by_role("alert").inner_text().startswith("This key is not right.")
    page.get_by_role("link", name="Français").click()
    page.get_by_label("Clé d’accès").fill(KEY)
    page.get_by_role("button", name="S’identifier").click()
    assert page.locator("mark").inner_text() == ENGLISH_QUOTE
    assert page.evaluate("document.cookie") == ""
    (cookie,) = page.context.cookies()
    assert KEY not in str(cookie)
    page.goto(locked_town.service)
    page.get_by_label("Your question").fill("When?")
    page.get_by_label("Your question").press("Enter")
    page.locator(".details").wait_for()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Access key").wait_for()
    page.wait_for_load_state("load")
    assert page.evaluate("sessionStorage.length") == 0  # nothing of the conversation is there for whoever comes next
    assert page.context.cookies() == []
    page.go_back()
    page.get_by_role("heading", name="Sign in").wait_for()  # what the reader saw is not kept for the next one
    page.goto(f"{locked_town.service}/?lang=fr")
    assert page.get_by_role("heading", name="S’identifier").is_visible()


def test_the_way_back_shows_nothing_of_a_reader_who_signed_out(browser, locked_town):
    """Browsers keep whole pages for the way back, and a driven one only when it is asked to."""
    keeping = browser.browser_type.launch(
        executable_path=CHROMIUM, args=CHROMIUM_OPTIONS, ignore_default_args=["--disable-back-forward-cache"]
    )
    page = keeping.new_context(locale="en-GB").new_page()
    signed_in(page, locked_town.service)
    page.get_by_label("Your question").fill("When?")
    page.get_by_label("Your question").press("Enter")
    page.locator(".details").wait_for()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Access key").wait_for()
    page.go_back(wait_until="commit")
    page.wait_for_url("**/sign-in?next=/")
    assert page.locator(".turn").count() == 0
    keeping.close()


def test_signing_out_in_one_tab_is_signing_out_in_all(locked_town, visit):
    page = visit(f"{locked_town.service}/sign-in")
    signed_in(page, locked_town.service)
    page.get_by_label("Your question").fill("When?")
    page.get_by_label("Your question").press("Enter")
    page.locator(".details").wait_for()
    other = page.context.new_page()
    other.goto(f"{locked_town.service}/articles")
    other.get_by_role("button", name="Sign out").click()
    page.get_by_label("Access key").wait_for()
    assert page.evaluate("sessionStorage.length") == 0


def test_a_reader_is_told_when_the_session_has_ended(locked_town, visit):
    page = visit(f"{locked_town.service}/sign-in")
    signed_in(page, locked_town.service)
    page.context.clear_cookies()
    page.get_by_label("Your question").fill("When?")
    page.get_by_label("Your question").press("Enter")
    page.get_by_text("Your session has ended.").wait_for()


def test_the_frame_offers_the_sign_in_in_a_new_tab(locked_town, visit):
    page = visit(locked_town.gazette)
    launcher(page).click()
    frame = page.frame_locator("iframe")
    with page.context.expect_page() as found:
        frame.get_by_role("link", name="Sign in in a new tab").click()
    found.value.get_by_label("Access key").fill(KEY)
    found.value.get_by_role("button", name="Sign in").click()
    found.value.get_by_label("Your question").wait_for()
    frame.get_by_role("link", name="Try again").click()
    frame.get_by_label("Your question").wait_for()  # another port of this machine is the same site


def test_the_frame_on_a_foreign_site_has_no_session(visit):
    with town("localhost", api_keys=KEY) as place:
        page = visit(f"{place.service}/sign-in")
        signed_in(page, place.service)
        page.goto(place.gazette)
        launcher(page).click()
        page.frame_locator("iframe").get_by_role("link", name="Sign in in a new tab").wait_for()

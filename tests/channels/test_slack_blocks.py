"""What is shown in Slack: whole, within Slack's limits, and calling nobody, whatever an article holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from typing import Any

import pytest

from qa_service.answers import Answer, Citation, KeptAnswer, Quote, RelatedPassage
from qa_service.channels.bot_platform import Notice
from qa_service.channels.links import document_address
from qa_service.channels.slack_blocks import (
    ASK_AGAIN,
    ASK_EXAMPLE,
    RATE,
    SHOW_QUOTES,
    Link,
    Post,
    answer_posts,
    footer,
    home_view,
    notice_post,
    question_post,
    quotes_view,
    working_post,
)
from qa_service.language import LANGUAGES, Language
from tests.channels.slack_attacks import BATCHES, JOINER, SITE, check_harmless


def link(document_id: str, start: int, end: int) -> str:
    return document_address(SITE, document_id, start, end, "en")


def citation(n: int = 1, **more: Any) -> Citation:
    found = Citation(n, "en/visa", "The bridge", "en", "https://news.example/a", "2025-03-19", "It opened.", 0, 4, 0.9)
    return replace(found, **more)


def answer(text: str, *citations: Citation, **more: Any) -> Answer:
    made = Answer("a1", "c", "When?", "en", text, abstained=not citations, composer="extractive", citations=citations)
    return replace(made, **more)


def kept(given: Answer) -> KeptAnswer:
    return KeptAnswer(given.id, given.question, given.language, given.answer, given.citations)


def related(document_id: str = "fr/pont", title: str = "Le pont") -> RelatedPassage:
    return RelatedPassage(document_id, title, "fr", "Il a ouvert.", 5, 9, 0.4)


def text_objects(block: Any) -> Iterator[dict[str, Any]]:
    """Every text object within a block or a view."""
    if isinstance(block, dict):
        if block.get("type") in ("mrkdwn", "plain_text"):
            yield block
        for value in block.values():
            yield from text_objects(value)
    elif isinstance(block, list):
        for each in block:
            yield from text_objects(each)


def elements(blocks: Any, kind: str) -> list[dict[str, Any]]:
    """Every element of a kind, wherever it stands."""
    if isinstance(blocks, list):
        return [found for each in blocks for found in elements(each, kind)]
    if not isinstance(blocks, dict):
        return []
    own = [blocks] if blocks.get("type") == kind else []
    return own + [found for each in blocks.values() for found in elements(each, kind)]


def shown(blocks: Any) -> str:
    return "\n".join(found["text"] for found in text_objects(blocks))


def length(text: str) -> int:
    """In UTF-16, where a pictograph is two: the most that Slack can count."""
    return len(text.encode("utf-16-le")) // 2


def check_limits(blocks: list[dict[str, Any]], most: int = 40) -> None:
    """Whether Slack takes these blocks: it refuses a whole message for one text that is too long, or empty."""
    assert len(blocks) <= most
    for found in text_objects(blocks):
        assert found["text"].strip()
        assert found["text"].encode()
        assert found.get("verbatim" if found["type"] == "mrkdwn" else "emoji") is (found["type"] == "mrkdwn")
    for block in blocks:
        match block["type"]:
            case "section":
                assert length(block["text"]["text"]) <= 3000
            case "context":
                assert 1 <= len(block["elements"]) <= 10
                assert all(length(element["text"]) <= 2000 for element in block["elements"])
            case "header":
                assert len(block["text"]["text"]) <= 150
            case "actions":
                assert 1 <= len(block["elements"]) <= 25
            case "context_actions":
                assert 1 <= len(block["elements"]) <= 5
            case other:
                assert other == "divider"
    check_buttons(blocks)
    # Slack refuses messages whose blocks are too long as a whole.
    if most == 40:
        assert sum(len(found["text"]) for found in text_objects(blocks)) <= 12_000


def check_buttons(blocks: list[dict[str, Any]]) -> None:
    for button in elements(blocks, "button"):
        assert len(button["text"]["text"]) <= 75
        assert 1 <= length(button["value"]) <= 2000
        assert len(button["action_id"]) <= 255
    for rating in elements(blocks, "feedback_buttons"):
        for opinion in (rating["positive_button"], rating["negative_button"]):
            assert len(opinion["text"]["text"]) <= 75
            assert len(opinion["value"]) <= 2000


def check_post(post: Post, *, called: str = "") -> None:
    check_limits(post.blocks)
    check_harmless(post.text, called=called)
    assert post.text.strip()
    assert len(post.text) <= 3200
    for found in text_objects(post.blocks):
        if found["type"] == "mrkdwn":
            check_harmless(found["text"], called=called)
    # Notifications link what looks like an address or a name by themselves.
    assert not re.search(r"https?://|@\w|mailto:\w|www\.\w", post.text.replace(f"<{called}>", ""))


def check_view(view: dict[str, Any]) -> None:
    check_limits(view["blocks"], 100)
    for found in text_objects(view["blocks"]):
        if found["type"] == "mrkdwn":
            check_harmless(found["text"])
    if view["type"] == "modal":
        assert len(view["title"]["text"]) <= 24
        assert len(view["close"]["text"]) <= 24


# --- An answer


@pytest.mark.parametrize(
    ("language", "line", "labels"),
    [
        ("en", "English · 19 March 2025", ["Show quotes", "Ask again in French", "Helpful", "Not helpful"]),
        ("fr", "Anglais · 19 mars 2025", ["Voir les citations", "Redemander en anglais", "Utile", "Pas utile"]),
    ],
)
def test_an_answer_is_its_text_its_sources_and_buttons(language: Language, line: str, labels: list[str]) -> None:
    given = answer("It opened [1].", citation(), language=language, warnings=("sources_disagree",))
    (post,) = answer_posts(given, link, kept=True)
    check_post(post)
    assert post.text == "It opened [1]."
    assert [block["type"] for block in post.blocks] == ["section", "context", "context", "actions", "context_actions"]
    address = f"{SITE}/documents/en/visa?start=0&end=4&lang=en#cited"
    sources = post.blocks[2]["elements"][0]["text"]
    assert sources == f"[1]  *<{address}|The bridge>* · {line}"
    quotes, again = post.blocks[3]["elements"]
    (rating,) = post.blocks[4]["elements"]
    opinions = [rating["positive_button"], rating["negative_button"]]
    assert [each["text"]["text"] for each in (quotes, again, *opinions)] == labels
    assert [(each["action_id"], each["value"]) for each in (quotes, again)] == [(SHOW_QUOTES, "a1"), (ASK_AGAIN, "a1")]
    assert (rating["type"], rating["action_id"]) == ("feedback_buttons", RATE)
    assert [each["value"] for each in opinions] == ["a1:1", "a1:-1"]


def test_without_an_address_of_our_own_nothing_is_linked() -> None:
    (post,) = answer_posts(answer("It opened [1].", citation()), None, kept=False)
    assert "[1]  *The bridge* · English" in shown(post.blocks)
    assert "<" not in shown(post.blocks)
    assert not elements(post.blocks, "button")
    assert not elements(post.blocks, "feedback_buttons")


def test_an_undated_source_has_no_date() -> None:
    assert shown(footer(answer("It [1].", citation(published=None)), None, kept=False)).endswith(
        "*The bridge* · English"
    )
    assert shown(footer(answer("It [1].", citation(published="spring")), None, kept=False)).endswith("English · spring")


def test_an_address_that_could_end_early_is_not_linked() -> None:
    for bad in ("https://x/a>b", "https://x/a|b", "https://x/a b", "javascript:alert(1)", "https://x/" + "a" * 3000):
        assert "<" not in shown(footer(answer("It [1].", citation()), lambda *_, bad=bad: bad, kept=False))


def test_only_the_answers_own_numbers_stay_in_square_brackets() -> None:
    given = answer("It opened [1] and [7], or [a][12].", citation(title="Part [1] of [2]"))
    (post,) = answer_posts(given, None, kept=False)
    assert post.text == "It opened [1] and (7), or [a](12)."
    assert "[1]  *Part (1) of (2)* · " in shown(post.blocks)


def test_a_footer_is_what_stands_below_the_text() -> None:
    given = answer("It opened [1].", citation())
    (post,) = answer_posts(given, link, kept=True)
    assert post.blocks[1:] == footer(given, link, kept=True)


@pytest.mark.parametrize(
    ("language", "tip", "head"),
    [
        ("en", "Other words may help", "*Perhaps of interest*"),
        ("fr", "Essayez avec d’autres mots", "*À lire peut-être*"),
    ],
)
def test_a_refusal_says_what_to_do(language: Language, tip: str, head: str) -> None:
    given = answer("Nothing found.", language=language, related=(related(), related("en/b", "B"), related()))
    (post,) = answer_posts(given, link, kept=True)
    check_post(post)
    said = shown(post.blocks)
    assert said.startswith(f"Nothing found.\n{tip}")
    address = f"{SITE}/documents/fr/pont?start=5&end=9&lang=en#cited"
    assert f"{head}\n• *<{address}|Le pont>*\n• *<{SITE}/documents/en/b?" in said
    assert said.count("Le pont") == 1
    assert [button["action_id"] for button in elements(post.blocks, "button")] == [ASK_AGAIN]
    assert not elements(answer_posts(given, None, kept=False)[0].blocks, "button")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_long_answer_is_several_messages(language: Language) -> None:
    sentence = "L’exemption de visa <entrera> en vigueur & durera [1]. "
    paragraphs = [f"Paragraphe {n}. {sentence * (n % 40 + 1)}".strip() for n in range(60)]
    posts = answer_posts(answer("\n\n".join(paragraphs), citation(), language=language), link, kept=True)
    assert len(posts) > 3
    for post in posts:
        check_post(post)
    said = [block["text"]["text"] for post in posts for block in post.blocks if block["type"] == "section"]
    assert not [part for part in said if not re.match(r"Paragraphe|L’exemption", part)]
    assert all(part.endswith(".") for part in said)
    # Nothing is lost, and only the last ends with the footer.
    words = unescape(" ".join(said)).split()
    assert words == " ".join(paragraphs).split()
    assert [bool(elements(post.blocks, "button")) for post in posts] == [False] * (len(posts) - 1) + [True]


@pytest.mark.parametrize("sign", ["&", "<", "*", "W", "é", ":", "😀", "[1]"])
def test_no_word_is_too_long(sign: str) -> None:
    posts = answer_posts(answer(sign * 9000, citation()), link, kept=True)
    for post in posts:
        check_post(post)
    said = "".join(block["text"]["text"] for post in posts for block in post.blocks if block["type"] == "section")
    assert unescape(said).replace(JOINER, "") == sign * 9000


@pytest.mark.parametrize("count", [1, 12, 60, 500])
@pytest.mark.parametrize("title", ["The bridge over the river", "&" * 400, "<!channel> " * 40])
def test_many_sources_are_packed(count: int, title: str) -> None:
    citations = [citation(n, title=title, quote="It opened. " * 40, parallel=Quote("fr/pont", "Il a ouvert.", 1, 2))
                 for n in range(1, count + 1)]  # fmt: skip
    given = answer("It opened [1].", *citations)
    posts = answer_posts(given, link, kept=True)
    for post in posts:
        check_post(post)
    said = "\n".join(shown(post.blocks) for post in posts)
    listed = len(re.findall(r"^\[\d+\]  \*", said, re.MULTILINE))
    assert listed == count or f"and {count - listed} more" in said
    check_limits(footer(given, link, kept=True))
    check_view(quotes_view(kept(given), link))


def test_an_empty_answer_is_shown_nonetheless() -> None:
    for text in ("", " \n ", "\x00"):
        (post,) = answer_posts(answer(text), None, kept=False)
        check_post(post)


# --- Notices and views


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_sign_of_life(language: Language) -> None:
    post = working_post(language)
    check_post(post)
    assert post.text == {"en": "Searching the articles…", "fr": "Recherche dans les articles…"}[language]


def test_a_notice_is_its_sentence_with_questions_to_try() -> None:
    post = notice_post(Notice("too_long", "fr", {"longest": 2000}, ("Quand\u202f?", "Où <@U1>\u202f?")))
    check_post(post)
    assert "2000 caractères" in post.text
    assert shown(post.blocks).endswith("Par exemple\u00a0:\n• Quand\u202f?\n• Où &lt;@U1&gt;\u202f?")


def test_a_question_names_who_asks() -> None:
    post = question_post("U123", "Who is <@U9>?", "en")
    check_post(post, called="@U123")
    assert shown(post.blocks) == "<@U123> asks: Who is &lt;@U9&gt;?"
    assert post.text.startswith("<@U123> asks: ")
    assert shown(question_post("U1", "Quand ?", "fr").blocks) == "<@U1> demande\u00a0: Quand ?"


@pytest.mark.parametrize("user_id", ["", "!channel", "U1>", "U1|x", "u1", "<!here>", "S123"])
def test_nobody_but_a_user_is_named(user_id: str) -> None:
    check_post(question_post(user_id, "When?", "en"))


def test_quotes_stand_in_their_own_languages_marks() -> None:
    first = citation(1, quote="It  opened\nin May [2].", parallel=Quote("fr/pont", "Il a ouvert.", 5, 9))
    second = citation(2, language="fr", quote="Il mesure 84 m.", document_id="fr/pont", title="Le pont")
    view = quotes_view(kept(answer("It [1] and [2].", first, second)), link)
    check_view(view)
    assert view["type"] == "modal"
    assert [view["title"]["text"], view["close"]["text"]] == ["Quotes", "Close"]
    said = [found["text"] for found in text_objects(view["blocks"])]
    assert said == [
        f"[1]  *<{link('en/visa', 0, 4)}|The bridge>* · English",
        "“It opened in May (2).”",
        f"The same in the other language: *<{link('fr/pont', 5, 9)}|Open the French article>*",
        "«\u202fIl a ouvert.\u202f»",
        f"[2]  *<{link('fr/pont', 0, 4)}|Le pont>* · French",
        "«\u202fIl mesure 84 m.\u202f»",
    ]
    assert "*fr/pont*" in shown(quotes_view(kept(answer("It [1].", first)), None))


def test_a_refusal_has_no_quotes_to_show() -> None:
    check_view(quotes_view(kept(answer("Nothing found.")), link))


def test_home_shows_what_there_is_and_how_to_ask() -> None:
    view = home_view("fr", ("Quand\u202f?", "W" * 2001, "", "Où\n donc\u202f?"), {"en": 1200, "fr": 3}, kept=True)
    check_view(view)
    assert view["type"] == "home"
    said = shown(view["blocks"])
    assert said.startswith("Interroger les articles\n")
    assert "Articles disponibles\u00a0: 3 en français, 1\u202f200 en anglais." in said
    buttons = elements(view["blocks"], "button")
    assert [(each["action_id"], each["value"]) for each in buttons] == [
        (f"{ASK_EXAMPLE}_0", "Quand\u202f?"),
        (f"{ASK_EXAMPLE}_1", "Où donc\u202f?"),
    ]
    assert "donner votre avis" in said
    plain = home_view("en", (), {}, kept=False)
    check_view(plain)
    assert not elements(plain["blocks"], "button")
    assert "0 in English, 0 in French" in shown(plain["blocks"])
    assert "whether it helped" not in shown(plain["blocks"])


# --- Whatever an article holds


def everything(words: str, language: Language, to: Link) -> tuple[list[tuple[Post, str]], list[dict[str, Any]]]:
    """Every post, with who may be called in it, and every view, with these words wherever somebody's words stand."""
    parallel = Quote(words, words, 3, 9)
    cited = citation(title=words, quote=words, url=words, document_id=words, published=words, parallel=parallel)
    given = answer(words, cited, citation(2), language=language, warnings=("llm_incomplete",))
    said = answer(f"So “{words}” [1].", cited, language=language)
    refused = answer(words, language=language, related=(related(words, words), related(words + "x", words)))
    posts = [post for each in (given, said, refused) for post in answer_posts(each, to, kept=True)]
    posts.append(notice_post(Notice("not_in_channel", language, {"channel": words}, (words, words))))
    asked = question_post("U7", words, language)
    views = [quotes_view(kept(given), to), home_view(language, (words, words), {"en": 1, "fr": 2}, kept=True)]
    return [*((post, "") for post in posts), (asked, "@U7"), (question_post(words, "When?", language), "")], views


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("batch", BATCHES)
def test_an_articles_words_are_only_words(batch: list[str], language: Language) -> None:
    for words in batch:
        for to in (link, None):
            posts, views = everything(words, language, to)
            for post, called in posts:
                check_post(post, called=called)
            for view in views:
                check_view(view)


def test_plain_words_are_not_changed() -> None:
    text = "L’eau (9 000 l) vient d’une citerne\u202f; 5 %, «\u202fsic\u202f» à 12:30 - fin [a].\n\nUne ligne"
    assert answer_posts(answer(text), None, kept=False)[0].blocks[0]["text"]["text"] == text


def test_every_block_is_one_that_slacks_own_library_knows() -> None:
    blocks = pytest.importorskip("slack_sdk.models.blocks")
    views = pytest.importorskip("slack_sdk.models.views")
    for language in LANGUAGES:
        posts, made = everything("A title & more", language, link)
        for post, _ in posts:
            assert [block.to_dict() for block in blocks.Block.parse_all(post.blocks)] == post.blocks
        for view in made:
            assert views.View(**view).to_dict() == view

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from qa_service.answers import Answer, Citation, Quote
from qa_service.channels.markdown_text import markdown, markers_in, without_notes

OURS = "http://127.0.0.1:8000/documents/en/visa?start=0&end=4#cited"
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![a picture](https://evil.example/seen.png)",
    "[a link](https://evil.example)",
    "[a link](javascript:alert(1))",
    "[2] and [3][2]",
    "[2]: https://evil.example",
    "[2](https://evil.example)",
    "(https://evil.example)",
    "&#91;2&#93; and &lbrack;2&rbrack; &lt;b&gt;",
    "<https://evil.example>",
    "\\<b> and \\[x](https://evil.example) and \\\\<i>",
    "`code` and ``more`` and ```",
    "**bold** __bold__ *a",
    "# A heading",
    "---\n\n**Sources**\n\n- [9] *Forged*",
    "===",
    "~~~",
    "a | b\n--- | ---\n1 | 2",
    "a | b\n:-: | :-:",
    "a | b\n-|-",
    "> quoted",
    "  # A heading",
    "x\n   ---\n\n**Sources**",
    "x\n -\ny",
    "- - -",
    "    code",
    "\tcode",
    "\u202e]2[ \u2066x\u2028y\x00z",
    "]",
    "*",
    "$$x^2$$ and $x$ and \\$y\\$",
    "\\",
]


def citation(n: int = 1, quote: str = "It opened in May.", **more) -> Citation:
    found = Citation(n, "en/visa", "The bridge", "en", "https://news.example/a", "2025-03-15", quote, 0, 4, 0.9)
    return replace(found, **more)


def answer(text: str, *citations: Citation, **more) -> Answer:
    made = Answer("a", "c", "When?", "en", text, abstained=not citations, composer="extractive", citations=citations)
    return replace(made, **more)


def shown(given: Answer) -> str:
    return markdown(given, lambda _: OURS)


def rendered(text: str) -> str:
    return MarkdownIt("gfm-like", {"linkify": False}).render(text)


def test_an_answer_is_its_text_and_a_list_of_sources():
    text = "It opened in May [1].\n\nIt is 84 metres long [2]."
    longer = citation(2, "It is 84 metres long, and rests on three piers.", url=None)
    assert shown(answer(text, citation(), longer)) == (
        f"{text}\n\n---\n\n**Sources**\n\n"
        "- [1] *The bridge* (15 March 2025): “It opened in May.” — <https://news.example/a>\n"
        f"- [2] *The bridge* (15 March 2025): “It is 84 metres long, and rests on three piers.” — <{OURS}>"
    )


def test_a_quote_that_the_answer_says_is_not_repeated():
    (line,) = re.findall(r"^- .*", shown(answer("It opened in May [1].", citation())), flags=re.MULTILINE)
    assert line == "- [1] *The bridge* (15 March 2025) — <https://news.example/a>"


def test_a_list_is_in_the_language_of_the_answer():
    parallel = Quote("fr/pont", "Il a ouvert en mai.", 0, 4)
    text = "L’article en anglais «\u202fThe bridge\u202f» indique\u00a0: «\u202fIt opened in May\u202f» [1]."
    notes = shown(answer(text, citation(parallel=parallel), language="fr", warnings=("sources_disagree",)))
    assert notes.startswith(f"{text}\n\n---\n\n*Les sources divergent sur ce point.*\n\n**Sources**\n\n")
    assert notes.endswith(
        "- [1] *The bridge* (15 mars 2025)\u00a0: «\u202fIt opened in May.\u202f» = «\u202fIl a ouvert en mai.\u202f»"
        " — <https://news.example/a>"
    )


@pytest.mark.parametrize("warnings", [(), ("llm_unavailable", "something_new")])
def test_a_refusal_has_no_sources(warnings):
    text = shown(answer("I could not find an answer.", warnings=warnings))
    assert "Sources" not in text
    assert without_notes(text) == "I could not find an answer."
    assert ("Please note: something new." in text) == bool(warnings)


def test_notes_are_taken_off_again():
    whole = shown(answer("It opened in May [1].", citation(quote="A long one.")))
    assert without_notes(whole) == "It opened in May [1]."
    for end in range(len(whole)):
        assert without_notes(whole[:end]).startswith("It opened in May [1]."[:end])
        assert len(without_notes(whole[:end])) <= len("It opened in May [1].\n\n--")
    assert markers_in("It [1] opened [12][3].") == {1, 12, 3}


@pytest.mark.parametrize("words", HOSTILE)
def test_an_articles_words_are_only_words(words):
    hostile = citation(title=words, quote=words + " and a longer quote", published=words, url=f"https://x/{words}")
    plain = "".join(words.split("\n"))
    for text in (
        f"{plain} [1].",
        f"So it says “{plain}” [1]{plain} and on.",
        f"A line [1].\n{words}\n\n{words} [1].",
    ):
        page = rendered(shown(answer(text, hostile)))
        assert not re.search(r"<(?!/?(?:p|hr|ul|li|em|strong|a)\b)", page), page
        links = re.findall(r'<a href="([^"]*)"', page)
        assert len(links) == 1
        assert links[0].startswith(("https://x/", OURS[:20]))
        assert page.count("<hr") == 1
        assert page.count("<strong>") == 1
        assert page.count("<li>[") == 1
        said = re.sub(r"<[^>]*>", "", re.sub(r"(?s)<a .*?</a>", "", page))
        assert {int(n) for n in re.findall(r"\[(\d+)\]", said)} == {1}


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "https://[bad", "", None, "ftp://a.example", "//a.example"]
)
def test_only_the_webs_addresses_are_led_to(url):
    assert f"— <{OURS}>" in shown(answer("It opened [1].", citation(url=url)))


def test_an_address_stays_between_its_brackets():
    text = shown(answer("It opened [1].", citation(url='https://news.example/a b>c"d\n[2]é\ud800')))
    assert text.endswith("<https://news.example/a%20b%3Ec%22d%0A%5B2%5D%C3%A9?>")


def test_no_formula_is_made_of_an_articles_words():
    words = "It cost $5 to $10, $$x^2$$ and \\\\$y$"
    text = shown(answer(f"{words} [1].", citation(title=words, quote=words, published=words)))
    # As chat pages look for one: a dollar sign behind an even number of backslashes.
    assert "$" in text
    assert not re.search(r"(?<!\\)(?:\\\\)*\$", text)
    assert rendered(text).count("It cost $5 to $10, $$x^2$$ and \\\\$y$") == 3


def test_long_words_are_cut_between_two():
    text = shown(answer("It opened [1].", citation(title="word " * 99, quote="longer " * 99, published=None)))
    title, quote = re.findall(r"\*(.*)\*: “(.*)”", text)[0]
    assert title == "word " * 29 + "word…"
    assert quote.endswith("longer…")
    assert len(quote) <= 301


def test_a_plain_answer_is_not_changed():
    text = "L’eau (9 000 l) vient d’une citerne ; 5 % & plus, a_b, « sic » : 3 > 2 - fin [1].\n\n- Une\n- 5 °C"
    assert shown(answer(text, citation(), language="fr")).startswith(text + "\n\n---")

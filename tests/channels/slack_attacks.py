"""Words that would do something in Slack, and a look at whether they do."""

from __future__ import annotations

import random
import re

SITE = "https://qa.example.org"
JOINER = "\u2060"
ATTACKS = [
    "<!channel>",
    "<!here|x>",
    "<!everyone>",
    "<@U123>",
    "<#C1>",
    "<#C1|general>",
    "<!subteam^S1>",
    "<!date^1392734382^{date}^https://evil.example|x>",
    "<http://evil.example|click>",
    "<https://qa.example.org.evil.example|click>",
    "https://evil.example",
    "http://evil.example/?a=1&b=<x>",
    "www.evil.example",
    "mailto:",
    "mailto:me@evil.example",
    "<mailto:me@evil.example|me>",
    "&lt;!channel&gt;",
    "&amp;lt;!channel&amp;gt;",
    "&#60;!channel&#62;",
    "&amp;",
    "&",
    "<",
    ">",
    ">>> quoted",
    "\n> quoted",
    "\u200b",
    "\u200f",
    "\u202e",
    "\u2066",
    "|",
    "||",
    "`",
    "``` code ```",
    "`code`",
    "*bold*",
    "**bold**",
    "_slanted_",
    "~gone~",
    "~~gone~~",
    "*_~`",
    "[1](http://evil.example)",
    "[[1]](http://evil.example)",
    "![x](http://evil.example/x.png)",
    "[1]: http://evil.example",
    "[1]",
    "[99]",
    "[",
    "]",
    "(",
    ")",
    "# A heading",
    "\n# A heading",
    "\n===",
    "\n---",
    "\n    code",
    "\n\tcode",
    "\na | b\n--- | ---\n1 | 2",
    "\n- item",
    "\n1. item",
    "\u2028",
    "\u2029",
    "\ud800",
    "\udfff",
    "\x00",
    "\x1b[31m",
    "\r\n",
    "\n\n",
    ":skull:",
    ":+1::skin-tone-2:",
    ":skull",
    "@channel",
    "@here",
    "@everyone",
    "#general",
    "\\",
    "\\*",
    "\\<!channel>",
    "L’été",
    "word word word",
    "a sentence. ",
    "W" * 5000,
    "😀" * 2500,
    "&" * 5000,
    "*" * 700,
    "{who}",
    "{}",
    "%s",
    "",
    " ",
]


def hostile(seed: int) -> str:
    """Some attacks one after the other, in an order that the seed decides."""
    chance = random.Random(seed)
    parts = chance.choices(ATTACKS, k=chance.randint(1, 6))
    return chance.choice(["", " ", "\n"]).join(parts)


HOSTILE = [*map(hostile, range(300 - len(ATTACKS))), *ATTACKS]
# All of them are used as several things at once: so many together are shown in a fraction of a second.
BATCHES = [HOSTILE[at : at + 30] for at in range(0, len(HOSTILE), 30)]


def check_harmless(text: str, *, called: str = "") -> None:
    """Whether a text in Slack's markup calls nobody, links to our pages alone, and has no markup but our own."""
    for sequence in re.findall(r"<([^<>]*)>", text):
        if sequence != called:
            address, bar, words = sequence.partition("|")
            assert bar, sequence
            assert address.startswith(f"{SITE}/documents/")
            assert not set(words) & set("|<>")
    plain = re.sub(r"<[^<>|]*\|([^<>]*)>", r"\1", text).replace(f"<{called}>", "") if "<" in text else text
    assert not set(plain) & set("<>`\u202e\u200f\u2066\u2028\x00\x1b")
    assert not re.search(r"&(?!(?:amp|lt|gt);)", plain)
    bare = re.sub(rf"{JOINER}[*_~]{JOINER}", "", plain)
    assert not re.search("[_~]", bare)
    # Ours: what is bold begins and ends on its line.
    assert all(line.count("*") in (0, 2) for line in bare.split("\n")), bare
    assert not re.search(rf":(?!{JOINER})[^\s:]+:", plain)
    assert not re.search(r"^[ \t]*&gt;", plain, re.MULTILINE)

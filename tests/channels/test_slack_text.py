"""What people write in Slack, as plain text."""

from __future__ import annotations

import pytest

from qa_service.channels.slack_text import mentions_somebody, plain


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("<@UBOT> When was it signed?", "When was it signed?"),
        ("  <@UBOT|ask>, <@U2>: Quand l’accord a-t-il été signé ?", "Quand l’accord a-t-il été signé ?"),
        ("<@UBOT>", ""),
        ("<@UBOT>: :tada: Who won?", "Who won?"),
        ("<@UBOT>:wave: Qui a gagné\u202f? :pray::skin-tone-2:", "Qui a gagné\u202f?"),
        (":tada:", ""),
        ("Who won :question: At 10:30:15, or 3:2:1?", "Who won At 10:30:15, or 3:2:1?"),
        ("<@UBOT>:Qui a gagné\u202f?", "Qui a gagné\u202f?"),
        ("Who is <@U2|nadia> in <#C1|general>?", "Who is nadia in general?"),
        ("Who is <@U2>?", "Who is ?"),
        ("What of <https://example.org/a?b=1&amp;c=2|this article>?", "What of this article?"),
        ("What of <https://example.org/a?b=1&amp;c=2>?", "What of https://example.org/a?b=1&c=2?"),
        ("Write to <mailto:desk@example.org>", "Write to desk@example.org"),
        ("<!here> who knows?", "who knows?"),
        ("<!subteam^S1|@desk> who knows?", "@desk who knows?"),
        ("Since <!date^1392734382^{date}|Feb 18, 2014>?", "Since Feb 18, 2014?"),
        ("Was 3 &lt; 4 &amp;&amp; 5 &gt; 4?", "Was 3 < 4 && 5 > 4?"),
        ("Is &amp;lt; an entity?", "Is &lt; an entity?"),
        ("Moins de 3 < 4 ?", "Moins de 3 < 4 ?"),
        ("", ""),
    ],
)
def test_plain(written: str, read: str) -> None:
    assert plain(written) == read


def test_a_mention_is_known_wherever_it_stands() -> None:
    assert mentions_somebody("<@U1> hello")
    assert mentions_somebody("ask <@W2|nadia>")
    assert mentions_somebody("<!subteam^S1|@desk> who knows?")
    assert mentions_somebody("<!here> qui sait ?")
    assert not mentions_somebody("in <#C1|general>, &lt;@U1&gt; or <https://example.org>")
    assert not mentions_somebody("since <!date^1392734382^{date}|Feb 18, 2014>, &lt;!here&gt;")

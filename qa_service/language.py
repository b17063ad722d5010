"""Which language a text is in, how its words are folded, and the fixed sentences the service says in each."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import Literal, get_args

Language = Literal["en", "fr"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

WORD = re.compile(r"[^\W_]+")
# A capital that no sentence begins with.
NAME = re.compile(r"(?<=[\w,;)] )[A-ZÀ-ÖØ-Ý][\w-]*\w|(?<=\w[’'])[A-ZÀ-ÖØ-Ý][\w-]*\w")
# Control characters and line ends of any kind, and marks that change the direction of writing.
_UNSHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]+")

MONTHS: dict[Language, tuple[str, ...]] = {
    "en": tuple("January February March April May June July August September October November December".split()),
    "fr": tuple("janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split()),
}

# Words that carry no subject: they decide the language of a short question, and never what it is about.
STOP_WORDS: dict[Language, frozenset[str]] = {
    "en": frozenset(
        """
        a about above after again all also am an and any are as at be because been before being
        below between both but by can could did do does doing down during each either few for from
        further had has have having he her here hers him his how i if in into is it its itself just
        let me more most my no nor not now of off on once only or other our out over own please same
        say says said she should so some such tell than that the their them then there these they
        this those through to too under until up us very was we were what when where which while who
        whom whose why will with would you your s t hello hi hey thank thanks bye ok okay
        """.split()
    ),
    "fr": frozenset(
        """
        a afin ai ainsi alors après as au aucun aussi autre autres aux avant avec avez avoir avons c
        ce ceci cela celle celles celui ces cet cette ceux chez ci combien comme comment d dans de
        depuis des dès dit dire donc dont du elle elles en encore entre es est et étaient était
        étant été être eu eux fait faire font fut ici il ils j je jusqu l la là laquelle le lequel
        les lesquels leur leurs lors lui m ma mais me même mes moi mon n ne ni nos notre nous on ont
        ou où par pas pendant peu peut peuvent plus pour pourquoi puis qu quand que quel quelle
        quelles quels qui quoi s sa sans se selon sera seront ses si soit son sont sous sur t ta te
        tes toi ton tous tout toute toutes très tu un une va vers vos votre vous y bonjour bonsoir
        salut merci plaît ok
        """.split()
    ),
}

# What the service itself says; a placeholder in braces is filled in by the composer.
MESSAGES: dict[str, dict[Language, str]] = {
    "not_found": {
        "en": "I could not find an answer to this in the documents.",
        "fr": "Je n’ai pas trouvé de réponse à cette question dans les documents.",
    },
    "quoted_from_other_language": {
        "en": "The French article “{title}” says: “{quote}” [{n}].",
        "fr": "L’article en anglais «\u202f{title}\u202f» indique\u00a0: «\u202f{quote}\u202f» [{n}].",
    },
    "quoted_again_from_other_language": {
        "en": "The same French article also says: “{quote}” [{n}].",
        "fr": "Le même article en anglais indique aussi\u00a0: «\u202f{quote}\u202f» [{n}].",
    },
}


def message(key: str, language: Language, **values: object) -> str:
    """One of the service's own sentences, in a language."""
    return MESSAGES[key][language].format(**values)


def other(language: Language) -> Language:
    """The language that is not this one."""
    return "fr" if language == "en" else "en"


def known_language(name: str | None) -> Language | None:
    """The language of this name, if it is one of ours."""
    return next((language for language in LANGUAGES if language == name), None)


def sound(text: str) -> str:
    """A text without lone surrogates, which JSON may hold, and UTF-8, the index and a database refuse."""
    return text.encode("utf-8", "replace").decode("utf-8")


def one_line(text: str) -> str:
    """Somebody's words on one line, without what could move a terminal's cursor or turn the text around them."""
    return _UNSHOWN.sub(" ", text).strip()


def fold(text: str) -> str:
    """Lower case without accents, ligatures opened: what two spellings of a word share."""
    decomposed = unicodedata.normalize("NFKD", text.lower().replace("œ", "oe").replace("æ", "ae"))
    return "".join(char for char in decomposed if not unicodedata.combining(char))


@cache
def folded_stop_words(language: Language) -> frozenset[str]:
    """The stop words of a language, folded."""
    return frozenset(map(fold, STOP_WORDS[language]))


@cache
def all_stop_words() -> frozenset[str]:
    """The stop words of every language, folded."""
    return frozenset[str]().union(*map(folded_stop_words, LANGUAGES))


# What a word says of the language, positive for French. A stop word of one language alone says this much.
_STOP_WORD = 3.0
# No other word says more than this, however it looks.
_OTHER_WORD = 2.0
# Each further word says less: a question begins in its own language, and titles and names follow.
_FADING = 0.8
_FAINTEST = 0.2
# What is said in all must be more than this; below it a text shows no language.
_SHOWN = 0.5

# They make a question one of their language wherever they stand: "feuille de route, which areas?"
_ASKING = frozenset(
    """
    what which who whom whose when where why how
    quand que quoi quel quelle quels quelles ou combien pourquoi comment
    """.split()
)
# With these a question begins that needs no question mark.
_OPENING = frozenset("is are was were does did est".split())
# With these, what somebody is told to say.
_TELLING = frozenset(
    """
    tell explain list give show compare describe summarize summarise find more
    dis dites explique expliquez donne donnez montre montrez compare comparez decris decrivez resume resumez cherche
    cherchez plus
    """.split()
)
# With these, a few words that lean on what was said before: "And the ministers", "Et en anglais".
_GOING_ON = frozenset("and et in en".split())
_FEW = 4
# Somebody else's words, and perhaps in another language.
QUOTED = re.compile(r"«[^«»]*»|“[^“”]*”|\"[^\"]*\"")


def detect(text: str, default: Language | None = None) -> Language:
    """The language of a text or question; the default, or English, where it shows none."""
    return shown_language(text) or default or "en"


def shown_language(text: str) -> Language | None:
    """The language that a text or question shows by its words, with or without accents; None for names and numbers.

    Stop words say most, then how the other words look; names say nothing, and neither do quoted titles.
    """
    start = unicodedata.normalize("NFC", text[:20_000])
    bare = QUOTED.sub(" ", start)
    said = sum(_evidence(bare if WORD.search(bare) else start))
    if abs(said) < _SHOWN:
        return None
    return "fr" if said > 0 else "en"


def asks(text: str) -> bool:
    """Whether a text has the form of a question: by its mark or by its first words, in either language."""
    if re.search(r"\?(?!\w)", text):  # none of an address
        return True
    words = [fold(word) for word in WORD.findall(text[:200])]
    if not words:
        return False
    goes_on = words[0] in _GOING_ON and len(words) <= _FEW
    return goes_on or words[0] in _OPENING | _TELLING or not _ASKING.isdisjoint(words[:2])


def _evidence(text: str) -> Iterator[float]:
    # Not above: it imports numpy, and the command line must have its say before that.
    from qa_service.word_languages import frenchness

    words = WORD.findall(text)
    shouted, titled = text.isupper(), all(not word[0].islower() for word in words)
    for place, word in enumerate(words):
        acronym = len(word) > 1 and word.isupper() and not shouted  # "UN" is no article
        if acronym or word[0].isdigit():
            continue
        said = _said_by_stop_word(word)
        if said is None and not shouted and word[0].isupper() and (place or titled):
            continue  # a name
        if said is None:
            said = max(-_OTHER_WORD, min(_OTHER_WORD, frenchness(word.lower())))
        yield said if fold(word) in _ASKING else said * max(_FADING**place, _FAINTEST)


def _said_by_stop_word(word: str) -> float | None:
    """What a stop word says; None for other words, and for those that both languages have."""
    english = fold(word) in folded_stop_words("en")
    french = fold(word) in folded_stop_words("fr")
    if english == french:
        return None
    return _STOP_WORD if french else -_STOP_WORD

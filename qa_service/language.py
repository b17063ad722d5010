"""Which language a text is in, how its words are folded, and the fixed sentences the service says in each."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Any, Literal, cast, get_args

Language = Literal["en", "fr"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

WORD = re.compile(r"[^\W_]+")

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
        salut merci plaît
        """.split()
    ),
}

_FRENCH_LETTERS = re.compile(r"[éèêëàâçùûîïôœ]")

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


def fold(text: str) -> str:
    """Lower case without accents, ligatures opened: what two spellings of a word share."""
    decomposed = unicodedata.normalize("NFKD", text.lower().replace("œ", "oe").replace("æ", "ae"))
    return "".join(char for char in decomposed if not unicodedata.combining(char))


@cache
def folded_stop_words(language: Language) -> frozenset[str]:
    """The stop words of a language, folded."""
    return frozenset(map(fold, STOP_WORDS[language]))


# Below this probability py3langid is guessing (it gives names alone 0.6 to 0.85), and what the caller knows is better.
CONFIDENT = 0.9


def detect(text: str, default: Language | None = None) -> Language:
    """The language of a text or question.

    Stop words decide where they point one way, then French letters, which English has in names alone; the rest is
    left to py3langid's naive Bayes model (Lui and Baldwin, 2012), and where that is unsure the default, if there is
    one, wins.
    """
    start = unicodedata.normalize("NFC", text[:20_000])
    votes = {
        language: sum(word in STOP_WORDS[language] for word in WORD.findall(start.lower())) for language in LANGUAGES
    }
    if votes["en"] != votes["fr"]:
        return "en" if votes["en"] > votes["fr"] else "fr"
    if _FRENCH_LETTERS.search(start.lower()):
        return "fr"
    guess, probability = _identifier().classify(start)
    return default if default and probability < CONFIDENT else cast("Language", guess)


@cache
def _identifier() -> Any:  # noqa: ANN401 (py3langid is untyped)
    from py3langid import langid  # half a second, and needed for few texts

    identifier = langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)
    identifier.set_languages(list(LANGUAGES))
    return identifier

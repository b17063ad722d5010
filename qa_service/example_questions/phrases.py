"""What both languages' patterns share: an opening to read, the questions made of it, and what may be filled into one.

Precision goes before recall throughout: where it is not certain that a question is grammatical and says what it is
about, none is made.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from qa_service.chunking import sentences
from qa_service.language import NAME, WORD, Language, all_stop_words, fold
from qa_service.values import MONTHS_AND_DAYS
from qa_service.words import content_words

Kind = Literal["when", "how many", "who", "why", "where", "what", "about"]
# What a pattern makes of a sentence: the kind of question, and the question without its mark.
Asked = tuple[Kind, str]

# Characters: what is longer does not fit on a button, and nobody types it.
LONGEST = 90
_SHORTEST = 12
# Characters of a sentence that is read: the patterns look at its beginning.
_READ = 400
# Content words that say which thing is meant where no name does: if a part of the title has them too, or without.
_SPECIFIC = 2
_VERY_SPECIFIC = 4
_LONGEST_NAME = 45

_APOSTROPHES = re.compile("['\u2019\u02bc`\u00b4]")
# How words end that are written with a capital now and then, and are no names.
_ABSTRACT = re.compile("(?:[ts]ion|ment|ness|ism|isme|ship|ité|ity)s?$")
_NUMERAL = re.compile("[IVXLC]+e?")
_SPACES = re.compile(r"\s+")
# Letters, digits, spaces, apostrophes and hyphens, from a letter or a digit to the end: nothing that a page or a
# terminal could take for its own.
_PLAIN = re.compile(r"[^\W_]+(?:[ -][^\W_]+|\u2019[^\W_]+)*")
_ENDS: dict[Language, str] = {"en": "?", "fr": "\u202f?"}
# Between the parts of a title.
_PARTS = re.compile(r"[:;,.!?()|«»“”\"]| [–—-] ")
_CLOSED = re.compile(r"\.\Z")
_LATIN = re.compile(r"[\x00-\u024f\u2019\u202f]+")

YEAR = r"(?:1[0-9]{3}|20[0-9]{2})"
# What a sentence is about, and what stands between its verb and a date.
SUBJECT = r"(?P<subject>[^\W_](?:[\w\u2019 -]){2,65}?)"
MIDDLE = r"(?P<middle>(?: [\w\u2019-]+){0,6}?)"

# A word of a name, what stands between two of them, and a name of a person: first and last names.
NAME_WORD = r"[A-ZÀ-ÖØ-Þ][a-zß-öø-ÿœ]+(?:[\u2019-][A-ZÀ-ÖØ-Þ]?[a-zß-öø-ÿœ]+)*"
_PARTICLE = r"(?:(?:da|di|del|della|van|von|der|den|bin|ibn|al|el|ben|dos) )?"
_OF_A_PERSON = r"[A-ZÀ-ÖØ-Þ][a-zß-öø-ÿœ]+(?:[\u2019-][A-ZÀ-ÖØ-Þ]?[a-zß-öø-ÿœ]{2,})*"
PERSON = (
    rf"{_OF_A_PERSON}(?: {_PARTICLE}{_OF_A_PERSON}){{1,3}}(?: [IVX]{{2,}}\b)?"
    r"(?![\w\u2019-])(?! (?:d[eu] |d\u2019|of )?[A-ZÀ-ÖØ-Þ])"
)
# Any name: acronyms too. A hyphen may be in a word or between two: words that are taken whole keep a long row of them
# from being divided in every possible way.
_ANY_WORD = rf"(?>{NAME_WORD}|[A-ZÀ-ÖØ-Þ]{{2,6}})"
ANY_NAME = rf"{_ANY_WORD}(?:[ -]{_ANY_WORD}){{0,3}}(?![\w\u2019-])"


@dataclass(frozen=True)
class Made:
    """A question, what kind of thing it asks for, and the span of the article's text that it was made of."""

    question: str
    kind: Kind
    start: int
    end: int


@dataclass(frozen=True)
class Opening:
    """The beginning of an article: whole passages, where they start in its text, and what its title says."""

    text: str
    start: int
    title: str
    language: Language

    def sentences(self) -> Iterator[tuple[str, int, int]]:
        """Each sentence with one kind of apostrophe and of space, and its span in the article's text."""
        for span in sentences(self.text, self.language):
            text = self.text[span.start : span.end]
            if _CLOSED.search(text) and len(text) <= _READ and _LATIN.fullmatch(plain(text)):
                yield plain(text), self.start + span.start, self.start + span.end

    @cached_property
    def names(self) -> frozenset[str]:
        """Words that are written with a capital where no sentence begins, and never without one."""
        found = (name for name in NAME.findall(plain(self.text)) if not _ABSTRACT.search(name))
        return frozenset(found) - {word.capitalize() for word in self.small}

    @cached_property
    def small(self) -> frozenset[str]:
        """Words that are written without a capital."""
        return frozenset(word for word in WORD.findall(f"{self.text} {self.title}") if word.islower())

    def is_specific(self, phrase: str) -> bool:
        """Whether a reader who has not seen the article knows which thing is meant: by a name, or as the title's."""
        if any(word[0].isupper() and is_name(word) for word in WORD.findall(phrase)[1:]):
            return True
        first = WORD.match(phrase)
        if first and first[0] in self.names and fold(first[0]) not in _GENERIC:
            return True
        said = {fold(word) for word in content_words(phrase)}
        return len(said) >= _VERY_SPECIFIC or (
            len(said) >= _SPECIFIC and any(_is_all_of(said, part) for part in _PARTS.split(plain(self.title)))
        )

    def is_prominent(self, name: str) -> bool:
        """Whether an article tells of a name rather than mentions it: it is in the title, or comes again."""
        text = plain(self.text)
        return name in plain(self.title) or len(re.findall(rf"(?<!\w){re.escape(name)}(?!\w)", text)) > 1


def plain(text: str) -> str:
    """A text with typographic apostrophes and ordinary spaces."""
    return _SPACES.sub(" ", _APOSTROPHES.sub("\u2019", text)).strip()


def question(text: str, language: Language) -> str | None:
    """What is asked, with its mark; None where it holds anything but words, or is too long or too short."""
    asked = plain(text)
    if not _PLAIN.fullmatch(asked) or not _LATIN.fullmatch(asked) or not _SHORTEST <= len(asked) < LONGEST:
        return None
    return asked[0].upper() + asked[1:] + _ENDS[language]


def _is_all_of(words: set[str], part: str) -> bool:
    """Whether a part of a title has these words, and no name beside them: "the reserve" is not which one of all."""
    return words <= {fold(word) for word in WORD.findall(part)} and not any(
        word[0].isupper() and fold(word) not in words for word in WORD.findall(part)[1:]
    )


def bare_person(person: str) -> str | None:
    """The name of a person without an office or a form of address before it; None where too little is left."""
    first, _, rest = person.partition(" ")
    if fold(first) in all_stop_words():
        return None
    if fold(first) in _GENERIC or first in ("Mgr", "Mme", "Dame", "Professor", "Bishop", "Cardinal"):
        return bare_person(rest) if " " in rest else None
    other = {fold(word) for word in WORD.findall(person)} & _NOT_PEOPLE
    return person if is_name(person) and not other else None


def people_in(sentence: str, patterns: Iterable[re.Pattern[str]]) -> Iterator[str]:
    """The people that patterns, which name them as ``person``, find in a sentence."""
    for pattern in patterns:
        for found in pattern.finditer(sentence):
            if person := bare_person(found["person"]):
                yield person


def is_name(text: str) -> bool:
    """Whether a name can be asked about: not a weekday, a point of the compass or an office alone."""
    words = [fold(word) for word in WORD.findall(text)]
    if _NUMERAL.fullmatch(text):
        return False
    return (
        3 <= len(text) <= _LONGEST_NAME
        and not all(word in _GENERIC for word in words)
        and words[0] not in MONTHS_AND_DAYS
    )


# Of what bears a name like a person's, folded.
_NOT_PEOPLE = frozenset(
    """
    united city town party club football main bowl cup award awards house university college school river street park
    press records studios group series film band company island islands lake mount mountain bay road avenue square
    hall palace church cathedral bridge tower airport hospital museum festival league association federation union
    council committee court games times news post journal north south east west new saint-louis africa america europe
    asia pacific atlantic parti ville stade rue place avenue musee universite ligue coupe lac mont ile
    """.split()
)
# Written with a capital, and no name by themselves, folded: which council is not said.
_GENERIC = MONTHS_AND_DAYS | frozenset(
    """
    the le la les l council committee court house party commission games assembly board union church king queen
    president company agency act treaty senate parliament convention city state states government minister
    ministry republic university college school club league cup world war kingdom empire army navy bank fund
    office department law bill constitution congress secretary general north south east west northern southern
    eastern western central god bible christmas easter english french internet covid one two first second
    january mr mrs ms dr sir lord lady prime conseil comite cour maison parti jeux assemblee organisation eglise
    roi reine compagnie agence loi traite senat parlement ville etat etats gouvernement ministre ministere
    republique universite ecole ligue coupe monde guerre royaume armee banque fonds bureau departement congres
    nord sud est ouest dieu noel paques anglais francais revolution histoire terre soleil lune antiquite
    renaissance moyen age premier premiere ue onu usa tv us uk foreign affairs affaires etrangeres health sante
    finance finances education interior interieur defence defense justice security securite culture trade
    commerce independence independance administration science sciences architecture democracy democratie freedom
    liberte ordre history people peuple senator senateur national federal supreme high electoral executive
    international royal nationale federale haute generale electorale internationale royale centrale speaker
    representatives deputies alliance tower bridge river movement front project programme program plan
    initiative agreement accord protocol protocole charter charte conference summit sommet museum musee tour
    pont riviere mouvement projet temple mosque cathedral cathedrale castle chateau station gare airport
    aeroport stadium stade version series serie
    """.split()
)

"""A question that leans on the one before, completed by its subject: "And when?" after "What is the visa exemption?".

No language model is asked. What a question leans with is read off its own words: a pronoun that nothing in it stands
for, a beginning such as "What about", or that it names nothing at all. Every other question is left exactly as it is,
since a subject that does not belong to it does more harm than one that is missing.

A completed question is the question as it was asked, a dash, and the words that it takes over. The words behind the
dash are the subject of the conversation: the next question takes them over rather than what was asked about them.
Names out of the answer that was quoted are not taken over: tried for "he" and "they", they answered no more questions.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from qa_service.language import LANGUAGES, WORD, Language, fold
from qa_service.words import content_words

# A bar that nobody types: a dash in a reader's own question is part of it.
DASH = " \u2015 "

# Characters: whoever writes more than this says what it is about.
_LONGEST = 300
# Words: more than these are no subject.
_MOST_TAKEN = 20

# All patterns read folded text with plain apostrophes: lower case, no accents. "où" is told from "ou" before.

_OPENING = re.compile(
    r"^(?:and|but|so|then|ok|okay|well|et|mais|alors|donc|puis|bon)\b[ ,:]*"
    r"|^(?:what|how) about\b|^qu'en est-il (?:de|du|des|pour)\b|^quid (?:de|du|des)\b|^in that case\b|^dans ce cas\b"
)
# What stands in place of another thing in an otherwise unchanged question.
_INSTEAD = re.compile(
    r"^(?:(?:and|but|so|et|mais|alors)\b[ ,:]*)?"
    r"(?:(?:what|how) about\b|qu'en est-il (?:de|du|des|pour)\b|quid (?:de|du|des)\b|(?:and|but|et|mais|alors)\b)"
)

# Question words and verbs without which a question is only a part of one.
_SENTENCE = re.compile(
    r"\b(?:what|which|who|whom|whose|when|where|why|how|is|are|was|were|am|do|does|did|has|have|had|can|could|will|would|"
    r"should|may|might|must|tell|explain|describe|show|give|list|name|"
    r"qui|que|quoi|quand|quel|quelle|quels|quelles|where_fr|pourquoi|comment|combien|est|sont|etait|sera|seront|ont|avait|"
    r"est-ce|va|vont|peut|peuvent|peut-on|doit|faut|dis|dites|explique[rz]?|parle[rz]?|donne[rz]?|montre[rz]?|cite[rz]?)\b"
    r"|\b(?:qu|c|j|n)'|-(?:t-)?(?:il|elle|ils|elles|on|ce|moi|nous)\b"
)

# Beside these nothing is named: what a question asks for, and how it goes on.
_ASKED_FOR = frozenset(
    """
    date dates day days week month months year years time city cities town country countries place places port ports
    number numbers name names price cost amount reason reasons purpose details detail example examples session
    person people author else happen happened happens next exactly precisely instead information others
    jour jours semaine mois annee annees heure ville villes pays lieu lieux endroit numero numeros nombre nom noms
    prix cout montant raison raisons but details exemple exemples personne personnes gens passe passer
    suite precisement exactement ensuite plutot point information informations savoir ailleurs
    first last latest premier premiere dernier derniere quantieme two three deux trois aura auront
    """.split()
)
# They are asked of the service itself, and of nothing before.
_ABOUT_US = re.compile(
    r"\b(?:who|what|how) are you\b|\bwhat can you do\b|\bwhat do you (?:do|know)\b|\bqui (?:es-tu|etes-vous)\b"
    r"|\btu es qui\b|\bvous etes qui\b|\b(?:comment )?ca va\b|\bcomment (?:vas-tu|allez-vous)\b"
    r"|\bque (?:sais|peux|savez|pouvez)-(?:tu|vous) faire\b"
)
# They are said to be polite and ask for nothing.
_POLITE = frozenset(
    """
    and a lot very much so you et vous hello hi hey thanks thank bye ok okay
    goodbye good morning evening great perfect cool yes no nice
    bonjour bonsoir salut merci beaucoup revoir au parfait super oui non bien tres
    """.split()
)

_PRONOUNS = re.compile(
    r"\b(?:it|they|them|he|him|she|her|this|that|these|those|there)\b"
    r"|\b(?:il|elle|ils|elles|celui-ci|celle-ci|ceux-ci|celles-ci|cela|ca|ceci|lui|y)\b"
    r"|\bce(?:s|t|tte)? derni(?:er|ere|ers|eres)\b"
)
# They may have a thing of their own before them ("Morocco and its ports"), else they lean.
_POSSESSIVES = re.compile(r"\b(?:its|their|his|son|sa|ses|leurs?)\b")
# "This agreement", "cet accord": an earlier thing by its name.
_POINTING = re.compile(r"\b(?:this|that|these|those|ce|cet|cette|ces) (\w+)(?! d[eu]\b| d'| of\b| des\b)\b")
_NOT_POINTED_AT = frozenset(
    """
    text texte article document page service question year month week day morning time century way is was are were will
    can would could should has have had do does did
    annee mois semaine jour matin fois siecle que qui dont a sont sera n etait
    """.split()
)
_NOT_POINTING = re.compile(
    r"\b(?:this|that|these|those)"
    r"(?= (?:text|article|document|page|year|month|week|day|morning|time|century|way)\b)"
)
# Objects before the verb, whatever subject the question has: "Pourquoi le Maroc l'a-t-il signé ?"
_OBJECTS = re.compile(
    r"\bl'(?:a|as|ont|avait|avaient|aura|auront)\b|\b(?:qui|ne|les|va|vont) les (?:a|ont|avait)\b"
    r"|\bquel(?:le)?s? (?!est|sont|etai|sera|seront)\w+ (?:le|la|les) \w+(?: ?\?|$)"
    r"|\bqui (?:le|la|les) (?!\w+ (?:\w+ )*\w+-(?:t-)?(?:il|elle|ils|elles)\b)\w+(?: ?\?|$)"
    r"|\b(?:va|vont|peut|peuvent|doit|doivent|veut|veulent) (?:le|la|les|l'|y|en) ?\w+(?:er|ir|re|oir)\b"
    r"|\b(?:qu'|d'|j'|n'|s'|t'|m'|^)?en (?:pense|pensent|dit|disent|est-|sont-|a-|ont-|fait|font|parle|parlent|attend)"
)
# Pronouns that stand for nothing: "il y a", "is it true", "how long does it take to".
_EMPTY = re.compile(
    r"\b(?:qu')?il (?:n')?y (?:a|avait|aura)\b|\by (?:a|avait|aura)(?:-t)?-il\b|\bfaut-il\b|\bil faut\b|\bs'agit-il\b"
    r"|\bil s'agit\b|\best-il (?:vrai|possible|prevu|necessaire|obligatoire|question)\b|\bsera-t-il possible\b"
    r"|\bil est (?:vrai|possible|prevu|necessaire)\b|\bqu'est-ce\b|\best-ce\b|\by compris\b"
    r"|\b(?:pleut|neige|fera|fait)-(?:t-)?il\b|\ba-t-il (?:plu|neige)\b"
    r"|\b(?:is|was|be|makes?|made) it (?:\w+ )?\w+ (?:to|for|that|if|whether|which|what|when|how|with)\b"
    r"|\b(?:is|was|will|does|did|would) it (?:be )?(?:true|possible|allowed|take to|rain|snow|cost to)\b"
    r"|\bhow (?:long|much|far) (?:does|did|will|would|is) it (?:take|cost|from|to)\b|\bit takes\b"
    r"|\b(?:is|are|was|were|will) there\b|\bthere (?:is|are|was|were)\b"
)
# "A t il" for "a-t-il".
_TURNED = re.compile(
    r"\b(?:a|est|sont|ont|va|vont|sera|seront|aura|auront|peut|peuvent|doit) (?:t )?(?:il|elle|ils|elles)\b"
)
# "The plan that Morocco presented", "is it true that": no pronoun, unlike "when was that agreement signed".
_RELATIVE = re.compile(
    r"(?<=[a-z0-9] )(?<!\bis )(?<!\bwas )(?<!\bare )(?<!\bwere )(?<!\bdoes )(?<!\bdid )(?<!\bwill )(?<!\bin )(?<!\bon )"
    r"(?<!\bat )(?<!\bof )(?<!\bfor )(?<!\babout )(?<!\bby )(?<!\bto )that (?=[a-z])"
    r"|\b(?:those|celui|celle|ceux|celles) (?:who|which|that|qui|que|de)\b"
)

# Where a clause may end, so that what stands before it can be what a pronoun means.
_CLAUSE = re.compile(
    r",|;|:|\b(?:and|but|if|because|when|once|until|since|where|after|before|that|who|which|while|"
    r"et|mais|si|car|parce|lorsqu|lorsque|quand|puisque|apres|avant|"
    r"dit|dire|disent|says?|said|afin|pour)\b"
)
_ASKED = re.compile(r"\b(?:quel(?:le)?s?|which|what|combien d[e']|how many|how much) ?\w+")
_DETERMINED = re.compile(
    r"\b(?:the|a|an|my|your|our|each|le|la|les|un|une|du|des|au|aux|l'|d'|de|mon|ma|mes|nos|votre|vos|chaque)"
    r"(?: |(?<='))(\w+(?: \w+)?)"
)

# "Who signed?", "Qui a signé ?": nothing is said of what.
_WITHOUT_OBJECT = re.compile(
    r"^(?:(?:and|et|but|mais) )?(?:who|qui)(?: (?:a|ont|has|have|will|va|vont|did))? (\w+) ?\??$"
)
_BEING = frozenset("is are was were est sont etait am".split())

# "What is the roadmap?": nothing is asked about it.
_DEFINING = re.compile(r"(?:what|who) (?:is|are|was|were)\b|qu'est-ce qu|qui (?:est|sont)\b|c'est quoi\b")
# What is asked about a subject, and is no part of it.
_PREDICATES = re.compile(
    r"(?:sign(?!a)|adopt|present|propos|launch|announc|start|begin|began|happen|take|taking|took|effect|enter|entr(?:e|er|"
    r"ent|era)$|force|vigueur|appl(?:y|ie)|concern|cover|couvr|contain|contien|includ|hold|held|host|t(?:ien|en)(?:t|u|d)|"
    r"organis(?!a)|organiz(?!a)|plan(?:ned|s)$|prevu|prevoi|visit(?:ed|s)$|recu|receiv|meet$|reun(?:ir|it|ira|iront)|bring|together|"
    r"rassembl|link|run$|runs$|ger(?:e|er|era)$|help|aid(?:e|er)$|permet|allow|support|soutien|mention|evoqu|decri|describ|"
    r"nam(?:ed|es)$|nomm|cit(?:e|es|ent)$|call|appel|mean|signifi|sert$|serv(?:e|es|ir)$|think|thought|pens|say|said|dit$|"
    r"lieu$|place$|deroul|commenc|debut|profit|expect|attend|lance|annonce|creat|cree|decid|exempt(?:s|ed)$|donn|droit$)"
)


@dataclass(frozen=True)
class _Part:
    """A completed question, read again: what was asked, and the subject it was asked about."""

    asked: str
    subject: str


def complete(question: str, earlier: Sequence[str]) -> str:
    """A question with the subject that it leaves to the earlier ones; exactly as it is when it stands alone.

    ``earlier`` are the questions before it in the conversation as they were understood, oldest first.
    """
    before = next((text for text in reversed(earlier) if _names_something(text)), None)
    if before is None:
        return question
    if asked_language(question):
        return before
    if not leans(question):
        return question
    known = {fold(word) for word in WORD.findall(question)}
    taken = [word for word in _taken_over(question, _read(before)) if fold(word) not in known]
    return f"{question}{DASH}{' '.join(taken[:_MOST_TAKEN])}" if taken else question


def leans(question: str) -> bool:
    """Whether a question is about something that it does not name."""
    if len(question) > _LONGEST:
        return False
    text = _plain(question)
    words = WORD.findall(text)
    if not words or all(word in _POLITE for word in words) or _ABOUT_US.search(text):
        return False
    return _names_nothing(question) or _points_back(text, question) or _is_a_part(text)


def asked_language(question: str) -> Language | None:
    """The language that a question asks for and nothing else: "And in French?", "Et en anglais ?"."""
    words = set(WORD.findall(_plain(question)))
    asked = {language: words & names for language, names in _NAMES_OF_LANGUAGES.items()}
    found = [language for language in LANGUAGES if asked[language]]
    if len(found) != 1 or words - asked[found[0]] - _SAYING:
        return None
    return found[0]


_NAMES_OF_LANGUAGES: dict[Language, frozenset[str]] = {
    "en": frozenset({"english", "anglais", "anglaise"}),
    "fr": frozenset({"french", "francais", "francaise"}),
}
_SAYING = frozenset(
    """
    and but in into please now can could you say it that this answer reply repeat translate again the same thing
    question version to me give
    et mais en dans maintenant s il te vous plait peux tu peut on pouvez dire dis dites le la l ca cela reponds repondez
    repondre repete repetez traduis traduisez meme chose de nouveau donne moi
    """.split()
)


def _plain(text: str) -> str:
    """A text folded, with plain apostrophes, "où" told from "ou", and what "l a t il" lacks put back."""
    marked = re.sub(r"\boù\b", "where_fr", unicodedata.normalize("NFC", text.lower()))
    bare = fold(re.sub(r"[\u2019\u2018\u02bc`´]", "'", marked)).strip()
    elided = re.sub(r"\b(qu|[cdjlmn]) (?=[aeiouyh])", r"\1'", bare)
    return _TURNED.sub(lambda match: match[0].replace(" ", "-"), elided)


def _read(understood: str) -> _Part:
    asked, _, subject = understood.rpartition(DASH)
    return _Part(asked, subject) if asked else _Part(subject, "")


def _named(text: str) -> list[str]:
    """The words of a text that name something, as they are written, each once."""
    carrying = set(content_words(text))
    return list(dict.fromkeys(word for word in WORD.findall(text) if word.lower() in carrying and not _is_idle(word)))


def _is_idle(word: str) -> bool:
    bare = fold(word)
    return bare in _ASKED_FOR or bare in _POLITE


def _names_something(text: str) -> bool:
    return bool(_named(text))


def _names_nothing(question: str) -> bool:
    """Nothing but question words, what they ask for, and a verb without its object."""
    if not _names_something(question):
        return True
    found = _WITHOUT_OBJECT.match(_plain(question))
    return found is not None and found[1] not in _BEING and question.rstrip(" ?").split()[-1].islower()


def _points_back(text: str, question: str) -> bool:
    """Whether a word stands for something that the question itself does not name before it."""
    bare = _EMPTY.sub(" ", _RELATIVE.sub(" ", text))
    if _OBJECTS.search(bare):
        return True
    if any(match[1] not in _NOT_POINTED_AT for match in _POINTING.finditer(bare)):
        return True
    open_pronoun = any(not _has_own(bare[: match.start()], question) for match in _PRONOUNS.finditer(_unpointed(bare)))
    return open_pronoun or any(
        not _named(bare[: match.start()]) and _named(bare[match.end() :]) for match in _POSSESSIVES.finditer(bare)
    )


def _unpointed(text: str) -> str:
    """A text in which "this year" and the like hold no pronoun; every place stays where it was."""
    return _NOT_POINTING.sub(lambda match: "_" * len(match[0]), text)


def _has_own(before: str, question: str) -> bool:
    """Whether what stands before a pronoun names what it can mean."""
    if before.endswith("-"):  # "l'exemption entre-t-elle": the verb between them is no name
        return _names_subject(re.sub(r"[\w']+-(?:t-)?$", "", before), question)
    clauses = _CLAUSE.split(before)
    return any(content_words(_ASKED.sub(" ", clause)) for clause in clauses[:-1])


def _names_subject(clause: str, question: str) -> bool:
    """Whether a clause holds a noun with its article, or a name, beside what it asks for ("quelle ville")."""
    rest = _ASKED.sub(" ", clause)
    capitals = {fold(word) for word in WORD.findall(question) if word[0].isupper() and content_words(word)}
    nouns = [match[1] for match in _DETERMINED.finditer(rest)]
    return any(map(content_words, nouns)) or any(word in capitals for word in WORD.findall(rest))


def _is_a_part(text: str) -> bool:
    """Whether a question begins like one that goes on, and is no whole one: "And for diplomats?"."""
    opening = _OPENING.match(text)
    return opening is not None and not _SENTENCE.search(text[opening.end() :])


def _taken_over(question: str, before: _Part) -> list[str]:
    own = _named(question)
    everything = list(dict.fromkeys([*_named(before.asked), *_named(before.subject)]))
    if not own:
        return everything
    text = _plain(question)
    if _is_a_part(text):
        kept = _without_subject(everything, text) if _INSTEAD.match(text) else everything
        return kept or ([] if _DEFINING.match(_plain(before.asked)) else everything)
    subject = _named(before.subject) or everything
    return [word for word in subject if not _is_asked(word)] or subject


def _without_subject(words: list[str], text: str) -> list[str]:
    """What is asked, without what it was asked about: the words of the question take its place."""
    if re.search(r"\b(?:pour|for|in|at|a|au|aux|en|with|avec)\b", text):
        return words  # "And for diplomats?" adds to what was asked
    start = next((at for at, word in enumerate(words) if not _is_asked(word)), len(words))
    named = words[start:]
    end = start + sum(
        1 for _ in takewhile(lambda word: word[0].isupper() == named[0][0].isupper() and not _is_asked(word), named)
    )
    return words[:start] + words[end:]


def _is_asked(word: str) -> bool:
    return _PREDICATES.match(fold(word)) is not None

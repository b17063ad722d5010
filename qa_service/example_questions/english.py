"""English sentences turned into questions: an auxiliary changes its place, and no word needs its base form guessed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from qa_service.example_questions.phrases import (
    ANY_NAME,
    MIDDLE,
    NAME_WORD,
    PERSON,
    SUBJECT,
    YEAR,
    Asked,
    Kind,
    Opening,
    bare_person,
    is_name,
    people_in,
)
from qa_service.language import MONTHS, STOP_WORDS, WORD

_MONTH = f"(?:{'|'.join(MONTHS['en'])})"
_DAY = r"[0-3]?[0-9](?:st|nd|rd|th)?"
_DATE = (
    rf",? (?:on (?:[A-Z][a-z]+day,? )?(?:the )?(?:{_MONTH} {_DAY},? {YEAR}|{_DAY} (?:of )?{_MONTH},? {YEAR})"
    rf"|in (?:{_MONTH},? )?{YEAR})"
)
# What may follow a date without being a part of it, or the verb that the words before it lack.
_AFTER = r"(?=[.,]|,? (?:and|after|when|with|at|by|as|to|for|following|during|where|under|because|but)\b)"

_DATED = re.compile(
    rf"{SUBJECT} (?P<auxiliary>was|were) (?P<verb>(?:(?:first|officially|finally) )?[a-z]+){MIDDLE}{_DATE}{_AFTER}"
)
_FUTURE = re.compile(
    rf"{SUBJECT} (?P<auxiliary>will) (?P<verb>(?:be )?(?!not |also |only |then |be )[a-z]+){MIDDLE}{_DATE}{_AFTER}"
)
_REASON = re.compile(rf"{SUBJECT} (?P<auxiliary>was|were) (?P<verb>[a-z]+){MIDDLE},? because (?!of\b)")
_PLACE = re.compile(
    rf"{SUBJECT} (?P<auxiliary>is|are|was|were) (?P<verb>located|based|situated|headquartered|held|born|buried)"
    rf" (?:near|in|at|on) (?:the )?(?!{_MONTH}\b)[A-Z]"
)
# A clause that could stand alone.
_REPORTED = re.compile(r"\b(?:announced|said|confirmed|stated|declared|noted|added|explained) that (the .+)")
# What was done to a thing, whoever did it.
_OBJECT = re.compile(
    r" (?P<verb>signed|adopted|launched|founded|unveiled|ratified|introduced|completed|inaugurated|published|approved)"
    rf" (?P<subject>the (?:(?!in |at |to |with )[\w\u2019-]+ ?){{1,7}}?){_DATE}{_AFTER}"
)
_HEAD_ENDS = re.compile(" (?:of|for|on|between|in|with|to|at) ")
_AIMS = re.compile(rf"{SUBJECT} (?:aims? (?:to|at)|(?:is|are) (?:intended|meant|designed) to|seeks? to) ")
_BY = re.compile(rf"{SUBJECT} (?:was|were) (?P<verb>[a-z]+) by (?:the )?(?!{_MONTH}\b|[A-Z][a-z]+day\b)[A-Z]")

# Past forms of verbs, and what "did" needs in their place: with no object, with any, and with nothing but one.
_INTRANSITIVE = {
    "opened": "open",
    "closed": "close",
    "began": "begin",
    "started": "start",
    "ended": "end",
    "died": "die",
    "arrived": "arrive",
    "appeared": "appear",
    "retired": "retire",
    "resigned": "resign",
    "collapsed": "collapse",
    "sank": "sink",
    "took place": "take place",
    "became independent": "become independent",
    "entered into force": "enter into force",
    "came into force": "come into force",
    "came to power": "come to power",
    "came to an end": "come to an end",
}
_TRANSITIVE = {
    "joined": "join",
    "won": "win",
    "signed": "sign",
    "adopted": "adopt",
    "launched": "launch",
    "founded": "found",
    "published": "publish",
    "became": "become",
    "left": "leave",
    "entered": "enter",
    "gained": "gain",
    "ratified": "ratify",
    "invaded": "invade",
    "hosted": "host",
    "presented": "present",
    "unveiled": "unveil",
    "married": "marry",
    "received": "receive",
    "established": "establish",
    "introduced": "introduce",
    "announced": "announce",
    "replaced": "replace",
    "defeated": "defeat",
    "opened": "open",
    "declared": "declare",
    "moved to": "move to",
}
_ACTIVE = re.compile(rf"{SUBJECT} (?P<verb>{'|'.join(_INTRANSITIVE | _TRANSITIVE)}){MIDDLE}{_DATE}{_AFTER}")
# What belongs to the subject may be said of its object.
_OWN = re.compile(r" (?:its|his|her|their) (?=[\w ]*(?:[A-Z]|independence))")
_BEGINS_AN_OBJECT = re.compile(r" (?:its|his|her|their) [a-zA-Z]| (?:the|a|an) [a-z]| (?:the )?[A-Z]|\Z")

_NUMBER = (
    r"(?:(?:about|around|nearly|almost|more than|over|some|at least|approximately) )?"
    r"(?:[0-9][0-9,. ]*|(?:(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|"
    r"fifty|sixty|seventy|eighty|ninety|hundred|thousand|one|and)[ -])+?)\s?(?:(?:hundred|thousand|million|billion) )*"
)
_HAS = {
    "has": ("does", "have"),
    "have": ("do", "have"),
    "had": ("did", "have"),
    "contains": ("does", "contain"),
    "holds": ("does", "hold"),
    "includes": ("does", "include"),
    "comprises": ("does", "comprise"),
    "employs": ("does", "employ"),
    "covers": ("does", "cover"),
}
_COUNTED = re.compile(
    rf"{SUBJECT} (?P<verb>{'|'.join(_HAS)}) {_NUMBER} ?(?P<noun>(?:[a-z]+[^\W\ds_] )?(?:[a-z]{{3,}}s|people|children|"
    r"women|men))(?! of\b)(?=[.,:;]| (?:and|in|on|with|for|from|across|at|to|by|spread|each)\b)"
)
_NEVER_COUNTED = frozenset(
    "times years months days hours minutes percent points degrees others hundreds thousands".split()
)
_MEASURE = re.compile(
    rf"{SUBJECT} (?P<auxiliary>is|are|was|were) {_NUMBER} ?(?:metres|meters|kilometres|kilometers|miles|feet|km|m) "
    r"(?P<how>long|high|tall|wide|deep)\b"
)
_COSTS = re.compile(rf"{SUBJECT} (?P<verb>cost|costs) {_NUMBER} ?(?:euros|dollars|pounds|francs)\b")

_ROLE = (
    r"(?:(?:[a-z]+-)?(?:president|minister|mayor|ambassador|director|secretary|chancellor|king|queen|prince|princess|pope|"
    r"bishop|archbishop|senator|governor|commissioner|chairman|chairwoman|spokesman|spokeswoman|captain|coach|striker|"
    r"footballer|actor|actress|singer|writer|author|poet|painter|architect|engineer|scientist|professor|historian|economist|"
    r"physicist|biologist|astronaut|swimmer|runner|vaulter|player|composer|musician|rapper|journalist|activist|lawyer|judge|"
    r"general|colonel|leader|founder|politician|athlete|emperor|sultan|philosopher|novelist|filmmaker|entrepreneur|"
    r"businessman|businesswoman|boxer|goalkeeper|midfielder|explorer|missionary|bassist|guitarist|model|dancer))"
)
_ANY_ROLE = rf"(?i:{_ROLE})"

# A word that stands between an article and its noun.
_PART = r"(?!(?:by|of|in|for|with|and|about|from|to|on|at|starring)\b)[\w\u2019-]+"
_BY_ROLE = re.compile(rf"\b{_ANY_ROLE},? (?P<person>{PERSON})(?=[,.]| [a-z])")
_HOLDER = re.compile(rf"\b{_ANY_ROLE}(?: (?:of|for|the|and|to|[A-Z][\w\u2019-]+)){{1,6}}, (?P<person>{PERSON})[,.]")
_APPOSITION = re.compile(
    rf"(?:^|[ ,])(?P<person>{PERSON}), (?:the |a |an |its |his |her |their )?(?:{_PART} ){{0,3}}?{_ROLE}\b"
)
_IS_A_PERSON = re.compile(rf"^(?P<person>{PERSON}) (?P<auxiliary>is|was) (?:a|an|the) (?:{_PART} ){{0,4}}?{_ROLE}\b")
_OFFICE = re.compile(
    rf"(?:^|[ ,])[Tt]he (?P<office>(?:[a-z]+ )?{_ANY_ROLE} of (?:the )?"
    rf"(?P<of>{NAME_WORD}(?: {NAME_WORD})?)), {PERSON}[,.]"
)
_THING = (
    r"(?:city|town|village|capital|river|lake|mountain|island|organisation|organization|treaty|agreement|company|language|"
    r"film|novel|festival|airline|airport|university|newspaper|magazine|museum|stadium|bridge|railway|telescope|"
    r"satellite|programme|party|bank|disease|virus|plant|species|dish|dance|game|country|region|province|district|religion)"
)
_IS_A_THING = re.compile(
    rf"^(?P<thing>(?:The )?{ANY_NAME}) (?P<auxiliary>is) (?:a|an|the) (?:{_PART} ){{0,3}}?{_THING}(?![\w\u2019-])"
)
_ABOUT = re.compile(
    rf"\b[a-z]+,? (?:of|in|from|with|by|for|to|at|between|about|against|and) (?P<name>(?:the )?{ANY_NAME})"
    r"(?=[.,]| (?:is|was|has|had|will|and|in|on|for|to|from|at|with|who|which|said)\b)"
)

_DETERMINERS = frozenset("the a an".split())
_BEFORE_DETERMINERS = frozenset(
    "of in for on at to between from by with over and under behind across near into".split()
)
# None of them stands in a noun phrase that can be taken over: clauses, pronouns, negation, and verbs that report.
_NEVER = frozenset(
    """
    that which who whom whose where when while if because since although as than but or nor not never no also only
    is are was were be been being has have had do does did will would can could may might must should shall
    it its he his him she her hers they their them we our us you your i my this these those there here one
    said says say told found find showed shows show hopes hope believes believe thinks think announced claims claimed
    confirmed reported reports added noted argued warned stated declared revealed suggested estimated know knew
    today yesterday tomorrow now then ago later still already however meanwhile another other others such same
    """.split()
)
_NOT_IN_A_SUBJECT = _NEVER | {"a", "an"}
_NOT_OWNERS = frozenset("today yesterday tomorrow women men children people last next year week world it".split())
# Participles and verbs with which the question would be odd, and what never is one.
_NO_PARTICIPLES = frozenset(
    """
    expected planned supposed due said reported estimated believed thought the a an in on at to of about not also only
    still already able likely set used going one part no it all very more less most so as for with by from there
    """.split()
)
_IRREGULAR = frozenset(
    """
    built held born written made sold sent won taken begun struck found led set bought brought put hit lost drawn sworn
    given shown known broken chosen driven forced laid left read released shot spent thrown torn born
    """.split()
)
_WROTE = {"written": "wrote", "taken": "took", "drawn": "drew", "given": "gave", "chosen": "chose", "begun": "began"}
_VERBAL = re.compile(r".{2,}(?:ed|ing)")


def questions(sentence: str, opening: Opening) -> Iterator[Asked]:
    """The questions that a sentence certainly answers, without their marks."""
    clause = _REPORTED.search(sentence)
    for said in (sentence, f"T{clause[1][1:]}") if clause else (sentence,):
        yield from _inverted(said, opening)
        yield from _past(said, opening)
    yield from _counts(sentence, opening)
    yield from _defined(sentence, opening)
    for found in _ABOUT.finditer(sentence):
        name = found["name"].removeprefix("the ")
        if is_name(name) and opening.is_prominent(name) and not name.endswith("\u2019s"):
            yield about(found["name"])[-1]


def about(name: str) -> tuple[Asked, Asked]:
    """What can be asked about a person; the second question about anything, by its name with its article."""
    return ("who", f"who is {name}"), ("about", f"what is known about {name}")


def people(sentence: str) -> Iterator[str]:
    """The people that a sentence introduces by what they are."""
    return people_in(sentence, (_HOLDER, _BY_ROLE, _APPOSITION, _IS_A_PERSON))


def _inverted(sentence: str, opening: Opening) -> Iterator[Asked]:
    patterns: tuple[tuple[Kind, str, re.Pattern[str]], ...] = (
        ("when", "when", _DATED),
        ("when", "when", _FUTURE),
        ("why", "why", _REASON),
        ("where", "where", _PLACE),
    )
    for kind, word, pattern in patterns:
        found = pattern.match(sentence)
        subject = _subject(found["subject"], opening) if found else None
        if found is None or subject is None:
            continue
        middle = found.groupdict().get("middle") or ""
        if (pattern is _FUTURE or _is_participle(found["verb"])) and _is_whole(middle):
            yield kind, f"{word} {found['auxiliary']} {subject} {found['verb']}{middle}"


def _past(sentence: str, opening: Opening) -> Iterator[Asked]:
    found = _ACTIVE.match(sentence)
    if found and (subject := _subject(found["subject"], opening)) and _is_whole(_OWN.sub(" ", found["middle"])):
        said = found["verb"] + found["middle"]
        if said in _INTRANSITIVE:
            yield "when", f"when did {subject} {_INTRANSITIVE[said]}"
        for past, base in _TRANSITIVE.items():
            rest = said.removeprefix(past)
            if rest != said and rest and _BEGINS_AN_OBJECT.match(rest):
                yield "when", f"when did {subject} {base}{rest}"
    for found in _OBJECT.finditer(sentence):
        thing = found["subject"]
        head = _HEAD_ENDS.split(thing)[0]
        if not head.endswith("s") and (subject := _subject("T" + thing[1:], opening)) and _is_whole(thing):
            yield "when", f"when was {subject} {found['verb']}"
    found = _BY.match(sentence)
    if found and (subject := _subject(found["subject"], opening)):
        verb = _WROTE.get(found["verb"], found["verb"])
        if _is_participle(found["verb"]) and not verb.endswith("n"):
            yield "who", f"who {verb} {subject}"


def _counts(sentence: str, opening: Opening) -> Iterator[Asked]:
    found = _COUNTED.match(sentence)
    if found and (subject := _subject(found["subject"], opening)):
        auxiliary, verb = _HAS[found["verb"]]
        if found["noun"].split()[-1] not in _NEVER_COUNTED:
            yield "how many", f"how many {found['noun']} {auxiliary} {subject} {verb}"
    found = _MEASURE.match(sentence)
    if found and (subject := _subject(found["subject"], opening)):
        yield "how many", f"how {found['how']} {found['auxiliary']} {subject}"
    found = _COSTS.match(sentence)
    if found and (subject := _subject(found["subject"], opening)):
        yield "how many", f"how much {'did' if found['verb'] == 'cost' else 'does'} {subject} cost"


def _defined(sentence: str, opening: Opening) -> Iterator[Asked]:
    found = _OFFICE.search(sentence)
    if found and is_name(found["of"]):
        office = found["office"]
        yield "who", f"who is the {office[0].lower()}{office[1:]}"
    found = _IS_A_PERSON.match(sentence)
    if found and found["auxiliary"] == "was" and (person := bare_person(found["person"])):
        yield "who", f"who was {person}"
    else:
        yield from ((kind, asked) for person in people(sentence) for kind, asked in about(person) if kind == "who")
    found = _AIMS.match(sentence)
    if found and (subject := _subject(found["subject"], opening)):
        yield "what", f"what is the aim of {subject}"
    found = _IS_A_THING.match(sentence)
    if found and is_name(found["thing"]) and (thing := _subject(found["thing"], opening)):
        yield "what", f"what is {thing}"


def _subject(phrase: str, opening: Opening) -> str | None:
    """A phrase that begins a sentence as it stands within one, where it surely is one noun phrase and says enough."""
    words = phrase.split()
    if len(words) > 9 or any(word.lower() in _NOT_IN_A_SUBJECT for word in words) or not opening.is_specific(phrase):
        return None
    if any(word in _DETERMINERS and before.lower() not in _BEFORE_DETERMINERS for before, word in pairwise(words)):
        return None
    joined = "and" in words and "between" not in words
    if joined and not all(word[0].isupper() or word in ("and", "the") for word in words):
        return None  # which of the words it joins cannot be told
    if words[0] == "The":
        return "the" + phrase[3:] if len(words) > 1 and words[-1].lower() not in _BEFORE_DETERMINERS else None
    return phrase if _begins_with_a_name(words, opening) else None


def _begins_with_a_name(words: list[str], opening: Opening) -> bool:
    first = words[0]
    owner = first.removesuffix("\u2019s")
    parts = WORD.findall(first)
    if not first[0].isupper() or parts[0].lower() in STOP_WORDS["en"] or owner.lower() in opening.small | _NOT_OWNERS:
        return False
    known = parts[0] in opening.names
    if owner != first:
        return known and all(word[0].islower() or word[0].isupper() for word in words[1:]) and len(words) > 1
    named = all(word[0].isupper() or word in ("of", "the", "and") for word in words)
    return named and words[-1][0].isupper() and (known or (len(words) > 1 and not words[-1].endswith("\u2019s")))


def _is_participle(verb: str) -> bool:
    last = verb.rsplit(maxsplit=1)[-1]
    return last not in _NO_PARTICIPLES and (last in _IRREGULAR or (last.endswith("ed") and len(last) > 4))


def _is_whole(middle: str) -> bool:
    """Whether the words between a verb and a date belong to that verb alone."""
    words = middle.split()
    if any(char.isdigit() for char in middle):
        return False  # it may be what the sentence tells
    return not any(word.lower() in _NEVER or _VERBAL.fullmatch(word) or word in _IRREGULAR for word in words) and (
        not words or words[-1].lower() not in _BEFORE_DETERMINERS | _DETERMINERS
    )

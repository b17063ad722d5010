"""French sentences turned into questions: a participle or an article tells the pronoun, else "est-ce que" does."""

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
from qa_service.language import MONTHS, STOP_WORDS, WORD, fold

_MONTH = f"(?:{'|'.join(MONTHS['fr'])})"
_DATE = (
    rf",? (?:le (?:[a-z]+di )?(?:1er|[0-3]?[0-9]) {_MONTH} {YEAR}|en (?:{_MONTH} )?{YEAR}"
    rf"|au mois d(?:e |\u2019){_MONTH} {YEAR})(?![\w-])"
)
_AFTER = (
    r"(?=[.,]|,? (?:et|après|avant|lors|quand|avec|à|au|aux|par|dans|pour|sous|sur|où|afin|en|chez|devant|contre)\b)"
)
# The same where an object may be lacking, which can stand behind the date.
_ENDS = r"(?=[.,]|,? (?:et|après|avant|lors|quand|afin)\b)"
_ADVERB = r"(?:(?:officiellement|définitivement|finalement) )?"

# The auxiliary of a compound tense, with "été" where it is passive; "s'est" where the verb is reflexive.
_COMPOUND = (
    r"(?:(?P<has>a|ont) (?P<been>été )?|(?P<reflexive>s\u2019est|se sont) |(?P<is>est|sont|sera|seront|fut|furent) )"
)
_DATED = re.compile(rf"{SUBJECT} {_COMPOUND}(?P<verb>{_ADVERB}[^\W\d_]+){MIDDLE}{_DATE}(?:{_ENDS}|(?P<more>){_AFTER})")
_REASON = re.compile(rf"{SUBJECT} {_COMPOUND}(?P<verb>{_ADVERB}[^\W\d_]+){MIDDLE},? (?:parce qu|car [a-z]|afin de )")
# Verbs in a simple tense; what stands before the date is then the whole of a clause.
_SIMPLE = re.compile(
    rf"{SUBJECT} (?P<verb>ouvre|ouvrira|ouvrit|entre en vigueur|entrera en vigueur|commence|commencera|débute|"
    r"débutera|prend fin|prendra fin|naît|naquit|meurt|mourut|devient|devint|deviendra|remporte|remporta|rejoint|"
    r"rejoignit|quitte|publie|épouse|épousa|fonde|fonda|adopte|aura lieu|se tient|se tiendra|se déroule|se déroulera|"
    r"accueille|accueillera|cesse|obtient|reçoit|gagne|crée|disparaît|apparaît|acquiert|adhère|accède)"
    rf"{MIDDLE}{_DATE}{_ENDS}"
)
_PLACE = re.compile(
    rf"{SUBJECT} (?P<verb>se trouve|se trouvent|se situe|se situent|est située?|sont située?s|est né|est née) "
    r"(?P<near>près|à|dans|en|au|sur|entre) "
)
_BY = re.compile(rf"{SUBJECT} (?:a|ont) été (?P<verb>[^\W\d_]+) par (?:le |la |l\u2019|les )?[A-ZÀ-ÖØ-Þ]")
# What was done to a thing, whoever did it.
_OBJECT = re.compile(
    r" (?:a|ont) (?P<verb>signé|adopté|lancé|fondé|dévoilé|ratifié|inauguré|publié|approuvé|créé|présenté|achevé)"
    rf" (?P<subject>l[ea] (?:(?!à |au |en |dans |avec )[\w\u2019-]+ ?){{1,7}}?){_DATE}{_AFTER}"
)
_AIMS = re.compile(rf"{SUBJECT} (?:vise(?:nt)? à|a pour (?:but|objectif)|cherche à|est destinée? à) ")
_IT_IS = re.compile(
    r"C\u2019est (?:[^,;:()«»“”\"]{3,60}?) qui "
    r"(?P<said>(?:a|préside|dirige|accueillera|représente) (?:[\w\u2019-]+ ?){2,8})(?=[.,])"
)
_NUMBER = (
    r"(?:(?:environ|près de|plus de|quelque|au moins|presque|à peu près) )?"
    r"(?:[0-9][0-9,. ]*|(?:(?:deux|trois|quatre|cinq|six|sept|huit|neuf|dix|onze|douze|treize|quatorze|quinze|seize|"
    r"vingt|trente|quarante|cinquante|soixante|cent|cents|mille|et|une)[ -])+?)\s?(?:(?:mille|cents?) )*"
    r"(?:(?:millions?|milliards?) d(?:e |\u2019))?"
)
_COUNTED = re.compile(
    rf"{SUBJECT} (?P<verb>compte|comptent|comportes?|comprend|comprennent|contient|rassemble|réunit|regroupe|emploie|"
    rf"possède|abrite|accueille|couvre) {_NUMBER} ?"
    r"(?P<noun>[^\W\d_]{3,}[sx])(?=[.,]| ?[:;]| (?:et|dans|en|sur|avec|pour|"
    r"par|au|aux|à|dont|qui|répartie?s)\b)"
)
_NEVER_COUNTED = frozenset(
    "fois jours mois ans années heures minutes autres pays pour millions milliards cents plus".split()
)
_MEASURE = re.compile(rf"{SUBJECT} (?P<verb>mesure|pèse|coûte|coûtera|mesurera) {_NUMBER} ?[^\W\d_]+")
_LASTS = re.compile(rf"{SUBJECT} (?P<verb>dure|dura|durera) {_NUMBER} ?(?:jours|mois|ans|heures|minutes|semaines)\b")

_ROLE = (
    r"(?:(?:vice-|ex-|co)?(?:président|présidente|ministre|maire|ambassadeur|ambassadrice|directeur|directrice|secrétaire|"
    r"chancelier|chancelière|roi|reine|prince|princesse|pape|évêque|archevêque|sénateur|sénatrice|gouverneur|commissaire|"
    r"porte-parole|capitaine|entraîneur|sélectionneur|attaquant|gardien|footballeur|footballeuse|acteur|actrice|chanteur|"
    r"chanteuse|écrivain|écrivaine|romancier|romancière|auteur|autrice|poète|peintre|sculpteur|architecte|ingénieur|"
    r"ingénieure|scientifique|professeur|professeure|historien|historienne|économiste|physicien|physicienne|biologiste|"
    r"astronaute|nageur|nageuse|compositeur|compositrice|musicien|musicienne|rappeur|rappeuse|journaliste|militant|"
    r"militante|avocat|avocate|juge|général|colonel|dirigeant|dirigeante|fondateur|fondatrice|philosophe|empereur|"
    r"homme politique|femme politique|député|députée|athlète|cinéaste|réalisateur|réalisatrice|mathématicien|"
    r"mathématicienne|chimiste|médecin|explorateur|navigateur|chef d\u2019État|chef d\u2019orchestre|joueur|joueuse|"
    r"basketteur|cycliste|skieur|skieuse))"
)
# What may stand between an office and who holds it.
_OF_THE_OFFICE = (
    r"(?: (?:(?!d[eu] |des |dans |pour |avec |chez |sous |entre |par |sur )[a-zà-ÿ]{3,}|d[eu] [A-Z][\w-]+|de la [\w-]+|"
    r"des [A-Z][a-zà-ÿ]+(?: [a-zà-ÿ]+)?))?"
)
_BY_ROLE = re.compile(rf"\b{_ROLE}{_OF_THE_OFFICE},? (?P<person>{PERSON})(?=[,.]| [a-zà])")
_HOLDER = re.compile(
    rf"\b{_ROLE}(?: (?:de|du|des|de la|et|(?:d\u2019|l\u2019)?[A-ZÀ-Þ][\w-]+|[a-zà-ÿ]+(?:ères|ais|ien|ain|e)))"
    rf"{{1,6}}, (?P<person>{PERSON})[,.]"
)
_APPOSITION = re.compile(
    rf"(?:^|[ ,])(?P<person>{PERSON}), (?:(?:le|la|un|une|son|sa|leur) |l\u2019)?(?:[a-zà-ÿ-]+ )?{_ROLE}\b"
)
_IS_A_PERSON = re.compile(
    rf"^(?P<person>{PERSON}) (?P<auxiliary>est|était|fut) (?:un |une |le |la |l\u2019)(?:[a-zà-ÿ-]+ )?{_ROLE}\b"
)
_OFFICE = re.compile(
    rf"(?:^|[ ,])(?P<the>[Ll]e |[Ll]a |[Ll]\u2019)(?P<office>{_ROLE} (?:de |du |de la |d\u2019|des )"
    rf"(?P<of>{NAME_WORD}(?:[ -]{NAME_WORD})?)), {PERSON}[,.]"
)
_THING = (
    r"(?:ville|commune|village|capitale|fleuve|rivière|lac|montagne|île|organisation|traité|accord|entreprise|société|"
    r"langue|film|roman|festival|compagnie|aéroport|université|journal|magazine|musée|stade|pont|satellite|programme|parti|"
    r"banque|maladie|virus|plante|espèce|plat|danse|jeu|sport|pays|région|province|département|religion|club|logiciel|"
    r"théorie|méthode|mouvement|association|chaîne|revue|cathédrale|château)"
)
_IS_A_THING = re.compile(
    rf"^(?P<thing>(?:Le |La |L\u2019|Les )(?:[a-zà-ÿ]+ (?:d[eu] |d\u2019)?)?{ANY_NAME}) (?:est|sont) "
    rf"(?:un |une |le |la |l\u2019|des |les )(?:[a-zà-ÿ]+ )?{_THING}s?\b"
)
# The article that a name has, read off what stands before it: "du Maroc" is of "le Maroc".
_ARTICLES = {
    "du": "le ",
    "au": "le ",
    "des": "les ",
    "aux": "les ",
    "de la": "la ",
    "à la": "la ",
    "de l\u2019": "l\u2019",
    "à l\u2019": "l\u2019",
    "à": "",
}
_ABOUT = re.compile(
    r"(?<![\w\u2019-])[a-zà-ÿ\u2019-]+,? "
    rf"(?P<before>du|au|des|aux|de la|à la|de l\u2019|à l\u2019|à)(?:(?<=\u2019)| )(?P<name>{ANY_NAME})"
    r"(?=[.,]| (?:a|est|et|ont|sont|sera|était|pour|dans|par|en|qui|que|où|avec|sur|le|afin|depuis|lors|contre)\b)"
)

_DETERMINERS = frozenset("le la les un une des".split())
_PREPOSITIONS = frozenset(
    """
    de du d à au aux en dans sur sous pour par avec entre contre chez vers et sans après avant lors devant selon depuis
    dès jusqu pendant durant
    """.split()
)
# None of them stands in a noun phrase that can be taken over: clauses, pronouns, negation, verbs, and what points.
_NEVER = frozenset(
    """
    qui que qu dont où quand lorsque lorsqu si car parce puisque comme mais ou donc or ni ne n pas plus jamais aussi
    il ils elle elles on nous vous je tu se s y lui leur ce cet cette ces celui celle ceux celles son sa ses leurs notre
    nos votre vos mon ma mes autre autres même mêmes ci là est sont était étaient sera seront fut furent a ont avait
    avaient aura auront été être avoir fait dit peut doit va
    ensuite puis alors hier demain aujourd déjà encore toujours également enfin ainsi cependant toutefois désormais
    dernier dernière suivant suivante
    """.split()
)
_NOT_IN_A_SUBJECT = _NEVER | {"un", "une"}
_PARTICIPLE = re.compile(
    r"(?:[^\W\d_]{2,}é|né|[^\W\d_]*(?:ouvert|couvert|offert|construit|détruit|produit|conduit|introduit|traduit|écrit|"
    r"inscrit|élu|tenu|obtenu|rendu|vendu|perdu|reçu|conçu|connu|battu|devenu|venu|revenu|promu|dissous|mis|pris|acquis|conquis|"
    r"admis|promis|remis|signé|réuni|choisi|parti|sorti|établi|bâti|fourni|rempli|envahi|mort|nommé))(?P<ends>e?s?)"
)
# Adjectives and nouns that end like participles, and participles with which "quand" would be odd.
_NO_PARTICIPLES = frozenset(
    """
    prévu prévue prévus prévues situé située situés situées appelé appelée considéré considérée composé composée
    """.split()
)
# Verbs whose compound tenses take "être".
_WITH_BEING = re.compile(
    r"(?:né|mort|entré|parti|sorti|arrivé|venu|devenu|revenu|resté|décédé|tombé|passé|monté|descendu|rentré)e?s?"
)
# What belongs to the subject may be said of its object.
_OWN = re.compile(r" (?:son|sa|ses|leurs?) (?=[\w ]*(?:[A-ZÀ-Þ]|indépendance))")
_PAST_ELSEWHERE = re.compile(r"[^\W\d_]{2,}(?:é|ée|és|ées|ant)")
_SINGULAR = frozenset(("a", "est", "sera", "fut", "s\u2019est"))


def questions(sentence: str, opening: Opening) -> Iterator[Asked]:
    """The questions that a sentence certainly answers, without their marks."""
    yield from _compound(sentence, opening)
    yield from _simple(sentence, opening)
    yield from _counts(sentence, opening)
    yield from _defined(sentence, opening)
    for found in _ABOUT.finditer(sentence):
        if is_name(found["name"]) and opening.is_prominent(found["name"]):
            yield about(_ARTICLES[found["before"]] + found["name"])[-1]


def about(name: str) -> tuple[Asked, Asked]:
    """What can be asked about a person; the second question about anything, by its name with its article."""
    return ("who", f"qui est {name}"), ("about", f"que sait-on {_of(name)}")


def people(sentence: str) -> Iterator[str]:
    """The people that a sentence introduces by what they are."""
    return people_in(sentence, (_HOLDER, _BY_ROLE, _APPOSITION, _IS_A_PERSON))


def _compound(sentence: str, opening: Opening) -> Iterator[Asked]:
    patterns: tuple[tuple[Kind, str, re.Pattern[str]], ...] = (
        ("when", "quand", _DATED),
        ("why", "pourquoi", _REASON),
    )
    for kind, word, pattern in patterns:
        found = pattern.match(sentence)
        if found is None or not _is_whole(_OWN.sub(" ", found["middle"]) if found["has"] else found["middle"]):
            continue
        if found.groupdict().get("more") is not None and found["has"] and not found["been"]:
            continue  # an object may be lacking
        subject = _subject(found["subject"], opening)
        asked = _turned(found, subject) if subject else None
        if asked:
            yield kind, f"{word} {asked}"
    for found in _OBJECT.finditer(sentence):
        subject = _subject("L" + found["subject"][1:], opening)
        if subject and _is_whole(found["subject"]) and (verb := _unagreed(found["verb"])):
            turned = f"a-t-elle été {verb}e" if subject.startswith("la ") else f"a-t-il été {verb}"
            yield "when", f"quand {subject} {turned}"
    found = _BY.match(sentence)
    if found and (subject := _subject(found["subject"], opening)) and (verb := _unagreed(found["verb"])):
        yield "who", f"qui a {verb} {subject}"


def _turned(found: re.Match[str], subject: str) -> str | None:
    """A clause in a compound tense with its subject taken up by a pronoun behind the auxiliary; None in doubt."""
    participle = found["verb"].split()[-1]
    known = _PARTICIPLE.fullmatch(participle)
    if known is None or participle in _NO_PARTICIPLES:
        return None
    auxiliary = found["has"] or found["reflexive"] or found["is"]
    singular = auxiliary in _SINGULAR
    agrees = bool(found["been"]) or not found["has"]
    if agrees and not _agree(known, singular=singular):
        return None
    if found["has"] and not found["been"] and _WITH_BEING.fullmatch(participle):
        return None
    rest = f"{found['verb']}{found['middle']}"
    feminine = known["ends"].startswith("e") if agrees else _is_feminine(subject)
    if feminine is None:
        return f"est-ce que {subject} {auxiliary} {rest}"
    pronoun = ("elle" if feminine else "il") + ("" if singular else "s")
    been = found["been"] or ""
    return f"{subject} {auxiliary}{_link(auxiliary)}{pronoun} {been}{rest}"


def _link(auxiliary: str) -> str:
    return "-t-" if auxiliary.endswith("a") else "-"


def _agree(participle: re.Match[str], *, singular: bool) -> bool:
    """Whether a participle has the number of its auxiliary; those that end in s say nothing."""
    return singular != participle["ends"].endswith("s") or participle[0].removesuffix("e").endswith("is")


def _is_feminine(subject: str) -> bool | None:
    """The gender that a subject's article shows; None where it shows none."""
    if subject.startswith("la "):
        return True
    return False if subject.startswith("le ") else None


def _unagreed(verb: str) -> str | None:
    """A participle as "a" has it: masculine and singular."""
    known = _PARTICIPLE.fullmatch(verb)
    if known is None or verb in _NO_PARTICIPLES:
        return None
    return verb.removesuffix(known["ends"]) if known["ends"] else verb


def _simple(sentence: str, opening: Opening) -> Iterator[Asked]:
    found = _SIMPLE.match(sentence)
    if found and (subject := _subject(found["subject"], opening)) and _is_whole(found["middle"]):
        yield "when", f"quand est-ce que {subject} {found['verb']}{found['middle']}"
    found = _PLACE.match(sentence)
    if found and (subject := _subject(found["subject"], opening)):
        born = found["verb"].startswith("est né")
        if not born or found["near"] in ("à", "près"):
            turned = f"{subject} est-{'elle' if found['verb'].endswith('e') else 'il'} {found['verb'][4:]}"
            yield "where", f"où {turned if born else found['verb'] + ' ' + subject}"
    found = _IT_IS.match(sentence)
    if found and found["said"].split()[-1].lower() not in _PREPOSITIONS | _DETERMINERS:
        said = found["said"].strip()
        if opening.is_specific(said) and not any(word.lower() in _NEVER for word in WORD.findall(said)[1:]):
            yield "who", f"qui {said}"


def _counts(sentence: str, opening: Opening) -> Iterator[Asked]:
    found = _COUNTED.match(sentence)
    if found and (subject := _subject(found["subject"], opening)) and found["noun"] not in _NEVER_COUNTED:
        of = "d\u2019" if found["noun"][0] in "aeiouéèêâîôûœ" or found["noun"] in ("habitants", "hommes") else "de "
        yield "how many", f"combien {of}{found['noun']} {found['verb']} {subject}"
    found = _MEASURE.match(sentence)
    if found and (subject := _subject(found["subject"], opening)):
        yield "how many", f"combien {found['verb']} {subject}"
    found = _LASTS.match(sentence)
    if found and (subject := _subject(found["subject"], opening)):
        yield "how many", f"combien de temps {found['verb']} {subject}"


def _defined(sentence: str, opening: Opening) -> Iterator[Asked]:
    found = _OFFICE.search(sentence)
    if found and is_name(found["of"]):
        yield "who", f"qui est {found['the'].lower()}{found['office']}"
    found = _IS_A_PERSON.match(sentence)
    if found and found["auxiliary"] != "est" and (person := bare_person(found["person"])):
        yield "who", f"qui était {person}"
    else:
        yield from ((kind, asked) for person in people(sentence) for kind, asked in about(person) if kind == "who")
    found = _AIMS.match(sentence)
    if found and (subject := _subject(found["subject"], opening)):
        yield "what", f"quel est le but {_of(subject)}"
    found = _IS_A_THING.match(sentence)
    if found and is_name(found["thing"]) and (thing := _subject(found["thing"], opening)):
        yield "what", f"qu\u2019est-ce que {thing}"


def _of(subject: str) -> str:
    """A noun phrase behind "de"."""
    for article, contracted in (("le ", "du "), ("les ", "des ")):
        if subject.startswith(article):
            return contracted + subject.removeprefix(article)
    return f"d\u2019{subject}" if fold(subject)[0] in "aeiou" else f"de {subject}"


def _subject(phrase: str, opening: Opening) -> str | None:
    """A phrase that begins a sentence as it stands within one, where it surely is one noun phrase and says enough."""
    words = re.split(r"[ \u2019]", phrase)
    if len(words) > 10 or any(word.lower() in _NOT_IN_A_SUBJECT for word in words) or not opening.is_specific(phrase):
        return None
    if any(word in _DETERMINERS and before.lower() not in _PREPOSITIONS for before, word in pairwise(words)):
        return None
    joined = "et" in words and "entre" not in words
    if joined and not all(word[:1].isupper() or word in ("et", "le", "la", "les", "l") for word in words):
        return None  # which of the words it joins cannot be told
    if words[-1].lower() in _PREPOSITIONS | _DETERMINERS:
        return None
    if words[0] in ("Le", "La", "Les", "L"):
        return phrase[0].lower() + phrase[1:] if len(words) > 1 else None
    return phrase if _begins_with_a_name(words, opening) else None


def _begins_with_a_name(words: list[str], opening: Opening) -> bool:
    first = WORD.findall(words[0])
    if (
        not first
        or not words[0][0].isupper()
        or first[0].lower() in STOP_WORDS["fr"]
        or first[0].lower() in opening.small
    ):
        return False
    named = all(word[:1].isupper() or word in ("de", "du", "la", "d") for word in words) and words[-1][:1].isupper()
    return named and (len(words) > 1 or first[0] in opening.names)


def _is_whole(middle: str) -> bool:
    """Whether the words between a verb and a date belong to that verb alone."""
    words = re.split(r"[ \u2019]", middle.strip())
    if any(char.isdigit() for char in middle):
        return False  # it may be what the sentence tells
    return not any(word.lower() in _NEVER or _PAST_ELSEWHERE.fullmatch(word) for word in words) and (
        words[-1].lower() not in _PREPOSITIONS | _DETERMINERS
    )

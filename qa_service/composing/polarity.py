"""What a sentence denies, and on which side of a pair of opposites it stands: "did not open", "rose" and "fell".

Word vectors do not tell "accepted" from "rejected", nor "signed" from "did not sign". Two lists do, for both languages
at once: words that deny what follows them in their clause, and pairs of opposites. All patterns read folded text with
plain apostrophes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

# Where a denial ends before its clause does.
_OTHERWISE = re.compile(r"\b(?:since|from|during|until|depuis|pendant|lors|durant|jusqu|selon|according|when|where|as|quand|lorsque|comme)\b")
# Content words after a word of denial that it denies, within its clause.
DENIED_WORDS = 4

_CLAUSE = re.compile(
    r"[,;:()–—]|\b(?:but|and|while|whereas|although|though|because|since|which|who|after|before"
    r"|mais|et|tandis que|alors que|car|bien que|qui|dont|apres|avant)\b"
)
# "Ne" alone denies nothing: something follows it within a few words ("ne … que" restricts).
_FRENCH_DENIAL = re.compile(
    r"\b(?:ne |n')(?=(?:[\w-]+'?[ -]*){0,6}?\b(?:pas|plus|jamais|aucune?|rien|ni|guere|personne|nul)\b)"
)
_DENIAL = re.compile(
    r"\b(?:not|never|nor|neither|none|nobody|nothing|without|cannot|no longer|no one|no(?! (?:more|fewer|less) than)(?! ?\d)(?!-)"
    r"|unable|hardly|yet to|instead of|rather than|far from|lack(?:s|ed|ing)?(?: of)?|absence of|devoid of"
    r"|aucune?|sans|jamais vu|faute de|depourvue?s? de|au lieu de|plutot que|loin de|absence de|incapable de)\b|n't\b"
)
# Verbs that deny; where they are denied themselves, what follows is so.
_DENYING_VERB = re.compile(
    r"\b(?:decid\w+ against|declin\w+ to|refus(?:e|es|ed|ing)\b(?! by)|fail(?:s|ed|ing)? to|rul(?:e|es|ed|ing) out"
    r"|escap(?:e|es|ed|ing)|refus(?:e|es|er|ent|ant|ait|ee)\b|exclu(?:t|re|ait)?\b|ecart(?:e|er|ee)\b|renonc\w+ a"
    r"|echou\w+ a|s'abst\w+ de|avoid\w*|evit\w+)\b"
)
# What says that something is not so without denying a word beside it.
_NOT_SO = re.compile(
    r"\b(?:un(?:able|likely|known|paid|available|\w{3,}ed)|in(?:trouv|chang|suffis|achev|demn|dispon)\w*|imp(?:ossib|ay)\w*"
    r"|await\w*|pending|en attente|reste\w* a|remains? to|gave up|giv(?:es?|ing|en) up|stop\w*|ceas\w+|cess\w+|still"
    r"|too early|trop tot|premature\w*|prematuree?s?|contrary to|unlike|contrairement|alone|no-confidence)\b"
)

# What stands for the one and for the other of two opposites.
_OPPOSITES: tuple[tuple[str, str], ...] = (
    (  # up and down
        r"ris(?:e|es|en|ing)|rose|increas\w+|gr[eo]w(?:s|n|ing|th)?|climb\w*|gain\w*|jump\w*|surg\w+|higher|up by"
        r"|augment\w+|hauss\w+|progress\w+|grimp\w+|croi(?:t|tre|ssance|ssant)|accru\w*|accelere\w*|accelerat\w+|bondi\w*"
        r"|rais(?:e|es|ed|ing)|relev(?:e|er|ee|ees|es|ent|ement)|doubl\w+|tripl\w+",
        r"fall(?:s|en|ing)?|fell|decreas\w+|drop(?:s|ped|ping)?(?! out)|declin(?:e|es|ed|ing)(?! to)|shr[aiu]nk\w*|lower\w*"
        r"|went down|going down|reduc\w+|cut(?:s|ting)?|slow\w+|slash\w*|baiss\w+|recul\w*|dimin\w+|chut\w+|repli\w*"
        r"|redui\w+|ralenti\w*|los(?:e|es|ing) (?:a|one|half|some)",
    ),
    (  # for and against
        r"accept\w*|approv\w+|adopt\w+|back(?:ed|s|ing)|support(?:s|ed|ing)?(?! centre)|welcom\w+|agree[ds]?|endors\w+"
        r"|in favou?r|passed|approuv\w+|vot(?:e|es|ed|ee|ees|ent|er|ing)\b|vot\w+ pour|en faveur|soutien\w*|souten\w+|soutenu\w*|salue(?:e|r|nt)?\b|valid\w+"
        r"|ratifi\w+|granted|accord(?:e|er|ee|ees|es)\b",
        r"reject\w*|refus\w+|oppos(?:e|es|ed|ing)\b|veto\w*|against|rejet\w+|contre\b|critici\w+|critiqu\w+|denonc\w+"
        r"|hostile\w*|turn\w* down|voted down|vot\w+ (?:against|contre)|contre le vote|s'oppos\w+|condemn\w*|betray\w*|trahison|denie[ds] permission",
    ),
    (  # open and closed
        r"open(?:s|ed|ing)?|reopen\w*|ouvr\w+|ouverte?s?|ouverture|rouvr\w+|rouverte?s?|inaugur\w+",
        r"clos(?:e|es|ed|ing|ure)|shut\w*|ferm(?:e|er|es|ee|ees|era|eront|eture|ent)",
    ),
    (  # won and lost
        r"w[io]n(?:s|ning|ner)?|beat(?:s|en)?|victor\w+|gagn\w+|remport\w+|vainqueur|s'impos\w+|s'est impos\w+|battu(?! par)"
        r"|batt(?:ent|re)|triumph\w*|defeated(?! by)|successful bid",
        r"lost|loses|losing to|lose to|defeated by|beaten by|perd(?:u|ue|us|ent)?|battu\w* par|defaites?|s'est incline\w*",
    ),
    (  # finished and given up
        r"finish\w*|complet(?:e|ed|es|ing)|termin\w+|achev\w+|reached the end",
        r"drop(?:s|ped|ping) out|pull(?:s|ed|ing) out|gave up|abandon\w*|renonc\w+|retired from|unfinished|inacheve\w*",
    ),
    (  # going ahead and called off
        r"go(?:es|ing)? ahead|maint(?:ient|enu\w*|iendr\w+|enir|ain\w*)|launch\w*|lanc(?:e|er|era|ee|ement)|ouvrira"
        r"|plan(?:s|ned)? to|will (?:open|build|launch)|appel\w* a|call(?:s|ed)? for|confirm\w*",
        r"call(?:s|ed|ing)? off|cancel\w*|annul\w+|scrap(?:s|ped|ping)|abandon\w*|renonc\w+|shelv\w+|suspen\w+|ecart\w+"
        r"|rul(?:es|ed|ing) out|gave up|give up|exclu(?:t|re)\b",
    ),
    (  # allowed and forbidden
        r"allow\w*|permit(?:s|ted)?|authori[sz]\w+|autoris\w+|permet\w*|permi(?:s|se|ses)|admi(?:s|se|ses)|peuvent|peut"
        r"|may\b|can\b|legal|let\b",
        r"forbid\w*|forbad\w*|ban(?:s|ned|ning)?|prohibit\w*|interdi\w+|defendu\w*|barred|illegal",
    ),
    (  # guilty and not
        r"convict\w*|guilty|condamn\w+|coupables?|sentenc\w+",
        r"acquit\w*|innocent\w*|relax(?:e|ee|es|er)\b|cleared|blanchi\w*",
    ),
    (  # harmed and spared
        r"injur(?:e|ed|ies|y)|hurt|wounded|bless(?:e|es|ee|ees|ures?)|kill(?:ed|s)|dead|deaths?|died|morts?|deces\w*"
        r"|victim\w*|damag\w+|destroy\w*|endommag\w+|detrui\w+|detruite?s?|hit|affected|affecte\w*|touche\w*|side effects?",
        r"unharmed|unhurt|spared|intact\w*|indemnes?|epargn\w+|unscathed|unaffected|escaped",
    ),
    (  # said to be so and denied
        r"confirm\w*|acknowledg\w+|admit\w*|reconnai\w+|reconnu\w*|conced\w+|admis\b",
        r"den(?:y|ies|ied)|dement\w*|infirm\w+|nie\b|nient|nier|contest\w+|disput\w+",
    ),
    (  # binding and not
        r"binding|contraignant\w*|mandatory|compulsory|obligatoires?",
        r"non-binding|non contraignant\w*|optional|voluntary|facultati\w+|volontaires?",
    ),
    (  # reached and missed
        r"succe(?:ed\w*|ss\w*)|reussi\w*|manag(?:ed|es) to|parven\w+|on track|well on its way|atteint|achiev\w+",
        r"fail(?:s|ed|ure|ing)?|echou\w+|echec|miss(?:ed|es)?|manqu\w+|off track|behind target",
    ),
    (  # on time and late
        r"ahead of schedule|on time|on schedule|as planned|a temps|en avance|comme prevu|a la date prevue|dans les temps",
        r"late(?!r)|delay\w*|behind schedule|postpon\w*|put off|retard\w*|report(?:e|ee|es) (?:a|au|de)|repouss\w*",
    ),
    (  # changed and left as it was
        r"chang(?:e|ed|es|ing)|modifi\w+|lower\w*|rais(?:e|ed|es)|cut(?:s|ting)?|baiss\w+|relev(?:e|er|ee)",
        r"unchanged|inchange\w*|kept|stable|left as|maint(?:ient|enu\w*|ain\w*)|sans changement",
    ),
    (  # kept and given back, stayed and left
        r"keep(?:s|ing)?|kept|stay(?:s|ed)?|remain(?:s|ed)?|rest(?:e|era|er|ent|eront)\b|conserv\w+|gard(?:e|er|era)\b",
        r"return\w*|hand(?:s|ed|ing)? (?:back|over)|restitu\w+|rend(?:u|ue|us|ues|re)\b|leav\w+|left|quitt\w+|resign\w*"
        r"|step\w* down|withdr[ae]w\w*|remov\w+|supprim\w+|drop(?:s|ped)?\b",
    ),
    (  # there and not there
        r"present\b|presence|attend(?:s|ed|ing)?|tak(?:e|es|ing) part|took part|particip\w+|assist(?:e|er|era)\b|presente?s?\b"
        r"|available|disponible\w*|play(?:s|ed|ing)?|jou(?:e|er|era)\b",
        r"absent\w*|absence|miss(?:es|ed|ing)?|manqu\w+|withdr[ae]w\w*|pull(?:s|ed|ing)? out|s'est abstenue?|abstain\w*"
        r"|annule sa venue",
    ),
    (  # told and kept back
        r"disclos\w+|reveal\w*|made public|publish\w*|publi(?:e|er|ee|es)|communique[res]*|divulgu\w+|devoil\w+|explain\w*"
        r"|expliqu\w+|comment(?:e|er|ed|s)?|answer\w*|repond\w*",
        r"secret\w*|withh\w+|conceal\w*|cach(?:e|er|ee|ent)|confidenti\w+|silen\w+|declin\w+ to (?:comment|say|answer)",
    ),
    (  # found and missing
        r"found|retrouv\w+|recover(?:ed|s)?|locat(?:ed|es)|restor\w+|re-establish\w*|retabli\w*",
        r"missing|introuvables?|disparu\w*|lost|perdu\w*",
    ),
    (  # upheld and struck down
        r"upheld|uphold\w*|confirm\w*|maintenu\w*|valid\w+",
        r"struck down|strik(?:es|ing) down|annul\w+|overturn\w*|quash\w*|cass(?:e|er|ee)|invalid\w+",
    ),
    (  # built and not
        r"buil(?:d|t|ding)|construi\w+|construct\w+|vu le jour|exists?|exist(?:e|ent)",
        r"demol\w+|abandon\w*|unbuilt",
    ),
    (  # free and held
        r"free(?:d|s)?\b|libre\w*|liber\w+|releas\w+",
        r"detain\w*|detention|arrest\w*|held|incarcer\w+|ecrou\w*|jail\w*|prison",
    ),
    (r"sell(?:s|ing)?|sold|vend\w*|cede\w*", r"b[uo]y(?:s|ing)?|bought|acquir\w+|achet\w+|acqui[ers]\w*"),
    (r"join(?:s|ed|ing)?|rejoin\w*|adher\w+", r"leav\w+|left|quit\w*|withdr[ae]w\w*|se retir\w+"),
    (
        r"includ\w+|inclu(?:s|se|t|re|ses)\b|cover(?:s|ed)?|couvr\w+|couverte?s?",
        r"exclud\w+|exclu\w*|except\w*|sauf|hors\b",
    ),
    (r"hir(?:e|ed|es|ing)|recrut\w+|embauch\w+", r"dismiss\w*|licenci\w+|sack\w*|lay(?:s|ing)? off|laid off|limog\w+"),
    (r"free(?: of charge)?\b|gratui\w+", r"paying|payante?s?|charged|fee\b"),
    (
        r"more than|plus de|over\b|exceed\w*|above|depass\w+|superieure?s?",
        r"less than|fewer than|moins de|under\b|below|inferieure?s?",
    ),
    (r"before|avant|prior to", r"after|apres|following"),
    (r"early|debut\w*|beginning", r"late(?!r)|fin\b|end\b"),
    (r"unanim\w+|consensus", r"divided|split\b|narrow\w*|partag\w+|divise\w*"),
    (r"trust\w*|confiance", r"distrust\w*|no-confidence|defiance|mefiance"),
    (r"record\w*|jamais vu|du jamais-vu", r"ordinary|habituel\w*"),
    (r"already|deja", r"not yet|pas encore|yet to"),
    (r"first|premier\w*", r"last\b|derniere?s?"),
    (r"begin(?:s|ning)?|beg[au]n|start(?:s|ed|ing)?|commenc\w+|debute\w*|demarr\w+|resum\w+|repren\w+|repri(?:s|se)", r"end(?:s|ed|ing)\b|stop\w*|ceas\w+|cess\w+|arret\w+|halt\w*"),
)
# Opposites of which the second is what is not so, not done or not there.
_NEGATIVE = frozenset((1, 2, 4, 5, 6, 8, 9, 10, 11, 13, 15, 16, 17, 18, 19))


def _alternatives(pattern: str) -> list[str]:
    """The alternatives of a pattern that stand in no brackets."""
    found, depth, start = [], 0, 0
    for place, char in enumerate(pattern):
        depth += {"(": 1, ")": -1}.get(char, 0)
        if char == "|" and not depth:
            found.append(pattern[start:place])
            start = place + 1
    return [*found, pattern[start:]]


def _sides(of_phrases: bool) -> dict[tuple[int, int], str]:
    """The patterns of either side of each pair, by pair and side: those of several words, or those of one."""
    found = {}
    for number, sides in enumerate(_OPPOSITES):
        for side, pattern in zip((1, -1), sides, strict=True):
            chosen = [one for one in _alternatives(pattern) if (" " in one or "'" in one) == of_phrases]
            if chosen:
                found[number, side] = "|".join(chosen)
    return found


_WORDS = {key: re.compile(pattern) for key, pattern in _sides(of_phrases=False).items()}
_PHRASES = {key: re.compile(rf"(?:{pattern})(?!\w)") for key, pattern in _sides(of_phrases=True).items()}
_ANY_PHRASE = re.compile(rf"\b(?:{'|'.join(_sides(of_phrases=True).values())})(?!\w)")
_WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*")


@lru_cache(maxsize=50_000)
def _sides_of(word: str) -> tuple[tuple[int, int], ...]:
    return tuple(key for key, pattern in _WORDS.items() if pattern.fullmatch(word))


@dataclass(frozen=True)
class Sign:
    """One of two opposites in a text: which pair, which side (1 or -1), and from where to where it stands."""

    pair: int
    side: int
    start: int
    end: int

    @property
    def negative(self) -> bool:
        """Whether it says that something is not so."""
        return self.side < 0 and self.pair in _NEGATIVE


def clause_borders(folded: str) -> list[int]:
    """Where clauses of a text begin, but for the first."""
    return [found.start() for found in _CLAUSE.finditer(folded)]


def denial_ends(folded: str) -> list[int]:
    """Where something else begins that no denial before it reaches."""
    return [found.start() for found in _OTHERWISE.finditer(folded)]


def denials(folded: str) -> list[tuple[int, int, bool]]:
    """Words of denial in order: where each begins, where what it denies does, and whether it is a verb."""
    found = [(match.start(), match.end(), False) for match in _FRENCH_DENIAL.finditer(folded)]
    found += [(match.start(), match.end(), False) for match in _DENIAL.finditer(folded)]
    found += [(match.start(), match.end(), True) for match in _DENYING_VERB.finditer(folded)]
    return sorted(found)


def not_so(folded: str) -> list[int]:
    """Where something else says that something is not so."""
    return [match.start() for match in _NOT_SO.finditer(folded)]


def signs(folded: str) -> list[Sign]:
    """The opposites that a text names, in order; a phrase counts as a whole, and not the words in it."""
    found: list[Sign] = []
    taken: list[tuple[int, int]] = []
    for match in _ANY_PHRASE.finditer(folded):
        taken.append(match.span())
        keys = [key for key, pattern in _PHRASES.items() if pattern.match(folded, match.start())]
        found += [Sign(pair, side, *match.span()) for pair, side in keys]
    for match in _WORD.finditer(folded):
        if not any(start <= match.start() < end for start, end in taken):
            found += [Sign(pair, side, *match.span()) for pair, side in _sides_of(match[0])]
    return sorted(found, key=lambda sign: sign.start)

"""What tells whether a claim says the opposite of sentences: denials and opposites, where both speak of one thing."""

from __future__ import annotations

from qa_service.composing.alignment import ALIGNED, Alignment
from qa_service.embeddings import Vectors

_DENIALS = (
    "denied by the claim alone",
    "denied by the claim with nothing of the kind near",
    "denied by the sentence alone",
    "denied by the sentence with nothing of the kind near",
    "denied by both",
    "only the claim is negative",
    "only the sentences are negative",
    "negative where the claim is not",
    "not negative where the claim is",
)
_OPPOSITES = ("opposites apart", "opposites alike", "opposites apart and alike")
POLARITY = (*_DENIALS, *_OPPOSITES, "two sentences")

# What two opposites count in no company, and the most that all of them count.
_OPPOSITE = 0.2
_MOST = 2.0


def polarity(alignment: Alignment) -> dict[str, float]:
    """The features of polarity, but for those that are known of any choice of sentences."""
    return denials(alignment) | opposites(alignment)


def denials(one: Alignment) -> dict[str, float]:
    """What is denied, of what both speak of, by one of them alone, and by both; the weightiest of each."""
    if not one.similar.size:
        return dict.fromkeys(_DENIALS, 0.0)
    ours, theirs = one.claim.denied, one.denied[one.at]
    here, there = one.beside.near_negative, one.near_negative[one.at]
    worth = one.best * one.weights * (one.best >= ALIGNED) * ~one.named
    alone, theirs_alone = worth * (ours & ~theirs), worth * (theirs & ~ours)
    claim_denies, they_deny = bool(here.any()), bool(one.near_negative.any())
    share = float(worth @ there) / max(float(worth.sum()), 1e-6)
    found = (
        (alone * there).max(),
        (alone * ~there).max(),
        (theirs_alone * here).max(),
        (theirs_alone * ~here).max(),
        (worth * (ours & theirs)).max(),
        claim_denies and not they_deny,
        they_deny and not claim_denies,
        0.0 if claim_denies else share,
        1 - share if claim_denies else 0.0,
    )
    return dict(zip(_DENIALS, map(float, found), strict=True))


def opposites(one: Alignment) -> dict[str, float]:
    """Pairs of opposites on which both stand on one side, and on different ones, as far as their company is alike."""
    best = _in_company(one)
    pairs = {pair for pair, _ in best}
    more = [best.get((pair, False), 0.0) - best.get((pair, True), 0.0) for pair in pairs]
    found = (
        min(sum(margin for margin in more if margin > 0), _MOST),
        min(sum(-margin for margin in more if margin < 0), _MOST),
        any((pair, False) in best and (pair, True) in best for pair in pairs),
    )
    return dict(zip(_OPPOSITES, map(float, found), strict=True))


def _in_company(one: Alignment) -> dict[tuple[int, bool], float]:
    """For each pair of opposites that both name, and for the same side and different ones: the likest company."""
    theirs: dict[int, list[tuple[int, Vectors]]] = {}
    for part in one.parts:
        last = len(part.statement.words) - 1
        for pair, side, place in part.statement.signs if last >= 0 else ():
            theirs.setdefault(pair, []).append((side, part.company[:, min(place, last)]))
    best: dict[tuple[int, bool], float] = {}
    last = len(one.claim.words) - 1
    for pair, side, place in one.claim.signs if last >= 0 else ():
        for other, company in theirs.get(pair, ()):
            key = pair, side == other
            best[key] = max(best.get(key, 0.0), _OPPOSITE + float(company[min(place, last)]))
    return best

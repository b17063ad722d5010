"""Which sentences of the sources bear out a claim, if any do.

Names and values decide by themselves: a claim with one that no cited passage has is not borne out. The rest is the
support model's: it looks at the sentences that come nearest to the claim, each by itself and two at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from qa_service.chunking import Passage
from qa_service.composing.alignment import Source, Texts
from qa_service.composing.comparison import Comparison
from qa_service.composing.evidence import Sentence, sentences_of
from qa_service.composing.opposition import contradicts
from qa_service.composing.quantities import is_possible, quantities
from qa_service.composing.statements import plain, read_statement, remembered_statement
from qa_service.composing.support_model import support_model
from qa_service.embedding_model import EmbeddingModel
from qa_service.language import Language

# Characters: no sentence that says one thing is longer.
_LONGEST_CLAIM = 700
# Words that say something, values included: one alone is met by chance.
_FEWEST = 2
# They say nothing, and a sentence that is still being written has none yet.
_STOPS = " .!?…"
# Sentences near the claim that are looked at closely.
_NEAREST = 4
# From this score on nothing else is looked for; below it, what is surer by so much takes the place of what is cited.
_SURE = 0.8
_SURER = 0.2
# And of those that have all of its values.
_BEARING = 2


@dataclass(frozen=True)
class Support:
    """The sentences that bear out a claim, and how sure that is, 0 to 1."""

    sentences: tuple[Sentence, ...]
    score: float


class Sources:
    """The numbered passages that an answer is written from, read once for all of its claims."""

    def __init__(self, passages: Sequence[Passage], published: Mapping[str, str | None], model: EmbeddingModel) -> None:
        """Read passages, the first of which is number 1.

        ``published`` says when documents were published, by their ids; ISO dates, None or missing where it is unknown.
        """
        self.numbers = range(1, len(passages) + 1)
        self.texts = [passage.text for passage in passages]
        self._sentences, self._standing = _distinct(passages)
        sources = _sources(self._sentences, published)
        self._folded = [source.statement.folded for source in sources]
        self._texts = Texts(sources, model)
        self._found: dict[tuple[str, tuple[int, ...]], Support | None] = {}

    def support(self, claim: str, language: Language, cited: Sequence[int]) -> Support | None:
        """What bears out a claim: sentences of the cited passages, else of any; None where nothing does."""
        key = (claim.strip().rstrip(_STOPS), tuple(cited))
        if key not in self._found:
            self._found[key] = self._support(key[0], language, frozenset(cited))
        return self._found[key]

    def features(self, claim: str, language: Language) -> list[dict[str, float]]:
        """The features of each choice of sentences that may bear out a claim, whatever it cites.

        There is no choice where the claim's names or values rule all out.
        """
        comparison, everywhere = self._compare(claim, language), range(len(self._sentences))
        if comparison is None or comparison.ruled_out(everywhere):
            return []
        return [comparison.features(unit) for unit in _units(comparison, everywhere)]

    def _compare(self, text: str, language: Language) -> Comparison | None:
        if len(text) > _LONGEST_CLAIM or not self._sentences:
            return None
        claim = read_statement(text.rstrip(_STOPS), language)
        says_enough = len(claim.words) + len(claim.values) >= _FEWEST
        return Comparison(claim, self._texts) if says_enough and is_possible(claim) else None

    def _support(self, text: str, language: Language, cited: frozenset[int]) -> Support | None:
        everywhere = range(len(self._sentences))
        named = [place for place in everywhere if self._standing[place] & cited]
        said = self._word_for_word(plain(text), [*named, *everywhere])
        if said is not None:
            return Support((self._sentences[said],), 1.0)
        comparison = self._compare(text, language)
        if comparison is None:
            return None
        found = self._among(comparison, named) if named else None
        if len(named) == len(everywhere) or (found and found.score >= _SURE):
            return found
        elsewhere = self._among(comparison, everywhere)
        return elsewhere if elsewhere and (found is None or elsewhere.score > found.score + _SURER) else found

    def _word_for_word(self, claim: str, places: Sequence[int]) -> int | None:
        """The first sentence that is the claim, or begins with it; a short one needs no comparison to be borne out."""
        ends = (len(claim), len(claim) + 1)
        return next(
            (
                place
                for place in places
                if claim and self._folded[place].startswith(claim) and not self._folded[place][slice(*ends)].isalnum()
            ),
            None,
        )

    def _among(self, comparison: Comparison, places: Sequence[int]) -> Support | None:
        """What bears out a claim among some sentences."""
        if comparison.ruled_out(places):
            return None
        units, judge = _units(comparison, places), support_model()
        place, score = judge.judge(comparison.meaning(units), lambda place: comparison.features(units[place]))
        unit = units[place]
        if score < judge.least or contradicts(comparison.features(unit)):
            return None
        if len(unit) > 1:
            singles = [(one,) for one in unit if (one,) in units]
            alone, one = max(
                ((judge.score(comparison.features(single)), single) for single in singles), default=(score, unit)
            )
            if alone >= score:
                unit, score = one, alone
        return Support(tuple(self._sentences[one] for one in unit), judge.probability(score))


def _units(comparison: Comparison, places: Sequence[int]) -> list[tuple[int, ...]]:
    """The choices of sentences to look at: the nearest ones, and the first of them with each other one.

    Those alone that bear out the most of the claim's values: a reader looks for these in what is quoted.
    """
    bearing = [place for place in places if not comparison.values_nowhere((place,))]
    near = comparison.nearest(places, _NEAREST)
    if 0 < len(bearing) < len(places):
        near += comparison.nearest(bearing, _BEARING)
    first, *others = dict.fromkeys(near)
    units = [(first,), *((other,) for other in others), *((min(first, one), max(first, one)) for one in others)]
    missing = [len(comparison.values_nowhere(unit)) for unit in units]
    return [unit for unit, count in zip(units, missing, strict=True) if count == min(missing)]


def _distinct(passages: Sequence[Passage]) -> tuple[list[Sentence], list[frozenset[int]]]:
    """The distinct sentences of the passages, which may overlap, and the numbers of those that each stands in."""
    numbers: dict[tuple[str, int], set[int]] = {}
    found: dict[tuple[str, int], Sentence] = {}
    for number, passage in enumerate(passages, start=1):
        for sentence in sentences_of(passage):
            numbers.setdefault(sentence.place, set()).add(number)
            found.setdefault(sentence.place, sentence)
    return list(found.values()), [frozenset(numbers[place]) for place in found]


def _sources(sentences: Sequence[Sentence], published: Mapping[str, str | None]) -> list[Source]:
    """The sentences as they are compared."""
    years: dict[str, set[int]] = {}
    for sentence in sentences:
        article = sentence.passage
        if article.document_id not in years:
            date = published.get(article.document_id)
            years[article.document_id] = {int(date[:4])} if date else set()
        statement = remembered_statement(sentence.text, article.language)
        years[article.document_id].update(value.year for value in quantities(statement) if value.year is not None)
    return [_source(sentence, frozenset(years[sentence.passage.document_id])) for sentence in sentences]


def _source(sentence: Sentence, years: frozenset[int]) -> Source:
    language = sentence.passage.language
    before, after = (
        remembered_statement(text, language) if text else None for text in (sentence.before, sentence.after)
    )
    return Source(
        remembered_statement(sentence.text, language),
        remembered_statement(sentence.passage.title, language),
        before,
        after,
        years,
    )

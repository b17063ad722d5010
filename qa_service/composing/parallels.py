"""What says the same in the other language: the sentence that a reader can hold beside a foreign quote.

It is looked for in the other versions of the quote's own article first, then everywhere. A wrong one is worse than
none: its values and names must not contradict those of the quote. Judged by hand on the sample articles: all 104 that
are found in both directions say the same, two of them loosely; of the 79 English sentences that have a counterpart, 50
find it. Among 4,008 pairs of translated news sentences, 2,084 find their translation and two find another
sentence; where the translation is taken away, eight find one.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from qa_service.answers import Quote
from qa_service.composing.evidence import Sentence, ends_like_a_sentence, sentences_of
from qa_service.embedding_model import EmbeddingModel
from qa_service.embeddings import Vectors
from qa_service.index_reader import OpenIndex
from qa_service.language import NAME, Language, fold
from qa_service.values import MONTHS_AND_DAYS, Value, agree, compatible, values_of
from qa_service.vector_store import key
from qa_service.words import alike, remembered_words

# From this cosine on, two sentences say the same, whatever documents they are from.
SAME_STATEMENT = 0.75
# The same across languages, where the mean of a translation is a little further away; and in two versions of one
# article, where it may be further down, and further still where each of two sentences is the other's nearest.
_PARALLEL_FROM = 0.70
_TRANSLATED_FROM = 0.65
_MUTUAL_FROM = 0.57
_CLEARLY = 0.08  # by so much, and no other sentence of either is as near
# Below this similarity a name is not met.
_SAME_NAME = 0.40
_PASSAGES = 8
# Of a very long article, the beginning is searched; the search by vectors reaches the rest.
_VERSION_PASSAGES = 60


def find_parallel(quote: Sentence, language: Language, index: OpenIndex, model: EmbeddingModel) -> Quote | None:
    """The sentence of an indexed document in this language that says what the quote says, if there is one."""
    found = _in_versions(quote, index, model) or _anywhere(quote, language, index, model)
    return Quote(found.passage.document_id, found.text, found.start, found.end) if found else None


def parallel_of_span(
    document_id: str, start: int, end: int, language: Language, index: OpenIndex, model: EmbeddingModel
) -> Quote | None:
    """The same for the sentence of a document that holds a span of its text (code points).

    None when no single sentence does, or when the document is in this language itself; UnknownDocument when there is
    none with this id.
    """
    if index.documents.summary(document_id).language == language:
        return None
    passages = index.documents.passages(index.documents.numbers_at(document_id, start, end))
    sentences = (one for passage in passages for one in sentences_of(passage))
    quote = next((one for one in sentences if one.start <= start and end <= one.end), None)
    return find_parallel(quote, language, index, model) if quote else None


def _in_versions(quote: Sentence, index: OpenIndex, model: EmbeddingModel) -> Sentence | None:
    """The sentence of another version of the quote's article that says the same."""
    versions = index.documents.translations(index.documents.summary(quote.passage.document_id))
    theirs = [one for version in versions for one in _sentences(version, index)]
    if not theirs:
        return None
    near = _best(quote, theirs, _TRANSLATED_FROM, model)
    return near or _mutually_nearest(quote, theirs, _sentences(quote.passage.document_id, index), model)


def _mutually_nearest(
    quote: Sentence, theirs: list[Sentence], ours: list[Sentence], model: EmbeddingModel
) -> Sentence | None:
    """The nearest sentence of another version, where the quote is its nearest too, and none else is nearly as near."""
    vectors = _vectors([quote, *theirs], model)
    cosines = vectors[1:] @ vectors[0]
    at = int(cosines.argmax())
    found, cosine = theirs[at], float(cosines[at])
    if cosine < _MUTUAL_FROM or not _bears_out(found, quote, cosine, model):
        return None
    others = _vectors([one for one in ours if one.text != quote.text], model) @ vectors[at + 1]
    rival = max(float(np.delete(cosines, at).max(initial=0)), float(others.max(initial=0)))
    return found if cosine >= rival + _CLEARLY else None


def _anywhere(quote: Sentence, language: Language, index: OpenIndex, model: EmbeddingModel) -> Sentence | None:
    """The sentence of any document in a language that says the same."""
    # The passage's own vector finds its counterpart, and costs no request to a provider.
    vector = index.vectors.vectors([quote.passage])[key(quote.passage)]
    nearest = index.vectors.search(vector.tolist(), language, _PASSAGES)
    passages = index.documents.passages([number for number, _ in nearest])
    return _best(quote, [one for passage in passages for one in sentences_of(passage)], _PARALLEL_FROM, model)


def _best(quote: Sentence, said: list[Sentence], least: float, model: EmbeddingModel) -> Sentence | None:
    """The nearest sentence, from a cosine on, that contradicts the quote in nothing."""
    vectors = _vectors([quote, *said], model)
    cosines = vectors[1:] @ vectors[0]
    order = [int(at) for at in (-cosines).argsort() if cosines[at] >= least]
    return next((said[at] for at in order if _bears_out(said[at], quote, float(cosines[at]), model)), None)


def _sentences(document_id: str, index: OpenIndex) -> list[Sentence]:
    """The sentences of a document, each once, though passages overlap."""
    passages = index.documents.passages(index.documents.numbers_of(document_id)[:_VERSION_PASSAGES])
    return list({one.start: one for passage in passages for one in sentences_of(passage)}.values())


def _vectors(sentences: Iterable[Sentence], model: EmbeddingModel) -> Vectors:
    return model.words.texts([one.text for one in sentences])


def _bears_out(found: Sentence, quote: Sentence, cosine: float, model: EmbeddingModel) -> bool:
    """Whether neither the values nor the names of two near sentences say that they speak of two things."""
    if not _values_agree(quote, found):
        return False
    missing, added = _unmet_names(quote, found, model), _unmet_names(found, quote, model)
    if cosine >= _PARALLEL_FROM:
        return not (missing and added)
    # So far down, a name that one side alone has is mostly another fact, and a heading says too little.
    return not missing and not added and ends_like_a_sentence(found.text)


def _values_agree(quote: Sentence, found: Sentence) -> bool:
    """Whether a sentence gives one of the quote's figures, if it has any, and contradicts none of its values."""
    asked, given = (values_of(one.text, one.passage.language) for one in (quote, found))
    if not agree(asked, given):
        return False
    figures = [value for value in asked if _in_figures(value)]
    return not figures or any(one.kind == other.kind and compatible(one, other) for one in figures for other in given)


def _in_figures(value: Value) -> bool:
    return any(word[:1].isdigit() for word in value.written)


def _unmet_names(one: Sentence, other: Sentence, model: EmbeddingModel) -> bool:
    """Whether a sentence holds a name that the other has in no form."""
    # "March 19" is a value, and has been compared.
    names = [name for name in map(fold, NAME.findall(one.text)) if name not in MONTHS_AND_DAYS]
    if not names:
        return False
    words = model.words.of(remembered_words(other.text))
    return bool((alike(model.words.of(names), words).max(axis=1, initial=0) < _SAME_NAME).any())

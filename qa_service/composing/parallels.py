"""What says the same in the other language: the sentence that a reader can hold beside a foreign quote."""

from __future__ import annotations

from qa_service.answers import Quote
from qa_service.composing.evidence import Sentence, sentences_of
from qa_service.embedding_model import EmbeddingModel
from qa_service.index_reader import OpenIndex
from qa_service.language import WORD, Language
from qa_service.vector_store import key
from qa_service.words import is_number

# From this cosine on, two sentences say the same, whatever documents they are from.
SAME_STATEMENT = 0.75
# The same across languages, where the mean of a translation is a little further away; read off the sample articles:
# right from here on, and in two versions of one article further down.
_PARALLEL_FROM = 0.70
_TRANSLATED_FROM = 0.65
_PASSAGES = 8


def find_parallel(quote: Sentence, language: Language, index: OpenIndex, model: EmbeddingModel) -> Quote | None:
    """The sentence of an indexed document in this language that says what the quote says, if there is one."""
    # The passage's own vector finds its counterpart, and costs no request to a provider.
    vector = index.vectors.vectors([quote.passage])[key(quote.passage)]
    nearest = index.vectors.search(vector.tolist(), language, _PASSAGES)
    passages = index.documents.passages([number for number, _ in nearest])
    said = [one for passage in passages for one in sentences_of(passage) if _numbers_agree(quote.text, one.text)]
    if not said:
        return None
    versions = index.documents.translations(index.documents.summary(quote.passage.document_id))
    vectors = model.words.texts([quote.text, *(one.text for one in said)])
    for at in (-(vectors[1:] @ vectors[0])).argsort():
        found, cosine = said[at], float(vectors[at + 1] @ vectors[0])
        if cosine >= (_TRANSLATED_FROM if found.passage.document_id in versions else _PARALLEL_FROM):
            return Quote(found.passage.document_id, found.text, found.start, found.end)
        if cosine < _TRANSLATED_FROM:
            break
    return None


def _numbers_agree(quote: str, other: str) -> bool:
    """Whether a sentence gives one of the quote's numbers, if it has any: vectors hardly tell one date from another."""
    numbers = set(filter(is_number, WORD.findall(quote)))
    return not numbers or bool(numbers & set(WORD.findall(other)))

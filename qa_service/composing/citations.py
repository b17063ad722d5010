"""What every composer obeys: how a source is cited, and how its words stand within an answer."""

from __future__ import annotations

import re
from collections.abc import Generator
from dataclasses import dataclass

from qa_service.answers import Citation, Delta
from qa_service.composing.evidence import Sentence
from qa_service.composing.parallels import find_parallel
from qa_service.embedding_model import EmbeddingModel
from qa_service.index_reader import OpenIndex
from qa_service.language import Language

_MARKER = re.compile(r"\[(\d+)\]")
# What makes lines and gaps; spaces that are not to be broken stay what they are.
_WHITE_SPACE = re.compile(r"[ \t\n\v\f\r\x85\u2028\u2029]+")


@dataclass(frozen=True)
class Draft:
    """What a composer makes: the answer's text and its citations; no citation means that it refused."""

    text: str
    citations: tuple[Citation, ...]
    warnings: tuple[str, ...] = ()
    # Sentences that were shown while the answer was written, and that it does not hold.
    withdrawn: tuple[str, ...] = ()
    composer: str = "extractive"
    # Numbers of the citations that contradict each other, where the sources disagree.
    disputed: tuple[int, ...] = ()


# A draft in the making: what is shown while it is written, and at last the draft itself.
Drafting = Generator[Delta | Citation, None, Draft]


def shown(draft: Draft) -> Drafting:
    """A finished draft as it is shown: its paragraphs, then its citations."""
    for paragraph in draft.text.splitlines(keepends=True):
        yield Delta(paragraph)
    yield from draft.citations
    return draft


def cite(
    n: int, sentence: Sentence, score: float, language: Language, index: OpenIndex, model: EmbeddingModel
) -> Citation:
    """The citation of a sentence, with the same in the asked language where its article is in the other one."""
    article = index.documents.summary(sentence.passage.document_id)
    foreign = article.language != language
    return Citation(
        n=n,
        document_id=article.id,
        title=article.title,
        language=article.language,
        url=article.url,
        published=article.published,
        quote=sentence.text,
        start=sentence.start,
        end=sentence.end,
        score=round(score, 4),
        parallel=find_parallel(sentence, language, index, model) if foreign else None,
    )


def displayed(text: str) -> str:
    """A source's words within an answer: on one line, and with no marker that could pass for one of ours."""
    return without_markers(_WHITE_SPACE.sub(" ", text).strip())


def without_markers(text: str) -> str:
    """A text in which nothing can pass for a marker of ours."""
    return _MARKER.sub(r"(\1)", text)

"""The composer that lets a language model write, and holds each of its sentences to the sources.

The model's text is shown as it comes. What stands in the finished answer is decided afterwards: a sentence stays only
if sentences of the sources bear it out, and it cites those, whatever number the model gave it. Where nothing stays,
or where no text comes, the answer is the one that quotes the sources.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace

from langchain_core.messages import BaseMessage

from qa_service.answers import Citation, Delta
from qa_service.chunking import Passage, sentences
from qa_service.composing.citations import Draft, Drafting, cite, shown
from qa_service.composing.claims import Claim, markers_of, read_claims, with_markers
from qa_service.composing.evidence import Sentence
from qa_service.composing.markers import Marker, MarkerReader
from qa_service.composing.reading import Reading
from qa_service.composing.support import Sources, Support
from qa_service.composing.wording import Wording, addresses_in, declines, instructs, is_label
from qa_service.embedding_model import EmbeddingModel
from qa_service.index_reader import OpenIndex
from qa_service.language import WORD, Language, message, other, shown_language
from qa_service.language_model import Allowance, CutShort, LanguageModel, PromptTooLong, Unavailable
from qa_service.prompting import NOT_FOUND, again_messages, answer_messages, numbered, within_budget
from qa_service.words import content_words

NAME = "llm"

UNSUPPORTED = "unsupported_sentence_removed"
UNAVAILABLE = "llm_unavailable"
INCOMPLETE = "llm_incomplete"
WRONG_LANGUAGE = "llm_wrong_language"

# What shows the language of a text: so much is held back until it is known to be the right one.
_OPENING_WORDS = 8
_OPENING_CHARS = 200
# While an answer is written, so many of its markers are looked up, each with so many characters before it.
_MARKERS_SHOWN = 50
_LOOKED_BACK = 600
# Sentences that are held to the sources: an answer has few, and a flood of them would outlast the deadline.
_MOST_CLAIMS = 50
# They state nothing by themselves.
_REPLIES = frozenset({"yes", "oui", "non", "si"})
# What UTF-8 or a database refuses, half a character and NUL, what a terminal obeys, and what turns the order of letters
# around. Every end of a line is the usual one.
_HARMLESS = (
    dict.fromkeys(
        [*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A), *range(0xD800, 0xE000)],
        "\N{REPLACEMENT CHARACTER}",
    )
    | dict.fromkeys(map(ord, "\n\v\f\r\x85\u2028\u2029"), "\n")
    | {ord("\t"): "\t"}
)
# The model's word for no answer, as it may be set: in quotes, in bold, its underscore escaped or left out.
_REFUSAL = re.compile(r"[\W_]{0,8}" + NOT_FOUND.replace("_", r"(?:\\?_| )"))


@dataclass(frozen=True)
class Writer:
    """What an answer is written with: a language model, what this answer may spend, and how much it reads.

    ``prompt_tokens`` are those of the passages, as ``count`` counts them.
    """

    llm: LanguageModel
    allowance: Allowance
    prompt_tokens: int
    count: Callable[[str], int]


@dataclass(frozen=True)
class _Task:
    """What is to be answered, in which language, and from what."""

    question: str
    language: Language
    index: OpenIndex
    model: EmbeddingModel
    writer: Writer
    _cited: dict[tuple[str, int], Citation] = field(default_factory=dict)

    def citation(self, n: int, sentence: Sentence, score: float) -> Citation:
        """The citation of a sentence, as number n; what it is shown with is looked up once."""
        if sentence.place not in self._cited:
            self._cited[sentence.place] = cite(n, sentence, score, self.language, self.index, self.model)
        return replace(self._cited[sentence.place], n=n, score=round(score, 4))


@dataclass(frozen=True)
class _Material:
    """What the model reads: passages, as they stand in a prompt, and when their articles were published."""

    passages: list[Passage]
    texts: list[str]
    published: Mapping[str, str | None]

    def first(self, count: int) -> _Material:
        """The first passages alone."""
        return replace(self, passages=self.passages[:count], texts=self.texts[:count])


@dataclass
class _Written:
    """What came of one call: the text as far as it was read, and how it ended."""

    sources: Sources
    pieces: list[str | Marker] = field(default_factory=list)
    # The beginning of the text without its markers.
    opening: str = ""
    complete: bool = False
    shown: bool = False
    wrong_language: bool = False

    def add(self, pieces: list[str | Marker]) -> None:
        """Take what was read."""
        self.pieces += pieces
        if len(self.opening) < _OPENING_CHARS:
            read = self.opening + "".join(piece for piece in pieces if isinstance(piece, str))
            self.opening = read.lstrip()[:_OPENING_CHARS]

    @property
    def is_refusal(self) -> bool:
        """Whether the model says that the passages do not answer."""
        return _REFUSAL.match(self.opening) is not None


_Calling = Generator[Delta | Citation, None, _Written]


def compose(
    reading: Reading, quoted: Draft, language: Language, index: OpenIndex, model: EmbeddingModel, writer: Writer
) -> Drafting:
    """Write an answer from what was read: what is shown while it is written, and at last the finished draft.

    ``quoted`` is the answer that quotes the sources, and takes the place of a text of which nothing is left.
    """
    task = _Task(reading.query.text, language, index, model, writer)
    try:
        written = yield from _answered([ranked.passage for ranked in reading.ranked], task)
    except Unavailable:
        return (yield from shown(_instead(quoted, UNAVAILABLE)))
    draft = _finished(written, quoted, task)
    return draft if written.shown else (yield from shown(draft))


def _answered(passages: list[Passage], task: _Task) -> _Calling:
    """The text that the model writes: from fewer passages where they were too many, again in a wrong language."""
    material = _material(passages, task)
    count = len(within_budget(material.texts, task.writer.prompt_tokens, task.writer.count))
    try:
        return (yield from _in_language(material.first(count), task))
    except PromptTooLong:
        if count < 2:  # the same again
            raise
        return (yield from _in_language(material.first(count // 2), task))


def _in_language(material: _Material, task: _Task) -> _Calling:
    """The text in the asked language: it is asked for once more where the first is in the other one."""
    messages = answer_messages(task.question, material.texts, task.language)
    sources = Sources(material.passages, material.published, task.model)
    written = yield from _called(messages, sources, task)
    if not written.wrong_language:
        return written
    try:
        return (yield from _called(again_messages(messages, written.opening, task.language), sources, task))
    except Unavailable:
        return written


def _material(passages: list[Passage], task: _Task) -> _Material:
    ids = {passage.document_id for passage in passages}
    dates = {document_id: task.index.documents.summary(document_id).published for document_id in ids}
    texts = [numbered(number, one, dates[one.document_id]) for number, one in enumerate(passages, start=1)]
    return _Material(passages, texts, dates)


def _called(messages: list[BaseMessage], sources: Sources, task: _Task) -> _Calling:
    """One call: its text, shown from the moment that its beginning is known to be an answer in the right language."""
    written, reader, live = _Written(sources), MarkerReader(sources.numbers), _Live(sources, task)
    with closing(task.writer.llm.stream(messages, task.writer.allowance)) as stream:
        try:
            for text in stream:
                if not text:  # the model is silent
                    yield Delta("")
                    continue
                written.add(reader.feed(text.translate(_HARMLESS)))
                if not written.shown and not _is_opened(written, task.language):
                    if written.wrong_language:
                        return written
                    continue
                written.shown = True
                yield from live.show(written.pieces)
            written.complete = True
        except CutShort:
            pass
    written.add(reader.finish())
    if written.is_refusal:  # it looks English
        return written
    written.wrong_language = not written.shown and shown_language(written.opening) == other(task.language)
    if written.opening and not written.wrong_language:
        written.shown = True
        yield from live.show(written.pieces)
    return written


def _is_opened(written: _Written, language: Language) -> bool:
    """Whether enough has come to know that it is an answer, and in the right language."""
    begun = written.opening
    if written.is_refusal or (len(begun) < _OPENING_CHARS and len(WORD.findall(begun)) < _OPENING_WORDS):
        return False
    written.wrong_language = shown_language(begun) == other(language)
    return not written.wrong_language


class _Citations:
    """The citations of an answer, numbered by their first use."""

    def __init__(self, task: _Task) -> None:
        self._task = task
        self._numbered: dict[tuple[str, int], Citation] = {}

    def add(self, support: Support) -> tuple[list[int], list[Citation]]:
        """The numbers of what bears out a claim, and those of its citations that are new."""
        fresh = []
        for sentence in support.sentences:
            if sentence.place not in self._numbered:
                fresh.append(self._task.citation(len(self._numbered) + 1, sentence, support.score))
                self._numbered[sentence.place] = fresh[-1]
        return [self._numbered[sentence.place].n for sentence in support.sentences], fresh


class _Live:
    """An answer as it is shown while it is written: each marker with the source that bears out what stands before."""

    def __init__(self, sources: Sources, task: _Task) -> None:
        self._sources, self._task = sources, task
        self._shown = 0
        self._markers = 0
        self._before = ""
        self._citations = _Citations(task)

    def show(self, pieces: list[str | Marker]) -> Iterator[Delta | Citation]:
        """What is new among the pieces."""
        new, self._shown = pieces[self._shown :], len(pieces)
        for piece in new:
            if isinstance(piece, str):
                self._before = (self._before + piece)[-_LOOKED_BACK:]
                yield Delta(piece)
            else:
                yield from self._cited(piece)

    def _cited(self, marker: Marker) -> Iterator[Delta | Citation]:
        self._markers += 1
        spans = sentences(self._before, self._task.language)
        if not spans or self._markers > _MARKERS_SHOWN:
            return
        self._before = self._before[spans[-1].start :]
        support = _support(self._before, marker.numbers, self._sources, self._task)
        if support is None:
            return
        numbers, fresh = self._citations.add(support)
        yield Delta(f" {markers_of(numbers)}")
        yield from fresh


def _finished(written: _Written, quoted: Draft, task: _Task) -> Draft:
    """The draft that a text comes to; the quoted answer where nothing of it is left."""
    if written.is_refusal:
        return Draft(message("not_found", task.language), (), composer=NAME)
    if written.wrong_language:
        return _instead(quoted, WRONG_LANGUAGE)
    claims = [claim for claim in read_claims(written.pieces, task.language) if not is_label(claim.text)]
    if claims and all(declines(claim.text) for claim in claims):
        return Draft(message("not_found", task.language), (), composer=NAME)
    broken = [] if written.complete else [claim for claim in claims[-1:] if not claim.whole]
    stated = _stated(claims[: len(claims) - len(broken)])
    read, unread = stated[:_MOST_CLAIMS], stated[_MOST_CLAIMS:]
    worded = _worded(read, written.sources, task.language)
    found = [(claim, _support(claim.text, claim.cited, written.sources, task)) for claim in worded]
    held = [(claim, support) for claim, support in found if support]
    warnings = [UNSUPPORTED] * (len(held) < len(read)) + [INCOMPLETE] * (not written.complete or bool(unread))
    draft = replace(_draft(held, task), warnings=(*quoted.warnings, *warnings))
    if not held or not _covers(draft, quoted):
        draft, held = _instead(quoted, *(warnings if held or warnings else [UNSUPPORTED])), []
    standing = {claim.text for claim, _ in held}
    return replace(draft, withdrawn=tuple(dict.fromkeys(claim.text for claim in claims if claim.text not in standing)))


def _stated(claims: list[Claim]) -> list[Claim]:
    """The sentences that state something, each once: "Yes." states nothing, and a model may repeat itself."""
    seen: set[str] = set()
    stated = []
    for claim in claims:
        if claim.text not in seen and (claim.cited or not _REPLIES.issuperset(content_words(claim.text))):
            stated.append(claim)
        seen.add(claim.text)
    return stated


def _worded(claims: list[Claim], sources: Sources, language: Language) -> list[Claim]:
    """The sentences that somebody may have written; none of a text that is babble for the most part."""
    wording = Wording(sources.texts)
    kept = [claim for claim in claims if not wording.is_babble(claim.text, language)]
    return kept if 2 * len(kept) >= len(claims) else []


def _support(text: str, cited: tuple[int, ...], sources: Sources, task: _Task) -> Support | None:
    """What bears out a sentence in the asked language; an instruction neither is borne out nor bears out anything.

    Neither does a sentence that there is no answer, nor one with an address that its source has not.
    """
    if len(WORD.findall(text)) >= _OPENING_WORDS and shown_language(text) == other(task.language):
        return None
    found = None if declines(text) else sources.support(text, task.language, cited)
    told = [sentence.text for sentence in found.sentences] if found else []
    if any(map(instructs, [text, *told])) or not addresses_in(text) <= addresses_in("\n".join(told)):
        return None
    return found


def _draft(held: list[tuple[Claim, Support]], task: _Task) -> Draft:
    """Sentences and what bears them out as an answer, its citations numbered by their first use."""
    numbering, citations = _Citations(task), list[Citation]()
    text, paragraph = "", 0
    for claim, support in held:
        numbers, fresh = numbering.add(support)
        citations += fresh
        between = "\n\n" if claim.paragraph != paragraph else " "
        text += between * bool(text) + with_markers(claim.text, numbers)
        paragraph = claim.paragraph
    return Draft(text, tuple(citations), composer=NAME)


def _covers(draft: Draft, quoted: Draft) -> bool:
    """Whether an answer cites both sides where the sources contradict each other."""
    cited = {(citation.document_id, citation.start) for citation in draft.citations}
    disputed = [citation for citation in quoted.citations if citation.n in quoted.disputed]
    return all((citation.document_id, citation.start) in cited for citation in disputed)


def _instead(quoted: Draft, *warnings: str) -> Draft:
    """The quoted answer, with what became of the written one."""
    return replace(quoted, warnings=(*quoted.warnings, *warnings))

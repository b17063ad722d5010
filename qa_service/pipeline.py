"""The one place that chooses implementations: a question in, an Answer out. Channels know this and nothing below it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from qa_service import tracing
from qa_service.answers import Answer, Citation, Delta, Exchange, KeptAnswer, Progress, Quote, RelatedPassage
from qa_service.articles import Article, limit_marks
from qa_service.asking import LONGEST_CONVERSATION_ID as _LONGEST_CONVERSATION_ID
from qa_service.asking import Asked, checked_language, checked_question, turns_of
from qa_service.composing import extractive, llm
from qa_service.composing.citations import Draft, shown
from qa_service.composing.parallels import parallel_of_span
from qa_service.composing.reading import Reading, read
from qa_service.conversations import Conversations, Turn
from qa_service.database import Database
from qa_service.document_store import DocumentSummary, Work
from qa_service.embedding_model import EmbeddingModel
from qa_service.example_questions import ExampleQuestions
from qa_service.feedback import LONGEST_COMMENT as _LONGEST_COMMENT
from qa_service.feedback import Feedback
from qa_service.follow_ups import complete
from qa_service.generations import IndexFolder
from qa_service.index_reader import CurrentIndex, OpenIndex
from qa_service.language import Language
from qa_service.language_model import Allowance, LanguageModel
from qa_service.prompting import token_counter
from qa_service.retrieval import RankedPassage
from qa_service.retriever import LARGEST_K as _LARGEST_K
from qa_service.retriever import BilingualRetriever, checked_k
from qa_service.rewriting import rewrite
from qa_service.settings import Settings
from qa_service.tokens import count_tokens, first_tokens

_RANKED = 10
_RELATED = 3
# A passage of a lower score, its best sentence counted, is not worth reading for the question.
_RELATED_FROM = 0.35
# Passages of one search.
LARGEST_K = _LARGEST_K
# Characters: channels refuse or forget longer ids.
LONGEST_CONVERSATION_ID = _LONGEST_CONVERSATION_ID
LONGEST_COMMENT = _LONGEST_COMMENT

# An answer while it is written, and at last all of it.
Events = Generator[Progress | Delta | Citation | Answer, None, None]


@dataclass(frozen=True)
class IndexStatus:
    """What is in the index, and how old it is."""

    generation: str
    created: str
    age_s: float
    model: str
    documents: dict[str, int]
    passages: dict[str, int]
    size_bytes: int = 0


@dataclass(frozen=True)
class IndexedDocument:
    """An article and the ids of its versions in the other language."""

    article: Article
    translations: tuple[str, ...]


class Pipeline:
    """Answers questions from the current generation of the index. Safe to share between threads.

    Each method raises IndexUnavailable or IndexMismatch when there is no index to answer from.
    """

    def __init__(self, settings: Settings) -> None:
        """Choose the implementations that the settings name; the index is opened by ``open`` or ``follow``.

        Raises SettingsError or MissingExtra when the settings cannot be met.
        """
        self._settings = settings
        self._database = Database(settings)
        self._conversations = Conversations(self._database, settings.conversation_days)
        self._feedback = Feedback(self._database, settings.conversation_days)
        self._model = EmbeddingModel.load(settings.embeddings)
        self._index = CurrentIndex(IndexFolder(settings.index), self._model)
        self._llm = LanguageModel.load(settings)
        self._count_tokens = token_counter(settings.llm)
        self._examples = ExampleQuestions(self._model)

    def open(self) -> None:
        """Open the current index once, as a single command needs it."""
        self._index.refresh()

    def follow(self) -> None:
        """Open the current index and change to each new generation, as a running service needs it."""
        self._index.follow()

    def close(self) -> None:
        """Let go of the index, the database and the language model."""
        if self._llm:
            self._llm.close()
        self._index.stop()
        self._database.close()

    def retriever(self, k: int = _RANKED) -> BilingualRetriever:
        """The ranking as a LangChain retriever."""
        return BilingualRetriever(index=self._index, model=self._model, k=k)

    def answer(
        self,
        question: str,
        language: Language | None = None,
        conversation_id: str | None = None,
        *,
        default_language: Language = "en",
        remember: bool = True,
        earlier: Sequence[Exchange] | None = None,
    ) -> Answer:
        """Answer a question, completed by the conversation that it belongs to; a new one where no id is given.

        The language is the one asked for, else the one that the question shows, else the conversation's, else the
        default. ``earlier`` tells the conversation, oldest exchange first, in place of the one that is kept under the
        id; the last 20 exchanges are read. Raises InvalidQuestion when the question is empty or too long, the language
        is not one of ours, or the id is too long. Nothing is kept where it is not to be remembered, as in an
        evaluation.
        """
        events = self.stream(
            question,
            language,
            conversation_id,
            default_language=default_language,
            remember=remember,
            earlier=earlier,
        )
        *_, answer = events
        if not isinstance(answer, Answer):
            raise TypeError("A stream ends with its answer.")
        return replace(answer, withdrawn=())  # nobody saw it

    def stream(
        self,
        question: str,
        language: Language | None = None,
        conversation_id: str | None = None,
        *,
        default_language: Language = "en",
        remember: bool = True,
        earlier: Sequence[Exchange] | None = None,
    ) -> Events:
        """The same as it is written: how much is read, text and citations as they come, at last the finished answer.

        The finished answer holds all of it, and takes the place of what was shown before. What is wrong with the
        question or the index is raised here, before anything is shown. Closing it ends the writing.
        """
        longest = self._settings.max_question_chars
        asked = Asked.checked(question, language, conversation_id, default_language, earlier, longest=longest)
        events = self._events(asked, remember=remember)
        next(events)  # until the passages are found
        return events

    def _events(self, asked: Asked, *, remember: bool) -> Events:
        """Nothing yet when the passages are found, their number, what is written of the answer, and the answer."""
        started = time.perf_counter()
        allowance = self._llm.allowance() if self._llm else None
        earlier = self._earlier(asked)
        language = asked.spoken(earlier)
        with self._index.use() as index:  # before anything is asked of a model: without an index nothing is
            with tracing.span("retrieve", qa__language=language) as traced:
                traced.question(asked.question)
                understood = self._understood(asked.question, earlier, language, allowance)
                reading = read(understood, index, self._model)
                traced.set(qa__passages=len(reading.ranked))
            retrieved = time.perf_counter()
            yield Delta("")
            yield Progress(len(reading.ranked))
            with tracing.span("compose", qa__language=language) as traced:
                draft = yield from self._composed(reading, language, index, allowance)
                traced.set(qa__composer=draft.composer, qa__citations=len(draft.citations))
        composed = time.perf_counter()
        answer = Answer(
            id=uuid.uuid4().hex,
            conversation_id=asked.conversation_id or uuid.uuid4().hex,
            question=asked.question,
            language=language,
            answer=draft.text,
            abstained=not draft.citations,
            composer=draft.composer,
            citations=draft.citations,
            warnings=draft.warnings,
            related=() if draft.citations else _related(reading.ranked),
            withdrawn=draft.withdrawn,
            timings_ms={
                "retrieve": _milliseconds(started, retrieved),
                "compose": _milliseconds(retrieved, composed),
                "total": _milliseconds(started, composed),
            },
            usage=asdict(allowance.usage) if allowance else {},
        )
        if remember:
            self._conversations.add(answer, understood)
        yield answer

    def _earlier(self, asked: Asked) -> list[Turn]:
        """The conversation before a question: as it was told, else as it is kept."""
        if asked.told is not None:
            return turns_of(asked.told, self._settings.max_question_chars, asked.default_language)
        return self._conversations.turns(asked.conversation_id) if asked.conversation_id else []

    def _understood(self, question: str, earlier: list[Turn], language: Language, allowance: Allowance | None) -> str:
        """The question as it stands alone: in the language model's words where there is one, else in its own."""
        rewritten = None
        if self._llm and allowance:
            rewritten = rewrite(question, earlier, language, self._model, self._llm, allowance)
        return rewritten or complete(question, [turn.understood for turn in earlier])

    def _composed(
        self, reading: Reading, language: Language, index: OpenIndex, allowance: Allowance | None
    ) -> Generator[Delta | Citation, None, Draft]:
        """The answer that quotes, or the one that a language model writes where there is one and something to tell."""
        quoted = extractive.compose(reading, language, index, self._model)
        if not self._llm or not allowance or not quoted.citations:
            return (yield from shown(quoted))
        writer = llm.Writer(self._llm, allowance, self._settings.llm_prompt_tokens, self._count_tokens)
        return (yield from llm.compose(reading, quoted, language, index, self._model, writer))

    def count_tokens(self, text: str) -> int:
        """How many tokens of the shipped table a text costs, whatever it is. White space costs nothing."""
        return count_tokens(limit_marks(text))

    def first_tokens(self, text: str, most: int) -> str:
        """The beginning of a text that costs at most so many tokens of the shipped table."""
        return first_tokens(text, most)

    @property
    def keeps_answers(self) -> bool:
        """Whether answers are kept at all, and can be rated."""
        return self._settings.conversation_days > 0

    def kept_answer(self, answer_id: str) -> KeptAnswer:
        """An answer that is kept, with its question as it stands alone.

        No index is needed. Raises UnknownAnswer when no kept answer has the id, and StorageUnavailable when the
        database fails.
        """
        return self._conversations.find(answer_id)

    def rate(self, answer_id: str, rating: int, comment: str = "") -> None:
        """Keep what a reader thinks of an answer, 1 or -1, in place of an earlier rating.

        No index is needed. Raises InvalidFeedback for another rating or a comment of more than 2,000 characters,
        UnknownAnswer when no kept answer has the id, and StorageUnavailable when the database fails.
        """
        self._feedback.rate(answer_id, rating, comment)

    def search(self, query: str, k: int = _RANKED) -> list[RelatedPassage]:
        """The ranked passages that an answer would be composed from; both languages in one ranking.

        Raises InvalidQuestion when the query is empty or too long, or k is not from 1 to 100.
        """
        asked = checked_question(query, self._settings.max_question_chars)
        count = checked_k(k)
        with self._index.use() as index:
            return [_shown(found) for found in read(asked, index, self._model, count).ranked]

    def example_questions(self, language: Language, count: int = 4) -> tuple[str, ...]:
        """Questions to begin with, made of the indexed articles: each is answered, and cites what it was made of.

        They stay the same until the index changes; the first call for an index and a language takes longer. There are
        at most so many, and none where no question can be made. Raises InvalidQuestion when the language is not one of
        ours.
        """
        checked_language(language)
        with self._index.use() as index:
            return self._examples.of(index, language, count)

    def documents(self) -> list[DocumentSummary]:
        """Every indexed document, by id."""
        with self._index.use() as index:
            return index.documents.summaries()

    def works(self) -> tuple[Work, ...]:
        """Every indexed document, the versions of one article together; the same object as long as the index is."""
        with self._index.use() as index:
            return index.documents.works

    def summary(self, document_id: str) -> DocumentSummary:
        """One document without its text; UnknownDocument when there is none with this id."""
        with self._index.use() as index:
            return index.documents.summary(document_id)

    def parallel(self, document_id: str, start: int, end: int, language: Language) -> Quote | None:
        """The sentence in this language that says what a span of a document says (code points), if one clearly does.

        UnknownDocument when there is no document with this id.
        """
        with self._index.use() as index:
            return parallel_of_span(document_id, start, end, language, index, self._model)

    def document(self, document_id: str) -> IndexedDocument:
        """One document with its canonical text; UnknownDocument when there is none with this id."""
        with self._index.use() as index:
            article = index.documents.article(document_id)
            return IndexedDocument(article, tuple(index.documents.translations(article)))

    def status(self) -> IndexStatus:
        """What is in the index."""
        with self._index.use() as index:
            made = index.manifest
            age = datetime.now(UTC) - datetime.fromisoformat(made.created)
            size = sum(size for size, _ in made.files.values())
            return IndexStatus(
                index.name, made.created, round(age.total_seconds(), 1), made.model, made.documents, made.passages, size
            )

    def alive(self) -> bool:
        """Whether a new generation would still be noticed, where the index is followed."""
        return self._index.is_followed

    def parts(self) -> dict[str, str]:
        """What an answer can do without, and whether it has to: ``ok``, ``unavailable``, or ``off`` where not set."""
        keeps = "ok" if self._database.is_usable() else "unavailable"
        writes = "unavailable" if self._llm and self._llm.left_alone else "ok"
        return {"database": keeps if self.keeps_answers else "off", "language_model": writes if self._llm else "off"}


def _related(ranked: list[RankedPassage]) -> tuple[RelatedPassage, ...]:
    return tuple(_shown(found) for found in ranked[:_RELATED] if found.score >= _RELATED_FROM)


def _shown(found: RankedPassage) -> RelatedPassage:
    passage = found.passage
    return RelatedPassage(
        passage.document_id,
        passage.title,
        passage.language,
        passage.text,
        passage.start,
        passage.end,
        round(found.score, 4),
    )


def _milliseconds(start: float, end: float) -> float:
    return round((end - start) * 1000, 2)

"""A pipeline of three articles, one of them hostile, for tests of the pages."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from html import unescape
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from flask import Flask

from qa_service.answers import Answer, Citation, Delta, Exchange, KeptAnswer, Progress, Quote, RelatedPassage
from qa_service.app import add_channels
from qa_service.document_store import DocumentSummary, Work
from qa_service.errors import IndexUnavailable, InvalidFeedback, QuestionTooLong, UnknownAnswer, UnknownDocument
from qa_service.language import Language
from qa_service.settings import load_settings

if TYPE_CHECKING:
    from qa_service.pipeline import Pipeline
    from qa_service.publishing import Publisher

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"
FRENCH_ID = "fr/été 100 %/exemption #1?"
FRENCH_QUOTE = "L’exemption de visa entrera en vigueur le 19 mars 2025."
ENGLISH_QUOTE = "People who hold an ordinary passport will soon no longer need a visa."
ENGLISH_PARALLEL = "The visa exemption takes effect on 19 March 2025."


@dataclass(frozen=True)
class FakeArticle:
    """An article as the pipeline gives it."""

    id: str
    title: str
    language: Language
    text: str
    url: str | None = None
    published: str | None = None


ARTICLES = (
    FakeArticle(
        "en/visa",
        "A passport is enough",
        "en",
        "A passport is enough\n\n😀 𝒱isas and cafe\u0301s: what changes.\n\nA date\n\n"
        f"{ENGLISH_QUOTE} {ENGLISH_PARALLEL}\n\nFurther on, an address:\n1 Rue de la Paix\nRabat",
        "https://example.org/en/visa",
        "2025-03-15",
    ),
    FakeArticle(
        FRENCH_ID,
        "Exemption de visa : ce qui change",
        "fr",
        f"Une nouvelle attendue. 🛂\n{FRENCH_QUOTE} La nouvelle a été donnée à Rabat.\n"
        + "Un paragraphe encore.\n" * 60,
        "javascript:alert(3)",
        "2025-03-01",
    ),
    FakeArticle("hostile", HOSTILE, "en", f"{HOSTILE}\n</mark></script>{HOSTILE} & so on.", "https://[bad", "today"),
)
TRANSLATIONS = {"en/visa": (FRENCH_ID, "gone"), FRENCH_ID: ("en/visa",)}


def summary_of(article: FakeArticle) -> DocumentSummary:
    """What a list shows of an article."""
    return DocumentSummary(article.id, article.title, article.language, article.url, article.published, None)


WORKS = ((summary_of(ARTICLES[0]), summary_of(ARTICLES[1])), (summary_of(ARTICLES[2]),))


def span(document_id: str, words: str) -> Quote:
    """The first place of a quote in an article."""
    text = next(article.text for article in ARTICLES if article.id == document_id)
    start = text.index(words)
    return Quote(document_id, words, start, start + len(words))


def citation(n: int, document_id: str, words: str, parallel: Quote | None = None) -> Citation:
    """A citation of an article."""
    article = next(article for article in ARTICLES if article.id == document_id)
    place = asdict(span(document_id, words))
    return Citation(
        n=n,
        title=article.title,
        language=article.language,
        url=article.url,
        published=article.published,
        score=0.8,
        parallel=parallel,
        **place,
    )


class FakePipeline:
    """A pipeline of three articles that answers by what the question holds."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None, str | None]] = []
        # What was told of the conversation along with each question.
        self.told: list[Sequence[Exchange] | None] = []
        # The language that each was to be answered in if nothing else decided it.
        self.defaults: list[Language] = []
        self.unavailable = False
        self.keeps_answers = True
        self.rated: list[tuple[str, int, str]] = []
        # Set: an answer waits after its first words until it may go on.
        self.hold: threading.Event | None = None
        self.listed = WORKS

    def status(self) -> SimpleNamespace:
        self._check()
        return SimpleNamespace(
            documents={"en": 1200, "fr": 1},
            passages={"en": 3600, "fr": 3},
            generation="1-abc",
            model="static",
            created="2026-01-02T03:04:05+00:00",
            age_s=60.0,
            size_bytes=1_000,
        )

    def alive(self) -> bool:
        return True

    def parts(self) -> dict[str, str]:
        return {"database": "ok", "language_model": "off"}

    def document(self, document_id: str) -> SimpleNamespace:
        self._check()
        for article in ARTICLES:
            if article.id == document_id:
                return SimpleNamespace(article=article, translations=TRANSLATIONS.get(document_id, ()))
        raise UnknownDocument("No indexed document has this id.")

    def summary(self, document_id: str) -> DocumentSummary:
        return summary_of(self.document(document_id).article)

    def works(self) -> tuple[Work, ...]:
        self._check()
        return self.listed

    def parallel(self, document_id: str, start: int, end: int, language: Language) -> Quote | None:
        self._check()
        places = {FRENCH_ID: (FRENCH_QUOTE, "en", "en/visa", ENGLISH_PARALLEL)}
        words, to, other_id, parallel = places.get(document_id, ("", "", "", ""))
        asked = (start, end, language)
        cited = span(document_id, words) if words else None
        return span(other_id, parallel) if cited and asked == (cited.start, cited.end, to) else None

    def answer(
        self,
        question: str,
        language: Language | None = None,
        conversation_id: str | None = None,
        *,
        default_language: Language = "en",
        earlier: Sequence[Exchange] | None = None,
    ) -> Answer:
        self._check()
        self.told.append(earlier)
        self.defaults.append(default_language)
        self.asked.append((question, language, conversation_id))
        if "too long" in question:
            raise QuestionTooLong("The question is longer than 2000 characters.")
        if "bug" in question:
            raise RuntimeError("a path: /secret")
        text, citations, related = self._reply(question, language or "en")
        return Answer(
            id="answer",
            conversation_id=conversation_id or "first",
            question=question,
            language=language or "en",
            answer=text,
            abstained=not citations,
            composer="extractive",
            citations=citations,
            warnings=("sources_disagree", "something_new") if "warn" in question else (),
            related=related,
        )

    def stream(self, *asked: Any, **how: Any) -> Iterator[Progress | Delta | Citation | Answer]:
        return self._written(self.answer(*asked, **how))

    def _written(self, answer: Answer) -> Iterator[Progress | Delta | Citation | Answer]:
        yield Progress(20)
        first, space, rest = answer.answer.partition(" ")
        yield Delta(first + space)
        if self.hold:
            while not self.hold.wait(0.05):
                yield Delta("")
        yield Delta(rest)
        yield from answer.citations
        yield answer

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def first_tokens(self, text: str, most: int) -> str:
        words = list(re.finditer(r"\S+", text))
        return text if len(words) <= most else text[: words[most - 1].end()]

    def kept_answer(self, answer_id: str) -> KeptAnswer:
        if answer_id != "answer":
            raise UnknownAnswer("No kept answer has this id.")
        text, citations, _ = self._reply("", "en")
        return KeptAnswer(answer_id, "When does the visa exemption begin?", "en", text, citations)

    def rate(self, answer_id: str, rating: int, comment: str = "") -> None:
        if answer_id != "answer":
            raise UnknownAnswer("No kept answer has this id.")
        if rating not in (1, -1):
            raise InvalidFeedback("The rating must be 1 or -1.")
        self.rated.append((answer_id, rating, comment))

    def example_questions(self, language: Language, count: int = 4) -> tuple[str, ...]:
        self._check()
        return ({"en": ("When does the visa exemption begin?",), "fr": ("Quand commence l’exemption\u202f?",)})[
            language
        ][:count]

    def _reply(self, question: str, language: Language) -> tuple[str, tuple[Citation, ...], tuple[RelatedPassage, ...]]:
        if "wine" in question:
            place = span("hostile", " & so on.")
            passage = RelatedPassage("hostile", HOSTILE, "en", HOSTILE, place.start, place.end, 0.4)
            return "I could not find an answer to this in the documents.", (), (passage,)
        if "hostile" in question:
            return f"{HOSTILE} [1].", (citation(1, "hostile", f"</mark></script>{HOSTILE}"),), ()
        first = citation(1, FRENCH_ID, FRENCH_QUOTE, span("en/visa", ENGLISH_PARALLEL))
        bare = FRENCH_QUOTE.rstrip(".")
        text = f"The French article says: « {bare} » [1].\n\n{ENGLISH_QUOTE[:-1]} [2]. Not a source: [7]."
        return text, (first, citation(2, "en/visa", ENGLISH_QUOTE)), ()

    def _check(self) -> None:
        if self.unavailable:
            raise IndexUnavailable("There is no index yet: run `qa-service index`.")


def marked(page: str) -> str:
    """The marked text of a document page, its lines joined again."""
    return "\n".join(unescape(found) for found in re.findall(r"<mark[^>]*>(.*?)</mark>", page, re.DOTALL))


def app_for(pipeline: FakePipeline, publisher: Publisher | None = None, **settings: str) -> Flask:
    """Every channel in front of a pipeline, and of what changes documents where there is one."""
    app = Flask("channels_test", static_folder=None)
    add_channels(app, cast("Pipeline", pipeline), load_settings(**settings), publisher)
    return app

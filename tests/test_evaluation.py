"""The figures, counted by hand: over a real small index, and over a ranking and answers that are written down."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from qa_service.answers import Answer, Citation, Quote, RelatedPassage
from qa_service.articles import Article
from qa_service.document_store import DocumentSummary
from qa_service.errors import InvalidQuestion
from qa_service.evaluation import Share, evaluate
from qa_service.pipeline import IndexedDocument, Pipeline
from qa_service.question_files import Question

# Over the shared corpus: the footbridge in English and French, a rose garden and an orchard in English, a kitchen
# garden in French. What a question names may be wrong on purpose: then it is a miss that stays one.
ASKED = [
    Question("opened", "When did the footbridge open?", "en", must=("12 May 2024",), document_ids=("en/footbridge",)),
    Question("wrong words", "Who cut the ribbon?", "en", must=("three stone piers",), document_ids=("en/footbridge",)),
    Question(
        "tank",
        "How many litres does the tank hold?",
        "en",
        quotes=("L'eau vient d'une citerne enterrée de neuf mille litres.",),
    ),
    Question(
        "wrong document",
        "Quand la passerelle a-t-elle été inaugurée ?",
        "fr",
        must=("12 mai 2024",),
        document_ids=("fr/potager",),
    ),
    Question(
        "refused", "Qui a découvert la pénicilline ?", "fr", must=("trente parcelles",), document_ids=("fr/potager",)
    ),
    Question("trees", "Combien de pommiers les élèves ont-ils plantés ?", "fr", must=("forty apple trees",)),
    Question("nowhere", "Who discovered penicillin?", "en", must=("Alexander Fleming",)),
    Question("wine", "How do I remove a wine stain?", "en", unanswerable="off_topic"),
    Question("vin", "Comment enlever une tache de vin ?", "fr", unanswerable="off_topic"),
    Question("opened after all", "When did the footbridge open?", "en", unanswerable="near_miss"),
]


@pytest.fixture(scope="module")
def pipeline(built):
    opened = Pipeline(built)
    opened.open()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def found(pipeline):
    return evaluate(pipeline, ASKED)


def counted(share: Share) -> tuple[int, int]:
    return share.hits, share.of


# Over a real index


def test_each_question_belongs_to_a_direction(found):
    assert {name: figures.questions for name, figures in found.directions.items()} == {
        "en→en": 2,
        "fr→fr": 2,
        "en→fr": 1,
        "fr→en": 1,
        "en→?": 1,
    }
    assert found.total.questions == 7


@pytest.mark.parametrize(
    ("direction", "document_at_1", "passages", "quotes", "precision", "refused"),
    [
        ("en→en", (2, 2), (2, 2), (1, 2), (2, 2), (0, 2)),  # of the wrong words nothing is quoted, but their document
        ("fr→fr", (0, 2), None, (1, 2), (1, 1), (1, 2)),  # what was refused has no quote that could be wrong
        ("en→fr", (1, 1), (1, 1), (1, 1), (1, 1), (0, 1)),
        ("fr→en", (1, 1), (1, 1), (1, 1), (1, 1), (0, 1)),
        ("en→?", (0, 1), (0, 1), (0, 1), (0, 0), (1, 1)),
    ],
)
def test_figures_of_a_direction(found, direction, document_at_1, passages, quotes, precision, refused):
    figures = found.directions[direction]
    assert counted(figures.document_at_1) == document_at_1
    assert passages is None or counted(figures.answer_in_4_passages) == passages
    assert counted(figures.quote_holds_answer) == quotes
    assert counted(figures.citation_precision) == precision
    assert counted(figures.refused) == refused


def test_the_total_counts_every_answerable_question(found):
    assert counted(found.total.document_at_1) == (4, 7)
    assert counted(found.total.quote_holds_answer) == (4, 7)
    assert counted(found.total.citation_precision) == (5, 5)
    assert found.total.quotes_per_answer == 1.0
    assert counted(found.total.refused) == (2, 7)


def test_refusal_is_counted_by_kind_and_language(found):
    shares = {kind: {name: counted(share) for name, share in row.items()} for kind, row in found.unanswerable.items()}
    assert shares == {
        "off_topic": {"en": (1, 1), "fr": (1, 1), "total": (2, 2)},
        "near_miss": {"en": (0, 1), "fr": (0, 0), "total": (0, 1)},
    }


def test_an_answer_in_neither_language_is_reported(found):
    assert found.not_in_index == ("nowhere",)


def test_a_document_that_is_not_indexed_is_reported(pipeline):
    lost = Question("lost", "When did the footbridge open?", "en", must=("12 May 2024",), document_ids=("en/gone",))
    found = evaluate(pipeline, [lost])
    assert found.not_in_index == ("lost",)
    assert counted(found.directions["en→en"].document_at_3) == (0, 1)  # the language of where the words do stand
    assert counted(found.directions["en→en"].quote_holds_answer) == (1, 1)


def test_the_first_document_that_is_named_gives_the_direction(pipeline):
    either = Question(
        "either", "When did it open?", "en", must=("2024",), document_ids=("fr/passerelle", "en/footbridge")
    )
    found = evaluate(pipeline, [either])
    assert found.directions["en→fr"].questions == 1
    assert counted(found.total.document_at_1) == (1, 1)


def test_real_citations_are_exact(found):
    assert found.errors == ()


def test_every_answer_is_timed(found):
    assert found.latency_ms.answers == len(ASKED)
    assert 0 < found.latency_ms.p50 <= found.latency_ms.p95


def test_the_json_form_holds_all_of_it(found):
    shown = json.loads(json.dumps(found.to_dict()))
    assert shown["directions"]["fr→fr"]["quote_holds_answer"]["share"] == 0.5
    assert shown["unanswerable"]["off_topic"]["fr"] == {"share": 1.0, "hits": 1, "of": 1, "interval": [0.2065, 1.0]}
    assert shown["total"]["questions"] == 7
    assert shown["not_in_index"] == ["nowhere"]
    assert [outcome["id"] for outcome in shown["outcomes"]] == [question.id for question in ASKED]


def test_progress_tells_every_question(pipeline):
    told = []
    evaluate(pipeline, ASKED[:2], lambda *values: told.append(values))
    assert told == [("asking", 0, 2), ("asking", 1, 2)]


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_question_that_is_not_taken_is_named(pipeline, language):
    long = Question("long", "abc " * 1000, language, must=("12 May 2024",))
    with pytest.raises(InvalidQuestion, match=r"^long: The question is longer than 2000 characters\.$"):
        evaluate(pipeline, [ASKED[0], long])


def test_no_question_at_all_is_an_error(pipeline):
    with pytest.raises(InvalidQuestion):
        evaluate(pipeline, [])


# Over what is written down

TEXTS = {
    "en/a": "The bridge is blue. It opened in May. Boats pass.",
    "en/b": "The ferry is old.",
    "en/c": "The tower is tall.",
    "fr/a": "Le pont est bleu.",
    "fr/b": "Le bac est vieux.",
}


@dataclass
class Written:
    """A pipeline that ranks and cites what it is told to, for every question, and notes what it was asked."""

    ranked: list[str] = field(default_factory=list)
    cited: list[str] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=lambda: [1.0])
    misquote: bool = False
    asked: list[str] = field(default_factory=list)

    def documents(self):
        return [DocumentSummary(name, name, name[:2], None, None, None) for name in TEXTS]

    def document(self, document_id):
        article = Article(document_id, document_id, document_id[:2], TEXTS[document_id], None, None, None)
        return IndexedDocument(article, ("fr/a",) if document_id == "en/a" else ())

    def search(self, query, k):
        return [RelatedPassage(name, name, name[:2], TEXTS[name], 0, 1, 0.5) for name in self.ranked[:k]]

    def answer(self, question, language, *, remember):
        time = self.milliseconds[min(len(self.asked), len(self.milliseconds) - 1)]
        self.asked.append(question)
        citations = tuple(self._citation(n, quote) for n, quote in enumerate(self.cited, start=1))
        return Answer(
            "1", "1", question, language, "", not citations, "extractive", citations, timings_ms={"total": time}
        )

    def _citation(self, n, quote):
        name = next(name for name, text in TEXTS.items() if quote in text)
        start = TEXTS[name].index(quote)
        span = (start + self.misquote, start + self.misquote + len(quote))
        beside = Quote("fr/a", "Le pont", 0, 7 + self.misquote)
        return Citation(n, name, name, name[:2], None, None, quote, *span, 0.5, parallel=beside if n > 1 else None)


def bridge(**changes) -> Question:
    return Question(**({"id": "bridge", "text": "When?", "language": "en", "must": ("in May",)} | changes))


@pytest.mark.parametrize(
    ("ranked", "at_1", "at_3", "passages"),
    [
        (["en/a", "en/b"], 1, 1, 1),
        (["en/b", "en/a"], 0, 1, 1),
        (["en/b", "en/b", "en/c", "en/a"], 0, 1, 1),  # third of the documents, fourth of the passages
        (["en/b", "en/b", "en/b", "en/c", "en/c", "en/a"], 0, 1, 0),  # still the third document
        (["en/b", "en/c", "fr/a", "en/a"], 0, 0, 1),  # the fourth, and the translation of it does not count
        (["en/b", "en/c"], 0, 0, 0),
        ([], 0, 0, 0),
    ],
)
def test_documents_are_counted_once_and_passages_each(ranked, at_1, at_3, passages):
    total = evaluate(Written(ranked=ranked), [bridge()]).total
    assert counted(total.document_at_1) == (at_1, 1)
    assert counted(total.document_at_3) == (at_3, 1)
    assert counted(total.answer_in_4_passages) == (passages, 1)


@pytest.mark.parametrize(
    ("cited", "holds", "bearing"),
    [
        (["It opened in May."], 1, 1),
        (["Boats pass."], 0, 1),  # from the right document
        (["Le pont est bleu."], 0, 1),  # from its translation
        (["The ferry is old."], 0, 0),
        (["The ferry is old.", "It opened in May.", "Le bac est vieux."], 1, 1),
    ],
)
def test_a_quote_bears_on_the_question_by_what_it_holds_or_where_it_stands(cited, holds, bearing):
    total = evaluate(Written(cited=cited), [bridge()]).total
    assert counted(total.quote_holds_answer) == (holds, 1)
    assert counted(total.citation_precision) == (bearing, len(cited))
    assert total.quotes_per_answer == len(cited)


def test_a_quote_with_the_answer_bears_wherever_it_stands():
    found = evaluate(Written(cited=["It opened in May."]), [bridge(document_ids=("en/b",))])
    assert counted(found.total.citation_precision) == (1, 1)


def test_nothing_counted_is_no_share():
    total = evaluate(Written(), [bridge(must=(), unanswerable="near_miss")]).total
    assert total.questions == 0
    assert total.document_at_1 == Share(None, 0, 0, None)
    assert total.quotes_per_answer is None


def test_a_citation_that_is_not_exact_is_an_error():
    found = evaluate(Written(cited=["The ferry is old.", "Boats pass."], misquote=True), [bridge()])
    assert found.errors == (
        "bridge: citation 1 is not what en/b says from 1 to 18",
        "bridge: citation 2 is not what en/a says from 39 to 50",
        "bridge: citation 2 is not what fr/a says from 0 to 8",
    )


def test_latency_is_over_all_answers_but_the_one_before():
    kinds = [bridge(id="1"), bridge(id="2"), bridge(id="3", must=(), unanswerable="off_topic")]
    pipeline = Written(milliseconds=[1000.0, 10.0, 20.0, 40.0])
    latency = evaluate(pipeline, kinds).latency_ms
    assert pipeline.asked == ["When?"] * 4
    assert (latency.p50, latency.p95, latency.answers) == (20.0, 38.0, 3)


@pytest.mark.parametrize(
    ("hits", "of", "share", "interval"),
    # Wilson's interval as in the tables of Newcombe (1998): 81 of 263, and the ends.
    [(81, 263, 0.308, (0.2553, 0.3662)), (0, 20, 0.0, (0.0, 0.1611)), (20, 20, 1.0, (0.8389, 1.0))],
)
def test_the_interval_is_wilsons(hits, of, share, interval):
    assert Share.count(hits, of) == Share(share, hits, of, interval)

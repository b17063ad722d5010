"""Example questions: which sentences become one and which never do, and that what is shown is answered."""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_service.document_store import DocumentStore
from qa_service.errors import EmbeddingsUnavailable, IndexUnavailable, InvalidQuestion
from qa_service.example_questions import ExampleQuestions
from qa_service.example_questions.making import about_people, made_of
from qa_service.example_questions.phrases import Opening
from qa_service.index_reader import OpenIndex
from qa_service.indexing import index_documents
from qa_service.language import LANGUAGES, Language, other
from qa_service.pipeline import Pipeline
from qa_service.settings import Settings, load_settings
from tests.conftest import DOCUMENTS

SAFE = re.compile(r"[^\W_]+(?:[ -][^\W_]+|’[^\W_]+)*(?:\?|\u202f\?)")


def made(text: str, language: Language, title: str = "") -> list[str]:
    return [one.question for one in made_of(Opening(text, 0, title, language))]


# Patterns


@pytest.mark.parametrize(
    ("sentence", "asked"),
    [
        ("The Harwick footbridge was inaugurated on 12 May 2024.", "When was the Harwick footbridge inaugurated?"),
        (
            "The Harwick library was officially opened by the mayor in June 2019, after a long wait.",
            "When was the Harwick library officially opened by the mayor?",
        ),
        ("The Alder Treaty will enter into force on March 19, 2027.", "When will the Alder Treaty enter into force?"),
        ("The Harwick tramway opened in 1931.", "When did the Harwick tramway open?"),
        ("Helen Marsh joined the Alder Party in 2004.", "When did Helen Marsh join the Alder Party?"),
        ("The two mayors signed the Alder water treaty on May 3, 2021.", "When was the Alder water treaty signed?"),
        ("The Harwick race was postponed because the river had risen.", "Why was the Harwick race postponed?"),
        ("The Harwick observatory is located near Lake Alder.", "Where is the Harwick observatory located?"),
        ("The Harwick library holds 40,000 volumes.", "How many volumes does the Harwick library hold?"),
        ("The Harwick footbridge is 84 metres long.", "How long is the Harwick footbridge?"),
        ("The Harwick tramway cost about 12 million euros.", "How much did the Harwick tramway cost?"),
        ("The Harwick library was designed by Ada Brandt.", "Who designed the Harwick library?"),
        ("The mayor of Harwick, Helen Marsh, cut the ribbon.", "Who is the mayor of Harwick?"),
        ("Helen Marsh, the mayor of the town, cut the ribbon.", "Who is Helen Marsh?"),
        ("The prize went to the painter Ada Brandt.", "Who is Ada Brandt?"),
        ("Ada Brandt was a Danish painter.", "Who was Ada Brandt?"),
        ("The Alder Treaty aims to protect the river.", "What is the aim of the Alder Treaty?"),
        ("The Alder is a river in the north of the county.", "What is the Alder?"),
    ],
)
def test_an_english_sentence_becomes_a_question(sentence: str, asked: str) -> None:
    assert asked in made(f"{sentence} Boats are seen on the Alder, near Harwick.", "en")


@pytest.mark.parametrize(
    ("sentence", "asked"),
    [
        (
            "La passerelle de Harvic a été inaugurée le 12 mai 2024.",
            "Quand la passerelle de Harvic a-t-elle été inaugurée\u202f?",
        ),
        ("L’école de Harvic a été fondée en 1931.", "Quand l’école de Harvic a-t-elle été fondée\u202f?"),
        (
            "Les jardins de Harvic ont été ouverts en mai 2019.",
            "Quand les jardins de Harvic ont-ils été ouverts\u202f?",
        ),
        (
            "Le tramway de Harvic sera prolongé le 1er mars 2027.",
            "Quand le tramway de Harvic sera-t-il prolongé\u202f?",
        ),
        (
            "Le Portugal a présenté son Plan pour la pêche en 2007.",
            "Quand le Portugal a-t-il présenté son Plan pour la pêche\u202f?",
        ),
        (
            "L’accord de Harvic entrera en vigueur le 19 mars 2027.",
            "Quand est-ce que l’accord de Harvic entrera en vigueur\u202f?",
        ),
        ("La course de Harvic s’est tenue en 2021.", "Quand la course de Harvic s’est-elle tenue\u202f?"),
        (
            "Le musée de Harvic a été fermé parce que le toit fuyait.",
            "Pourquoi le musée de Harvic a-t-il été fermé\u202f?",
        ),
        ("Le musée de Harvic se trouve près de la gare.", "Où se trouve le musée de Harvic\u202f?"),
        ("Le musée de Harvic compte trente salles.", "Combien de salles compte le musée de Harvic\u202f?"),
        ("La ville de Harvic compte 12 000 habitants.", "Combien d’habitants compte la ville de Harvic\u202f?"),
        ("La passerelle de Harvic mesure 84 mètres.", "Combien mesure la passerelle de Harvic\u202f?"),
        ("La bibliothèque de Harvic a été conçue par Ada Brandt.", "Qui a conçu la bibliothèque de Harvic\u202f?"),
        ("C’est Ada Brandt qui a fondé le musée de Harvic.", "Qui a fondé le musée de Harvic\u202f?"),
        ("La maire de Harvic, Hélène Marsan, a coupé le ruban.", "Qui est la maire de Harvic\u202f?"),
        ("Le prix est allé à la sculptrice ou au peintre Paul Brandt.", "Qui est Paul Brandt\u202f?"),
        ("Hélène Marsan, maire de la ville, a coupé le ruban.", "Qui est Hélène Marsan\u202f?"),
        ("Paul Brandt était un peintre danois.", "Qui était Paul Brandt\u202f?"),
        ("Le traité de Harvic vise à protéger la rivière.", "Quel est le but du traité de Harvic\u202f?"),
        ("Le Scrabble est un jeu de lettres.", "Qu’est-ce que le Scrabble\u202f?"),
    ],
)
def test_a_french_sentence_becomes_a_question(sentence: str, asked: str) -> None:
    assert asked in made(f"{sentence} On y vient de loin.", "fr")


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("Coal came from Harwick. Some of it stayed in Harwick.", "What is known about Harwick?"),
        ("Boats come from the Lofoten Islands. Fish comes from the Lofoten Islands.", "the Lofoten Islands?"),
    ],
)
def test_an_english_name_can_be_asked_about(text: str, asked: str) -> None:
    assert [question for question in made(text, "en") if question.endswith(asked)]


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("Le vin vient du Portugal. On en boit au Portugal.", "Que sait-on du Portugal\u202f?"),
        ("La laine vient des Açores. Elle reste aux Açores.", "Que sait-on des Açores\u202f?"),
        ("Il vit en face de la Suisse. Il travaille à la Suisse.", "Que sait-on de la Suisse\u202f?"),
        ("La règle vient de l’OACI. On écrit à l’OACI.", "Que sait-on de l’OACI\u202f?"),
        ("Elle vit à Abidjan. Il est né à Abidjan.", "Que sait-on d’Abidjan\u202f?"),
    ],
)
def test_a_french_name_keeps_its_article(text: str, asked: str) -> None:
    assert asked in made(text, "fr")


def test_the_title_can_say_which_thing_is_meant() -> None:
    text = "The rose garden holds 120 varieties."
    assert made(text, "en", "The rose garden behind the library") == ["How many varieties does the rose garden hold?"]
    assert made(text, "en", "The rose garden of Harwick") == []
    assert made(text, "en", "News") == []


@pytest.mark.parametrize(
    "text",
    [
        "It was opened on 12 May 2024.",
        "The bridge was opened on 12 May 2024.",
        "This Harwick bridge was opened on 12 May 2024.",
        "The Harwick bridge was opened on Monday.",
        "The Harwick bridge was opened on 12 May.",
        "The Harwick bridge was not opened on 12 May 2024.",
        "The Harwick bridge was expected in 2024.",
        "Volunteers were trained in 2019.",
        "A footbridge was opened in 2019.",
        "The minister said the Harwick bridge was opened in 2019.",
        "The Harwick bridge, which was closed in 2019, was opened in 2021.",
        "The treaty signed in 1987 ended in 1990.",
        "The Harwick film was given to a museum built in 1921.",
        "Construction began in 1984.",
        "The minister of Health, Helen of Troy, spoke.",
        "The bridge of a Harwick street was opened in 2019.",
        "Harwick was ranked 90th in 2019.",
        "“The Harwick bridge was opened in 2019.",
        "The Harwick bridge (old) was opened in 2019.",
        "The Harwick bridge was opened in 2019",
        "People come from Harwick.",
        "They met on a Monday in May. It was the May of 2019.",
        "The Harwick library opened its 2019 doors.",
        "The Harwick and the Alder library was opened in 2019.",
    ],
)
def test_these_become_no_english_question(text: str) -> None:
    assert made(text, "en") == []


@pytest.mark.parametrize(
    "text",
    [
        "Elle a été inaugurée le 12 mai 2024.",
        "La passerelle a été inaugurée le 12 mai 2024.",
        "Cette passerelle de Harvic a été inaugurée le 12 mai 2024.",
        "La passerelle de Harvic a été inaugurée lundi.",
        "La passerelle de Harvic n’a pas été inaugurée le 12 mai 2024.",
        "La passerelle de Harvic, qui a été fermée en 2019, a été ouverte en 2021.",
        "La passerelle dont Harvic a rêvé a été ouverte en 2021.",
        "La commission de Harvic est présidée depuis le 24 mars 2019 par une femme.",
        "Une passerelle de Harvic a été inaugurée en 2021.",
        "Le musée de Harvic ouvre en 1854 la première salle du pays.",
        "Le musée de Harvic a ouvert en 1854 à la foule une salle nouvelle.",
        "Le prix de Harvic a été remis à un film tourné en 2019.",
        "Les jardins de Harvic ont été ouvert en 2019.",
        "Harvic a confirmé son identification en 2019.",
        "La population de Harvic a été recensée à 12 000 habitants en 2019.",
        "« La passerelle de Harvic a été inaugurée en 2021.",
        "La passerelle de Harvic a été inaugurée en 2021",
        "Le musée ferme à Noël. Il ouvre après la fête, à Noël.",
        "Le vin vient du Portugal.",
        "La loi dépend du Conseil. Elle vient du Conseil.",
    ],
)
def test_these_become_no_french_question(text: str) -> None:
    assert made(text, "fr") == []


def test_an_ordinary_name_that_begins_a_sentence_is_not_taken_for_a_proper_one() -> None:
    assert made("Tourism was invented in 1841. Many live on tourism.", "en") == []


@pytest.mark.parametrize(
    "name",
    [
        "Har\u202ewick",
        "Har<b>wick",
        "Har\u0000wick",
        "Har“wick",
        "Har\u200bwick",
        "Ha\u0440wick",
        "Har&wick;",
        "Har_wick",
    ],
)
def test_what_could_deceive_a_reader_is_in_no_question(name: str) -> None:
    text = f"The {name} bridge was opened in 2019. Coal came from {name}. Helen {name}, the mayor, left {name}."
    assert all(SAFE.fullmatch(question) and name not in question for question in made(text, "en"))
    french = f"Le pont de {name} a été ouvert en 2019. On vit à {name}. Le peintre Paul {name} vit à {name}."
    assert all(SAFE.fullmatch(question) and name not in question for question in made(french, "fr"))


PIECES = st.sampled_from(
    "The the Le la L’ a été was opened ouvert on 12 May 2024 en 2019 le mai mayor maire of de du à Harwick Marsh Helen "
    ", . ; ( ) « » “ <b> & ' \u202e \u0301 ? ! - — \n é and et by par because compte has 3 rooms salles".split(" ")
)


@given(st.lists(PIECES, max_size=60).map(" ".join) | st.text(max_size=300), st.sampled_from(LANGUAGES))
def test_whatever_the_text_a_question_holds_nothing_but_words(text: str, language: Language) -> None:
    opening = Opening(text, 0, text[:40], language)
    for one in (*made_of(opening), *about_people(opening, other(language))):
        assert SAFE.fullmatch(one.question)
        assert len(one.question) <= 92
        assert 0 <= one.start < one.end <= len(text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_takes_long_to_read(language: Language) -> None:
    """Whoever asks for the first page of a new index waits for it, and so does everybody behind them."""
    text = " ".join(f"{begun}{'Al-' * 125}Al." for begun in ("", "The ", "Le ", "A part of ") * 5)
    started = time.process_time()
    assert made(text, language) == []
    assert time.process_time() - started < 2


def test_a_question_names_the_span_of_its_sentence() -> None:
    text = "Rain fell. The Harwick tramway opened in 1931."
    (one,) = made_of(Opening(text, 500, "", "en"))
    assert text[one.start - 500 : one.end - 500] == "The Harwick tramway opened in 1931."


def test_people_can_be_asked_about_in_the_other_language() -> None:
    english = Opening("The mayor, Helen Marsh, met King Robert II and the poet Ada Brandt.", 0, "", "en")
    asked = [one.question for one in about_people(english, "fr")]
    assert "Qui est Helen Marsh\u202f?" in asked
    assert "Que sait-on d’Ada Brandt\u202f?" in asked
    assert not any("Robert" in question for question in asked)
    french = Opening("Le maire, Paul Brandt, préside le conseil.", 0, "", "fr")
    assert [one.question for one in about_people(french, "en")] == [
        "Who is Paul Brandt?",
        "What is known about Paul Brandt?",
    ]


# What is shown

ARTICLES = {
    "en/tram": "The tramway returns\n\nThe Harwick tramway opened in 1931 and closed in 1960. It will run again.",
    "en/library": "A library by the sea\n\nThe Harwick library holds 40,000 volumes. It was built of grey stone.",
    "en/mayor": "A new mayor\n\nThe mayor of Harwick, Helen Marsh, wants more trees. She has planted forty limes.",
    "en/race": "The river race\n\nThe Alder race was postponed because the river had risen. Rowers went home.",
    "fr/peintre": "Une exposition\n\nLe peintre Paul Brandt expose ses marines au musée. On y voit vingt-deux toiles.",
    "fr/jardin": "Un jardin alpin\n\nLe jardin de Lauvière a été ouvert le 3 mai 2018. Les gentianes y fleurissent.",
    "fr/usine": "Une usine de papier\n\nLa papeterie de Sornac compte 240 salariés. Elle fabrique du carton.",
}


@pytest.fixture(scope="module")
def town(tmp_path_factory, index_texts: Callable[..., Settings]) -> Settings:
    """Settings for an index of unpaired articles in both languages."""
    return index_texts(tmp_path_factory.mktemp("town"), ARTICLES)


def opened(settings: Settings) -> Pipeline:
    pipeline = Pipeline(settings)
    pipeline.open()
    return pipeline


@pytest.fixture
def pipeline(town: Settings):
    made_here = opened(town)
    yield made_here
    made_here.close()


@pytest.fixture(scope="module")
def sample(tmp_path_factory, opened_pipeline: Callable[[Path, Path], Pipeline]) -> Pipeline:
    return opened_pipeline(DOCUMENTS, tmp_path_factory.mktemp("index"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_question_that_is_shown_is_answered(sample: Pipeline, language: Language) -> None:
    questions = sample.example_questions(language)
    assert len(set(questions)) == 4
    for question in questions:
        answer = sample.answer(question, default_language=other(language), remember=False)
        assert answer.language == language
        assert not answer.abstained


def test_questions_are_of_several_articles_and_kinds(pipeline: Pipeline) -> None:
    english = pipeline.example_questions("en")
    assert {question.split()[0] for question in english} >= {"When", "How", "Who"}
    cited = [pipeline.answer(question, remember=False).citations[0].document_id for question in english]
    assert len(set(cited)) == 4


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_question_is_answered_in_the_other_language(pipeline: Pipeline, language: Language) -> None:
    questions = pipeline.example_questions(language)
    answers = [pipeline.answer(question, default_language=language, remember=False) for question in questions]
    assert all(answer.language == language for answer in answers)
    foreign = [answer for answer in answers if {one.language for one in answer.citations} == {other(language)}]
    assert len(foreign) == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_article_that_a_question_was_made_of_is_cited(pipeline: Pipeline, language: Language) -> None:
    for question in pipeline.example_questions(language):
        sources = {name for name, text in ARTICLES.items() if question in asked_of(name, text, language)}
        cited = {one.document_id for one in pipeline.answer(question, remember=False).citations}
        assert cited & sources


def asked_of(name: str, text: str, language: Language) -> list[str]:
    """The questions in a language that an article gives."""
    opening = Opening(text, 0, text.partition("\n")[0], "en" if name.startswith("en") else "fr")
    found = made_of(opening) if opening.language == language else about_people(opening, language)
    return [one.question for one in found]


def test_an_index_has_the_same_questions_whenever_they_are_made(town: Settings, pipeline: Pipeline) -> None:
    again = opened(town)
    for language in LANGUAGES:
        assert again.example_questions(language) == pipeline.example_questions(language)
    again.close()


def test_fewer_can_be_asked_for(pipeline: Pipeline) -> None:
    assert len(pipeline.example_questions("en", 2)) == 2
    assert pipeline.example_questions("en", 0) == ()


def test_questions_are_made_once_for_all_threads(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    made_for: list[Language] = []
    choose = ExampleQuestions._choose

    def counted(self: ExampleQuestions, index: OpenIndex, language: Language, count: int) -> tuple[str, ...]:
        made_for.append(language)
        return choose(self, index, language, count)

    monkeypatch.setattr(ExampleQuestions, "_choose", counted)
    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(pipeline.example_questions, language) for language in LANGUAGES * 8]
        assert len({questions.result() for questions in asked}) == 2
    assert sorted(made_for) == ["en", "fr"]


def test_questions_that_are_made_wait_for_no_others(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    english = pipeline.example_questions("en")
    begun, go_on = threading.Event(), threading.Event()

    def held(*_: object) -> tuple[str, ...]:
        begun.set()
        go_on.wait(10)
        return ()

    monkeypatch.setattr(ExampleQuestions, "_choose", held)
    with ThreadPoolExecutor(2) as threads:
        french = threads.submit(pipeline.example_questions, "fr", 3)
        assert begun.wait(10)
        try:
            assert threads.submit(pipeline.example_questions, "en").result(timeout=5) == english
        finally:
            go_on.set()
        assert french.result() == ()


def test_a_provider_that_fails_costs_the_questions_alone(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def fails(_: object, __: object, language: Language, ___: int) -> tuple[str, ...]:
        asked.append(language)
        raise EmbeddingsUnavailable("The provider does not answer.")

    monkeypatch.setattr(ExampleQuestions, "_choose", fails)
    assert [pipeline.example_questions("fr", 2) for _ in range(3)] == [(), (), ()]
    assert asked == ["fr"]  # and is left alone until there is a new index


def test_a_new_generation_has_questions_of_its_own(town: Settings, tmp_path: Path) -> None:
    settings = load_settings(documents=tmp_path / "documents", index=tmp_path / "index")
    shutil.copytree(town.documents, settings.documents)
    index_documents([settings.documents], settings)
    pipeline = opened(settings)
    before = pipeline.example_questions("en")
    (settings.documents / "en" / "tram.txt").write_text(
        "A new bridge\n\nThe Sandwick bridge was inaugurated on 3 July 2025. It is painted green.\n"
    )
    index_documents([settings.documents], settings)
    assert pipeline.example_questions("en") == before
    pipeline.open()
    after = pipeline.example_questions("en")
    pipeline.close()
    assert "When was the Sandwick bridge inaugurated?" in after
    assert "When did the Harwick tramway open?" in before
    assert "When did the Harwick tramway open?" not in after


def test_an_index_of_one_language_has_questions_in_it_and_few_in_the_other(
    tmp_path: Path, index_texts: Callable[..., Settings]
) -> None:
    english = {name: text for name, text in ARTICLES.items() if name.startswith("en/")}
    pipeline = opened(index_texts(tmp_path, english))
    assert len(pipeline.example_questions("en")) == 4
    french = pipeline.example_questions("fr")
    pipeline.close()
    assert all("Helen Marsh" in question for question in french)


def test_the_other_version_of_an_article_is_not_asked_about_again(sample: Pipeline) -> None:
    assert len([question for question in sample.example_questions("en") if "Nurtleu" in question]) <= 1


def test_articles_that_say_nothing_give_no_question(tmp_path: Path, index_texts: Callable[..., Settings]) -> None:
    pipeline = opened(index_texts(tmp_path, {"en/list": "Things\n\napples\n\npears\n\n1. plums"}))
    assert pipeline.example_questions("en") == pipeline.example_questions("fr") == ()
    pipeline.close()


def test_of_many_articles_few_are_read(
    tmp_path: Path, index_texts: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [
        f"{first}{last}" for first in ("Ard", "Bel", "Cor", "Dun", "Elm") for last in "ham wick ton ford by".split()
    ]
    towns = [f"{name} {kind}" for name in names for kind in "mill abbey quay lodge manor forge".split()]
    articles = {
        f"en/{at:03}": f"A place\n\nThe {town.title()} was founded in {1500 + at}. It stands on a hill."
        for at, town in enumerate(towns)
    }
    pipeline = opened(index_texts(tmp_path, articles))
    read: list[str] = []
    numbers_of = DocumentStore.numbers_of

    def noted(self: DocumentStore, document_id: str) -> list[int]:
        read.append(document_id)
        return numbers_of(self, document_id)

    monkeypatch.setattr(DocumentStore, "numbers_of", noted)
    assert len(pipeline.example_questions("en")) == 4
    pipeline.close()
    assert len(read) == len(set(read)) == 40


def test_a_long_article_does_not_hide_the_others(tmp_path: Path, index_texts: Callable[..., Settings]) -> None:
    things = "wind rain hail frost snow mist sleet thunder cloud dew sun ice".split()
    told = (f"The {things[n % 12]} of day {n} was worse than the {things[n // 12 % 12]} before." for n in range(3_000))
    long = "A book\n\n" + " ".join(told)
    pipeline = opened(index_texts(tmp_path, ARTICLES | {"en/book": long}))
    assert len(pipeline.example_questions("en")) == 4
    pipeline.close()


def test_an_article_that_is_there_twice_is_asked_about_like_any_other(
    tmp_path: Path, index_texts: Callable[..., Settings], pipeline: Pipeline
) -> None:
    copies = {f"{name}-again": text for name, text in ARTICLES.items()}
    doubled = opened(index_texts(tmp_path, ARTICLES | copies))
    for language in LANGUAGES:
        assert len(doubled.example_questions(language)) == len(pipeline.example_questions(language))
    doubled.close()


def test_without_an_index_there_is_a_clear_error(tmp_path: Path) -> None:
    pipeline = opened(load_settings(documents=tmp_path, index=tmp_path / "index"))
    with pytest.raises(IndexUnavailable, match="qa-service index"):
        pipeline.example_questions("en")
    pipeline.close()


def test_an_unknown_language_is_refused(pipeline: Pipeline) -> None:
    with pytest.raises(InvalidQuestion, match="en, fr"):
        pipeline.example_questions("de")  # type: ignore[arg-type]

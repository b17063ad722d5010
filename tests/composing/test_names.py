from __future__ import annotations

import pytest

from qa_service.composing.names import WrittenNames
from qa_service.composing.statements import is_abbreviation, read_statement
from qa_service.embedding_model import EmbeddingModel
from qa_service.language import Language, other


def met(claim: str, language: Language, sentence: str, spoken: Language, model: EmbeddingModel) -> dict[str, bool]:
    one = read_statement(claim, language)
    found = WrittenNames([read_statement(sentence, spoken)], model).met(one)
    return dict(zip(one.names, found[0].tolist(), strict=True))


@pytest.mark.parametrize(
    ("claim", "sentence"),
    [
        ("It was signed in London.", "Le texte a été signé à Londres."),
        ("It belongs to Germany now.", "L’Allemagne l’a acheté."),
        ("The talks of the United Nations failed.", "Les discussions de l’ONU ont échoué."),
        ("He left Sagunto on Monday.", "Il a quitté Sagonte lundi."),
        ("A ship of the Norwegian navy sank.", "Un navire de la marine norvégienne a coulé."),
    ],
)
def test_a_name_is_met_in_the_other_language(claim: str, sentence: str, model: EmbeddingModel) -> None:
    assert all(met(claim, "en", sentence, "fr", model).values())


@pytest.mark.parametrize(
    ("claim", "sentence"),
    [
        ("It was signed in Lisbon.", "Le texte a été signé à Londres."),
        ("The work of Ponthéor is done.", "Les travaux du pont sont finis."),
        ("He met Karel Zeman.", "Il a rencontré Lenka Horak."),
    ],
)
def test_another_name_is_not_met(claim: str, sentence: str, model: EmbeddingModel) -> None:
    assert not any(met(claim, "en", sentence, "fr", model).values())


@pytest.mark.parametrize("language", ["en", "fr"])
def test_initials_stand_for_what_they_abbreviate(language: Language, model: EmbeddingModel) -> None:
    sentence = "La Banque africaine de développement et la Société Générale de Lumière ont payé."
    assert met("It was paid by the SGL.", other(language), sentence, "fr", model) == {"SGL": True}
    assert is_abbreviation("SGL")
    assert not is_abbreviation("Sgl")


def test_the_word_who_is_no_organization(model: EmbeddingModel) -> None:
    assert not met("Le vaccin de l’OMS arrive.", "fr", "The nurse who came has left.", "en", model)["OMS"]
    assert met("Le vaccin de l’OMS arrive.", "fr", "The vaccine of the WHO is here.", "en", model)["OMS"]


def test_there_may_be_no_names_and_no_statements(model: EmbeddingModel) -> None:
    claim = read_statement("it rains a lot", "en")
    assert WrittenNames([], model).met(claim).shape == (0, 0)
    assert WrittenNames([read_statement("", "fr")], model).met(read_statement("He met Helen.", "en")).tolist() == [
        [False]
    ]


@pytest.mark.parametrize(
    ("claim", "sentence", "language"),
    [
        ("The bridge was drawn by Boris Kozlov.", "It is what he has been told.", "en"),
        ("Le pont a été dessiné par Boris Kozlov.", "Il est ce que nous en avons.", "fr"),
    ],
)
def test_small_words_are_no_names(claim: str, sentence: str, language: Language, model: EmbeddingModel) -> None:
    assert not any(met(claim, language, sentence, language, model).values())

"""An article's opening in, the questions that can be made of it out: in its own language, or about its people."""

from __future__ import annotations

import re

from qa_service.example_questions import english, french
from qa_service.example_questions.phrases import Made, Opening, question
from qa_service.follow_ups import leans
from qa_service.language import Language, shown_language

_PATTERNS = {"en": english.questions, "fr": french.questions}
_PEOPLE = {"en": english.people, "fr": french.people}
# Rulers and popes have a name in each language, and so have those whose names are written in other letters.
_SPELLED_ANEW = re.compile(r"\b(?:[IVX]+|Ier|Ire)\Z|tch|vitch|ïe")
_ABOUT = {"en": english.about, "fr": french.about}


def made_of(opening: Opening) -> list[Made]:
    """The questions in an opening's own language, in the order of its sentences, none twice."""
    found: dict[str, Made] = {}
    for sentence, start, end in opening.sentences():
        for kind, asked in _PATTERNS[opening.language](sentence, opening):
            text = question(asked, opening.language)
            if text and _is_clear(text, opening.language):
                found.setdefault(text, Made(text, kind, start, end))
    return list(found.values())


def about_people(opening: Opening, language: Language) -> list[Made]:
    """Questions in the other language than an opening's, about the people that it introduces: their names stay.

    Countries and institutions have another name in each language; what it is cannot be known.
    """
    found: dict[str, Made] = {}
    for sentence, start, end in opening.sentences():
        for person in _PEOPLE[opening.language](sentence):
            for kind, asked in () if _SPELLED_ANEW.search(person) else _ABOUT[language](person):
                text = question(asked, language)
                if text and _is_clear(text, language):
                    found.setdefault(text, Made(text, kind, start, end))
    return list(found.values())


def _is_clear(text: str, language: Language) -> bool:
    """Whether a question shows its language, or none, and needs no question before it."""
    return shown_language(text) in (language, None) and not leans(text)

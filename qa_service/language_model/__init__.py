"""The calls of a language model: text as it comes, within a deadline, or one of three exceptions.

Nothing here knows what is asked of the model. Who calls it sees that a call fails in one of few ways, whichever
provider it is, and can go on with an answer made of quotes:

    Unavailable        nothing of an answer came
    └── PromptTooLong  the model's context does not hold the prompt
    CutShort           some text came, and then not the rest
"""

from __future__ import annotations

from qa_service.language_model.allowance import Allowance, Usage
from qa_service.language_model.breaker import Breaker
from qa_service.language_model.failures import CutShort, PromptTooLong, Unavailable
from qa_service.language_model.model import LanguageModel, answers_at_once

__all__ = [
    "Allowance",
    "Breaker",
    "CutShort",
    "LanguageModel",
    "PromptTooLong",
    "Unavailable",
    "Usage",
    "answers_at_once",
]

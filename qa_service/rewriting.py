"""A question that leans on the conversation before it, rewritten by a language model so that it stands alone.

The model is asked only where ``follow_ups`` finds that the question leans, and it may bring in nothing of its own: a
rewritten question with a word that the conversation does not hold is thrown away.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import closing

from qa_service.conversations import Turn
from qa_service.embedding_model import EmbeddingModel
from qa_service.follow_ups import asked_language, leans
from qa_service.language import Language, shown_language
from qa_service.language_model import Allowance, CutShort, LanguageModel, Unavailable
from qa_service.prompting import question_messages
from qa_service.words import alike, content_words

# Turns that the model reads, and characters of each answer.
_TURNS = 3
_ANSWER_READ = 400
# Of the time that the whole answer may take.
_SHARE = 1 / 3
# Characters: a longer one is no question.
_LONGEST = 400
# What no line of text holds: the end of one, other control characters, half a character.
_NOT_ON_A_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# From this similarity on, a word is one that the conversation holds, or a form or translation of it.
_HELD = 0.5


def rewrite(
    question: str,
    earlier: Sequence[Turn],
    language: Language,
    model: EmbeddingModel,
    llm: LanguageModel,
    allowance: Allowance,
) -> str | None:
    """The question as it stands alone; None where it does already, or where the model gives nothing to be trusted.

    One call at most, which is not repeated: the question can be completed without it.
    """
    if not earlier or asked_language(question) or not leans(question):
        return None
    told = [(turn.understood, turn.answer[:_ANSWER_READ]) for turn in earlier[-_TURNS:]]
    text, least_left = "", allowance.remaining * (1 - _SHARE)
    with closing(llm.stream(question_messages(question, told, language), allowance, retried=False)) as stream:
        try:
            for piece in stream:
                text += piece
                # No question, or one that takes too long: the rest is not waited for, nor paid.
                if len(text) > _LONGEST or allowance.remaining < least_left:
                    return None
        except (Unavailable, CutShort):
            return None
    rewritten = text.strip().strip("\"'«»“” \u202f\u00a0")
    held = " ".join([question, *(part for turn in told for part in turn)])
    return rewritten if _is_question(rewritten, language) and _adds_nothing(rewritten, held, model) else None


def _is_question(text: str, language: Language) -> bool:
    return 0 < len(text) <= _LONGEST and not _NOT_ON_A_LINE.search(text) and shown_language(text) in (None, language)


def _adds_nothing(rewritten: str, held: str, model: EmbeddingModel) -> bool:
    """Whether every content word of the question is met by one of the conversation; numbers by themselves alone."""
    words = content_words(rewritten)
    if not words:
        return False
    met = alike(model.words.of(words), model.words.of(content_words(held)))
    return bool((met.max(axis=1, initial=0) >= _HELD).all())

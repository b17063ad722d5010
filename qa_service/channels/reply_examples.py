"""Examples of replies, as the OpenAPI document and its page show them.

They are of the sample articles in ``documents``, where every quote stands as the example says, and of the documents
that the examples of publishing send. Ids, scores, times and sizes are made up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qa_service.channels.operations import event_example

_ID = "5f0c8a8e6b3f4f7c9d1e2a3b4c5d6e7f"
_CREATED = 1_795_351_750  # seconds since 1970

_ENGLISH = {
    "document_id": "en/visa-exemption",
    "title": "Morocco and Kazakhstan: the visa exemption agreement explained",
    "language": "en",
}
_FRENCH = {
    "document_id": "fr/exemption-de-visa",
    "title": "Exemption de visa entre le Maroc et le Kazakhstan : ce qui change",
    "language": "fr",
}
_PUBLISHED = "2025-03-18"
_SIGNED = (
    "The two foreign ministers, Nasser Bourita and Murat Nurtleu, signed the visa agreement on September 26, 2024."
)
_CITED_IN_ENGLISH = {
    "n": 1,
    **_ENGLISH,
    "url": "https://example.org/en/visa-exemption",
    "published": _PUBLISHED,
    "quote": _SIGNED,
    "start": 585,
    "end": 694,
    "score": 0.83,
    "parallel": None,
}
_CITED_IN_FRENCH = {
    "n": 1,
    **_FRENCH,
    "url": "https://example.org/fr/exemption-de-visa",
    "published": _PUBLISHED,
    "quote": "L’exemption de visa entrera en vigueur le 19 mars 2025.",
    "start": 236,
    "end": 291,
    "score": 0.79,
    "parallel": None,
}

_ANSWER: dict[str, Any] = {
    "id": _ID,
    "conversation_id": "0a1b2c3d4e5f60718293a4b5c6d7e8f9",
    "question": "When was the visa agreement signed?",
    "language": "en",
    "answer": f"{_SIGNED.removesuffix('.')} [1].",
    "abstained": False,
    "composer": "extractive",
    "citations": [_CITED_IN_ENGLISH],
    "warnings": [],
    "related": [],
    "withdrawn": [],
    "timings_ms": {"retrieve": 12.5, "compose": 3.8, "total": 16.3},
    "usage": {},
}
_IN_FRENCH: dict[str, Any] = _ANSWER | {
    "question": "Quand l’exemption de visa entre-t-elle en vigueur\u202f?",
    "language": "fr",
    "answer": "L’exemption de visa entrera en vigueur le 19 mars 2025 [1].",
    "citations": [_CITED_IN_FRENCH],
}
_NOT_FOUND: dict[str, Any] = _ANSWER | {
    "question": "How high is Mont Blanc?",
    "answer": "I could not find an answer to this in the documents.",
    "abstained": True,
    "citations": [],
}
ANSWERS: Mapping[str, Any] = {"English": _ANSWER, "French": _IN_FRENCH, "Not in the articles": _NOT_FOUND}
ANSWER_EVENTS: Mapping[str, Any] = {
    "progress": event_example({"passages": 20}, "progress"),
    "delta": event_example({"text": _ANSWER["answer"]}, "delta"),
    "citation": event_example(_CITED_IN_ENGLISH, "citation"),
    "done": event_example(_ANSWER, "done"),
}

PASSAGES: Mapping[str, Any] = {
    "In both languages": {
        "passages": [
            _FRENCH
            | {
                "text": "Elle intervient au moment où Rabat et Astana adoptent une feuille de route et créent une "
                "commission mixte, ce qui devrait multiplier les déplacements dans les deux sens.\n\n"
                "Avant de partir\n\nL’annonce reste brève sur les aspects pratiques. Elle ne décrit pas les contrôles "
                "à l’aéroport et n’énumère pas les documents à présenter en plus du passeport. Avant d’acheter un "
                "billet, mieux vaut donc se renseigner auprès de l’ambassade concernée.\n\n"
                "Il reste que le principe est clair\u00a0: pour les porteurs d’un passeport ordinaire, le visa ne "
                "sera plus un obstacle entre le Maroc et le Kazakhstan.",
                "start": 1321,
                "end": 1906,
                "score": 0.57,
            },
            _ENGLISH
            | {
                "text": "Other announcements made in Rabat, such as the joint commission and the wheat hub, should "
                "also lead to more journeys in both directions.\n\nThe two countries see the measure as a sign of "
                "their friendship. They place it within the guidelines set by King Mohammed VI and by the Kazakh "
                "president, Kassym-Jomart Tokayev.\n\nBefore leaving\n\nThe announcement remains short on practical "
                "details. It does not describe the checks at the airport, nor the documents that travellers should "
                "have with them besides their passport. Anyone who plans a journey would do well to ask the embassy "
                "concerned before buying a ticket.",
                "start": 1371,
                "end": 1977,
                "score": 0.38,
            },
        ]
    }
}

DOCUMENTS: Mapping[str, Any] = {
    "An article and its translation": {
        "documents": [
            {
                "id": cited["document_id"],
                "title": cited["title"],
                "language": cited["language"],
                "url": cited["url"],
                "published": _PUBLISHED,
                "translation_of": translated,
            }
            for cited, translated in ((_CITED_IN_ENGLISH, None), (_CITED_IN_FRENCH, _ENGLISH["document_id"]))
        ]
    }
}
# As it was published: see the examples of that.
DOCUMENT: Mapping[str, Any] = {
    "English": {
        "id": "en/footbridge",
        "title": "The footbridge",
        "language": "en",
        "text": "The footbridge over the Alder opened on 12 May 2024.",
        "url": None,
        "published": "2024-05-13",
        "translation_of": None,
        "translations": ["fr/passerelle"],
    },
    "French": {
        "id": "fr/passerelle",
        "title": "La passerelle",
        "language": "fr",
        "text": "La passerelle\n\nLa passerelle sur l’Aulne a été inaugurée le 12 mai 2024.",
        "url": "https://example.org/fr/passerelle",
        "published": None,
        "translation_of": "en/footbridge",
        "translations": ["en/footbridge"],
    },
}

ALIVE: Mapping[str, Any] = {"ok": {"status": "ok"}}
READY: Mapping[str, Any] = {
    "ready": {
        "status": "ready",
        "generation": "000002-1f7a93",
        "created": "2025-03-18T09:30:04+00:00",
        "age_s": 3.9,
        "model": "qa-service-en-fr:4edb7f18ec76",
        "documents": {"en": 8, "fr": 8},
        "passages": {"en": 25, "fr": 27},
        "size_bytes": 1_217_099,
        "database": "ok",
        "language_model": "off",
    }
}

# Under /v1

_SOURCES = {
    "citations": [_CITED_IN_ENGLISH],
    "warnings": [],
    "abstained": False,
    "language": "en",
    "answer_id": _ID,
}
_PIECES = (
    f"{_ANSWER['answer']}\n\n",
    "---\n\n",
    "**Sources**\n\n",
    "- [1] ",
    f"*{_ENGLISH['title']}* (18 March 2025) — <{_CITED_IN_ENGLISH['url']}>",
)


def _chat(kind: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 (JSON)
    return {"id": f"chatcmpl-{_ID}", "object": kind, "created": _CREATED, "model": "qa-service"} | more


COMPLETION: Mapping[str, Any] = {
    "English": _chat(
        "chat.completion",
        choices=[
            {
                "index": 0,
                "message": _SOURCES | {"role": "assistant", "content": "".join(_PIECES), "refusal": None},
                "finish_reason": "stop",
                "logprobs": None,
            }
        ],
        usage={"prompt_tokens": 7, "completion_tokens": 68, "total_tokens": 75},
    )
}


def _chunk(delta: Mapping[str, Any], reason: str | None = None, **more: Any) -> dict[str, str]:  # noqa: ANN401 (JSON)
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    return event_example(_chat("chat.completion.chunk", choices=[choice], **more))


CHUNKS: Mapping[str, Any] = {
    "role": _chunk({"role": "assistant", "content": ""}),
    **{f"text {n}": _chunk({"content": piece}) for n, piece in enumerate(_PIECES, 1)},
    "sources": _chunk(_SOURCES, "stop", citations=_SOURCES["citations"]),
    "end": event_example("[DONE]"),
}

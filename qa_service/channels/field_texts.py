"""What the fields of replies mean: the OpenAPI document says it where the types do not."""

from __future__ import annotations

_PLACE = {
    "start": "Where it begins in the document's `text`, in Unicode code points.",
    "end": "Where it ends.",
}
_ARTICLE = {
    "id": "Its path in the documents folder, without the suffix.",
    "url": "Where it was published.",
    "published": "When that was: an ISO date.",
    "translation_of": "The id of the article that it says it translates.",
}
_FIELDS = {
    "title": "Else the first line.",
    "language": "`en` or `fr`, perhaps with a region such as `fr-CA`; else it is detected.",
    "url": "Where it was published, `http` or `https`; nothing is fetched from there.",
    "published": "An ISO date, such as `2025-03-19`; of a moment, its day.",
    "translation_of": "The id of the same article in the other language; else it is looked for.",
}
_JOB = {
    "document_id": "The document that is to change.",
    "action": "Whether it was sent (`put`) or removed.",
    "state": "`queued`, then `indexing`; at last `done`, when the current index has the change, or `failed`.",
}
_PASSAGE = {
    "document_id": "The article that it is from.",
    "title": "That of the article.",
    "language": "That of the article.",
    "score": "How well it meets the question; 1 is very well.",
}

_BESIDE_TEXT = {
    "citations": "Of the markers in the text, whole.",
    "warnings": "As those of an `Answer`.",
    "abstained": "Whether the articles do not hold the answer.",
    "language": "That of the answer.",
    "answer_id": "By which it can be rated.",
}

# By the name of the schema, then of the field.
FIELD_TEXTS: dict[str, dict[str, str]] = {
    "Answer": {
        "id": "By which it can be rated.",
        "conversation_id": "To be sent along with a question that leans on this one.",
        "language": "The one that was asked for, or the question's.",
        "answer": "The text, in that language, with a marker `[n]` behind what a source bears out. Quotes stay in the "
        "language of their source.",
        "abstained": "Whether the articles do not hold the answer; there is no citation then.",
        "composer": "`extractive` for an answer of quotes, `llm` where a language model wrote it.",
        "citations": "In the order of their first markers, each of which has one.",
        "warnings": "What a reader should know, such as `sources_disagree`, `unsupported_sentence_removed`, "
        "`llm_unavailable`, `llm_incomplete` or `llm_wrong_language`.",
        "related": "Passages worth reading where there is no answer.",
        "withdrawn": "Sentences that were shown in a stream and do not stand.",
        "timings_ms": "How long the steps took, in milliseconds: `retrieve`, `compose`, `total`.",
        "usage": "Requests to a language model, and tokens in and out; empty where there is none.",
    },
    "Citation": _PASSAGE
    | _PLACE
    | {
        "n": "The number of its marker.",
        "url": "Where the article was published.",
        "published": "When that was: an ISO date.",
        "quote": "Exactly `text[start:end]` of the document.",
        "parallel": "The sentence of an article in the answer's language that says the same, where the source is in "
        "the other one.",
    },
    "Quote": _PLACE | {"quote": "Exactly `text[start:end]` of the document."},
    "RelatedPassage": _PASSAGE | _PLACE | {"text": "Exactly `text[start:end]` of the document."},
    "Progress": {"passages": "How many are read."},
    "DocumentSummary": _ARTICLE,
    "Document": _ARTICLE
    | {
        "text": "The canonical text, which all offsets count in.",
        "translations": "Ids of its versions in the other language.",
    },
    "AssistantMessage": _BESIDE_TEXT
    | {"content": "The answer as Markdown: with its markers `[n]`, and a list of sources below it."},
    "ChunkDelta": _BESIDE_TEXT | {"content": "The next piece of the answer."},
    "Chunk": {
        "citations": "In the last chunk of the stream.",
        "usage": "In the last chunk where `stream_options` ask for it; null in those before.",
    },
    "DocumentBody": _FIELDS | {"text": "The document, in its `format`.", "format": "How `text` is to be read."},
    "Accepted": _JOB | {"job_id": "By which the job can be asked for.", "status_url": "Where, on this host."},
    "Job": _JOB
    | {
        "detail": "Why it failed; else null.",
        "generation": "The name of the index that was the first known to have the change; null where none has.",
        "created_at": "When it was accepted: an ISO moment.",
        "updated_at": "When its state last changed: an ISO moment.",
    },
    "Ready": {
        "generation": "The name of the index that answers.",
        "created": "When that was made: an ISO moment.",
        "age_s": "How long ago that was, in seconds.",
        "model": "What made its vectors.",
        "documents": "How many there are, by language.",
        "passages": "How many there are, by language.",
        "size_bytes": "What its files take.",
        "database": "Whether conversations can be kept; `off` where they are not to be.",
        "language_model": "Whether it is asked; `unavailable` while it is left alone after failures.",
    },
    "Problem": {
        "type": "`about:blank`: the status says what kind of error it is.",
        "title": "The status in words.",
        "status": "The same as that of the reply.",
        "detail": "What is wrong, in one line, and what to do about it.",
    },
}

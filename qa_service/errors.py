"""The errors that people meet.

    QAServiceError
    ├── SettingsError           a setting has a value that is not allowed
    ├── MissingExtra            an optional package is needed and not installed
    ├── DocumentError           one document cannot be read
    ├── IndexUnavailable        there is no index yet, or none that can be trusted
    ├── IndexMismatch           the index was made with another model or other settings
    ├── IndexBusy               another run is writing the index
    ├── EmbeddingsUnavailable   the provider of the embeddings does not answer
    ├── InvalidQuestion         the question cannot be taken
    │   └── QuestionTooLong     it is longer than the settings allow
    ├── InvalidFeedback         the rating or its comment cannot be taken
    ├── QuestionFileError       a file of questions cannot be read
    ├── UnknownDocument         no indexed document has this id
    ├── UnknownAnswer           no kept answer has this id
    ├── InvalidDocument         a document that was sent cannot be taken
    ├── DocumentConflict        something else stands where a document is to be put
    ├── DocumentsUnavailable    the documents folder cannot be written
    │   └── TooManyDocuments    it could be, and too many documents are being taken in at once
    ├── UnknownJob              no kept job has this id
    ├── SlackUnavailable        Slack does not let the app connect
    └── StorageUnavailable      the database fails, and what was asked of it was not done

Each message is one line that says what is wrong and what to do, and names no folder of the machine.
"""

from pydantic_core import ValidationError

# What is said of an error that is not among these: it may name anything.
UNEXPECTED = "Something went wrong here; the error was logged."


class QAServiceError(Exception):
    """Root of the tree: its text may be shown to anyone."""


class SettingsError(QAServiceError):
    """A setting has a value that is not allowed."""


class MissingExtra(QAServiceError):
    """An optional package is needed and not installed."""


class DocumentError(QAServiceError):
    """One document cannot be read."""


class IndexUnavailable(QAServiceError):
    """There is no index yet, or none that can be trusted."""


class IndexMismatch(QAServiceError):
    """The index was made with another model or other settings."""


class IndexBusy(QAServiceError):
    """Another run is writing the index."""


class EmbeddingsUnavailable(QAServiceError):
    """The provider of the embeddings does not answer, or not with vectors."""


class InvalidQuestion(QAServiceError):
    """The question cannot be taken."""


class QuestionTooLong(InvalidQuestion):
    """The question is longer than the settings allow."""


class InvalidFeedback(QAServiceError):
    """The rating or its comment cannot be taken."""


class QuestionFileError(QAServiceError):
    """A file of questions cannot be read."""


class UnknownDocument(QAServiceError):
    """No indexed document has this id."""


class UnknownAnswer(QAServiceError):
    """No kept answer has this id."""


class InvalidDocument(QAServiceError):
    """A document that was sent cannot be taken: its id, its fields or its content are wrong."""


class DocumentConflict(QAServiceError):
    """Something else stands where a document is to be put."""


class DocumentsUnavailable(QAServiceError):
    """The documents folder cannot be written."""


class TooManyDocuments(DocumentsUnavailable):
    """Too many documents are being taken in at once: a few seconds later there is room again."""


class UnknownJob(QAServiceError):
    """No kept job has this id."""


class SlackUnavailable(QAServiceError):
    """Slack does not let the app connect."""


class StorageUnavailable(QAServiceError):
    """The database fails, and what was asked of it was not done."""


def first_line(error: Exception) -> str:
    """What a library's error says, in one line: of values that do not fit the first, and never the value itself."""
    if isinstance(error, ValidationError):
        wrong = error.errors(include_url=False, include_input=False, include_context=False)[0]
        return f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}"
    return str(error).partition("\n")[0] or type(error).__name__

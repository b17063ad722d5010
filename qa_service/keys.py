"""The keys that open the service, and the sessions of readers who gave one."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from itsdangerous import BadSignature, TimestampSigner

from qa_service.settings import HASHED

# How long a session lasts, in seconds.
SESSION_S = 30 * 24 * 60 * 60

# How much of a digest names its holder where requests are counted: no two have the same.
_NAME_LENGTH = 32


@dataclass(frozen=True)
class _Key:
    """A key by its digest, and what signs the sessions that it begins."""

    digest: bytes
    signs: bytes


class Keys:
    """The keys that open the service, and the sessions that stand for them.

    A key is listed as it is, or as ``sha256:`` and its hash. Only digests are compared. A session is a time signed with
    its key, or with the secret and the key's digest where there is a secret: it needs no store, is good for every
    worker and after a restart, does not tell the key, and ends with it.
    """

    def __init__(self, keys: Iterable[str], secret: str = "") -> None:
        """Accept these keys, ASCII each; none at all makes an open service.

        Without a secret a hashed key begins no sessions: whoever knows the hash could sign them.
        """
        self._keys = [_key(key, secret.encode("utf-8", "surrogatepass")) for key in keys]

    def __bool__(self) -> bool:
        """Whether there is a key."""
        return bool(self._keys)

    def accept(self, given: str) -> bool:
        """Whether this is one of the keys."""
        return bool(self._equal_to(given))

    def session(self, given: str) -> str | None:
        """The session of whoever gave this; None where it is no key that begins any."""
        signing = [key.signs for key in self._equal_to(given) if key.signs]
        # Two readers with one key, at one moment, have two sessions.
        reader = f"reader-{secrets.token_urlsafe(9)}"
        return signer(signing[:1]).sign(reader).decode("ascii") if signing else None

    def admit(self, session: str) -> bool:
        """Whether a session was begun with one of the keys, and not too long ago."""
        try:
            signer([key.signs for key in self._keys if key.signs]).unsign(session, max_age=SESSION_S)
        except BadSignature:
            return False
        return True

    def _equal_to(self, given: str) -> list[_Key]:
        # All keys are compared, each in a time that does not depend on how much of it is right.
        offered = _digest(given)
        return [key for key in self._keys if hmac.compare_digest(key.digest, offered)]


def new_key() -> tuple[str, str]:
    """A random key that nobody guesses, and the form in which a setting need not hold it."""
    key = secrets.token_urlsafe(32)
    return key, HASHED + _digest(key).hex()


def name_of(credential: str) -> str:
    """What stands for a key or a session where requests are counted; nothing can be opened with it."""
    return _digest(credential).hex()[:_NAME_LENGTH]


def signed_part(session: str) -> str:
    """What is signed of a session, which is one text; its signature can be written in any number of ways."""
    return session.rpartition(".")[0]


def signer(keys: list[bytes]) -> TimestampSigner:
    """What signs sessions with the last of these keys, and knows those of all of them."""
    return TimestampSigner(keys, salt=b"qa_service.channels.access", digest_method=hashlib.sha256)


def _key(listed: str, secret: bytes) -> _Key:
    hashed = listed.lower().startswith(HASHED)
    digest = bytes.fromhex(listed[len(HASHED) :]) if hashed else _digest(listed)
    if secret:
        return _Key(digest, hmac.digest(secret, digest, "sha256"))
    return _Key(digest, b"" if hashed else listed.encode("ascii"))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()

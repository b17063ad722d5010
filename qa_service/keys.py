"""The keys that open the service, and the sessions of readers who gave one."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

from itsdangerous import BadSignature, TimestampSigner

# How long a session lasts, in seconds.
SESSION_S = 30 * 24 * 60 * 60


class Keys:
    """The keys that open the service, and the sessions that stand for them.

    A session is a time signed with its key: it needs no store, is good for every worker and after a restart, does not
    tell the key, and ends with it.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        """Accept these keys, ASCII each; none at all makes an open service."""
        self._keys = [key.encode("ascii") for key in keys]

    def __bool__(self) -> bool:
        """Whether there is a key."""
        return bool(self._keys)

    def accept(self, given: str) -> bool:
        """Whether this is one of the keys."""
        return bool(self._equal_to(given))

    def session(self, given: str) -> str | None:
        """The session of whoever gave this; None where it is no key."""
        equal = self._equal_to(given)
        return signer(equal[:1]).sign(b"reader").decode("ascii") if equal else None

    def admit(self, session: str) -> bool:
        """Whether a session was begun with one of the keys, and not too long ago."""
        try:
            signer(self._keys).unsign(session, max_age=SESSION_S)
        except BadSignature:
            return False
        return True

    def _equal_to(self, given: str) -> list[bytes]:
        # All keys are compared, each in a time that does not depend on how much of it is right.
        offered = given.encode("utf-8", "surrogatepass")
        return [key for key in self._keys if hmac.compare_digest(key, offered)]


def signer(keys: list[bytes]) -> TimestampSigner:
    """What signs sessions with the last of these keys, and knows those of all of them."""
    return TimestampSigner(keys, salt=b"qa_service.channels.access", digest_method=hashlib.sha256)

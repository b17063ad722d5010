"""Messages that a bot was sent, each claimed by one worker, so that it is answered once and none is lost.

A chat sends a message again when it is not sure that it arrived, perhaps to another worker or after a restart. Whoever
writes its id into the shared database first has it, for a lease that is renewed while the answer is made. When a
worker dies its leases run out, and any worker goes on with what it had, from what was remembered on the way.
"""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    String,
    Table,
    and_,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from qa_service.conversations import LONGEST_ID as LONGEST_CONVERSATION_ID
from qa_service.database import SCHEMA, Database, now_ms

# Characters of a message's id: longer ones are nobody's.
LONGEST_ID = 200

# How long a claim holds that is not renewed, in seconds: so long at most is a dead worker's message left alone.
LEASE_S = 8.0
# How long a database that failed is left alone. Seconds: a worker that could not renew its claims for as long as they
# hold would answer what another has taken over.
RETRY_AFTER_S = LEASE_S / 4

# Of those whose lease has run out, so many are taken at once.
_TAKEN_AT_ONCE = 20

_DAY_MS = 24 * 60 * 60 * 1000
_CLEAN_EVERY_S = 3_600.0

_INBOX = Table(
    "qa_inbox",
    SCHEMA,
    Column("id", String(LONGEST_ID), primary_key=True),
    Column("platform", String(20), nullable=False),
    Column("conversation_id", String(LONGEST_CONVERSATION_ID), nullable=False),
    Column("owner", String(32), nullable=False),  # empty: the message has been dealt with
    Column("leased_until", BigInteger, nullable=False),  # milliseconds since 1970, UTC
    Column("attempts", Integer, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    # The message, only until it has been dealt with, and what is remembered of its reply.
    Column("message", JSON, nullable=False),
    Column("kept", JSON, nullable=False),
    Index("qa_inbox_leases", "platform", "owner", "leased_until"),
    Index("qa_inbox_of_conversation", "conversation_id"),
    Index("qa_inbox_by_age", "received_at"),
)


@dataclass(frozen=True)
class Claim:
    """A message that is this worker's to answer, at the how-manieth attempt, and what the earlier ones left."""

    id: str
    message: dict[str, Any]
    attempt: int
    age_s: float
    kept: dict[str, Any]


class Inbox:
    """The messages of one platform as one worker sees them. Safe to share between threads; made after a fork.

    Each method raises StorageUnavailable when the database fails.
    """

    def __init__(self, database: Database, platform: str, days: int, *, lease_s: float = LEASE_S) -> None:
        """Claim messages of a platform in this database; that they came is known for so many days, at least one."""
        self._database = database
        self._platform = platform
        self._kept_ms = max(1, days) * _DAY_MS
        self._lease_ms = round(lease_s * 1000)
        self._owner = uuid.uuid4().hex
        self._clean_at = -math.inf

    def claim(self, message_id: str, conversation_id: str, message: dict[str, Any]) -> Claim | None:
        """Take a message; None where it has been dealt with, or is somebody's whose lease has not run out.

        The id has at most 200 characters and the conversation's at most 100.
        """
        return self._database.perform(
            lambda connection: self._claimed(connection, message_id, conversation_id, message), writes=True
        )

    def lapsed(self) -> list[Claim]:
        """Take what somebody began and did not end, or set aside for later; a few at a time."""
        if not self._database.exists():
            return []
        return self._database.perform(self._taken_over)

    def renew(self, message_ids: Iterable[str]) -> set[str]:
        """Keep these messages for another lease; those that are still this worker's."""
        wanted = list(message_ids)
        return self._database.perform(lambda connection: self._renewed(connection, wanted), writes=True)

    def remember(self, message_id: str, conversation_id: str, kept: dict[str, Any]) -> None:
        """Keep where a reply stands, for whoever may have to go on with it."""
        self._change(message_id, conversation_id=conversation_id, kept=kept)

    def set_aside(self, message_id: str, seconds: float) -> None:
        """Let anybody try a message again, after so long."""
        self._change(message_id, leased_until=now_ms() + round(seconds * 1000))

    def end(self, message_id: str) -> None:
        """A message has been dealt with: what it said is forgotten, and that it was there is not."""
        self._change(message_id, owner="", message={}, kept={})
        if time.monotonic() >= self._clean_at:
            self._clean_at = time.monotonic() + _CLEAN_EVERY_S
            self._database.perform(self._clean, writes=True)

    def knows(self, conversation_id: str) -> bool:
        """Whether any message of a conversation was taken."""
        if not self._database.exists():
            return False
        query = select(_INBOX.c.id).where(_INBOX.c.conversation_id == conversation_id).limit(1)
        return self._database.perform(lambda connection: connection.execute(query).first()) is not None

    def _claimed(
        self, connection: Connection, message_id: str, conversation_id: str, message: dict[str, Any]
    ) -> Claim | None:
        now = now_ms()
        row = {
            "id": message_id,
            "platform": self._platform,
            "conversation_id": conversation_id,
            "owner": self._owner,
            "leased_until": now + self._lease_ms,
            "attempts": 1,
            "received_at": now,
            "message": message,
            "kept": {},
        }
        try:
            connection.execute(insert(_INBOX), row)
        except IntegrityError:
            return self._take_over(connection, message_id)
        return Claim(message_id, message, 1, 0.0, {})

    def _taken_over(self, connection: Connection) -> list[Claim]:
        query = (
            select(_INBOX.c.id)
            .where(_INBOX.c.platform == self._platform, _lapsed())
            .order_by(_INBOX.c.leased_until)
            .limit(_TAKEN_AT_ONCE)
        )
        found = [self._take_over(connection, message_id) for message_id in connection.execute(query).scalars().all()]
        return [claim for claim in found if claim]

    def _take_over(self, connection: Connection, message_id: str) -> Claim | None:
        """A message whose lease has run out, if nobody else was quicker."""
        mine = (
            update(_INBOX)
            .where(_INBOX.c.id == message_id, _INBOX.c.platform == self._platform, _lapsed())
            .values(owner=self._owner, leased_until=now_ms() + self._lease_ms, attempts=_INBOX.c.attempts + 1)
        )
        if not connection.execute(mine).rowcount:
            return None
        row = connection.execute(select(_INBOX).where(_INBOX.c.id == message_id)).one()
        return Claim(row.id, row.message, row.attempts, (now_ms() - row.received_at) / 1000, row.kept)

    def _renewed(self, connection: Connection, message_ids: list[str]) -> set[str]:
        mine = and_(_INBOX.c.id.in_(message_ids), _INBOX.c.owner == self._owner)
        connection.execute(update(_INBOX).where(mine).values(leased_until=now_ms() + self._lease_ms))
        return set(connection.execute(select(_INBOX.c.id).where(mine)).scalars())

    def _change(self, message_id: str, **values: object) -> None:
        """Change a message of this worker; one that another has taken over is left as it is."""
        query = update(_INBOX).where(_INBOX.c.id == message_id, _INBOX.c.owner == self._owner).values(**values)
        self._database.perform(lambda connection: connection.execute(query), writes=True)

    def _clean(self, connection: Connection) -> None:
        connection.execute(delete(_INBOX).where(_INBOX.c.received_at < now_ms() - self._kept_ms))


def _lapsed() -> ColumnElement[bool]:
    return and_(_INBOX.c.owner != "", _INBOX.c.leased_until < now_ms())

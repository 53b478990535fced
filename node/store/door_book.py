"""What the sensor door must not forget, in the journal: sessions of devices, and the QoS 2 packet ids whose messages are stored.

A mark is one change of it. Marks are staged by the runtime at the beginning of a turn and are written by that turn's commit, so a packet id
is durable exactly when the readings of its message are. Tables `door_session` and `door_packet`. Called by node/store/journal.py and,
through it, by the runtime; read once by the door at its start.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

SESSIONS_READ_MAX = 100_000
"""Sessions, and packet ids of one session, that are read back after a start."""


class MarkKind(Enum):
    """What a mark does."""

    PUT_SESSION = "put_session"
    DROP_SESSION = "drop_session"
    HOLD_ID = "hold_id"
    RELEASE_ID = "release_id"


class Mark(NamedTuple):
    """One change of what the door remembers, made durable with the turn it rides on."""

    kind: MarkKind
    client: str
    packet_id: int = 0
    facts: str = ""
    """The session as JSON; of PUT_SESSION only."""
    ended_us: int = 0
    """Wall time at which its connection ended; 0 while it has one."""


@dataclass(frozen=True, slots=True)
class KeptSession:
    """A session as the file has it."""

    client: str
    facts: str
    ended_us: int
    packet_ids: tuple[int, ...]


_STATEMENTS = {
    MarkKind.PUT_SESSION: ("INSERT OR REPLACE INTO door_session VALUES (:client, :facts, :ended_us)",),
    MarkKind.DROP_SESSION: ("DELETE FROM door_session WHERE client = :client", "DELETE FROM door_packet WHERE client = :client"),
    MarkKind.HOLD_ID: ("INSERT OR IGNORE INTO door_packet VALUES (:client, :packet_id)",),
    MarkKind.RELEASE_ID: ("DELETE FROM door_packet WHERE client = :client AND packet_id = :packet_id",),
}


class DoorBook:
    """Marks on their way into the file. Staged on the event loop while no commit runs, written on the commit thread."""

    def __init__(self) -> None:
        self._staged: list[Mark] = []

    def stage(self, marks: Sequence[Mark]) -> None:
        """Have the next commit write `marks`, in order."""
        self._staged.extend(marks)

    def insert(self, writer: sqlite3.Connection) -> None:
        """Write what is staged, inside the caller's transaction."""
        for kind, marks in groupby(self._staged, attrgetter("kind")):
            rows = [{"client": mark.client, "packet_id": mark.packet_id, "facts": mark.facts, "ended_us": mark.ended_us} for mark in marks]
            for statement in _STATEMENTS[kind]:
                writer.executemany(statement, rows)

    def committed(self) -> None:
        """The transaction is durable: nothing is staged any more."""
        self._staged = []


def kept_sessions(connection: sqlite3.Connection) -> list[KeptSession]:
    """Every session with the packet ids it holds, the one that ended longest ago first."""
    ids: dict[str, list[int]] = {}
    for client, packet_id in connection.execute("SELECT client, packet_id FROM door_packet ORDER BY client, packet_id"):
        ids.setdefault(client, []).append(packet_id)
    # Those that had a connection until the node stopped are the newest.
    rows = connection.execute(
        "SELECT client, facts, ended_us FROM door_session ORDER BY ended_us = 0, ended_us, client LIMIT ?", (SESSIONS_READ_MAX,)
    )
    return [KeptSession(client, facts, ended_us, tuple(ids.get(client, ()))) for client, facts, ended_us in rows]

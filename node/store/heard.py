"""Which refusals a peer has heard of, and those that it has not and that are too old for the engine's memory.

Refusals of one sender's life by one receiver's life ascend with the sender's positions, lane by lane, because both count on; so the last
one that was entered stands for all before it. The engine tells the newest ones by itself (sync/core/refusals.py). Called by
node/links/opening.py, node/carriage and the simulator through `SqliteJournal.look`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sync.core.messages import Heard, Hello, Refused
from sync.model import Direction, Lane, PolicyVersion, Span
from sync.model.writes import REFUSALS_KEPT_MAX

if TYPE_CHECKING:
    from node.store.journal import SqliteJournal

PAGE_MAX = 256
"""Refusals that are read at once."""

_LAST_HEARD = """
    SELECT span_upto, part FROM refusal
    WHERE peer = ? AND direction = ? AND lane = ? AND by_peer = 1 AND incarnation = ? AND refuser = ?
    ORDER BY span_upto DESC, part DESC LIMIT 1
"""
_ENTERED = """
    SELECT 1 FROM refusal
    WHERE peer = ? AND direction = ? AND lane = ? AND span_upto = ? AND part = ? AND span_after = ? AND by_peer = 1 AND incarnation = ?
        AND refuser = ? LIMIT 1
"""
_OLDEST_REMEMBERED = "SELECT id FROM refusal WHERE peer = ? AND by_peer = 0 ORDER BY id DESC LIMIT 1 OFFSET ?"
_UNHEARD = """
    SELECT id, span_after, span_upto, part, reason, policy_version, quarantine, program FROM refusal
    WHERE peer = ? AND direction = ? AND lane = ? AND by_peer = 0 AND incarnation = ? AND id <= ? AND id > ?
        AND (span_upto > ? OR (span_upto = ? AND part > ?))
    ORDER BY id LIMIT ?
"""


def is_entered(connection: sqlite3.Connection, peer: str, incarnation: int, refused: Refused, *, own: int) -> bool:
    """True when this life has entered this refusal by this life of `peer`: a file may bring it again, however long ago that was."""
    place = (peer, int(refused.direction), int(refused.lane), refused.span.upto, refused.part, refused.span.after)
    return connection.execute(_ENTERED, (*place, own, incarnation)).fetchone() is not None


def last_heard(connection: sqlite3.Connection, peer: str, incarnation: int, *, own: int) -> tuple[Heard, ...]:
    """The last refusal of this life of `peer` that was entered in this life, for each lane and direction; at 0 where there is none."""
    return tuple(
        Heard(direction, lane, *(connection.execute(_LAST_HEARD, (peer, int(direction), int(lane), own, incarnation)).fetchone() or (0, 0)))
        for direction in Direction
        for lane in Lane
    )


def unheard(journal: SqliteJournal, hello: Hello, version: PolicyVersion) -> Iterator[Refused]:
    """Refusals of frames of the peer that said `hello`, oldest first: those it has not entered and that the engine does not remember.

    They go out before anything that the engine says, so that the last one entered always stands for all before it. Nothing for a program
    that does not say what it heard. Blocking, a page at a time.
    """
    marks = {(entry.direction, entry.lane): (entry.upto, entry.part) for entry in hello.heard}
    oldest = journal.look("look at refusals", lambda db: db.execute(_OLDEST_REMEMBERED, (hello.node, REFUSALS_KEPT_MAX)).fetchone())
    if oldest is None:
        return
    for place, mark in sorted(marks.items()):
        yield from _unheard_in(journal, hello, place, mark, oldest[0], version)


def _unheard_in(
    journal: SqliteJournal, hello: Hello, place: tuple[Direction, Lane], mark: tuple[int, int], upto_id: int, version: PolicyVersion
) -> Iterator[Refused]:
    after_id = 0
    key = (hello.node, int(place[0]), int(place[1]), hello.incarnation)
    while True:
        values = (*key, upto_id, after_id, mark[0], mark[0], mark[1], PAGE_MAX)
        rows = journal.look("look at refusals", lambda db, values=values: db.execute(_UNHEARD, values).fetchall())  # type: ignore[misc]
        for number, after, upto, part, reason, under, quarantine, program in rows:
            after_id = number
            yield Refused(*place, Span(after, upto), part, reason, version, quarantine=bool(quarantine), under=under, program=program)
        if len(rows) < PAGE_MAX:
            return

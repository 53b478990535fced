"""Streams that a change of incarnation renumbered here (table `renumbered`), and records of a peer that lie here under its former numbers.

The table is written by node/store/rebrand.py, in the transaction that renumbers. Called by node/fork/desk.py.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence

from sync.model import Lane, Life, State
from sync.model.renumbering import HELD_RANGES_MAX, RENUMBERED_TOLD_MAX, HeldBefore, Renumbered, Step

KnownLives = Callable[[str, int], Sequence[Life]]
"""(peer, incarnation): the lives of the peer's journal that wrote what is held of it here."""

_STEPS = "SELECT old, lane, resource, base, new FROM renumbered ORDER BY ordinal DESC LIMIT ?"
_UPTO = "SELECT coalesce(max(upto), 0) FROM in_position WHERE peer = ? AND incarnation = ?"
_HAS = """
    SELECT 1 FROM stream_range
    WHERE origin = ? AND incarnation = ? AND lane = ? AND resource = ? AND last_seq > ? AND state = ? LIMIT 1
"""
_HELD = """
    SELECT max(r.first_seq, :base + 1), r.last_seq FROM batch b CROSS JOIN batch_run r ON r.lsn = b.lsn
    WHERE b.lane = :lane AND b.source = :peer AND b.resource = :resource AND r.origin = :peer AND r.incarnation = :incarnation
        AND r.last_seq > :base AND r.state = :present AND r.duplicate = 0
    ORDER BY r.first_seq
"""


def steps(connection: sqlite3.Connection) -> list[Step]:
    """The newest renumberings of this journal, in the order in which they were made."""
    rows = connection.execute(_STEPS, (RENUMBERED_TOLD_MAX,)).fetchall()
    return [Step(Renumbered(old, Lane(lane), resource, base), new) for old, lane, resource, base, new in reversed(rows)]


def held_before(
    connection: sqlite3.Connection, peer: str, told: Sequence[Renumbered], *, lives: Sequence[Life], known: KnownLives
) -> list[HeldBefore]:
    """What came here from `peer` itself under the former numbers that it `told`, as far as the copy that it is now had written it.

    `lives` are those of its journal, `known` gives those that wrote what is held of it here in a former incarnation. Two copies may have
    used one number for two records, so what another copy sent is not counted: it cannot be what `peer` means.
    """
    found, room = [], HELD_RANGES_MAX
    for entry in told:
        if not _is_its_own(connection, peer, entry.incarnation, lives=lives, known=known(peer, entry.incarnation)):
            continue
        ranges = tuple(_merged(_ranges(connection, peer, entry)))[:room]
        room -= len(ranges)
        if ranges:
            found.append(HeldBefore(entry.incarnation, entry.lane, entry.resource, ranges))
    return found


def _is_its_own(connection: sqlite3.Connection, peer: str, incarnation: int, *, lives: Sequence[Life], known: Sequence[Life]) -> bool:
    """True when what is held of `peer` in `incarnation` was written by the journal with `lives`, and by no other copy of it."""
    places = {life.id: index for index, life in enumerate(lives)}
    place = places.get(known[-1].id) if known else None
    if place is None:
        return False
    # A copy was made within a life when what is held reaches beyond the next one's beginning: then the other copy went on in it.
    following = lives[place + 1 : place + 2]
    upto = connection.execute(_UPTO, (peer, incarnation)).fetchone()[0]
    return all(upto <= life.after for life in following)


def _ranges(connection: sqlite3.Connection, peer: str, entry: Renumbered) -> Iterator[tuple[int, int]]:
    stream = (peer, entry.incarnation, int(entry.lane), entry.resource)
    # The walk over the batches is long, and is only for a node that was copied and wrote to this one before it knew.
    if connection.execute(_HAS, (*stream, entry.base, int(State.PRESENT))).fetchone() is not None:
        values = {"peer": peer, "incarnation": entry.incarnation, "lane": int(entry.lane), "resource": entry.resource, "base": entry.base}
        yield from connection.execute(_HELD, values | {"present": int(State.PRESENT)}).fetchall()


def _merged(ranges: Iterator[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Ranges in order, those that touch or overlap as one."""
    low, high = 0, 0
    for first, last in ranges:
        if high and first <= high + 1:
            high = max(high, last)
            continue
        if high:
            yield low, high
        low, high = first, last
    if high:
        yield low, high

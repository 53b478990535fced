"""Recalled records in the journal: what is left of a batch put in its place, tombstones, and the book of recall orders.

A tombstone and the erasure it stands for are one transaction: there is no moment at which one is there without the other. Tables
`recalled` (stretches of numbers, by order) and `recall_order` (what was begun, done and told). Called by write_set.py (statements), by
node/carriage and by node/recall.
"""

from __future__ import annotations

import json
import sqlite3
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from node.store.rows import BATCH_COLUMNS, RUN_COLUMNS, batch_row, run_rows
from sync.model import Direction, Lane, Run, State, Stream
from sync.model.runs import NUMBER_MAX
from sync.model.writes import Recall

TOMBSTONE_LIFE_DAYS = 180
"""How long a recalled record is refused by number: twice the longest absence after which a node resumes instead of being seeded anew."""
TOMBSTONE_LIFE_US = TOMBSTONE_LIFE_DAYS * 86_400 * 1_000_000
ORDERS_MAX = 10_000
"""Orders that are read at once, newest first."""

_NAMES = BATCH_COLUMNS.split(", ")
_CHANGES = ", ".join(f"{name} = ?" for name in _NAMES[1:])
_INSERT_RUN = f"INSERT INTO batch_run ({RUN_COLUMNS}) VALUES ({', '.join('?' * len(RUN_COLUMNS.split(',')))})"
_TOMBSTONE = "INSERT OR IGNORE INTO recalled VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive numbers of one stream that an order recalled here."""

    stream: Stream
    first: int
    last: int
    lsn: int
    source: str
    """Node that the batch came from."""
    is_masked: bool
    was_sha256: bytes
    """Hash of the payload that held the rows."""

    @property
    def count(self) -> int:
        """Records in it."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Erased:
    """Consecutive numbers of one stream that were erased here and have not come again."""

    stream: Stream
    first: int
    last: int
    source: str
    """Node that the batch came from."""
    direction: Direction
    """The way it came."""


@dataclass(frozen=True, slots=True)
class OrderNote:
    """How far this node is with one order."""

    id: str
    entry: str
    issuer: str
    began_us: int
    done_us: int = 0
    """When the last byte was gone; 0 before."""
    told_us: int = 0
    """When the receipt was said; 0 before."""
    facts: str = ""
    """The receipt as JSON; empty before it is made."""


def apply_recalls(connection: sqlite3.Connection, recalls: Iterable[Recall]) -> None:
    """Make the replacements, inside the caller's transaction; a batch that is another one by now is left as it is."""
    for recall in recalls:
        lsn = recall.stored.lsn
        row = connection.execute("SELECT freed, payload_sha256, lane, resource FROM batch WHERE lsn = ?", (lsn,)).fetchone()
        if row is None or row[1] != recall.was_sha256:
            continue
        _replace(connection, recall, freed=row[0])
        if row[0]:
            _recount_freed(connection, recall, (row[2], row[3], row[0]))
        _enter(connection, recall)


def _replace(connection: sqlite3.Connection, recall: Recall, *, freed: int) -> None:
    """A batch that retention let go meanwhile stays let go: only its account changes."""
    lsn = recall.stored.lsn
    if not freed:
        connection.execute(f"UPDATE batch SET {_CHANGES} WHERE lsn = ?", (*batch_row(recall.stored)[1:], lsn))
    else:
        header = recall.stored.batch.header
        connection.execute("UPDATE batch SET row_count = ?, replaces = lsn WHERE lsn = ?", (header.row_count, lsn))
    connection.execute("DELETE FROM batch_run WHERE lsn = ?", (lsn,))
    connection.executemany(_INSERT_RUN, list(run_rows(recall.stored)))


def _recount_freed(connection: sqlite3.Connection, recall: Recall, key: tuple[int, str, int]) -> None:
    live = recall.stored.live_runs
    gone = sum(run.count for run in live if run.state is State.RECALLED and _is_in(run, recall.erased))
    connection.execute("UPDATE freed SET records = records - ? WHERE lane = ? AND resource = ? AND state = ?", (gone, *key))


def _is_in(run: Run, erased: Sequence[Run]) -> bool:
    return any((one.origin, one.incarnation) == (run.origin, run.incarnation) and one.first <= run.first <= one.last for one in erased)


def _enter(connection: sqlite3.Connection, recall: Recall) -> None:
    header = recall.stored.batch.header
    key = (recall.order, recall.stored.lsn)
    begin = connection.execute("SELECT count(*) FROM recalled WHERE order_id = ? AND lsn = ?", key).fetchone()[0]
    pieces = [(run, 0) for run in recall.erased] + [(run, 1) for run in recall.masked]
    connection.executemany(
        _TOMBSTONE,
        [
            (*key, begin + place, run.origin, run.incarnation, int(header.lane), header.resource, run.first,
             run.last, is_masked, recall.was_sha256, recall.at_us)
            for place, (run, is_masked) in enumerate(pieces)
        ],
    )  # fmt: skip


def stretches(connection: sqlite3.Connection, order: str) -> list[Stretch]:
    """What an order recalled here, in a fixed order."""
    statement = """
        SELECT t.origin, t.incarnation, t.lane, t.resource, t.first_seq, t.last_seq, t.lsn, b.source, t.is_masked, t.was_sha256
        FROM recalled t JOIN batch b ON b.lsn = t.lsn WHERE t.order_id = ? ORDER BY t.lsn, t.idx
    """
    stream = _streams()
    return [
        Stretch(stream(*key), first, last, lsn, source, bool(is_masked), digest)
        for *key, first, last, lsn, source, is_masked, digest in connection.execute(statement, (order,))
    ]


def tombstones(connection: sqlite3.Connection) -> Iterator[tuple[str, int, Stream, int, int]]:
    """Numbers that were erased: order, when, stream, first and last."""
    statement = "SELECT order_id, at_us, origin, incarnation, lane, resource, first_seq, last_seq FROM recalled WHERE is_masked = 0"
    stream = _streams()
    for order, at_us, *key, first, last in connection.execute(statement):
        yield order, at_us, stream(*key), first, last


def erased(connection: sqlite3.Connection, orders: Sequence[str], most: int) -> list[Erased]:
    """What these orders erased here and what is not here again, oldest batches first; at most `most` stretches."""
    statement = """
        SELECT t.origin, t.incarnation, t.lane, t.resource, t.first_seq, t.last_seq, b.source, b.direction
        FROM json_each(?) o CROSS JOIN recalled t ON t.order_id = o.value CROSS JOIN batch b ON b.lsn = t.lsn WHERE t.is_masked = 0
    """
    stream, away = _streams(), cache(lambda one: _still_recalled(connection, one))
    found: list[Erased] = []
    for *key, first, last, source, way in connection.execute(statement, (json.dumps(list(orders)),)):
        of = stream(*key)
        found += [Erased(of, *part, source, Direction(way)) for part in _overlap(away(of), first, last)]
        if len(found) >= most:
            break
    return found[:most]


def _still_recalled(connection: sqlite3.Connection, stream: Stream) -> list[tuple[int, int]]:
    """The numbers of a stream that are recalled now: first and last, ascending. Read once: there may be one range for each number."""
    statement = """
        SELECT first_seq, last_seq FROM stream_range
        WHERE origin = ? AND incarnation = ? AND lane = ? AND resource = ? AND state = ? ORDER BY first_seq
    """
    values = (stream.origin, stream.incarnation, int(stream.lane), stream.resource, int(State.RECALLED))
    return connection.execute(statement, values).fetchall()


def _overlap(ranges: Sequence[tuple[int, int]], first: int, last: int) -> list[tuple[int, int]]:
    """The parts of `first`..`last` that lie in ascending `ranges`."""
    begin, end = max(0, bisect_right(ranges, (first, NUMBER_MAX)) - 1), bisect_right(ranges, (last, NUMBER_MAX))
    return [(max(low, first), min(high, last)) for low, high in ranges[begin:end] if high >= first]


def holding(
    connection: sqlite3.Connection, kind: tuple[str, Lane], wanted: Mapping[Stream, Sequence[tuple[int, int]]], most: int
) -> list[int]:
    """lsns of batches of a resource and lane in which rows of wanted numbers count here, ascending; at most `most`.

    `wanted` are ranges (first, last) that ascend and neither touch nor overlap. One walk over the runs, however many ranges there are.
    """
    statement = """
        SELECT b.lsn, r.origin, r.incarnation, r.first_seq, r.last_seq
        FROM batch b INDEXED BY batch_kept CROSS JOIN batch_run r ON r.lsn = b.lsn
        WHERE b.resource = ? AND b.lane = ? AND b.freed = 0 AND b.payload_bytes > 0 AND r.row_offset IS NOT NULL AND r.duplicate = 0
        ORDER BY b.lsn
    """
    ranges = {(one.origin, one.incarnation): found for one, found in wanted.items()}
    lsns: list[int] = []
    for lsn, origin, life, first, last in connection.execute(statement, (kind[0], int(kind[1]))):
        found = ranges.get((origin, life), ())
        place = bisect_right(found, (last, NUMBER_MAX)) - 1
        if place < 0 or found[place][1] < first or (lsns and lsns[-1] == lsn):
            continue
        lsns.append(lsn)
        if len(lsns) >= most:
            break
    return lsns


def _streams() -> Callable[[str, int, int, str], Stream]:
    """Streams by their columns, each made once: scattered records are many stretches of few streams."""

    @cache
    def stream(origin: str, life: int, lane: int, resource: str) -> Stream:
        return Stream(origin, life, Lane(lane), resource)

    return stream


def delivered(connection: sqlite3.Connection, resource: str) -> Iterator[tuple[str, Stream, int, int]]:
    """What left for whom, from the share ledger: peer, stream, first and last number; a refused frame counts, too."""
    statement = """
        SELECT l.peer, r.origin, r.incarnation, l.lane, r.first_seq, r.last_seq
        FROM ledger l CROSS JOIN ledger_run r ON r.ledger_id = l.id WHERE l.resource = ? AND l.closed = 0 AND r.state = ?
    """
    for peer, origin, life, lane, first, last in connection.execute(statement, (resource, int(State.PRESENT))):
        yield peer, Stream(origin, life, Lane(lane), resource), first, last


def notes(connection: sqlite3.Connection) -> list[OrderNote]:
    """How far this node is with each order, newest first."""
    statement = "SELECT id, entry, issuer, began_us, done_us, told_us, facts FROM recall_order ORDER BY began_us DESC, id LIMIT ?"
    return [OrderNote(*row) for row in connection.execute(statement, (ORDERS_MAX,))]


def keep_note(connection: sqlite3.Connection, note: OrderNote) -> None:
    """Write down how far an order is."""
    values = (note.id, note.entry, note.issuer, note.began_us, note.done_us, note.told_us, note.facts)
    connection.execute("INSERT OR REPLACE INTO recall_order VALUES (?, ?, ?, ?, ?, ?, ?)", values)


def blank_aside(connection: sqlite3.Connection, resource: str, me: str) -> int:
    """Damaged bytes of others' records of a resource go: nobody can say which rows were in them; how many batches."""
    statement = """
        UPDATE aside SET payload = x'' WHERE payload <> x'' AND lsn IN (
            SELECT b.lsn FROM batch b WHERE b.resource = ? AND EXISTS (SELECT 1 FROM batch_run r WHERE r.lsn = b.lsn AND r.origin <> ?))
    """
    return connection.execute(statement, (resource, me)).rowcount


def next_with_rows(connection: sqlite3.Connection, resource: str, after: int, batches_max: int) -> list[int]:
    """The next lsns of a resource whose payload is here, ascending."""
    statement = """
        SELECT lsn FROM batch INDEXED BY batch_kept WHERE resource = ? AND freed = 0 AND lsn > ? AND payload_bytes > 0 ORDER BY lsn LIMIT ?
    """
    return [lsn for (lsn,) in connection.execute(statement, (resource, after, batches_max))]


def hashes(connection: sqlite3.Connection, lsns: Sequence[int]) -> list[tuple[int, bytes, int]]:
    """Payload hash and `freed` of batches."""
    places = ", ".join("?" * len(lsns))
    return connection.execute(f"SELECT lsn, payload_sha256, freed FROM batch WHERE lsn IN ({places})", tuple(lsns)).fetchall()


def had_any(connection: sqlite3.Connection, resources: Sequence[str]) -> bool:
    """True when a record of one of these resources was ever accounted for here."""
    places = ", ".join("?" * len(resources))
    return connection.execute(f"SELECT 1 FROM stream_range WHERE resource IN ({places}) LIMIT 1", tuple(resources)).fetchone() is not None

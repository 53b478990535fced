"""The two sides of a proof: what this node sent to a peer, and what it stored of what a peer sent, by bucket.

Reads the journal in short steps and keeps a few numbers for each bucket, never rows. A batch that cannot be read is left out: whoever
watches the journal for damage hears of it from the read itself. Called, off the event loop, by node/equality/desk.py.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from node.equality.rowhash import Hashes
from node.equality.sums import HashedRows, Numbers, hashed_rows
from node.store.flows import Scope, accounts
from node.store.journal import SqliteJournal
from node.store.tape import CLOSED, FATE_OF, Account
from sync.core.equality import BUCKET_NUMBERS, bucket_of, sent_pieces, states_digest, unpack_sums
from sync.model import Direction, JournalCorrupt, Lane, Run, Span, State, StoredBatch, Stream
from sync.wire.payload import unfold_payload

NUMBERS_MAX = 1 << 44
"""Streams with higher numbers are not proven: no honest origin makes so many records."""
BUCKETS_PER_STREAM_MAX = 65_536
READ_BATCHES = 16
READ_BYTES = 8 << 20
"""What one short read takes from the journal."""

_RANGE = np.dtype([("first", "<u8"), ("last", "<u8"), ("fate", "u1")])
_STREAM_SHIFT = np.int64(44)


@dataclass(frozen=True, slots=True)
class Fates:
    """The fate of the numbers of one stream: ascending stretches, each in one bucket, neighbours of one fate joined, pending left out."""

    stream: Stream
    first: Numbers
    last: Numbers
    fate: npt.NDArray[np.uint8]

    @property
    def upto(self) -> int:
        """The highest number with a fate; 0 when there is none."""
        return int(self.last[-1]) if len(self.last) else 0

    def buckets(self) -> list[int]:
        """The buckets with a number, ascending."""
        return [int(bucket) for bucket in np.unique(self.first // BUCKET_NUMBERS)]

    def packed(self, bucket: int) -> bytes:
        """The ranges of a bucket as messages have them."""
        low, high = np.searchsorted(self.first, (bucket * BUCKET_NUMBERS, (bucket + 1) * BUCKET_NUMBERS))
        rows = np.empty(high - low, _RANGE)
        rows["first"], rows["last"], rows["fate"] = self.first[low:high], self.last[low:high], self.fate[low:high]
        return rows.tobytes()

    def digest(self, bucket: int) -> int:
        """The digest of the states of a bucket."""
        return states_digest(self.packed(bucket))


def fates_of(stream: Stream, first: Numbers, stop: Numbers, fate: npt.NDArray[np.uint8], *, upto: int = NUMBERS_MAX) -> Fates:
    """The fates of ascending stretches `first`..`stop` (exclusive), as far as `upto`."""
    chosen = (fate != 0) & (first <= upto)
    first, last, fate = first[chosen], np.minimum(stop[chosen] - 1, upto), fate[chosen]
    # Cut at buckets first, joined then: the same numbers give the same ranges however they were cut before.
    spans = last // BUCKET_NUMBERS - first // BUCKET_NUMBERS + 1
    steps = np.arange(int(spans.sum()), dtype=np.int64) - np.repeat(np.cumsum(spans) - spans, spans)
    buckets = np.repeat(first // BUCKET_NUMBERS, spans) + steps
    first = np.maximum(np.repeat(first, spans), buckets * BUCKET_NUMBERS)
    last = np.minimum(np.repeat(last, spans), (buckets + 1) * BUCKET_NUMBERS - 1)
    fate = np.repeat(fate, spans)
    begins = np.ones(len(first), np.bool_)
    begins[1:] = (first[1:] != last[:-1] + 1) | (fate[1:] != fate[:-1]) | (buckets[1:] != buckets[:-1])
    ends = np.append(begins[1:], True)[: len(begins)]
    return Fates(stream, first[begins], last[ends], fate[begins])


def is_provable(first: Numbers, stop: Numbers) -> bool:
    """False for numbers that no honest origin gives: their buckets would not fit into memory."""
    return not len(stop) or (int(stop[-1]) <= NUMBERS_MAX and int(stop[-1] - first[0]) // BUCKET_NUMBERS < BUCKETS_PER_STREAM_MAX)


@dataclass(slots=True)
class RowSums:
    """Sums of row hashes for some stretches of numbers of several streams, filled while batches are read."""

    streams: Sequence[Stream]
    keys: Numbers = field(default_factory=lambda: np.empty(0, np.int64))
    ends: Numbers = field(default_factory=lambda: np.empty(0, np.int64))
    sums: dict[tuple[int, int], int] = field(default_factory=dict)
    """By place of the stream and bucket."""
    counts: dict[tuple[int, int], int] = field(default_factory=dict)
    wanted: tuple[int, int] | None = None
    """Stream and bucket of which every hash is kept in `hashes`; None for none."""
    hashes: Hashes = field(default_factory=lambda: np.zeros(0, np.uint64))

    def want(self, stretches: Sequence[tuple[Numbers, Numbers]]) -> None:
        """Sum over these numbers only: first and last numbers by place of the stream, ascending."""
        self.keys = np.concatenate([(np.int64(place) << _STREAM_SHIFT) | first for place, (first, _) in enumerate(stretches)])
        self.ends = np.concatenate([(np.int64(place) << _STREAM_SHIFT) | last for place, (_, last) in enumerate(stretches)])

    def keep_hashes(self, place: int, bucket: int) -> None:
        """Keep the hash of every number of this bucket, 0 where there is none."""
        self.wanted, self.hashes = (place, bucket), np.zeros(BUCKET_NUMBERS, np.uint64)

    def add(self, hashed: HashedRows, lane: Lane, resource: str) -> None:
        """Enter the rows of one batch."""
        places = {stream: place for place, stream in enumerate(self.streams)}
        own = np.array([places.get(run.stream(lane, resource), -1) for run in hashed.runs], np.int64)
        by_row = np.repeat(own, np.diff(hashed.starts))
        keys = (by_row << _STREAM_SHIFT) | hashed.numbers
        index = np.searchsorted(self.keys, keys, side="right") - 1
        chosen = (by_row >= 0) & (hashed.numbers < NUMBERS_MAX) & (index >= 0)
        chosen &= keys <= self.ends[np.maximum(index, 0)] if len(self.ends) else False
        self._enter(by_row[chosen], hashed.numbers[chosen], hashed.hashes[chosen])

    def _enter(self, places: Numbers, numbers: Numbers, hashes: Hashes) -> None:
        if not len(places):
            return
        slots = (places << _STREAM_SHIFT) | (numbers // BUCKET_NUMBERS)
        begins = np.flatnonzero(np.concatenate(([True], slots[1:] != slots[:-1])))
        counts = np.diff(np.append(begins, len(slots)))
        for begin, added, count in zip(begins.tolist(), np.add.reduceat(hashes, begins).tolist(), counts.tolist(), strict=True):
            slot = (int(places[begin]), bucket_of(int(numbers[begin])))
            self.sums[slot] = (self.sums.get(slot, 0) + added) % (1 << 64)
            self.counts[slot] = self.counts.get(slot, 0) + count
        if self.wanted is not None:
            place, bucket = self.wanted
            mine = (places == place) & (numbers // BUCKET_NUMBERS == bucket)
            self.hashes[numbers[mine] % BUCKET_NUMBERS] = hashes[mine]


def add_journal_rows(journal: SqliteJournal, resource: str, sums: RowSums, *, source: str | None = None) -> None:
    """Enter every readable row of a resource that counts here; only batches from `source` if given."""
    for stored in _readable(journal, resource):
        header = stored.batch.header
        # After a recall a batch is no longer what left or came: of its rows nothing can be proven, of their numbers everything.
        if not header.row_count or stored.freed or stored.is_replaced or (source is not None and stored.source != source):
            continue
        runs = [run for run in stored.live_runs if run.state is State.PRESENT]
        if runs:
            sums.add(hashed_rows(unfold_payload(stored.batch.payload), runs, header.lane, resource), header.lane, resource)


def _readable(journal: SqliteJournal, resource: str) -> Iterator[StoredBatch]:
    after, top = 0, journal.last_lsn
    while after < top:
        try:
            found = journal.find(resource, Span(after, top), batches_max=READ_BATCHES, bytes_max=READ_BYTES)
        except JournalCorrupt as error:
            if error.lsn is None:
                raise
            found = _one_by_one(journal, resource, after, error.lsn)
            yield from found
            after = error.lsn
            continue
        if not found:
            return
        yield from found
        after = found[-1].lsn


def _one_by_one(journal: SqliteJournal, resource: str, after: int, damaged: int) -> list[StoredBatch]:
    """The batches before a damaged one, which the damaged one hid."""
    found: list[StoredBatch] = []
    while after < damaged - 1:
        part = journal.find(resource, Span(after, damaged - 1), batches_max=1, bytes_max=1)
        if not part:
            break
        found += part
        after = part[-1].lsn
    return found


@dataclass(slots=True)
class SentView:
    """What this node sent of one resource, as its share ledger says and the peer has acknowledged."""

    accounts: list[Account]
    fates: list[Fates]
    rows: RowSums
    kept: list[list[tuple[int, int, int]]]
    """By stream: first, last and sum of each stretch whose rewritten rows were summed when they were sent."""
    unprovable: list[str] = field(default_factory=list)
    """Streams whose numbers cannot be."""
    states_only: int = 0
    """Buckets of which the peer could compare the states alone."""

    def wanted(self, place: int, bucket: int) -> tuple[int, int] | None:
        """Sum and number of the rows of a bucket; None when some can no longer be summed here."""
        account = self.accounts[place]
        sums, count = self.rows.sums.get((place, bucket), 0), self.rows.counts.get((place, bucket), 0)
        firsts = [first for first, _, _ in self.kept[place]]
        low, high = bisect_left(firsts, bucket * BUCKET_NUMBERS), bisect_left(firsts, (bucket + 1) * BUCKET_NUMBERS)
        for first, last, value in self.kept[place][low:high]:
            sums, count = (sums + value) % (1 << 64), count + last - first + 1
        return (sums, count) if count == _present_in(account, bucket) else None


def sent_view(journal: SqliteJournal, peer: str, direction: Direction, scope: Scope, *, has_rows: bool) -> SentView:
    """What was sent to `peer` in `scope`, which names a resource when rows are to be hashed."""
    found = journal.look("read of the share ledger", lambda connection: _told(connection, peer, direction, scope))
    good = [account for account in found if is_provable(account.start, account.stop)]
    view = SentView(
        good,
        [fates_of(account.stream, account.start, account.stop, _told_fate(account)) for account in good],
        RowSums([account.stream for account in good]),
        [[] for _ in good],
        [f"{account.stream.origin}/{account.stream.resource}" for account in found if account not in good],
    )
    if has_rows and good and scope.resource is not None:
        view.kept = journal.look("read of row sums", lambda connection: _kept_sums(connection, good))
        view.rows.want([_whole(account) for account in good])
        add_journal_rows(journal, scope.resource, view.rows)
    return view


def _told(connection: sqlite3.Connection, peer: str, direction: Direction, scope: Scope) -> list[Account]:
    return list(accounts(connection, peer, direction, scope))


def _told_fate(account: Account) -> npt.NDArray[np.uint8]:
    """The fate of each stretch as the peer was told; pending where it was told nothing."""
    fate = account.fate.copy()
    fate[account.is_closed] = 0
    return fate


def _is_present(account: Account) -> npt.NDArray[np.bool_]:
    present: npt.NDArray[np.bool_] = (account.state == State.PRESENT) & ~account.is_closed
    return present


def _whole(account: Account) -> tuple[Numbers, Numbers]:
    chosen = _is_present(account) & (account.mark == 0)
    return account.start[chosen], account.stop[chosen] - 1


def _present_in(account: Account, bucket: int) -> int:
    low, high = bucket * BUCKET_NUMBERS, (bucket + 1) * BUCKET_NUMBERS
    near = slice(int(np.searchsorted(account.stop, low, side="right")), int(np.searchsorted(account.start, high)))
    present = (account.state[near] == State.PRESENT) & ((account.word[near] & CLOSED) == 0)
    held = np.minimum(account.stop[near], high) - np.maximum(account.start[near], low)
    return int(held[present].sum())


def _kept_sums(connection: sqlite3.Connection, found: Sequence[Account]) -> list[list[tuple[int, int, int]]]:
    """The sums of rewritten rows that still stand whole: a piece of which a part was decided again later is left out."""
    kept: list[list[tuple[int, int, int]]] = [[] for _ in found]
    places = {account.stream: place for place, account in enumerate(found)}
    marks = [account.mark[_is_present(account) & (account.mark > 0)] for account in found]
    for ledger_id in np.unique(np.concatenate(marks)).tolist():
        for stream, first, last, value in _pieces(connection, ledger_id):
            place = places.get(stream)
            if place is not None and _holds(found[place], ledger_id, first, last):
                kept[place].append((first, last, value))
    return [sorted(pieces) for pieces in kept]


def _pieces(connection: sqlite3.Connection, ledger_id: int) -> Iterator[tuple[Stream, int, int, int]]:
    head = "SELECT l.lane, l.resource, s.sums FROM ledger l JOIN ledger_sum s ON s.ledger_id = l.id WHERE l.id = ?"
    lane, resource, blob = connection.execute(head, (ledger_id,)).fetchone() or (0, "", b"")
    rows = connection.execute(
        "SELECT origin, incarnation, first_seq, last_seq FROM ledger_run WHERE ledger_id = ? AND state = ? ORDER BY idx",
        (ledger_id, int(State.PRESENT)),
    )
    runs = [Run(origin, life, first, last, 0) for origin, life, first, last in rows]
    for (run, first, last), value in zip(sent_pieces(runs), unpack_sums(blob), strict=False):
        yield run.stream(Lane(lane), resource), first, last, value


def _holds(account: Account, ledger_id: int, first: int, last: int) -> bool:
    """True when that ledger row is the one that counts for all of `first`..`last`."""
    low = int(np.searchsorted(account.start, first, side="right")) - 1
    high = int(np.searchsorted(account.start, last, side="right"))
    is_inside = low >= 0 and high > low and int(account.stop[high - 1]) > last
    return is_inside and bool(((account.mark[low:high] == ledger_id) & (account.state[low:high] == State.PRESENT)).all())


_NONE = np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.uint8)


@dataclass(slots=True)
class StoredView:
    """What this node has of some streams, up to a number of each."""

    fates: list[Fates]
    rows: RowSums


def stored_view(
    journal: SqliteJournal, streams: Sequence[Stream], uptos: Sequence[int], *, source: str, resource: str, has_rows: bool,
    detail: tuple[int, int] | None = None,
) -> StoredView:  # fmt: skip
    """The state of `streams` here, and the sums of their rows that came from `source`; `detail` keeps the hashes of one bucket."""
    found = journal.look("read of run maps", lambda connection: [_held(connection, stream) for stream in streams])
    fates = [
        fates_of(stream, *(ranges if is_provable(ranges[0], ranges[1]) else _NONE), upto=upto)
        for stream, ranges, upto in zip(streams, found, uptos, strict=True)
    ]
    view = StoredView(fates, RowSums(streams))
    if has_rows and streams:
        view.rows.want([(np.ones(1, np.int64), np.array([upto], np.int64)) for upto in uptos])
        if detail is not None:
            view.rows.keep_hashes(*detail)
        add_journal_rows(journal, resource, view.rows, source=source)
    return view


def _held(connection: sqlite3.Connection, stream: Stream) -> tuple[Numbers, Numbers, npt.NDArray[np.uint8]]:
    rows = connection.execute(
        "SELECT first_seq, last_seq, state FROM stream_range WHERE origin = ? AND incarnation = ? AND lane = ? AND resource = ? "
        "ORDER BY first_seq",
        (stream.origin, stream.incarnation, int(stream.lane), stream.resource),
    ).fetchall()
    columns = np.array(rows, np.int64).reshape(-1, 3)
    return columns[:, 0], columns[:, 1] + 1, FATE_OF[columns[:, 2]]


def resources_sent(connection: sqlite3.Connection, peer: str, direction: Direction) -> list[str]:
    """The resources of which anything was sent to `peer`, sorted."""
    statement = "SELECT DISTINCT resource FROM ledger WHERE peer = ? AND direction = ? AND closed = 0 ORDER BY resource"
    return [resource for (resource,) in connection.execute(statement, (peer, int(direction)))]


def streams_from(connection: sqlite3.Connection, source: str, resource: str) -> frozenset[Stream]:
    """The streams of a resource of which a batch came from `source`."""
    rows = connection.execute(
        "SELECT DISTINCT r.origin, r.incarnation, b.lane FROM batch b CROSS JOIN batch_run r ON r.lsn = b.lsn "
        "WHERE b.source = ? AND b.resource = ?",
        (source, resource),
    )
    return frozenset(Stream(origin, incarnation, Lane(lane), resource) for origin, incarnation, lane in rows)


def nothing_of(stream: Stream) -> Fates:
    """The fates of a stream of which nothing is told."""
    return Fates(stream, *_NONE)

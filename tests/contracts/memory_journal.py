"""A journal in memory, for tests that need no file: the whole contract of sync.ports.Journal on lists and dicts."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sync.model import Direction, JournalCorrupt, JournalError, Lane, LedgerEntry, Run, RunMap, Span, State, StoredBatch, Stream
from sync.model.batch import merged_bytes
from sync.model.writes import (
    REFUSALS_KEPT_MAX,
    AppendLedger,
    AppendRefusal,
    ChangeStream,
    DecideRefusal,
    Decision,
    FreeBatches,
    InKey,
    InPosition,
    OutKey,
    OutMark,
    Recovered,
    SetBearer,
    SetInPosition,
    SetOutMark,
    SetStream,
    SettleHeld,
    StoreBatch,
    Write,
)
from sync.ports import NO_REPRIEVE, NOTHING_AGAIN, Reprieve, Selection


@dataclass(slots=True)
class _Books:
    batches: list[StoredBatch] = field(default_factory=list)
    streams: dict[Stream, RunMap] = field(default_factory=dict)
    ledger: list[LedgerEntry] = field(default_factory=list)
    out_marks: dict[OutKey, OutMark] = field(default_factory=dict)
    in_positions: dict[InKey, InPosition] = field(default_factory=dict)
    refusals: list[tuple[AppendRefusal, int]] = field(default_factory=list)
    """Each with the number of ledger entries before it."""
    settled: set[tuple[str, Direction, int]] = field(default_factory=set)
    bearers: list[tuple[str, int, str]] = field(default_factory=list)
    decisions: dict[int, Decision] = field(default_factory=dict)
    """By number of the refusal, from 1."""

    def copy(self) -> _Books:
        return _Books(
            list(self.batches),
            dict(self.streams),
            list(self.ledger),
            dict(self.out_marks),
            dict(self.in_positions),
            list(self.refusals),
            set(self.settled),
            list(self.bearers),
            dict(self.decisions),
        )


class MemoryJournal:
    """Keeps what is committed; a closed one is opened again by `reopened`."""

    def __init__(self) -> None:
        self._books = _Books()
        self._is_open = True

    def reopened(self) -> MemoryJournal:
        """What a node finds after a restart."""
        again = MemoryJournal()
        again._books = self._books.copy()
        return again

    def damage(self, lsn: int) -> None:
        """Flip the last byte of a payload on the medium."""
        stored = self._books.batches[lsn - 1]
        payload = stored.batch.payload
        object.__setattr__(stored.batch, "payload", payload[:-1] + bytes((payload[-1] ^ 1,)))

    def recover(self) -> Recovered:
        books = self._opened()
        return Recovered(
            last_lsn=len(books.batches),
            lane_tops={stored.batch.header.lane: stored.lsn for stored in books.batches},
            streams={stream: RunMap(run_map) for stream, run_map in books.streams.items()},
            out_marks=dict(books.out_marks),
            in_positions=dict(books.in_positions),
            bearers=tuple(books.bearers),
            refusals=tuple(replace(refusal, runs=()) for refusal, _ in books.refusals[-REFUSALS_KEPT_MAX:]),
        )

    def commit(self, writes: Sequence[Write]) -> None:
        books = self._opened().copy()
        for write in writes:
            _apply(books, write)
        self._books = books

    def read(self, lane: Lane, span: Span, *, batches_max: int, bytes_max: int, only: Selection | None = None) -> list[StoredBatch]:
        taken: list[StoredBatch] = []
        total = 0
        for stored in self._opened().batches:
            if stored.batch.header.lane is not lane or not span.after < stored.lsn <= span.upto:
                continue
            if only is not None and (stored.batch.header.resource not in only.resources or stored.source == only.not_from):
                continue
            total += merged_bytes(stored.batch.header.payload_bytes, stored.batch.header.row_count)
            if len(taken) == batches_max or (taken and total > bytes_max):
                break
            taken.append(_checked(stored))
        return taken

    def batch(self, lsn: int) -> StoredBatch | None:
        batches = self._opened().batches
        return _checked(batches[lsn - 1]) if 1 <= lsn <= len(batches) else None

    def ledger_chain(self, peer: str, direction: Direction, lane: Lane, upto: int, *, claimed: bytes = b"") -> bytes | None:
        chains = [
            entry.chain
            for entry in self._opened().ledger
            if (entry.peer, entry.direction, entry.lane, entry.span.upto) == (peer, direction, lane, upto) and entry.part == entry.parts - 1
        ]
        return claimed if claimed in chains else chains[-1] if chains else None

    def held(
        self, peer: str, direction: Direction, *, not_version: bytes, batches_max: int, again: Mapping[str, int] = NOTHING_AGAIN,
        reprieve: Reprieve = NO_REPRIEVE, plans: Collection[tuple[str, bytes]] = (),
    ) -> list[StoredBatch]:  # fmt: skip
        books = self._opened()
        lsns = set[int]()
        for entry, run, refusal in _held_runs(books, peer, direction):
            is_due = entry.policy_version != not_version or run.reason == "deferred" or _is_reprieved(entry, refusal, reprieve)
            upto = entry.span.upto if is_due else again.get(run.reason, 0) if run.state is State.HELD else 0
            lsns |= {lsn for lsn in _holders(books, entry, run) if lsn <= upto}
        for entry in books.ledger:
            if (entry.peer, entry.direction) == (peer, direction) and (entry.resource, entry.plan_hash) in plans:
                denied = [run for run in entry.runs if run.state in (State.DENIED, State.AGGREGATE_ONLY)]
                lsns |= {lsn for run in denied for lsn in _holders(books, entry, run)}
        open_lsns = sorted(lsn for lsn in lsns if (peer, direction, lsn) not in books.settled)
        return [_checked(books.batches[lsn - 1]) for lsn in open_lsns[:batches_max]]

    def plans_decided(self, peer: str, direction: Direction) -> frozenset[tuple[str, bytes]]:
        ledger = self._opened().ledger
        return frozenset((entry.resource, entry.plan_hash) for entry in ledger if (entry.peer, entry.direction) == (peer, direction))

    def delivered_to(self, peer: str) -> Mapping[Stream, RunMap]:
        books = self._opened()
        maps: dict[Stream, RunMap] = {}
        wires = {lane: books.out_marks.get((peer, Direction.UP, lane), OutMark()).wire for lane in Lane}
        for entry in _arrived(books.ledger, peer, wires):
            refused = _refused_as(books, entry, books.ledger.index(entry))
            for run in entry.runs:
                state = refused[0] if refused and run.state is State.PRESENT else run.state
                maps.setdefault(run.stream(entry.lane, entry.resource), RunMap()).set(run.first, run.last, state)
        return maps

    def close(self) -> None:
        self._is_open = False

    def _opened(self) -> _Books:
        if not self._is_open:
            raise JournalError("the memory journal is closed: use reopened()")
        return self._books


def _apply(books: _Books, write: Write) -> None:
    match write:
        case StoreBatch(stored):
            if stored.lsn != len(books.batches) + 1:
                raise JournalError(f"batch {stored.lsn} refused: the journal ends at {len(books.batches)}")
            books.batches.append(stored)
        case SetStream(stream, run_map):
            books.streams[stream] = RunMap.decode(run_map)
        case ChangeStream(stream, gone, put):
            ranges = {entry.first: entry for entry in books.streams.get(stream, ()) if entry.first not in gone}
            ranges |= {entry.first: entry for entry in put}
            books.streams[stream] = RunMap(ranges[first] for first in sorted(ranges))
        case FreeBatches(lsns, state):
            for lsn in lsns:
                stored = books.batches[lsn - 1]
                if stored.freed is State.PENDING:
                    books.batches[lsn - 1] = replace(stored, batch=replace(stored.batch, payload=b""), freed=state)
        case AppendLedger(entry):
            books.ledger.append(entry)
        case SetOutMark(peer, direction, lane, mark):
            books.out_marks[(peer, direction, lane)] = mark
        case SetInPosition(peer, incarnation, direction, lane, position):
            books.in_positions[(peer, incarnation, direction, lane)] = position
        case AppendRefusal():
            books.refusals.append((write, len(books.ledger)))
        case DecideRefusal(number, decision):
            books.decisions.setdefault(number, decision)
        case SetBearer(origin, incarnation, child):
            if (origin, incarnation, child) not in books.bearers:
                books.bearers.append((origin, incarnation, child))
        case SettleHeld(peer, direction, lsn):
            books.settled.add((peer, direction, lsn))


def _checked(stored: StoredBatch) -> StoredBatch:
    if stored.freed is State.PENDING and hashlib.sha256(stored.batch.payload).digest() != stored.batch.header.payload_sha256:
        raise JournalCorrupt(f"batch {stored.lsn} does not match its checksum", lsn=stored.lsn)
    return stored


def _arrived(ledger: Sequence[LedgerEntry], peer: str, ends: dict[Lane, int]) -> list[LedgerEntry]:
    """The entries toward a parent that make up what it has: followed backward from its position, a span that reaches further fell out."""
    ends, kept = dict(ends), list[LedgerEntry]()
    spans: dict[Lane, Span] = {}
    for entry in reversed(ledger):
        if (entry.peer, entry.direction) != (peer, Direction.UP):
            continue
        if not entry.closed and spans.get(entry.lane) != entry.span:
            if entry.span.upto > ends[entry.lane]:
                continue
            spans[entry.lane], ends[entry.lane] = entry.span, entry.span.after
        kept.append(entry)
    return kept[::-1]


def _held_runs(books: _Books, peer: str, direction: Direction) -> Iterator[tuple[LedgerEntry, Run, AppendRefusal | None]]:
    for index, entry in enumerate(books.ledger):
        if (entry.peer, entry.direction) != (peer, direction):
            continue
        refused = None if entry.closed else _refused_as(books, entry, index)
        refusal = refused[1] if refused is not None and refused[0] is State.HELD else None
        for run in entry.runs:
            if run.state is State.HELD or (refusal is not None and run.state is State.PRESENT):
                yield entry, run, refusal if run.state is State.PRESENT else None


def _refused_as(books: _Books, entry: LedgerEntry, index: int) -> tuple[State, AppendRefusal] | None:
    """What the records of a frame became by the peer's refusal, and the refusal; None when it was not refused."""
    for number, (refusal, top) in enumerate(books.refusals, start=1):
        if _refuses(refusal, entry) and index < top:
            is_for_good = refusal.quarantine or books.decisions.get(number) is Decision.DISMISSED
            return State.QUARANTINED if is_for_good else State.HELD, refusal
    return None


def _is_reprieved(entry: LedgerEntry, refusal: AppendRefusal | None, reprieve: Reprieve) -> bool:
    if refusal is None:
        return False
    is_other_program = bool(refusal.program and reprieve.program) and refusal.program != reprieve.program
    is_over = any(word in refusal.reason for word in reprieve.over)
    stands_elsewhere = refusal.policy_version != reprieve.version or is_other_program or is_over
    return entry.span.upto <= reprieve.decided_upto or (entry.span.upto <= reprieve.upto and stands_elsewhere)


def _refuses(refusal: AppendRefusal, entry: LedgerEntry) -> bool:
    place = (refusal.peer, refusal.direction, refusal.lane, refusal.span, refusal.part)
    return refusal.by_peer and place == (entry.peer, entry.direction, entry.lane, entry.span, entry.part)


def _holders(books: _Books, entry: LedgerEntry, held: Run) -> Iterator[int]:
    for stored in books.batches[entry.span.after : entry.span.upto]:
        header = stored.batch.header
        if (header.lane, header.resource) != (entry.lane, entry.resource):
            continue
        is_here = stored.freed is State.PENDING
        if is_here and any(run.state.has_rows and _overlap(run, held) for run in header.runs):
            yield stored.lsn


def _overlap(one: Run, other: Run) -> bool:
    return (one.origin, one.incarnation) == (other.origin, other.incarnation) and one.first <= other.last and one.last >= other.first

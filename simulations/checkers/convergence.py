"""P1 and P5: what was acknowledged is there, and after heal and quiesce everything permitted is everywhere it may be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from node.store.journal import SqliteJournal
from simulations.checkers.copies import Copy, RecordRow
from simulations.checkers.oracle import May, Oracle
from simulations.checkers.values import VIOLATIONS_PER_CHECK_MAX, Promise, Violation
from simulations.workload import NAME_COLUMN
from sync.model import Direction, Fate, Lane, Stream


def check_kept(copy: Copy, acknowledged: Iterable[str]) -> list[Violation]:
    """P1 at the origin: every acknowledged name is live here."""
    present = {str(row[NAME_COLUMN[stream.resource]]) for stream, number, row in _own(copy)}
    missing = (name for name in acknowledged if name not in present)
    return [
        Violation(Promise.KEPT, copy.holder.id, f"acknowledged record {name} is gone") for name in islice(missing, VIOLATIONS_PER_CHECK_MAX)
    ]


def check_handed_on(copy: Copy, journal: SqliteJournal, parent: Copy, parent_journal: SqliteJournal) -> list[Violation]:
    """P1 above the origin: every record a node holds is delivered or withheld on the hop to its parent, and what was delivered is there."""
    return [
        Violation(Promise.KEPT, copy.holder.id, text)
        for text in islice(_not_handed_on(copy, journal, parent, parent_journal), VIOLATIONS_PER_CHECK_MAX)
    ]


def _not_handed_on(copy: Copy, journal: SqliteJournal, parent: Copy, parent_journal: SqliteJournal) -> Iterator[str]:
    books = parent_journal.recover().streams
    lines = {line.stream: line for line in journal.flow(parent.holder.id, Direction.UP)}
    for stream, count in _upward(copy).items():
        where = f"{stream.origin}/{stream.resource} on the hop to {parent.holder.id}"
        line = lines.get(stream)
        delivered, withheld = (line.delivered, line.withheld) if line else (0, 0)
        if count > delivered + withheld:
            yield f"{count} records of {where} are held, {delivered} delivered and {withheld} withheld"
        there = books[stream].count(Fate.DELIVERED) if stream in books else 0
        if delivered != there:
            yield f"{delivered} records of {where} count as delivered, {there} are there"


def _upward(copy: Copy) -> Counter[Stream]:
    counts: Counter[Stream] = Counter()
    for held in copy.runs:
        if held.is_live and not held.is_returned:
            counts[held.stream] += len(held.rows)
    return counts


def check_converged(copies: Mapping[str, Copy], oracle: Oracle, epoch: int) -> list[Violation]:
    """P5: every record at its origin is at every other node that may hold it under the policy in force at the end."""
    found: list[Violation] = []
    for target in copies.values():
        texts = _missing(copies.values(), target, oracle, epoch)
        found += [Violation(Promise.CONVERGED, target.holder.id, text) for text in islice(texts, VIOLATIONS_PER_CHECK_MAX)]
    return found


def _missing(copies: Iterable[Copy], target: Copy, oracle: Oracle, epoch: int) -> Iterator[str]:
    for copy in copies:
        if copy is target:
            continue
        for stream, number, row in _own(copy):
            if number in target.records.get(stream, {}):
                continue
            if oracle.may_hold(stream.resource, row, origin=stream.origin, holder=target.holder.id, epoch=epoch) is not May.NOTHING:
                yield f"record {number} of {stream.origin}/{stream.resource} may be here and is not"


def check_drained(copy: Copy, journal: SqliteJournal, peers: Sequence[tuple[str, Direction]]) -> list[Violation]:
    """P5: every lane is sent and stored up to its top, toward every peer."""
    marks = journal.recover().out_marks
    found: list[Violation] = []
    for peer, direction in peers:
        for lane in Lane:
            top = copy.lane_tops.get(lane, 0)
            mark = marks.get((peer, direction, lane))
            stored = mark.stored if mark else 0
            if stored != top:
                found.append(Violation(Promise.CONVERGED, copy.holder.id, f"lane {lane.word} toward {peer} stands at {stored} of {top}"))
    return found


def _own(copy: Copy) -> Iterator[tuple[Stream, int, RecordRow]]:
    for stream, records in copy.records.items():
        if stream.origin == copy.holder.id:
            for number, row in records.items():
                yield stream, number, row

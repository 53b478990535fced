"""P2, P3 and P4 over one node's journal: each record once and as it was made, streams in order, nothing committed that may not be there.

These hold at every moment, so they are checked with faults on as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

from simulations.checkers.copies import Copy, RecordRow
from simulations.checkers.oracle import SECRET_COLUMNS, May, Oracle
from simulations.checkers.values import VIOLATIONS_PER_CHECK_MAX, Promise, Violation
from simulations.workload import NAME_COLUMN
from sync.model import Stream

Origins = Mapping[Stream, Mapping[int, RecordRow]]
"""The records of every stream as its origin holds them, by number."""


def check_once(copy: Copy, origins: Origins) -> list[Violation]:
    """P2: no number is live twice, no name stands twice, every row equals the origin's apart from what is masked."""
    return _bounded(_doubles(copy, origins), Promise.ONCE, copy.holder.id)


def check_order(copy: Copy) -> list[Violation]:
    """P3: within a stream, live runs that are no backfill ascend."""
    return _bounded(_disorder(copy), Promise.ORDER, copy.holder.id)


def check_permitted(copy: Copy, oracle: Oracle, secrets: frozenset[object], epochs: range) -> list[Violation]:
    """P4: no batch, live or not, holds what no epoch ever allowed here."""
    return _bounded(_forbidden(copy, oracle, secrets, epochs), Promise.GOVERNED, copy.holder.id)


def _bounded(texts: Iterator[str], promise: Promise, node: str) -> list[Violation]:
    return [Violation(promise, node, text) for text in islice(texts, VIOLATIONS_PER_CHECK_MAX)]


def _doubles(copy: Copy, origins: Origins) -> Iterator[str]:
    seen: set[tuple[Stream, int]] = set()
    names: set[tuple[str, object]] = set()
    for held, number, row in copy.live():
        stream = held.stream
        if (stream, number) in seen:
            yield f"record {number} of {stream.origin}/{stream.resource} is live twice, again at {held.lsn}"
        seen.add((stream, number))
        name = (stream.resource, row[NAME_COLUMN[stream.resource]])
        if name in names and _shows_name(copy, stream):
            yield f"the record named {name[1]} is live twice, again at {held.lsn}"
        names.add(name)
        made = origins.get(stream, {}).get(number)
        if made is None:
            yield f"record {number} of {stream.origin}/{stream.resource} is here and not at its origin"
        elif differs := _differences(row, made, shows_name=_shows_name(copy, stream)):
            yield f"record {number} of {stream.origin}/{stream.resource} is not the one that was made: {', '.join(differs)} differ"


def _shows_name(copy: Copy, stream: Stream) -> bool:
    # Residents are masked wherever they are not at home, their own name first of all.
    return stream.resource != "residents" or stream.origin == copy.holder.id


def _differences(row: RecordRow, made: RecordRow, *, shows_name: bool) -> list[str]:
    masked = () if shows_name else SECRET_COLUMNS
    return sorted(name for name in made if name not in masked and row.get(name) != made[name])


def _disorder(copy: Copy) -> Iterator[str]:
    tops: dict[Stream, int] = {}
    for held in copy.runs:
        if held.is_backfill or not held.is_live:
            continue
        top = tops.get(held.stream, 0)
        if held.run.first <= top:
            yield f"run {held.run.first}..{held.run.last} of {held.stream.origin}/{held.stream.resource} at {held.lsn} follows {top}"
        tops[held.stream] = max(top, held.run.last)


def _forbidden(copy: Copy, oracle: Oracle, secrets: frozenset[object], epochs: range) -> Iterator[str]:
    for held in copy.runs:
        stream = held.stream
        for row in held.rows:
            may = max(oracle.may_hold(stream.resource, row, origin=stream.origin, holder=copy.holder.id, epoch=epoch) for epoch in epochs)
            if may is May.NOTHING:
                yield f"a record of {stream.resource} from {stream.origin} is stored at {held.lsn}"
            elif may is May.MASKED and (shown := oracle.shows_secrets(row, secrets)):
                yield f"a record of {stream.resource} from {stream.origin} is stored at {held.lsn} and shows {', '.join(shown)}"

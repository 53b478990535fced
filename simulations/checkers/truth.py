"""What was made in a world, by resource: the columns, who made each record, and which number its origin gave it.

The records come from the workload and not from a journal, so that a journal cannot vouch for itself. Called by the checkers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulations.checkers.copies import Copy
from simulations.checkers.records import Flags, Ints, Records, places, unfolded
from simulations.workload import NAME_COLUMNS, Made
from sync.model import Stream

UNKNOWN = -1
"""Id of a record that nobody made."""

Located = Mapping[tuple[str, str], Ints]
"""By node and resource: the ids of the rows that count, in their order; UNKNOWN for what nobody made."""


@dataclass(frozen=True, slots=True)
class MadeRecords:
    """Every record of one resource; a record's id is its row."""

    rows: pa.Table
    origin: Ints
    """Index into Truth.nodes."""

    @property
    def count(self) -> int:
        """Records made."""
        return len(self.origin)


@dataclass(frozen=True, slots=True)
class Numbered:
    """Numbers `first` to `last` of a stream were given to the records from `id` on."""

    first: int
    last: int
    id: int


@dataclass(slots=True)
class Truth:
    """Everything made in a world up to now."""

    nodes: Sequence[str]
    made: dict[str, MadeRecords] = field(default_factory=dict)
    numbered: dict[Stream, list[Numbered]] = field(default_factory=dict)
    stripped: frozenset[str] = frozenset()
    """Columns of incidents that may be missing above, because a clock was out of the policies' dates."""

    @classmethod
    def of(cls, made: Mapping[str, Made], nodes: Sequence[str], numbered: Mapping[Stream, Sequence[Numbered]]) -> Truth:
        """The truth of a workload; `numbered` says what the origins committed."""
        index = {node: place for place, node in enumerate(nodes)}
        truth = cls(nodes, numbered={stream: list(entries) for stream, entries in numbered.items()})
        for resource, everything in made.items():
            origin = np.repeat([index[node] for node in everything.origins], [part.num_rows for part in everything.parts])
            truth.made[resource] = MadeRecords(unfolded(everything.parts), origin.astype(np.int64))
        return truth

    def ids(self, copy: Copy, resource: str, chosen: Flags) -> Ints:
        """The ids of the chosen rows of a copy: by name where the name can be seen, else by number; UNKNOWN for what nobody made."""
        records = copy.records[resource]
        if resource == "residents":
            return self._by_number(copy, records, chosen)
        return self._by_name(resource, _names(records, resource, chosen))

    def locate(self, copies: Mapping[str, Copy]) -> Located:
        """The ids of all rows that count, of every copy: as `ids`, but each name is looked for among those made only once."""
        found: dict[tuple[str, str], Ints] = {}
        named: dict[str, list[tuple[str, Records]]] = {}
        for node, copy in copies.items():
            for resource, records in copy.records.items():
                if resource == "residents":
                    found[node, resource] = self._by_number(copy, records, records.counts)
                else:
                    named.setdefault(resource, []).append((node, records))
        for resource, holders in named.items():
            names = [_names(records, resource, records.counts) for _, records in holders]
            ids = self._by_name(resource, pa.chunked_array([chunk for part in names for chunk in part.chunks], pa.string()))
            edges = np.cumsum([len(part) for part in names])[:-1]
            found |= {(node, resource): part for (node, _), part in zip(holders, np.split(ids, edges), strict=True)}
        return found

    def _by_name(self, resource: str, names: pa.ChunkedArray[pa.StringScalar]) -> Ints:
        if resource not in self.made:
            return np.full(len(names), UNKNOWN, np.int64)
        known = names_of(self.made[resource].rows, resource)
        found: Any = pc.index_in(names, value_set=known)
        return np.asarray(found.fill_null(UNKNOWN).to_numpy(), np.int64)

    def _by_number(self, copy: Copy, records: Records, chosen: Flags) -> Ints:
        ids = np.full(int(chosen.sum()), UNKNOWN, np.int64)
        streams, numbers = records.stream[chosen], records.number[chosen]
        for index in np.unique(streams[streams >= 0]):
            entries = sorted(self.numbered.get(copy.streams[index], ()), key=lambda entry: entry.first)
            if not entries:
                continue
            mine = streams == index
            firsts = np.array([entry.first for entry in entries])
            slot = np.searchsorted(firsts, numbers[mine], side="right") - 1
            last = np.array([entry.last for entry in entries])[slot]
            base = np.array([entry.id for entry in entries])[slot]
            ids[mine] = np.where((slot >= 0) & (numbers[mine] <= last), base + numbers[mine] - firsts[slot], UNKNOWN)
        return ids

    def learn_numbers(self, copy: Copy) -> None:
        """What its origin numbered anew, in another life: it holds its records in the clear, so their names tell who is who."""
        for resource, records in copy.records.items():
            known = np.array([self._numbers(stream) for stream in copy.streams], np.int64)
            held = np.bincount(records.stream[records.counts], minlength=len(copy.streams))
            is_anew = np.array([stream.origin == copy.holder.id for stream in copy.streams], np.bool_) & (held > known)
            self._learn_from(copy, resource, is_anew)

    def learn_forgotten(self, copy: Copy) -> None:
        """What a life gave before a restored disk took it back, and no later one gave again: whoever got the records still shows them."""
        for resource in copy.records:
            is_forgotten = np.array([self.numbered.get(stream) == [] for stream in copy.streams], np.bool_)
            self._learn_from(copy, resource, is_forgotten)

    def _learn_from(self, copy: Copy, resource: str, of_stream: Flags) -> None:
        records = copy.records[resource]
        chosen = records.counts & of_stream[records.stream]
        if chosen.any():
            ids = self._by_name(resource, _names(records, resource, chosen))
            self._learn(copy, records.stream[chosen], records.number[chosen], ids)

    def _numbers(self, stream: Stream) -> int:
        """How many numbers of a stream are known."""
        return sum(entry.last - entry.first + 1 for entry in self.numbered.get(stream, ()))

    def _learn(self, copy: Copy, streams: Ints, numbers: Ints, ids: Ints) -> None:
        for index in np.unique(streams):
            mine = streams == index
            order = np.argsort(numbers[mine], kind="stable")
            first, record = numbers[mine][order], ids[mine][order]
            starts = np.flatnonzero(np.concatenate(([True], (np.diff(first) != 1) | (np.diff(record) != 1))))
            ends = np.append(starts[1:], len(first)) - 1
            self.numbered[copy.streams[index]] = [
                Numbered(int(first[start]), int(first[end]), int(record[start]))
                for start, end in zip(starts, ends, strict=True)
                if record[start] != UNKNOWN
            ]


def names_of(rows: pa.Table, resource: str) -> pa.ChunkedArray[pa.StringScalar]:
    """The own name of each record."""
    first, *others = [rows.column(name) for name in NAME_COLUMNS[resource]]
    if not others:
        return first
    parts: list[Any] = [first, *(column.cast(pa.string()) for column in others)]
    joined: pa.ChunkedArray[pa.StringScalar] = pc.binary_join_element_wise(*parts, "/")
    return joined


def _names(records: Records, resource: str, chosen: Flags) -> pa.ChunkedArray[pa.StringScalar]:
    names = names_of(records.rows, resource)
    return names if chosen.all() else names.filter(pa.array(chosen))


def present(truth: Truth, copies: Mapping[str, Copy], located: Located | None = None) -> dict[tuple[str, str], Flags]:
    """For every node and resource: which of the records made are live there. `located`: as `Truth.locate` gives it, if it is known."""
    located = truth.locate(copies) if located is None else located
    found: dict[tuple[str, str], Flags] = {}
    for node in copies:
        for resource, made in truth.made.items():
            here = np.zeros(made.count, np.bool_)
            ids = located.get((node, resource))
            if ids is not None:
                here[ids[ids >= 0]] = True
            found[node, resource] = here
    return found


def expand(entries: Sequence[tuple[int, int]]) -> Ints:
    """The ids of stretches (first id, count)."""
    starts = np.array([first for first, _ in entries], np.int64)
    counts = np.array([count for _, count in entries], np.int64)
    return places(starts, counts)[0]

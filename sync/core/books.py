"""The books of a node: for every stream, what became of each sequence number here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from sync.model import NO_ROWS, BatchHeader, Lane, Run, RunMap, State, StateRange, Stream
from sync.model.writes import SetStream


@dataclass(frozen=True, slots=True)
class Accounted:
    """A batch's runs after comparing them with the books."""

    runs: tuple[Run, ...]
    """The runs, cut where part of one was known already."""
    duplicates: tuple[int, ...]
    """Indexes of the runs that tell the books nothing new."""

    @property
    def is_news(self) -> bool:
        """True when at least one run was not known."""
        return len(self.duplicates) < len(self.runs)


class Books:
    """Run maps by stream; remembers which changed since they were last written."""

    def __init__(self, streams: Mapping[Stream, RunMap]) -> None:
        self._maps = dict(streams)
        self._dirty: set[Stream] = set()

    @property
    def streams(self) -> Mapping[Stream, RunMap]:
        """All run maps by stream."""
        return self._maps

    def number(self, stream: Stream, count: int) -> tuple[int, int]:
        """Give `count` new records of a local stream their numbers: first and last."""
        run_map = self._map(stream)
        first = run_map.top + 1
        run_map.set(first, first + count - 1, State.PRESENT)
        self._dirty.add(stream)
        return first, first + count - 1

    def account(self, header: BatchHeader) -> Accounted:
        """Enter the runs of an arriving batch; runs already known are duplicates, half-known runs are cut."""
        runs: list[Run] = []
        duplicates: list[int] = []
        for run in header.runs:
            for part, is_new in self._enter(run, header.lane, header.resource):
                if not is_new:
                    duplicates.append(len(runs))
                runs.append(part)
        return Accounted(tuple(runs), tuple(duplicates))

    def take_dirty(self) -> Iterable[SetStream]:
        """The writes for every run map that changed since the last call."""
        dirty, self._dirty = sorted(self._dirty), set()
        return [SetStream(stream, self._maps[stream].encode()) for stream in dirty]

    def _map(self, stream: Stream) -> RunMap:
        known = self._maps.get(stream)
        if known is None:
            known = self._maps[stream] = RunMap()
        return known

    def _enter(self, run: Run, lane: Lane, resource: str) -> list[tuple[Run, bool]]:
        stream = run.stream(lane, resource)
        moved = self._map(stream).set(run.first, run.last, run.state)
        if not moved:
            return [(run, False)]
        self._dirty.add(stream)
        if moved[0].count == run.count or sum(entry.count for entry in moved) == run.count:
            return [(run, True)]
        return list(_cut(run, moved))


def _cut(run: Run, moved: list[StateRange]) -> Iterable[tuple[Run, bool]]:
    position = run.first
    for entry in moved:
        if position < entry.first:
            yield _slice(run, position, entry.first - 1), False
        yield _slice(run, entry.first, entry.last), True
        position = entry.last + 1
    if position <= run.last:
        yield _slice(run, position, run.last), False


def _slice(run: Run, first: int, last: int) -> Run:
    offset = NO_ROWS if run.row_offset == NO_ROWS else run.row_offset + first - run.first
    return replace(run, first=first, last=last, row_offset=offset)

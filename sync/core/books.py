"""The books of a node: for every stream, what became of each sequence number here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sync.model import NO_ROWS, BatchHeader, Lane, Run, RunMap, State, StateRange, Stream
from sync.model.writes import ChangeStream


@dataclass(frozen=True, slots=True)
class Accounted:
    """A batch's runs after comparing them with the books."""

    runs: tuple[Run, ...]
    """The runs, cut where part of one was known already."""
    duplicates: tuple[int, ...]
    """Indexes of the runs that tell the books nothing new."""
    is_late: bool = False
    """True when news lies below what was known of its stream: records that had been accounted for, and come after all."""

    @property
    def is_news(self) -> bool:
        """True when at least one run was not known."""
        return len(self.duplicates) < len(self.runs)


class Books:
    """Run maps by stream; remembers which changed since they were last written."""

    def __init__(self, streams: Mapping[Stream, RunMap]) -> None:
        self._maps = dict(streams)
        self._dirty: set[Stream] = set()
        self._widest = max((len(run_map) for run_map in self._maps.values()), default=0)
        """Ranges of the run map that has most of them; it never shrinks here, so it may be too high and never too low."""
        self._is_late = False

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

    def account(self, header: BatchHeader, *, is_from_peer: bool = False) -> Accounted:
        """Enter the runs of an arriving batch; runs already known are duplicates, half-known runs are cut.

        What a peer sends marked backfill may bring back what was recalled: the shell cut out before what is not free (node/recall).
        """
        runs: list[Run] = []
        duplicates: list[int] = []
        self._is_late = False
        is_backfill = is_from_peer and header.backfill
        known: dict[tuple[str, int], tuple[Stream, RunMap]] = {}
        for run in header.runs:
            # A frame has thousands of runs of a few streams: each stream is looked up once.
            key = (run.origin, run.incarnation)
            if key not in known:
                stream = run.stream(header.lane, header.resource)
                known[key] = stream, self._map(stream)
            for part, is_new in self._enter(run, *known[key], is_backfill=is_backfill):
                if not is_new:
                    duplicates.append(len(runs))
                runs.append(part)
        return Accounted(tuple(runs), tuple(duplicates), self._is_late)

    def fragmented(self, header: BatchHeader, *, ranges_max: int) -> Stream | None:
        """The stream that `header` would tear into more ranges than `ranges_max` by leaving a gap; None when there is none."""
        if self._widest + len(header.runs) <= ranges_max:
            return None
        gaps: Counter[Stream] = Counter()
        tops: dict[tuple[str, int], int] = {}
        for run in header.runs:
            key = (run.origin, run.incarnation)
            top = tops.get(key)
            if top is None:
                known = self._maps.get(run.stream(header.lane, header.resource))
                top = known.top if known is not None else 0
            if run.first > top + 1:
                gaps[run.stream(header.lane, header.resource)] += 1
            tops[key] = max(top, run.last)
        return next((stream for stream in sorted(gaps) if self._ranges(stream) + gaps[stream] > ranges_max), None)

    def lose(self, run: Run, lane: Lane, resource: str) -> None:
        """The records of `run` can no longer be read here."""
        stream = run.stream(lane, resource)
        self._map(stream).lose(run.first, run.last)
        self._dirty.add(stream)

    def recall(self, runs: Iterable[Run], lane: Lane, resource: str) -> None:
        """The records of `runs` were recalled: those that are present are erased here, and stay so."""
        ranges: dict[tuple[str, int], list[tuple[int, int]]] = {}
        for run in runs:
            ranges.setdefault((run.origin, run.incarnation), []).append((run.first, run.last))
        for (origin, incarnation), found in ranges.items():
            stream = Stream(origin, incarnation, lane, resource)
            known = self._map(stream)
            if known.set_all(found, State.RECALLED):
                self._entered(stream, known)

    def take_dirty(self) -> Iterable[ChangeStream]:
        """What changed in the run maps since the last call, as writes."""
        dirty, self._dirty = sorted(self._dirty), set()
        return [ChangeStream(stream, *self._maps[stream].take_changes()) for stream in dirty]

    def _ranges(self, stream: Stream) -> int:
        known = self._maps.get(stream)
        return 0 if known is None else len(known)

    def _map(self, stream: Stream) -> RunMap:
        known = self._maps.get(stream)
        if known is None:
            known = self._maps[stream] = RunMap()
        return known

    def _enter(self, run: Run, stream: Stream, known: RunMap, *, is_backfill: bool) -> Sequence[tuple[Run, bool]]:
        if known.append(run.first, run.last, run.state):
            self._entered(stream, known)
            return ((run, True),)
        top = known.top
        moved = known.set(run.first, run.last, run.state, is_backfill=is_backfill)
        if not moved:
            return [(run, False)]
        self._is_late |= moved[0].first <= top
        self._entered(stream, known)
        if moved[0].count == run.count or sum(entry.count for entry in moved) == run.count:
            return [(run, True)]
        return list(_cut(run, moved))

    def _entered(self, stream: Stream, known: RunMap) -> None:
        self._dirty.add(stream)
        self._widest = max(self._widest, len(known))


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

"""The tombstones of a node in memory: numbers that were recalled here, and are refused whoever brings them.

A batch is refused whole, like one that is looser than the plan: whoever sends recalled rows did not comply, or was restored from before.
Replaced at once when a recall is done; any thread may ask. Called by the pipeline of every link.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field

from policies.words import Reason
from sync.model import BatchHeader, Stream, merged_ranges

_NONE: tuple[list[int], list[int]] = ([], [])


@dataclass(slots=True)
class Tombs:
    """Erased numbers by stream."""

    _ranges: dict[Stream, tuple[list[int], list[int]]] = field(default_factory=dict)
    """First and last numbers, ascending."""

    def hold(self, found: Iterable[tuple[Stream, int, int]]) -> None:
        """Hold these numbers and no others."""
        merged: dict[Stream, list[tuple[int, int]]] = {}
        for stream, first, last in found:
            merged.setdefault(stream, []).append((first, last))
        whole = {stream: merged_ranges(ranges) for stream, ranges in merged.items()}
        self._ranges = {stream: ([one[0] for one in ranges], [one[1] for one in ranges]) for stream, ranges in whole.items()}

    def refusal(self, header: BatchHeader) -> str:
        """Why a batch may not come: a record in it was recalled; empty when none was."""
        known = self._ranges
        if not known or not header.row_count:
            return ""
        for run in header.runs:
            if not run.state.has_rows:
                continue
            firsts, lasts = known.get(run.stream(header.lane, header.resource), _NONE)
            place = bisect_right(firsts, run.last) - 1
            if place >= 0 and lasts[place] >= run.first:
                number = max(run.first, firsts[place])
                return f"{header.resource} refused: record {number} of {run.origin} was recalled here ({Reason.NEGATIVE_LIST.word})"
        return ""

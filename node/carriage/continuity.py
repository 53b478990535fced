"""Whether the frames of a file continue what is here: pure, frame by frame, lane by lane.

Owns: where each lane stands, and the chain of the file. Refuses a gap, and a history other than the one that is here. Called by
importing.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from node.carriage.parcel import LanePoint
from sync.core.messages import Position
from sync.model import EMPTY_CHAIN, Frame, Lane, next_chain


class Step(Enum):
    """What a frame of a file is to this node."""

    HERE = "here"
    """Stored already."""
    NEXT = "next"


class OtherHistory(ValueError):
    """The file and this node hold different histories of the same stretch."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A stretch of a lane that must arrive before the file."""

    lane: Lane
    after: int
    upto: int

    def __str__(self) -> str:
        return f"lane {self.lane.word} after {self.after} up to {self.upto}"


def missing_before(start: Sequence[LanePoint], held: Mapping[Lane, Position]) -> list[Missing]:
    """What lies between what is here and where the file begins."""
    found = [(Lane(point.lane), _upto(held, Lane(point.lane)), point.upto) for point in start]
    return [Missing(lane, here, begin) for lane, here, begin in found if here < begin]


class Continuity:
    """Follows a file from its first frame."""

    def __init__(self, start: Sequence[LanePoint], held: Mapping[Lane, Position]) -> None:
        """`start` must not lie beyond `held` (see `missing_before`). Raises OtherHistory."""
        self._file = {Lane(point.lane): point for point in start}
        self._held = dict(held)
        for lane, point in self._file.items():
            self._compare(lane, point.upto, point.chain)

    def step(self, frame: Frame) -> Step:
        """Take the next frame of the file; one that the file says again is passed over. Raises OtherHistory."""
        assert frame.batch.manifest is not None, "the codec lets no frame without a manifest in"
        lane = frame.lane
        point = self._file.get(lane, LanePoint(int(lane), 0, EMPTY_CHAIN))
        if frame.span.upto <= point.upto:
            return Step.HERE
        chain = next_chain(point.chain, frame.batch.manifest.digest)
        here = _upto(self._held, lane)
        if frame.span.after < here < frame.span.upto:
            raise OtherHistory(f"lane {lane.word} stands at {here} here, the file goes from {frame.span.after} to {frame.span.upto}")
        self._file[lane] = LanePoint(int(lane), frame.span.upto if frame.is_last else point.upto, chain)
        if frame.is_last:
            self._compare(lane, frame.span.upto, chain)
        return Step.HERE if frame.span.upto <= here else Step.NEXT

    def _compare(self, lane: Lane, upto: int, chain: bytes) -> None:
        if upto and upto == _upto(self._held, lane) and chain != self._held[lane].chain:
            raise OtherHistory(f"lane {lane.word} at {upto} is not the history that is here")


def _upto(held: Mapping[Lane, Position], lane: Lane) -> int:
    return held[lane].upto if lane in held else 0

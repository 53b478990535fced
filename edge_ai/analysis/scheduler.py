"""Which camera's frame is analysed next: one frame a camera, the alarm class first, then weighted deficit round robin, with deadlines.

Pure: frames are offered with the time they were taken, costs are told after the fact, and what is dropped is counted by its reason. Called
by edge_ai/analysis/worker.py. Source: Shreedhar and Varghese, Efficient Fair Queueing using Deficit Round Robin, 1995.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sync.model import Instant

HEARTBEAT_S = 10.0
"""Seconds after which a quiet picture is analysed all the same: it finds what was left behind and what has gone."""
COST_GUESS_S = 0.02
"""Seconds of an analysis before any was measured."""
COST_SHARE = 0.2
"""Share of the newest cost in the estimate."""
QUANTUM_S = 0.02
"""Seconds of analysis that a camera of weight 1 may use in each round."""
CREDIT_ROUNDS_MAX = 4.0
"""Rounds of unused credit that a camera keeps: one that was quiet for long gets no flood afterwards."""
PERIODS_MAX = 1.0
"""Analysis periods after which a waiting frame is too old to be worth it."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one camera asks for."""

    camera: str
    period_s: float
    """Seconds between its analysed frames."""
    weight: float = 1.0
    alarm: bool = False
    """True: before all others whenever it has a frame."""


@dataclass(slots=True)
class SchedulerCounts:
    """What became of one camera's frames."""

    offered: int = 0
    replaced: int = 0
    """Frames whose place a newer one took."""
    late: int = 0
    """Frames that waited longer than one analysis period."""
    spared: int = 0
    """Quiet frames that no heartbeat needed."""
    chosen: int = 0

    @property
    def lost(self) -> int:
        """Frames that were worth an analysis and got none."""
        return self.replaced + self.late


@dataclass(frozen=True, slots=True)
class Chosen(Generic[T]):
    """The frame to analyse next."""

    camera: str
    frame: T
    taken: Instant


@dataclass(slots=True)
class _Lane(Generic[T]):
    share: Share
    counts: SchedulerCounts
    waiting: Chosen[T] | None = None
    running: bool = False
    credit_s: float = 0.0
    cost_s: float = COST_GUESS_S
    chosen_at: Instant | None = None


class Scheduler(Generic[T]):
    """The order of analysis over all cameras. A camera has at most one frame waiting and one running."""

    def __init__(self, shares: Sequence[Share]) -> None:
        self._lanes = {share.camera: _Lane[T](share, SchedulerCounts()) for share in shares}
        self._alarms = deque(share.camera for share in shares if share.alarm)
        self._round = deque(share.camera for share in shares if not share.alarm)

    def offer(self, camera: str, frame: T, taken: Instant, *, moves: bool) -> None:
        """The camera's newest frame; an older one that still waits is dropped. One without motion waits only for a heartbeat."""
        lane = self._lanes[camera]
        lane.counts.offered += 1
        if not moves and not self._heartbeat_due(lane, taken):
            lane.counts.spared += 1
            return
        if lane.waiting is not None:
            lane.counts.replaced += 1
        lane.waiting = Chosen(camera, frame, taken)

    def choose(self, now: Instant) -> Chosen[T] | None:
        """The next frame to analyse, which then runs until `finished`; None when nothing that may run waits."""
        for lane in self._lanes.values():
            self._drop_late(lane, now)
        best = self._next_alarm() or self._next_by_credit()
        if best is None:
            return None
        chosen, best.waiting = best.waiting, None
        assert chosen is not None
        best.running, best.chosen_at = True, chosen.taken
        best.credit_s -= best.cost_s
        best.counts.chosen += 1
        return chosen

    def finished(self, camera: str, cost_s: float) -> None:
        """The camera's analysis took `cost_s`; it may be chosen again."""
        lane = self._lanes[camera]
        lane.running = False
        lane.credit_s += lane.cost_s - cost_s
        lane.cost_s += COST_SHARE * (cost_s - lane.cost_s)

    def dropped(self, camera: str) -> None:
        """The chosen frame was gone before its analysis began."""
        lane = self._lanes[camera]
        lane.running = False
        lane.credit_s += lane.cost_s

    def counts(self, camera: str) -> SchedulerCounts:
        """What became of the camera's frames."""
        return self._lanes[camera].counts

    def _heartbeat_due(self, lane: _Lane[T], now: Instant) -> bool:
        return lane.chosen_at is None or now.seconds_since(lane.chosen_at) >= HEARTBEAT_S

    def _drop_late(self, lane: _Lane[T], now: Instant) -> None:
        if lane.waiting is not None and now.seconds_since(lane.waiting.taken) > PERIODS_MAX * lane.share.period_s:
            lane.waiting = None
            lane.counts.late += 1

    def _next_alarm(self) -> _Lane[T] | None:
        for _ in range(len(self._alarms)):
            lane = self._lanes[self._alarms[0]]
            self._alarms.rotate(-1)
            if self._may_run(lane):
                return lane
        return None

    def _next_by_credit(self) -> _Lane[T] | None:
        """The waiting camera whose credit covers its cost best; where nobody's does, rounds are given until somebody's does."""
        ready = [lane for name in self._round if self._may_run(lane := self._lanes[name])]
        if not ready:
            return None
        rounds = max(0, min(math.ceil((lane.cost_s - lane.credit_s) / self._quantum(lane)) for lane in ready))
        for name in self._round:
            # Also to cameras whose next frame is still on its way: a cheap, fast one would else get one frame a round.
            lane = self._lanes[name]
            lane.credit_s = min(lane.credit_s + rounds * self._quantum(lane), lane.cost_s + CREDIT_ROUNDS_MAX * self._quantum(lane))
        best = max(ready, key=lambda lane: (lane.credit_s - lane.cost_s) / self._quantum(lane))
        self._round.remove(best.share.camera)
        self._round.append(best.share.camera)
        return best

    @staticmethod
    def _quantum(lane: _Lane[T]) -> float:
        return QUANTUM_S * lane.share.weight

    @staticmethod
    def _may_run(lane: _Lane[T]) -> bool:
        return lane.waiting is not None and not lane.running

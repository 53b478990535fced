"""P7: on thin links a backlog drains from one grid up to the province, and alarms made meanwhile reach every hop in time.

Runs in a healed world, so that nothing but the lanes decides. Called by simulations/trial.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from simulations.checkers.values import Promise, Violation
from simulations.topology import NodePlan
from simulations.world import World
from sync.model import MICROSECONDS, Lane
from sync.model.writes import StoreBatch, Write

RATE = 30_000
"""Bytes a second of every link on the way: 240 kbit/s, so that the backlog takes longer than the alarms last."""
DEADLINE_US = 2 * MICROSECONDS
"""An alarm takes no longer for one hop while the link is up (issue of the engine, gate G15)."""
ALARMS = 10
ALARM_EVERY_US = 400_000
FIRST_ALARM_US = 600_000
"""By then the backlog fills the first link."""
BACKLOG_BATCHES = 6
WAIT_US_MAX = 30 * MICROSECONDS


@dataclass(slots=True)
class Deadline:
    """One way up, from a grid to the top, and when what reached which node on it."""

    world: World
    way: Sequence[NodePlan]
    """The grid first."""
    records: int
    """Records of the backlog."""
    arrivals: dict[tuple[str, int], int] = field(default_factory=dict)
    """(node, number of the alarm) -> time of its commit there."""
    backlog_end_us: int = 0
    """When the last of the backlog was stored at the grid's parent."""
    _numbers: set[int] = field(default_factory=set)

    def run(self) -> list[Violation]:
        """Let it happen and say what came late, or never."""
        world, grid = self.world, self.way[0]
        rates = world.network.faults.rates
        for lower, upper in zip(self.way, self.way[1:], strict=False):
            rates[lower.id, upper.id] = rates[upper.id, lower.id] = RATE
        world.commits.watcher = self._committed
        for _ in range(BACKLOG_BATCHES):
            world.produce(grid.id, "air-quality", self.records // BACKLOG_BATCHES)
        begin = world.clock.us + FIRST_ALARM_US
        for index in range(ALARMS):
            world.at(begin + index * ALARM_EVERY_US, lambda: world.produce(grid.id, "incidents", 1))
        limit_us = world.clock.us + WAIT_US_MAX
        while world.clock.us < limit_us and len(self.arrivals) < ALARMS * len(self.way):
            world.run_until(world.clock.us + MICROSECONDS)
        world.commits.watcher = None
        rates.clear()
        return list(self._late())

    def _committed(self, node: str, writes: Sequence[Write]) -> None:
        grid, now_us = self.way[0].id, self.world.clock.us
        for write in writes:
            if not isinstance(write, StoreBatch):
                continue
            header = write.stored.batch.header
            runs = [run for run in header.runs if run.origin == grid and run.state.has_rows]
            if header.lane is Lane.ALARM:
                for number in (number for run in runs for number in range(run.first, run.last + 1)):
                    if node == grid:
                        self._numbers.add(number)
                    if number in self._numbers:
                        self.arrivals.setdefault((node, number), now_us)
            elif node == self.way[1].id and runs:
                self.backlog_end_us = now_us

    def _late(self) -> list[Violation]:
        found = []
        for lower, upper in zip(self.way, self.way[1:], strict=False):
            for number in sorted(self._numbers):
                left, came = self.arrivals.get((lower.id, number)), self.arrivals.get((upper.id, number))
                if left is not None and (came is None or came - left > DEADLINE_US):
                    took = "never" if came is None else f"after {(came - left) / MICROSECONDS:.1f} s"
                    found.append(Violation(Promise.TIMELY, upper.id, f"alarm {number} of {self.way[0].id} came {took} from {lower.id}"))
        return found

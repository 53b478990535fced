"""The proof: many whole cities, spread over the cores, and every planted bug caught; resumable, bounded in time.

`prove` gives each report as it comes, and for the first that failed a short fault plan when it is found.
Called by simulations/proof_verb.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from simulations.faults import Fault
from simulations.planted import MUTATIONS, Mutation, Trap, try_mutation
from simulations.run import SeedReport, Settings, lost_report, run_seed
from simulations.shards import Done, Shards
from simulations.shrink import shrink_seed

SHORTENED_MAX = 5
"""Failing seeds that are made short; the others have their line alone."""


@dataclass(slots=True)
class Tally:
    """What a proof has done so far."""

    seeds: int = 0
    failed: list[SeedReport] = field(default_factory=list)
    batches: int = 0
    records: int = 0
    faults: int = 0
    cpu_s: float = 0.0
    floor_s: float = 0.0

    def add(self, report: SeedReport) -> None:
        """Another seed is done."""
        self.seeds += 1
        self.batches += report.batches
        self.records += report.records
        self.faults += sum(report.faults.values())
        self.cpu_s += report.cpu_s
        self.floor_s += report.floor_s
        if not report.is_good:
            self.failed.append(report)


@dataclass(frozen=True, slots=True)
class Shortened:
    """The fault plan of a failing seed without what the failure does not need."""

    seed: int
    schedule: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class _Task:
    """A seed to run; one to make short when it has a schedule."""

    seed: int
    schedule: tuple[Fault, ...] | None = None


@dataclass(slots=True)
class _Plan:
    """What is still to be done: plans are made short before further seeds are begun."""

    seeds: Iterator[int]
    has_time: Callable[[], bool]
    short: deque[_Task] = field(default_factory=deque)
    failed: int = 0

    def next(self) -> _Task | None:
        """The next task; None when there is none, or no time for another seed."""
        if self.short:
            return self.short.popleft()
        seed = next(self.seeds, None) if self.has_time() else None
        return None if seed is None else _Task(seed)

    def note(self, report: SeedReport) -> None:
        """A seed is done; one that failed is to be made short."""
        if not report.is_good:
            self.failed += 1
            if self.failed <= SHORTENED_MAX and report.schedule:
                self.short.append(_Task(report.seed, report.schedule))


def prove(
    seeds: Sequence[int],
    settings: Settings,
    *,
    processes: int,
    has_time: Callable[[], bool],
    on_wait: Callable[[], None] = lambda: None,
) -> Iterator[SeedReport | Shortened]:
    """Run seeds until all are done or `has_time` says no; reports come as they are ready, and no seed that was begun is lost.

    `on_wait` is called now and then while nothing is. Raises ScratchError.
    """
    plan = _Plan(iter(seeds), has_time)
    for found in _alone(plan, settings) if processes <= 1 else _sharded(plan, settings, processes, on_wait):
        if isinstance(found, SeedReport):
            plan.note(found)
        yield found


def _alone(plan: _Plan, settings: Settings) -> Iterator[SeedReport | Shortened]:
    while (task := plan.next()) is not None:
        yield _do(task, settings)


def _sharded(plan: _Plan, settings: Settings, processes: int, on_wait: Callable[[], None]) -> Iterator[SeedReport | Shortened]:
    shards = Shards[_Task, SeedReport | Shortened](partial(_do, settings=settings), processes=processes)
    for answer in shards.run(plan.next, on_wait):
        if isinstance(answer, Done):
            yield answer.result
        elif answer.task.schedule is None:
            yield lost_report(answer.task.seed, answer.exit_code)


def _do(task: _Task, settings: Settings) -> SeedReport | Shortened:
    if task.schedule is None:
        return run_seed(task.seed, settings)
    return Shortened(task.seed, shrink_seed(task.seed, settings, task.schedule))


def catch_mutations(*, processes: int, on_wait: Callable[[], None] = lambda: None) -> Iterator[Trap]:
    """Try every planted bug, in the order of the table when alone, else as they are ready."""
    if processes <= 1:
        yield from (try_mutation(mutation) for mutation in MUTATIONS)
        return
    names = iter([mutation.name for mutation in MUTATIONS])
    for answer in Shards[str, Trap](_try_named, processes=processes).run(lambda: next(names, None), on_wait):
        yield answer.result if isinstance(answer, Done) else Trap(_named(answer.task), None, 0, 0)


def _try_named(name: str) -> Trap:
    # By name, because what a mutation plants is a function of this process.
    return try_mutation(_named(name))


def _named(name: str) -> Mutation:
    return next(mutation for mutation in MUTATIONS if mutation.name == name)

"""The proof: many whole cities, spread over the cores, and every planted bug caught; resumable, bounded in time.

`prove` gives each report as it comes. A failing seed is made short. Called by simulations/proof_verb.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from multiprocessing import get_context

from simulations.faults import Fault
from simulations.planted import MUTATIONS, Trap, try_mutation
from simulations.run import SeedReport, Settings, run_seed
from simulations.shrink import shrink_seed

AHEAD = 2
"""Seeds handed to each process at once: one to run, one to wait."""
SEEDS_PER_PROCESS = 100
"""Seeds after which a process is replaced, so that nothing that libraries keep adds up over a night."""


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


def prove(seeds: Sequence[int], settings: Settings, *, processes: int, has_time: Callable[[], bool]) -> Iterator[SeedReport]:
    """Run seeds until all are done or `has_time` says no; reports come as they are ready. No seed that was begun is lost."""
    if processes <= 1:
        for seed in seeds:
            if not has_time():
                return
            yield run_seed(seed, settings)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn"), max_tasks_per_child=SEEDS_PER_PROCESS) as pool:
        yield from _prove_with(pool, seeds, settings, processes, has_time)


def _prove_with(
    pool: ProcessPoolExecutor, seeds: Sequence[int], settings: Settings, processes: int, has_time: Callable[[], bool]
) -> Iterator[SeedReport]:
    todo = iter(seeds)
    running: set[Future[SeedReport]] = set()
    while True:
        while len(running) < processes * AHEAD and has_time() and (seed := next(todo, None)) is not None:
            running.add(pool.submit(run_seed, seed, settings))
        if not running:
            return
        done, running = wait(running, return_when=FIRST_COMPLETED)
        yield from (future.result() for future in done)


def shortened(report: SeedReport, settings: Settings) -> tuple[Fault, ...]:
    """The fault plan of a failing seed without what the failure does not need."""
    return shrink_seed(report.seed, settings, report.schedule)


def catch_mutations(*, processes: int) -> Iterator[Trap]:
    """Try every planted bug, in the order of the table."""
    if processes <= 1:
        yield from (try_mutation(mutation) for mutation in MUTATIONS)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_try_named, [mutation.name for mutation in MUTATIONS])


def _try_named(name: str) -> Trap:
    # By name, because what a mutation plants is a function of this process.
    return try_mutation(next(mutation for mutation in MUTATIONS if mutation.name == name))

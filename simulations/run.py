"""Runs seeds: builds a world, lets it suffer, heals it, and asks the checkers.

`run_seed` is one world in one folder; `run_seeds` spreads many over processes. What happens inside is simulations/trial.py.
Called by simulations/verb.py, the proof and the tests.
"""

from __future__ import annotations

import gc
import logging
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from traceback import extract_tb

import pyarrow as pa

from policies.errors import PolicyError
from simulations.checkers import Promise, Violation
from simulations.faults import Fault
from simulations.floor import CommitLog
from simulations.rules import Change
from simulations.scratch import Scratch, scratch
from simulations.shards import TRIES, Done, Shards
from simulations.trial import Trial
from simulations.world import TUNING, World
from sync.model import Level, SyncError

PRODUCT_ERRORS = (AssertionError, SyncError, PolicyError, sqlite3.Error, pa.ArrowException, LookupError, TypeError, ValueError, OSError)
"""What an error in the product looks like from outside; anything else is one of the simulator."""

LEVELS = len(Level)
DISK_BYTES_PER_NODE = 24 << 20
"""What the journals of a world take, and those of its floor, for each node."""
CYCLES_EVERY = 1_000_000
"""Objects after which Python looks for cycles while a seed runs: a world of 31 nodes makes fewer that stay."""

OnWorld = Callable[[World], None]
"""Called with every new world before time passes: where a test plants a bug."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How large a world is and how long it suffers."""

    fan_out: int = 2
    has_faults: bool = True
    fault_s: int = 40
    """Seconds of the world during which things go wrong and records are made."""
    rounds: int = 7
    """Times every node makes records."""
    records: int = 420
    """Records of each resource a node is asked for in a round, at most; rarer resources make fewer."""
    deadline_records: int = 9_000
    """Records of the backlog that drains while alarms must be on time."""
    cases: int = 24
    """Cases that are opened between two nodes while things go wrong; with none no node has a desk for them."""
    faults: int = 40
    """Faults a seed draws at least."""
    schedule: tuple[Fault, ...] | None = None
    """A table to replay instead of the seed's own."""
    change: Change | None = None
    """A change of policy instead of the seed's own."""
    has_two_streets: bool = False
    """A line of nodes with a second street in its district, instead of a tree."""
    has_floor: bool = True
    """Measure the bare commits after the run."""
    stops_when_found: bool = False
    """End with the first broken promise: enough for who asks only whether one is seen."""

    @property
    def nodes(self) -> int:
        """How many a world has: five levels, each node with `fan_out` children."""
        return LEVELS + 1 if self.has_two_streets else sum(self.fan_out**level for level in range(LEVELS))


DEFAULT_SETTINGS = Settings()
SMALL_SETTINGS = Settings(rounds=4, records=30, deadline_records=3_000, cases=0, faults=20, has_floor=False)
"""A city with few records, in which faults cost as much time as in a full one and everything else little."""
NODES: Mapping[int, int] = {5: 1, 31: 2, 121: 3}
"""Fan-out by the number of nodes of a world."""


@dataclass(slots=True)
class SeedReport:
    """What one seed did and what the checkers found."""

    seed: int
    digest: str = ""
    change: str = ""
    schedule: tuple[Fault, ...] = ()
    nodes: int = 0
    batches: int = 0
    records: int = 0
    """Records that were acknowledged."""
    frames: int = 0
    frame_records: int = 0
    messages_lost: int = 0
    commits: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    crashes: int = 0
    world_s: float = 0.0
    cpu_s: float = 0.0
    floor_s: float = 0.0
    """CPU of the bare commits; 0.0 when it was not measured."""
    violations: list[Violation] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """True when no promise was broken."""
        return not self.violations

    @property
    def times_floor(self) -> float:
        """CPU of the seed as a multiple of the floor's; 0.0 when that was not measured."""
        return self.cpu_s / self.floor_s if self.floor_s else 0.0


def run_seed(
    seed: int, settings: Settings = DEFAULT_SETTINGS, *, keep: Path | None = None, on_world: OnWorld = lambda world: None
) -> SeedReport:
    """One world from a seed; its journals are left in `keep` if given. A failure is in the report, never an exception."""
    with scratch(DISK_BYTES_PER_NODE * settings.nodes) as room, _rarely_collecting(), _quiet():
        return _run_in(room, keep or room.folder / "world", seed, settings, on_world)


def run_seeds(seeds: Sequence[int], settings: Settings = DEFAULT_SETTINGS, *, processes: int = 1) -> Iterator[SeedReport]:
    """Many worlds, spread over fresh processes; reports come in the order of `seeds`. Raises ScratchError."""
    if processes <= 1 or len(seeds) == 1:
        yield from (run_seed(seed, settings) for seed in seeds)
        return
    todo, due, early = iter(seeds), iter(seeds), dict[int, SeedReport]()
    shards = Shards[int, SeedReport](partial(run_seed, settings=settings), processes=min(processes, len(seeds)))
    expected = next(due, None)
    for answer in shards.run(lambda: next(todo, None)):
        early[answer.task] = answer.result if isinstance(answer, Done) else lost_report(answer.task, answer.exit_code)
        while expected in early:
            yield early.pop(expected)
            expected = next(due, None)


def lost_report(seed: int, exit_code: int) -> SeedReport:
    """The report of a seed whose process ended, each time it was tried; a negative exit code is a signal."""
    word = f"signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"
    text = f"its process ended with {word} at each of {TRIES} tries: was it killed, or out of memory?"
    return SeedReport(seed, violations=[Violation(Promise.RUNS, "-", text)])


@contextmanager
def _quiet() -> Iterator[None]:
    """What the product would tell a log of its operators is no finding."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


@contextmanager
def _rarely_collecting() -> Iterator[None]:
    """Python looks for cycles less often: nearly all that a world makes lives until its end."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(CYCLES_EVERY)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _run_in(room: Scratch, folder: Path, seed: int, settings: Settings, on_world: OnWorld) -> SeedReport:
    started = time.process_time()
    pa.set_cpu_count(1)
    report = SeedReport(seed)
    commits = _live(report, room, folder, settings, on_world)
    gc.collect()  # what the world leaves behind is part of its cost
    report.cpu_s = time.process_time() - started
    if settings.has_floor:
        report.floor_s = commits.replay_s(room.folder / "floor", TUNING)
    return report


def _live(report: SeedReport, room: Scratch, folder: Path, settings: Settings, on_world: OnWorld) -> CommitLog:
    """One world from its beginning to its last check; what its journals committed."""
    trial = _begun(report.seed, room, folder, settings)
    try:
        on_world(trial.world)
        trial.suffer()
        trial.recover()
    except PRODUCT_ERRORS as error:
        room.check_room()
        where = extract_tb(error.__traceback__)[-1]
        trial.violations.append(
            Violation(Promise.RUNS, trial.world.trace.node, f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})")
        )
    finally:
        trial.world.close()
    _fill(report, trial)
    return trial.world.commits


def _begun(seed: int, room: Scratch, folder: Path, settings: Settings) -> Trial:
    """A world before time passes; whenever a node goes down, the real disk is looked at: a full one would take it down for ever."""
    try:
        trial = Trial.of(folder, seed, settings)
    except (OSError, SyncError):
        room.check_room()
        raise
    tell = trial.world.on_down

    def look_and_tell(node: str) -> None:
        room.check_room()
        tell(node)

    trial.world.on_down = look_and_tell
    return trial


def _fill(report: SeedReport, trial: Trial) -> None:
    world, watch, injector = trial.world, trial.watch, trial.injector
    report.change, report.schedule = trial.change.value, trial.schedule
    report.violations = trial.found()
    report.digest = world.trace.digest
    report.nodes = len(world.hosts)
    report.batches = world.trace.counts["StoreBatch"]
    report.records = sum(offer.count for offer in world.acknowledged)
    report.frames, report.frame_records = watch.frames, watch.records
    report.messages_lost = world.network.lost
    report.commits = world.commits.count
    report.faults = dict(sorted(injector.applied.items()))
    report.crashes = injector.crashes
    report.world_s = world.clock.seconds

"""Runs seeds: builds a world, lets it suffer, heals it, and asks the checkers.

`run_seed` is one world in one folder; `run_seeds` spreads many over processes. Called by simulations/verb.py and the tests.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from random import Random
from traceback import extract_tb

import pyarrow as pa

from policies.errors import PolicyError
from simulations.checkers import Copy, Holder, Promise, Violation, read_copy
from simulations.checkers.accounting import check_accounts
from simulations.checkers.convergence import check_converged, check_drained, check_handed_on, check_kept
from simulations.checkers.oracle import Oracle
from simulations.checkers.stored import check_once, check_order, check_permitted
from simulations.checkers.wire import WireWatch
from simulations.faults import Fault, draw_schedule
from simulations.host import Host
from simulations.inject import Injector
from simulations.rules import Change, draw_change, first_bundle
from simulations.topology import NodePlan, binary_tree
from simulations.world import World, build_world
from sync.core.messages import Data
from sync.model import MICROSECONDS, Direction, SyncError

QUIET_STEP_US = 5 * MICROSECONDS
"""How often a healed world is asked whether it is at rest."""
HEAL_US_MAX = 180 * MICROSECONDS
"""A healed world that is not at rest by then has not converged."""
SHM = Path("/dev/shm")  # noqa: S108 - a fast disk where there is one; every run makes a folder of its own in it

PRODUCT_ERRORS = (AssertionError, SyncError, PolicyError, sqlite3.Error, pa.ArrowException, LookupError, TypeError, ValueError, OSError)
"""What an error in the product looks like from outside; anything else is one of the simulator."""

OnWorld = Callable[[World], None]
"""Called with every new world before time passes: where a test plants a bug."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How large a world is and how long it suffers."""

    fan_out: int = 2
    has_faults: bool = True
    fault_s: int = 40
    """Seconds of the world during which things go wrong and records are made."""
    rounds: int = 3
    """Times every node makes records."""
    records: int = 8
    """Records of each resource a node makes in a round, at most."""
    schedule: tuple[Fault, ...] | None = None
    """A table to replay instead of the seed's own."""
    change: Change | None = None
    """A change of policy instead of the seed's own."""


DEFAULT_SETTINGS = Settings()
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
    faults: dict[str, int] = field(default_factory=dict)
    crashes: int = 0
    world_s: float = 0.0
    cpu_s: float = 0.0
    violations: list[Violation] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """True when no promise was broken."""
        return not self.violations


def run_seed(
    seed: int, settings: Settings = DEFAULT_SETTINGS, *, keep: Path | None = None, on_world: OnWorld = lambda world: None
) -> SeedReport:
    """One world from a seed; its journals are left in `keep` if given. A failure is in the report, never an exception."""
    if keep is not None:
        return _run_in(keep, seed, settings, on_world)
    with tempfile.TemporaryDirectory(prefix="yunnao-sim-", dir=SHM if SHM.is_dir() else None) as folder:
        return _run_in(Path(folder), seed, settings, on_world)


def run_seeds(seeds: Sequence[int], settings: Settings = DEFAULT_SETTINGS, *, processes: int = 1) -> Iterator[SeedReport]:
    """Many worlds, spread over fresh processes; reports come in the order of `seeds`."""
    if processes <= 1 or len(seeds) == 1:
        yield from (run_seed(seed, settings) for seed in seeds)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(partial(run_seed, settings=settings), seeds)


def _run_in(folder: Path, seed: int, settings: Settings, on_world: OnWorld) -> SeedReport:
    started = time.process_time()
    pa.set_cpu_count(1)
    report = SeedReport(seed)
    trial = _Trial.of(folder, seed, settings, report)
    try:
        on_world(trial.world)
        trial.suffer(settings)
        trial.recover()
    except PRODUCT_ERRORS as error:
        where = extract_tb(error.__traceback__)[-1]
        report.violations.append(
            Violation(Promise.RUNS, trial.world.trace.node, f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})")
        )
    finally:
        trial.world.close()
    trial.fill(report)
    report.cpu_s = time.process_time() - started
    return report


@dataclass(slots=True)
class _Trial:
    """One world with everything that watches it."""

    world: World
    holders: dict[str, Holder]
    oracle: Oracle
    watch: WireWatch
    injector: Injector
    report: SeedReport
    made: set[object] = field(default_factory=set)

    @classmethod
    def of(cls, folder: Path, seed: int, settings: Settings, report: SeedReport) -> _Trial:
        chance = Random(f"faults {seed}")  # noqa: S311 - a simulation is random on purpose
        plans = binary_tree(fan_out=settings.fan_out)
        drawn_change = draw_change(chance)
        change = drawn_change if settings.change is None else settings.change
        drawn = draw_schedule(chance, plans, until_us=settings.fault_s * MICROSECONDS) if settings.has_faults else ()
        report.schedule = drawn if settings.schedule is None else settings.schedule
        report.change = change.value
        world = build_world(seed, plans, folder, first_bundle=lambda plan: first_bundle(plan, change))
        holders = {plan.id: _holder(plan, world.hosts[plan.id]) for plan in plans}
        oracle = Oracle(holders, change)
        secrets = _Secrets(world)
        watch = WireWatch(oracle, plans[0].id, secrets.values)
        trial = cls(world, holders, oracle, watch, Injector(world, change), report)
        world.on_wire = trial.on_wire
        return trial

    def on_wire(self, source: str, target: str, data: Data) -> None:
        now_us = self.world.clock.us
        self.watch.in_force(source, self.world.hosts[source].policy.version, now_us)
        self.watch.saw(source, target, data, now_us)

    # ---- phases

    def suffer(self, settings: Settings) -> None:
        """Records and faults, then the promises that hold at every moment."""
        world = self.world
        for host in world.hosts.values():
            host.on_policy = lambda node, version: self.watch.in_force(node, version, world.clock.us)
            self.watch.in_force(host.id, host.policy.version, 0)
        self.injector.arm(self.report.schedule)
        for index in range(settings.rounds):
            world.at((index + 1) * settings.fault_s * MICROSECONDS // (settings.rounds + 1), lambda: self._produce(settings.records))
        world.run_until(settings.fault_s * MICROSECONDS)
        self._check_safety([holder for holder in self.holders.values() if world.hosts[holder.id].is_up], is_all=False)

    def recover(self) -> None:
        """Heal, wait until the world is at rest, and check everything."""
        world = self.world
        self.injector.heal()
        limit_us = world.clock.us + HEAL_US_MAX
        while world.clock.us < limit_us:
            world.run_until(world.clock.us + QUIET_STEP_US)
            if self._is_quiet():
                break
        copies = self._check_safety(list(self.holders.values()), is_all=True)
        self._check_liveness(copies)

    def _produce(self, records_max: int) -> None:
        for plan in self.world.plans:
            for resource in self.world.workload.resources_of(plan):
                self.world.produce(plan.id, resource, self.world.rng.randint(1, records_max))

    def _peers(self, node: str) -> list[tuple[str, Direction]]:
        parent = self.holders[node].parent
        up = [(parent, Direction.UP)] if parent else []
        return up + [(holder.id, Direction.RETURN) for holder in self.holders.values() if holder.parent == node]

    def _is_quiet(self) -> bool:
        return all(self._is_drained(host) for host in self.world.hosts.values())

    def _is_drained(self, host: Host) -> bool:
        peers = self._peers(host.id)
        if len(host.engine.link_peers()) != len(peers):
            return False
        recovered = host.journal.recover()
        return all(
            (mark := recovered.out_marks.get((peer, direction, lane))) is not None and mark.stored == top
            for peer, direction in peers
            for lane, top in recovered.lane_tops.items()
        )

    # ---- checks

    def _check_safety(self, holders: Sequence[Holder], *, is_all: bool) -> dict[str, Copy]:
        copies = {holder.id: read_copy(holder) for holder in holders}
        origins = {stream: copy.records[stream] for copy in copies.values() for stream in copy.records if stream.origin == copy.holder.id}
        secrets = self.watch.secrets()
        found = self.report.violations
        for copy in copies.values():
            known = origins if is_all else origins | {stream: copy.records[stream] for stream in copy.records if stream not in origins}
            found += check_once(copy, known)
            found += check_order(copy)
            found += check_permitted(copy, self.oracle, secrets, range(1, 3))
        return copies

    def _check_liveness(self, copies: Mapping[str, Copy]) -> None:
        found, hosts = self.report.violations, self.world.hosts
        epoch = hosts[self.watch.ruler].policy.version.epoch(self.watch.ruler)
        acknowledged: dict[str, list[str]] = {node: [] for node in copies}
        for entry in self.world.acknowledged:
            acknowledged[entry.node] += entry.names
        for node, copy in copies.items():
            parent, journal = copy.holder.parent, hosts[node].journal
            found += check_kept(copy, acknowledged[node])
            found += check_drained(copy, journal, self._peers(node))
            if parent:
                found += check_handed_on(copy, journal, copies[parent], hosts[parent].journal)
            for peer, direction in self._peers(node):
                found += check_accounts(node, journal, peer, direction, is_quiet=True)
        found += check_converged(copies, self.oracle, epoch)

    def fill(self, report: SeedReport) -> None:
        """Enter the work done."""
        world = self.world
        report.violations[:0] = self.watch.violations
        report.digest = world.trace.digest
        report.nodes = len(world.hosts)
        report.batches = world.trace.counts["StoreBatch"]
        report.records = sum(len(entry.names) for entry in world.acknowledged)
        report.frames, report.frame_records = self.watch.frames, self.watch.records
        report.messages_lost = world.network.lost
        report.faults = dict(sorted(self.injector.applied.items()))
        report.crashes = self.injector.crashes
        report.world_s = world.clock.us / MICROSECONDS


@dataclass(slots=True)
class _Secrets:
    """Values of residents as they were made, collected once each."""

    world: World
    _seen: int = 0
    _values: frozenset[object] = frozenset()

    def values(self) -> frozenset[object]:
        contents = self.world.workload.contents
        if len(contents) != self._seen:
            self._seen = len(contents)
            rows = (row for name, row in contents.items() if "/residents/" in name)
            self._values = frozenset(value for row in rows for value in row[3:7])
        return self._values


def _holder(plan: NodePlan, host: Host) -> Holder:
    return Holder(plan.id, plan.level, plan.territory, plan.parent, host.journal_path)

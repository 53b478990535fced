"""One seed: a world with everything that watches it, from the first fault to the last check.

Called by simulations/run.py. `suffer`, then `recover`; what was found is in `violations`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from simulations.casework import KINDS, Casework
from simulations.checkers import Copy, Holder, Promise, Truth, Violation, read_copies
from simulations.checkers.accounting import check_accounts
from simulations.checkers.audit import check_audit
from simulations.checkers.convergence import check_converged, check_drained, check_handed_on, check_kept, check_secured
from simulations.checkers.damage import check_repaired
from simulations.checkers.excuses import below_fosters, beyond_fosters, expired, handed_over, joined, let_go, refused_and_gone
from simulations.checkers.oracle import SECRET_COLUMNS, STRIPPED_COLUMNS, Oracle
from simulations.checkers.records import Ints
from simulations.checkers.stored import check_once, check_order, check_permitted
from simulations.checkers.told import check_told
from simulations.checkers.truth import Located, expand, present
from simulations.checkers.wire import WireWatch
from simulations.deadline import Deadline
from simulations.faults import Fault, FaultKind, draw_schedule
from simulations.host import Host
from simulations.inject import Injector
from simulations.rules import EPOCHS_MAX, Change, draw_change, first_bundle
from simulations.topology import NodePlan, binary_tree, two_streets
from simulations.workload import SHARE
from simulations.world import World, build_world
from sync.core.messages import Data
from sync.model import MICROSECONDS, Direction, Level

if TYPE_CHECKING:
    from simulations.run import Settings

MID_CHECKS_MAX = 8
"""Nodes whose journals are checked while faults go on; at the end all are."""
QUIET_STEP_US = 5 * MICROSECONDS
"""How often a healed world is asked whether it is at rest."""
HEAL_US_MAX = 180 * MICROSECONDS
"""A healed world that is not at rest by then has not converged."""


@dataclass(slots=True)
class Trial:
    """One world and its watchers."""

    world: World
    settings: Settings
    change: Change
    schedule: tuple[Fault, ...]
    holders: dict[str, Holder]
    oracle: Oracle
    watch: WireWatch
    injector: Injector
    casework: Casework
    violations: list[Violation] = field(default_factory=list)

    @classmethod
    def of(cls, folder: Path, seed: int, settings: Settings) -> Trial:
        """The world of a seed before time passes."""
        chance = Random(f"faults {seed}")  # noqa: S311 - a simulation is random on purpose
        plans = two_streets() if settings.has_two_streets else binary_tree(fan_out=settings.fan_out)
        drawn_change = draw_change(chance, lifts=seed % 2 == 1)
        change = drawn_change if settings.change is None else settings.change
        until_us = settings.fault_s * MICROSECONDS
        drawn = draw_schedule(chance, plans, until_us=until_us, least=settings.faults) if settings.has_faults else ()
        schedule = drawn if settings.schedule is None else settings.schedule
        world = build_world(seed, plans, folder, first_bundle=lambda plan: first_bundle(plan, change))
        world.commits.is_kept = settings.has_floor
        holders = {plan.id: _holder(plan, world.hosts[plan.id]) for plan in plans}
        oracle = Oracle(holders, change)
        watch = WireWatch(oracle, plans[0].id, _Secrets(world).values)
        trial = cls(world, settings, change, schedule, holders, oracle, watch, Injector(world, change), Casework(world))
        world.on_wire = trial.on_wire
        trial.injector.moves.on_moved = trial.moved
        return trial

    def on_wire(self, source: str, target: str, data: Data) -> None:
        """A frame is leaving `source`."""
        if self._is_of_rooms(data.frame.batch.header.resource):
            return
        now_us = self.world.clock.us
        self.watch.in_force(source, self.world.hosts[source].policy.version, now_us)
        self.watch.saw(source, target, data, now_us)

    def moved(self, node: str, line: Sequence[str]) -> None:
        """The way up of a node leads over `line` from now on; what lies on its old way may stay there."""
        self.oracle.moved(node, line)
        self.holders[node] = replace(self.holders[node], parent=line[0])

    # ---- phases

    def suffer(self) -> None:
        """Records and faults, then the promises that hold at every moment."""
        world, settings = self.world, self.settings
        self.oracle.homes = world.plot.homes
        for host in world.hosts.values():
            host.on_policy = lambda node, version: self.watch.in_force(node, version, world.clock.us)
            self.watch.in_force(host.id, host.policy.version, 0)
        self.injector.arm(self.schedule)
        if settings.cases and not world.plot.has_rooms:
            self.casework.begin(settings.cases, settings.fault_s * MICROSECONDS)
        for index in range(settings.rounds):
            world.at((index + 1) * settings.fault_s * MICROSECONDS // (settings.rounds + 1), self._produce)
        self._run_until(settings.fault_s * MICROSECONDS)
        rotten = self.injector.bytes.rotten
        up = [holder for holder in self.holders.values() if world.hosts[holder.id].is_up and holder.id not in rotten]
        # What is wrong now is still there in the end, when all are looked at.
        self._check_safety(up if len(up) <= MID_CHECKS_MAX else world.rng.sample(up, MID_CHECKS_MAX))

    def recover(self) -> None:
        """Heal, wait until the world is at rest, and check everything."""
        if self._is_enough():
            return
        self.injector.heal()
        self._settle()
        if self.settings.deadline_records:
            self.violations += Deadline(self.world, self._way_up(), self.settings.deadline_records).run()
            self._settle()
        seen = self._check_safety(list(self.holders.values()))
        if not self._is_enough():
            self._check_liveness(seen)

    def found(self) -> list[Violation]:
        """Every broken promise that was seen so far."""
        return [*self.watch.violations, *self.injector.violations, *self.violations]

    def _is_enough(self) -> bool:
        return self.settings.stops_when_found and bool(self.found())

    def _run_until(self, end_us: int) -> None:
        while self.world.clock.us < end_us and not self._is_enough():
            self.world.run_until(min(end_us, self.world.clock.us + QUIET_STEP_US))

    def _way_up(self) -> list[NodePlan]:
        """A grid and everybody above it, the province last."""
        plans = {plan.id: plan for plan in self.world.plans}
        way = [self.world.rng.choice([plan for plan in self.world.plans if plan.level is Level.GRID])]
        while parent := self.holders[way[-1].id].parent:
            way.append(plans[parent])
        return way

    def _settle(self) -> None:
        world = self.world
        limit_us, before = world.clock.us + HEAL_US_MAX, -1
        while world.clock.us < limit_us and not self._is_enough():
            world.run_until(world.clock.us + QUIET_STEP_US)
            is_drained = world.plot.is_over and all(self._is_drained(host) for host in world.hosts.values())
            # What arrived last may be a fact that somebody answers: then there is more a step later.
            commits = sum(host.journal.last_lsn for host in world.hosts.values()) if self.casework.is_played else before
            if is_drained and commits == before and not self.casework.is_busy:
                break
            before = commits

    def _produce(self) -> None:
        rng = self.world.rng
        for plan in self.world.plans:
            for resource in self.world.workload.resources_of(plan):
                self.world.produce(plan.id, resource, 1 + rng.randint(1, self.settings.records) // SHARE[resource])

    def _peers(self, node: str) -> list[tuple[str, Direction]]:
        parent = self.holders[node].parent
        up = [(parent, Direction.UP)] if parent else []
        return up + [(holder.id, Direction.RETURN) for holder in self.holders.values() if holder.parent == node]

    def _is_drained(self, host: Host) -> bool:
        peers = self._peers(host.id)
        linked = host.engine.link_peers()
        if len(linked) != len(peers) or host.upkeep.is_busy or any(host.engine.is_to_try_again(peer) for peer in linked):
            return False
        if host.tree.is_news:
            # What was refused until word of a move comes goes again only then.
            return False
        tops = host.engine.lane_tops.items()
        marks = [(host.engine.out_mark(peer, direction, lane), top) for peer, direction in peers for lane, top in tops]
        return all(mark.stored == mark.secured == top for mark, top in marks)

    # ---- checks

    def _truth(self) -> Truth:
        truth = Truth.of(self.world.workload.made, tuple(self.holders), self.world.numbered)
        if self.injector.applied[FaultKind.STALE.value]:
            truth.stripped = STRIPPED_COLUMNS
        return truth

    def _check_safety(self, holders: Sequence[Holder]) -> _Seen:
        copies = {node: self._without_rooms(copy) for node, copy in read_copies(holders, self.watch.decoded).items()}
        truth, secrets = self._truth(), self.watch.secrets()
        for copy in copies.values():
            truth.learn_numbers(copy)
        for copy in copies.values():
            truth.learn_forgotten(copy)
        located = truth.locate(copies)
        self.violations += check_once(copies, truth, located)
        for copy in copies.values():
            self.violations += check_order(copy, has_rebuilt=bool(self.injector.disks.lost))
            self.violations += check_permitted(copy, self.oracle, secrets, range(1, EPOCHS_MAX + 1))
        return _Seen(copies, truth, located)

    def _check_liveness(self, seen: _Seen) -> None:
        copies, truth = seen.copies, seen.truth
        found, hosts = self.violations, self.world.hosts
        epoch, ruler = self.injector.epoch, self.watch.ruler
        for node, host in hosts.items():
            if (here := host.policy.version.epoch(ruler)) != epoch:
                found.append(Violation(Promise.CONVERGED, node, f"epoch {here} of {ruler} is in force, {epoch} was issued last"))
        presence = present(truth, copies, seen.located)
        gone = let_go(copies, truth, self.injector.quotas.ever)
        had = joined(presence, gone)
        for node, copy in copies.items():
            parent, journal = copy.holder.parent, hosts[node].journal
            found += check_repaired(node, journal)
            found += check_audit(node, journal)
            found += check_kept(node, truth, had, self._acknowledged(node))
            found += check_drained(copy, journal.recover().out_marks, self._peers(node))
            for peer, direction in self._peers(node):
                lines = journal.flow(peer, direction)
                found += check_accounts(node, lines, peer, direction, is_quiet=True)
                if peer == parent:
                    is_rebuilt, moved = node in self.injector.disks.lost, self.injector.moves.strayed
                    found += check_handed_on(copy, lines, copies[parent], is_rebuilt=is_rebuilt, moved=moved)
        # What a node made before it was moved may be on its old way, and need not.
        standing, former = Oracle(self.holders, self.change), self.injector.moves.former
        refused = refused_and_gone(copies, truth, self.injector.quotas.ever, has_loss=self.world.network.lost > 0)
        excused = joined(expired(copies, truth, gone, standing), refused, self.world.plot.excused(copies, truth))
        if former:
            fostered = beyond_fosters(copies, truth, presence, standing, epoch)
            excused = joined(excused, handed_over(copies, truth, former, gone), fostered)
        found += check_converged(copies, truth, presence, standing, epoch, excused)
        found += self.world.plot.check(copies, truth, presence)
        # What a node said itself does not come back to it when its disk is lost.
        found += check_told(self.casework.registers, KINDS, below_fosters(self.holders) | self.injector.disks.lost.keys())
        for lost in self.injector.disks.lost.values():
            if not lost.parent:
                continue  # the top has nobody to secure its own records
            found += check_secured(lost.parent, lost.secured, truth, had, self.oracle, range(1, EPOCHS_MAX + 1))

    def _is_of_rooms(self, resource: str) -> bool:
        """True for what nodes make themselves in their rooms: the world has not made it and knows nothing of it."""
        return self.world.plot.has_rooms and resource not in self.world.workload.made

    def _without_rooms(self, copy: Copy) -> Copy:
        """A copy with the records that the world made."""
        return replace(copy, records={code: records for code, records in copy.records.items() if not self._is_of_rooms(code)})

    def _acknowledged(self, node: str) -> dict[str, Ints]:
        stretches: dict[str, list[tuple[int, int]]] = {}
        for offer in self.world.acknowledged:
            if offer.node == node:
                stretches.setdefault(offer.resource, []).append((offer.id, offer.count))
        return {resource: self._still_due(node, resource, expand(entries)) for resource, entries in stretches.items()}

    def _still_due(self, node: str, resource: str, ids: Ints) -> Ints:
        """What must be at its origin: not what was on a disk that is lost."""
        lost = self.injector.disks.lost.get(node)
        return ids if lost is None or resource not in lost.made else np.setdiff1d(ids, lost.made[resource])


@dataclass(frozen=True, slots=True)
class _Seen:
    """Journals as they were read, against what was made."""

    copies: Mapping[str, Copy]
    truth: Truth
    located: Located


@dataclass(slots=True)
class _Secrets:
    """Values of residents as they were made."""

    world: World
    _seen: int = 0
    _values: set[str] = field(default_factory=set)

    def values(self) -> Collection[str]:
        made = self.world.workload.made.get("residents")
        if made is not None and len(made.parts) != self._seen:
            fresh = [part.column(name).cast(pa.string()) for part in made.parts[self._seen :] for name in SECRET_COLUMNS]
            self._seen = len(made.parts)
            self._values.update(value for column in fresh for value in column.to_pylist() if value is not None)
        return self._values


def _holder(plan: NodePlan, host: Host) -> Holder:
    return Holder(plan.id, plan.level, plan.territory, plan.parent, host.journal_path)

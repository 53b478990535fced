"""Applies a fault plan to a world, and ends it: after `heal` everything is up and the network loses nothing.

Called by simulations/run.py. Where two faults of one kind overlap, the later one sets and the first to end lifts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from policies.bundle import SignedBundle
from simulations.faults import Fault, FaultKind
from simulations.host import CrashPoint
from simulations.network import NetworkFaults
from simulations.rules import Change, provincial_bundle
from simulations.world import World
from sync.model import MICROSECONDS

REBOOT_US = 2 * MICROSECONDS
"""Down time of a node whose crash named none."""


@dataclass(slots=True)
class Injector:
    """The faults of one world, in progress."""

    world: World
    change: Change
    applied: Counter[str] = field(default_factory=Counter)
    crashes: int = 0
    _down_us: dict[str, list[int]] = field(default_factory=dict)
    """Down times of the crashes that a node still has to go through."""
    _points: dict[str, CrashPoint] = field(default_factory=dict)
    _is_over: bool = False

    def arm(self, faults: Sequence[Fault]) -> None:
        """Put every fault on the world's schedule."""
        self.world.on_down = self._went_down
        for fault in faults:
            self.world.at(fault.at_us, lambda fault=fault: self._apply(fault))  # type: ignore[misc]

    def heal(self) -> None:
        """No more faults: clocks right, network whole, every node up."""
        self._is_over = True
        self.world.network.faults = NetworkFaults()
        for node, host in self.world.hosts.items():
            host.crash_at = None
            host.clock.offset_us = 0
            if not host.is_up:
                self._boot(node)

    def _apply(self, fault: Fault) -> None:
        if self._is_over:
            return
        self.applied[fault.kind] += 1
        self.world.trace.note(fault.node, "fault", fault.line)
        kind = FaultKind(fault.kind)
        if kind in (FaultKind.LOSS, FaultKind.REPEAT, FaultKind.CLOG):
            self._disturb(kind, fault)
        elif kind in (FaultKind.PARTITION, FaultKind.ONE_WAY):
            self._cut_off(kind, fault)
        elif kind is FaultKind.CUT:
            self.world.cut_session(fault.node, fault.peer)
        elif kind in (FaultKind.CRASH, FaultKind.CRASH_LOOP):
            self._arm_crash(fault.node, CrashPoint(fault.word), [fault.for_us] * fault.amount)
        elif kind is FaultKind.CLOCK:
            self._set_clock(fault)
        elif kind is FaultKind.POLICY:
            self._issue(fault.node)
        elif kind is FaultKind.OUTAGE:
            self._outage(fault)
        else:
            self._burst(fault)

    def _later(self, us: int, action: Callable[[], object]) -> None:
        def run() -> None:
            if not self._is_over:
                action()

        self.world.at(self.world.clock.us + us, run)

    # ---- the network

    def _disturb(self, kind: FaultKind, fault: Fault) -> None:
        faults = self.world.network.faults
        if kind is FaultKind.LOSS:
            faults.loss = fault.amount / 1_000
            self._later(fault.for_us, lambda: setattr(faults, "loss", 0.0))
        elif kind is FaultKind.REPEAT:
            faults.repeat = fault.amount / 1_000
            self._later(fault.for_us, lambda: setattr(faults, "repeat", 0.0))
        else:
            calm = NetworkFaults().delay_us_max
            faults.delay_us_max = fault.amount
            self._later(fault.for_us, lambda: setattr(faults, "delay_us_max", calm))

    def _cut_off(self, kind: FaultKind, fault: Fault) -> None:
        pairs = {(fault.node, fault.peer)}
        if kind is FaultKind.PARTITION:
            pairs.add((fault.peer, fault.node))
        cut = self.world.network.faults.cut
        cut |= pairs
        self._later(fault.for_us, lambda: cut.difference_update(pairs))

    # ---- nodes

    def _arm_crash(self, node: str, point: CrashPoint, down_us: list[int]) -> None:
        if not self.world.hosts[node].is_up:
            return
        self._down_us[node] = down_us
        self._points[node] = point
        self.world.hosts[node].crash_at = point

    def _went_down(self, node: str) -> None:
        self.crashes += 1
        waits = self._down_us.get(node, [])
        wait = waits.pop(0) if waits else REBOOT_US
        self.world.at(self.world.clock.us + wait, lambda: self._boot(node))

    def _boot(self, node: str) -> None:
        host = self.world.hosts[node]
        if host.is_up:
            return
        self.world.trace.note(node, "boot")
        host.boot()
        if self._down_us.get(node) and not self._is_over:
            host.crash_at = self._points[node]

    def _outage(self, fault: Fault) -> None:
        for node, host in self.world.hosts.items():
            if int(host.plan.level) == fault.amount and host.is_up:
                self._down_us[node] = [fault.for_us]
                host.crash()
                self.world.down(node)

    def _set_clock(self, fault: Fault) -> None:
        clock = self.world.hosts[fault.node].clock
        before = clock.offset_us
        clock.offset_us = fault.amount
        self._later(fault.for_us, lambda: setattr(clock, "offset_us", before))

    def _burst(self, fault: Fault) -> None:
        plan = self.world.hosts[fault.node].plan
        for resource in self.world.workload.resources_of(plan):
            self.world.produce(plan.id, resource, fault.amount)

    def _issue(self, node: str) -> None:
        host = self.world.hosts[node]
        if not host.is_up:
            self._later(REBOOT_US, lambda: self._issue(node))
            return
        host.policy.install(SignedBundle(provincial_bundle(host.plan, self.change, epoch=2), b"", ""))

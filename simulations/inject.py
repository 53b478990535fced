"""Applies a fault plan to a world, and ends it: after `heal` everything is up and the network loses nothing.

Called by simulations/trial.py. Where two faults of one kind overlap, the later one sets and the first to end lifts. What happens to
disks is simulations/inject_disks.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from policies.bundle import SignedBundle
from simulations.checkers import Violation
from simulations.clock import EPOCH_US
from simulations.faults import Fault, FaultKind
from simulations.inject_bytes import ByteFaults
from simulations.inject_copies import TOLD, CopyFaults
from simulations.inject_disks import DiskFaults
from simulations.inject_moves import MoveFaults
from simulations.inject_quotas import QuotaFaults
from simulations.network import NetworkFaults
from simulations.powercut import CrashPoint
from simulations.rules import EPOCHS_MAX, Change, provincial_bundle
from simulations.versions import Version
from simulations.world import World
from sync.model import MICROSECONDS

BOOT_1970_US = 60 * MICROSECONDS
"""What a clock shows that began at zero when the machine started."""
REBOOT_US = 2 * MICROSECONDS
"""Down time of a node whose crash named none."""
ORDER_TRIES = 10
ORDER_RETRY_US = 3 * MICROSECONDS
"""An operator of the province who is told that a node is not known yet tries again."""
RETRY_US = 5 * MICROSECONDS
"""As node/appliance.py: how long a node that could not commit waits before it tries again."""


@dataclass(slots=True)
class Injector:
    """The faults of one world, in progress."""

    world: World
    change: Change
    applied: Counter[str] = field(default_factory=Counter)
    crashes: int = 0
    violations: list[Violation] = field(default_factory=list)
    disks: DiskFaults = field(init=False)
    copies: CopyFaults = field(init=False)
    moves: MoveFaults = field(init=False)
    bytes: ByteFaults = field(init=False)
    quotas: QuotaFaults = field(init=False)
    _down_us: dict[str, list[int]] = field(default_factory=dict)
    """Down times of the crashes that a node still has to go through."""
    _points: dict[str, CrashPoint] = field(default_factory=dict)
    epoch: int = 1
    """What the province issued last."""
    _is_over: bool = False

    def __post_init__(self) -> None:
        self.disks = DiskFaults(self.world, self.violations)
        self.copies = CopyFaults(self.world, self.disks, self._down, self._later)
        self.moves = MoveFaults(self.world)
        self.bytes = ByteFaults(self.world, self.disks, self._later)
        self.quotas = QuotaFaults(self.world, self.violations)

    def arm(self, faults: Sequence[Fault]) -> None:
        """Put every fault on the world's schedule."""
        self.world.on_down = self._went_down
        self.world.on_commit = self.quotas.committed
        for fault in faults:
            self.world.at(fault.at_us, lambda fault=fault: self._apply(fault))  # type: ignore[misc]

    def heal(self) -> None:
        """No more faults: clocks right, network whole, every disk with room, every node up."""
        self._is_over = True
        for pair in list(self.world.network.faults.versions):
            self._same_version(pair)
        self.world.network.faults = NetworkFaults(cut=set(self.world.plot.parted))
        self.copies.heal()
        self.quotas.heal()
        for node, host in self.world.hosts.items():
            host.crash_at = None
            host.clock.offset_us = 0
            host.go_on()
            host.set_disk_full(is_full=False)
            if not host.is_up:
                self._boot(node)
        self.moves.hand_over()
        self.bytes.heal()
        if self.world.hosts[self.world.plans[0].id].policy.version.epoch(self.world.plans[0].id) < self.epoch:
            # It was issued, and lost with a disk before anybody heard of it: whoever wrote it has it still.
            self._install(self.world.plans[0].id, self.epoch)

    def _apply(self, fault: Fault) -> None:
        if self._is_over:
            return
        apply = _APPLY[FaultKind(fault.kind)]
        if apply(self, fault) is not False:
            self.applied[fault.kind] += 1
            self.world.trace.note(fault.node, "fault", fault.line)

    def _later(self, us: int, action: Callable[[], object]) -> None:
        def run() -> None:
            if not self._is_over:
                action()

        self.world.at(self.world.clock.us + us, run)

    # ---- the network

    def loss(self, fault: Fault) -> None:
        """Messages vanish."""
        faults = self.world.network.faults
        faults.loss = fault.amount / 1_000
        self._later(fault.for_us, lambda: setattr(faults, "loss", 0.0))

    def repeat(self, fault: Fault) -> None:
        """Messages arrive twice."""
        faults = self.world.network.faults
        faults.repeat = fault.amount / 1_000
        self._later(fault.for_us, lambda: setattr(faults, "repeat", 0.0))

    def clog(self, fault: Fault) -> None:
        """Messages are late."""
        faults, calm = self.world.network.faults, NetworkFaults().delay_us_max
        faults.delay_us_max = fault.amount
        self._later(fault.for_us, lambda: setattr(faults, "delay_us_max", calm))

    def thin(self, fault: Fault) -> None:
        """A link passes few bytes, both ways."""
        rates = self.world.network.faults.rates
        for pair in ((fault.node, fault.peer), (fault.peer, fault.node)):
            rates[pair] = fault.amount
            self._later(fault.for_us, lambda pair=pair: rates.pop(pair, None))  # type: ignore[misc]

    def cut_off(self, fault: Fault) -> None:
        """Nothing passes between two nodes, or only one way."""
        pairs = {(fault.node, fault.peer)}
        if fault.kind != FaultKind.ONE_WAY.value:
            pairs.add((fault.peer, fault.node))
        cut = self.world.network.faults.cut
        cut |= pairs
        self._later(fault.for_us, lambda: cut.difference_update(pairs))

    def cut(self, fault: Fault) -> None:
        """A session ends."""
        self.world.cut_session(fault.node, fault.peer)

    def version(self, fault: Fault) -> None:
        """One end of a link is of another version for a while; it is exchanged twice, and each time the session begins anew."""
        pair, versions = (fault.node, fault.peer), self.world.network.faults.versions
        versions[pair] = Version(fault.word)
        self.world.cut_session(*pair)
        self._later(fault.for_us, lambda: self._same_version(pair))

    def _same_version(self, pair: tuple[str, str]) -> None:
        if self.world.network.faults.versions.pop(pair, None) is not None:
            self.world.cut_session(*pair)

    # ---- nodes

    def crash(self, fault: Fault) -> bool:
        """The power goes in the next turn that writes, and as often after that as the fault says."""
        host = self.world.hosts[fault.node]
        if not host.is_up:
            return False
        self._down_us[fault.node] = [fault.for_us] * fault.amount
        self._points[fault.node] = host.crash_at = CrashPoint(fault.word)
        return True

    def pause(self, fault: Fault) -> bool:
        """A node stands still and goes on where it was."""
        host = self.world.hosts[fault.node]
        if host.is_up:
            host.pause(fault.for_us)
        return host.is_up

    def full(self, fault: Fault) -> bool:
        """A disk has no room for a while."""
        host = self.world.hosts[fault.node]
        if not host.is_up:
            return False
        host.set_disk_full(is_full=True)
        self._later(fault.for_us, lambda: host.set_disk_full(is_full=False))
        return True

    def wipe(self, fault: Fault) -> bool:
        """A disk is lost; its node is set up again under a new incarnation."""
        if not self.disks.wipe(fault.node):
            return False
        self._down(fault.node, fault.for_us)
        return True

    def exchange(self, fault: Fault) -> bool:
        """Two nodes find each other's disk, refuse it, and get their own back."""
        if not self.disks.exchange(fault.node, fault.peer):
            return False
        for node in (fault.node, fault.peer):
            self._down(node, fault.for_us)
        return True

    def restore(self, fault: Fault) -> bool:
        """A backup is made, and put back after a while."""
        if self.moves.has_left(fault.node):
            return False
        return self.copies.restore(fault.node, after_us=fault.for_us, is_told=fault.word == TOLD)

    def clone(self, fault: Fault) -> bool:
        """A copy of a disk runs in its node's place for a while."""
        return not self.moves.has_left(fault.node) and self.copies.clone(fault.node, after_us=fault.for_us)

    def move(self, fault: Fault, tries: int = ORDER_TRIES) -> bool:
        """A node gets another parent."""
        # Neither parent of copies that report to different ones sees what the other got (docs/recovery.md, "What this does not cover").
        if self.copies.node == fault.node:
            return False
        # Who was moved away from a city may have its records by the numbers of before a fork, and gets them by those of today.
        if self.copies.city and self.copies.city == self.moves.parents[fault.node]:
            return False
        # A repair asks the neighbours of today: who had the records before a move is not one of them.
        if not self.bytes.rotten and self.moves.move(fault.node, fault.peer):
            self.applied[fault.kind] += tries < ORDER_TRIES
            return True
        if tries:
            self._later(ORDER_RETRY_US, lambda: self.move(fault, tries - 1))
        return False

    def outage(self, fault: Fault) -> None:
        """A whole level goes down."""
        for node, host in self.world.hosts.items():
            if int(host.plan.level) == fault.amount and host.is_up:
                host.crash()
                self._down(node, fault.for_us)

    def set_clock(self, fault: Fault) -> None:
        """A wall clock is wrong for a while."""
        clock = self.world.hosts[fault.node].clock
        before = clock.offset_us
        clock.offset_us = fault.amount
        self._later(fault.for_us, lambda: setattr(clock, "offset_us", before))

    def battery(self, fault: Fault) -> bool:
        """A node starts again and believes that it is 1970, until somebody tells it the time."""
        host = self.world.hosts[fault.node]
        if not host.is_up:
            return False
        host.crash()
        host.clock.offset_us = BOOT_1970_US - EPOCH_US - self.world.clock.now().us
        self._down(host.id, REBOOT_US)
        self._later(REBOOT_US + fault.for_us, lambda: setattr(host.clock, "offset_us", 0))
        return True

    def garble(self, fault: Fault) -> None:
        """Bytes of frames are wrong."""
        self.bytes.garble((fault.node, fault.peer), fault.amount / 1_000, fault.for_us)

    def replay(self, fault: Fault) -> None:
        """Old messages come again."""
        self.bytes.replay((fault.node, fault.peer), fault.amount / 1_000, fault.for_us)

    def rot(self, fault: Fault) -> bool:
        """Stored payloads are damaged."""
        return not self.moves.strayed and self.bytes.rot(fault.node, fault.amount)

    def quota(self, fault: Fault) -> bool:
        """A disk is small for a while."""
        if not self.quotas.begin(fault.node, fault.amount):
            return False
        self._later(fault.for_us, lambda: self.quotas.end(fault.node))
        return True

    def burst(self, fault: Fault) -> bool:
        """One node makes many records at once."""
        host = self.world.hosts[fault.node]
        resources = self.world.workload.resources_of(host.plan)
        for resource in resources:
            self.world.produce(host.id, resource, fault.amount)
        return host.is_up and bool(resources)

    def issue(self, fault: Fault) -> bool:
        """The province issues its next epoch."""
        if self.epoch == EPOCHS_MAX:
            return False
        self.epoch += 1
        self._install(fault.node, self.epoch)
        return True

    def _install(self, node: str, epoch: int) -> None:
        host = self.world.hosts[node]
        if not host.is_up:
            # Also after the faults: what was issued counts, and the province is up again by then.
            self.world.at(self.world.clock.us + REBOOT_US, lambda: self._install(node, epoch))
            return
        host.policy.install(SignedBundle(provincial_bundle(host.plan, self.change, epoch=epoch), b"", ""))

    # ---- down and up

    def _down(self, node: str, for_us: int) -> None:
        self._down_us[node] = [for_us]
        self.world.down(node)

    def _went_down(self, node: str) -> None:
        self.crashes += 1
        waits = self._down_us.get(node, [])
        wait = waits.pop(0) if waits else (RETRY_US if self.world.hosts[node].is_disk_full else REBOOT_US)
        self.world.at(self.world.clock.us + wait, lambda: self._boot(node))

    def _boot(self, node: str) -> None:
        host = self.world.hosts[node]
        if host.is_up or node in self.world.plot.off:
            return
        self.world.trace.note(node, "boot")
        host.boot()
        self.quotas.booted(host)
        if self._down_us.get(node) and not self._is_over:
            host.crash_at = self._points.get(node)


_APPLY: dict[FaultKind, Callable[[Injector, Fault], bool | None]] = {
    FaultKind.LOSS: Injector.loss,
    FaultKind.REPEAT: Injector.repeat,
    FaultKind.CLOG: Injector.clog,
    FaultKind.THIN: Injector.thin,
    FaultKind.PARTITION: Injector.cut_off,
    FaultKind.ONE_WAY: Injector.cut_off,
    FaultKind.AWAY: Injector.cut_off,
    FaultKind.CUT: Injector.cut,
    FaultKind.VERSION: Injector.version,
    FaultKind.CRASH: Injector.crash,
    FaultKind.CRASH_LOOP: Injector.crash,
    FaultKind.PAUSE: Injector.pause,
    FaultKind.FULL: Injector.full,
    FaultKind.WIPE: Injector.wipe,
    FaultKind.EXCHANGE: Injector.exchange,
    FaultKind.CLOCK: Injector.set_clock,
    FaultKind.POLICY: Injector.issue,
    FaultKind.OUTAGE: Injector.outage,
    FaultKind.BURST: Injector.burst,
    FaultKind.MOVE: Injector.move,
    FaultKind.RESTORE: Injector.restore,
    FaultKind.CLONE: Injector.clone,
    FaultKind.ROT: Injector.rot,
    FaultKind.GARBLE: Injector.garble,
    FaultKind.REPLAY: Injector.replay,
    FaultKind.BATTERY: Injector.battery,
    FaultKind.STALE: Injector.set_clock,
    FaultKind.QUOTA: Injector.quota,
}

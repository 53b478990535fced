"""The fault plan of a seed: a table of values that prints, reads back and can be shortened.

Swarm style: every seed switches some kinds of faults off, so that no kind hides another. Nothing is done here; simulations/inject.py
applies the table to a world. Ranges follow TigerBeetle's VOPR (loss and replay in percent, clogs of seconds, one-way partitions). Called
by simulations/trial.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from random import Random

from simulations.topology import NodePlan, parents_for
from sync.model import MICROSECONDS, Level, ModelError

SHARE_MAX = 0.10
"""Highest chance that a message is lost, or arrives twice."""
CLOG_US_MAX = 5 * MICROSECONDS
DAY_US = 86_400 * MICROSECONDS
CLOCK_DAYS_MAX = 60
"""A node's wall clock may be wrong by this many days, either way."""
DOWN_US_MIN = MICROSECONDS // 2
DOWN_US_MAX = 15 * MICROSECONDS
FAULTS_PER_KIND_MAX = 4
KIND_CHANCE = 0.6
"""Share of kinds that a seed leaves on."""
LOOP_CRASHES = 4
"""Crashes of one crash loop."""
TAMPERED_MIN, TAMPERED_MAX = 10, 150
"""Per mille of the messages of a link that arrive with a wrong byte, or after which an old one comes again."""
ROOM = (64 << 10, 1 << 20)
"""Bytes that a small disk still has for bulk when it becomes small."""
ROTTEN_MAX = 3
"""Payloads of one disk that rot at once."""
STALE_DAYS = (420, 800)
"""By how many days a wall clock runs ahead when it leaves the dates of the policies."""
RATE_MIN, RATE_MAX = 30_000, 500_000
"""Bytes a second of a thin link."""


class FaultKind(Enum):
    """What can go wrong."""

    LOSS = "loss"
    REPEAT = "repeat"
    CLOG = "clog"
    THIN = "thin"
    PARTITION = "partition"
    ONE_WAY = "one-way"
    AWAY = "away"
    CUT = "cut"
    VERSION = "version"
    CRASH = "crash"
    CRASH_LOOP = "crash-loop"
    PAUSE = "pause"
    FULL = "full"
    WIPE = "wipe"
    EXCHANGE = "exchange"
    CLOCK = "clock"
    POLICY = "policy"
    OUTAGE = "outage"
    BURST = "burst"
    MOVE = "move"
    RESTORE = "restore"
    CLONE = "clone"
    ROT = "rot"
    GARBLE = "garble"
    REPLAY = "replay"
    BATTERY = "battery"
    STALE = "stale"
    QUOTA = "quota"


LATER_KINDS = (
    FaultKind.MOVE, FaultKind.RESTORE, FaultKind.CLONE, FaultKind.ROT, FaultKind.GARBLE, FaultKind.REPLAY, FaultKind.BATTERY,
    FaultKind.STALE, FaultKind.QUOTA,
)  # fmt: skip
"""Kinds that are drawn after all others, so that the plans of old seeds stay what they were but for them."""
ONCE = frozenset(
    {
        FaultKind.LOSS, FaultKind.REPEAT, FaultKind.OUTAGE, FaultKind.CRASH_LOOP, FaultKind.WIPE, FaultKind.AWAY, FaultKind.RESTORE,
        FaultKind.CLONE,
    }
)  # fmt: skip
"""Kinds of which a seed draws one at most. One disk is lost: what the promise P1 speaks of."""
FEW = {
    FaultKind.POLICY: 3, FaultKind.EXCHANGE: 2, FaultKind.BURST: 4, FaultKind.MOVE: 3, FaultKind.ROT: 3, FaultKind.BATTERY: 2,
    FaultKind.STALE: 2, FaultKind.QUOTA: 3,
}  # fmt: skip
"""Kinds of which a seed draws no more than this."""
LINK_KINDS = frozenset(
    {FaultKind.THIN, FaultKind.PARTITION, FaultKind.ONE_WAY, FaultKind.AWAY, FaultKind.CUT, FaultKind.VERSION, FaultKind.EXCHANGE}
)
"""Kinds that name two nodes."""


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One row of the table."""

    at_us: int
    """Time of the world."""
    kind: str
    """Value of a FaultKind."""
    node: str = "-"
    """The node, or the sending end of a link; `-` for the whole network."""
    peer: str = "-"
    """The other end of a link, the node whose disk is taken, or the new parent."""
    for_us: int = 0
    """How long it lasts; 0 for what happens once."""
    amount: int = 0
    """Loss and repeat: per mille. Clog and clock: microseconds. Thin: bytes a second. Burst: records. Outage: level. Crashes: how many.
    Garble and replay: per mille. Rot: payloads. Stale: microseconds. Quota: bytes."""
    word: str = "-"
    """Crash: value of a CrashPoint. Version: value of a Version. Restore: `told` or `found`."""

    @property
    def line(self) -> str:
        """The row as text; `read_fault` reads it back."""
        return f"{self.at_us} {self.kind} {self.node} {self.peer} {self.for_us} {self.amount} {self.word}"


def read_fault(line: str) -> Fault:
    """The inverse of `Fault.line`; raises ModelError."""
    parts = line.split()
    try:
        at_us, kind, node, peer, for_us, amount, word = parts
        return Fault(int(at_us), FaultKind(kind).value, node, peer, int(for_us), int(amount), word)
    except ValueError:
        raise ModelError(f"fault {line!r} refused: expected `at_us kind node peer for_us amount word`") from None


def write_schedule(faults: Sequence[Fault]) -> str:
    """The table as text, one fault a line."""
    return "".join(f"{fault.line}\n" for fault in faults)


def read_schedule(text: str) -> tuple[Fault, ...]:
    """The inverse of `write_schedule`; empty lines are skipped. Raises ModelError."""
    return tuple(read_fault(line) for line in text.splitlines() if line.strip())


def draw_schedule(rng: Random, plans: Sequence[NodePlan], *, until_us: int, least: int = 0) -> tuple[Fault, ...]:
    """A table of at least `least` faults for a world whose faults end at `until_us`, sorted by time."""
    kinds = [kind for kind in FaultKind if kind not in LATER_KINDS and rng.random() < KIND_CHANCE]
    faults: list[Fault] = []
    for kind in kinds:
        count = 1 if kind in ONCE else rng.randint(1, FEW.get(kind, FAULTS_PER_KIND_MAX))
        faults += [_draw(kind, rng, plans, until_us) for _ in range(count)]
    many = [kind for kind in kinds if kind not in ONCE and kind not in FEW] or [FaultKind.CRASH]
    while len(faults) < least:
        faults.append(_draw(rng.choice(many), rng, plans, until_us))
    for kind in [kind for kind in LATER_KINDS if rng.random() < KIND_CHANCE]:
        count = 1 if kind in ONCE else rng.randint(1, FEW.get(kind, FAULTS_PER_KIND_MAX))
        faults += [fault for fault in (draw_later(kind, rng, plans, until_us) for _ in range(count)) if fault is not None]
    return tuple(sorted(faults))


def _draw(kind: FaultKind, rng: Random, plans: Sequence[NodePlan], until_us: int) -> Fault:
    at_us = rng.randrange(until_us)
    lasts = rng.randint(DOWN_US_MIN, DOWN_US_MAX)
    if kind in (FaultKind.LOSS, FaultKind.REPEAT):
        return Fault(at_us, kind.value, for_us=rng.randint(DOWN_US_MAX, 2 * DOWN_US_MAX), amount=rng.randint(1, round(SHARE_MAX * 1_000)))
    if kind is FaultKind.CLOG:
        return Fault(at_us, kind.value, for_us=lasts, amount=rng.randint(10_000, CLOG_US_MAX))
    if kind in LINK_KINDS:
        return _link_fault(kind, rng, plans, at_us, lasts, until_us)
    if kind is FaultKind.POLICY:
        return Fault(at_us, kind.value, node=_ruler(plans))
    if kind is FaultKind.OUTAGE:
        return Fault(at_us, kind.value, for_us=lasts, amount=int(rng.choice(list(Level))))
    return _node_fault(kind, rng, rng.choice(plans).id, at_us, lasts)


def _link_fault(kind: FaultKind, rng: Random, plans: Sequence[NodePlan], at_us: int, lasts: int, until_us: int) -> Fault:
    child = rng.choice([plan for plan in plans if plan.parent])
    node, peer = (child.id, child.parent) if rng.random() < 0.5 else (child.parent, child.id)
    if kind is FaultKind.AWAY:
        return Fault(0, kind.value, node, peer, for_us=until_us)
    amount = rng.randint(RATE_MIN, RATE_MAX) if kind is FaultKind.THIN else 0
    word = rng.choice(("older", "newer")) if kind is FaultKind.VERSION else "-"
    return Fault(at_us, kind.value, node, peer, 0 if kind is FaultKind.CUT else lasts, amount, word)


def _node_fault(kind: FaultKind, rng: Random, node: str, at_us: int, lasts: int) -> Fault:
    if kind is FaultKind.CLOCK:
        return Fault(at_us, kind.value, node, for_us=lasts, amount=rng.randint(-CLOCK_DAYS_MAX * DAY_US, CLOCK_DAYS_MAX * DAY_US))
    if kind is FaultKind.BURST:
        return Fault(at_us, kind.value, node, amount=rng.randint(500, 4_000))
    if kind in (FaultKind.PAUSE, FaultKind.FULL, FaultKind.WIPE):
        return Fault(at_us, kind.value, node, for_us=lasts)
    crashes = LOOP_CRASHES if kind is FaultKind.CRASH_LOOP else 1
    point = rng.choice(("before-commit", "in-commit", "before-sends"))
    return Fault(at_us, kind.value, node, for_us=lasts // crashes, amount=crashes, word=point)


def draw_later(kind: FaultKind, rng: Random, plans: Sequence[NodePlan], until_us: int) -> Fault | None:
    """A fault of one of LATER_KINDS; None when the world has no node for it."""
    at_us, lasts = rng.randrange(until_us), rng.randint(DOWN_US_MIN, DOWN_US_MAX)
    if kind is FaultKind.MOVE:
        movable = [(plan.id, parent) for plan in plans for parent in parents_for(plan, plans)]
        node, parent = rng.choice(movable) if movable else ("", "")
        return Fault(at_us, kind.value, node, parent) if movable else None
    if kind in (FaultKind.GARBLE, FaultKind.REPLAY):
        fault = _link_fault(kind, rng, plans, at_us, 2 * lasts, until_us)
        return replace(fault, amount=rng.randint(TAMPERED_MIN, TAMPERED_MAX))
    if kind is FaultKind.ROT:
        return Fault(at_us, kind.value, rng.choice(plans).id, amount=rng.randint(1, ROTTEN_MAX))
    if kind in (FaultKind.BATTERY, FaultKind.STALE):
        days = rng.randint(*STALE_DAYS) if kind is FaultKind.STALE else 0
        return Fault(at_us, kind.value, rng.choice(plans).id, for_us=lasts, amount=days * DAY_US)
    if kind is FaultKind.QUOTA:
        return Fault(at_us // 2, kind.value, rng.choice(plans).id, for_us=2 * lasts, amount=rng.randint(*ROOM))
    # Residents are known by their numbers where they are masked, and two copies of a street give the same numbers to different people.
    node = rng.choice([plan.id for plan in plans if plan.level is not Level.STREET])
    word = rng.choice(("told", "found")) if kind is FaultKind.RESTORE else "-"
    return Fault(at_us * 2 // 3, kind.value, node, for_us=lasts, word=word)


def _ruler(plans: Sequence[NodePlan]) -> str:
    return next(plan.id for plan in plans if not plan.parent)

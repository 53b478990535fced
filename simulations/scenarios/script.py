"""Plots of hard cases: people at several nodes act one after the other, whatever goes down meanwhile, and a check of what came of it.

Owns the patience of operators: who gets no answer, or is refused because something has not arrived yet, tries again. A script is made
anew for each day. Called by the scripts beside it; played by day.py.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from node.errors import NodeError
from simulations.checkers import Copy, Promise, Truth, Violation
from simulations.checkers.convergence import Presence
from simulations.checkers.excuses import in_state
from simulations.checkers.records import Flags
from simulations.faults import DAY_US
from simulations.host import Host
from simulations.plot import Plot
from simulations.rooms import Rooms
from simulations.world import World
from sync.model import MICROSECONDS, State

CANARY_COLUMN = {"air-quality": "device", "residents": "name"}
"""Where canaries.py puts its texts."""
TRY_AGAIN_US = 2 * MICROSECONDS
"""How long an operator waits for an answer before trying again."""


class WaitLonger(NodeError):
    """What a step needs has not happened yet; it is tried again."""


Deed = Callable[[Rooms], Coroutine[Any, Any, object]]
"""What somebody does at a node; doing it once more must do no harm."""


@dataclass(slots=True)
class _Step:
    node: str
    """Whose operator acts; empty for what happens to the world."""
    at_us: int
    """Not before this time of the world."""
    deed: Deed | None = None
    happens: Callable[[], object] | None = None
    """What happens to the world instead of a deed."""


class Script(Plot):
    """A plot with rooms at every node."""

    has_rooms = True

    def __init__(self, world: World) -> None:
        self.world = world
        self.faults: list[str] = []
        """What was seen to be wrong while the day went on, as (node: text)."""
        self.erased: dict[str, list[str]] = {}
        """By node the canaries that were there and of which no byte may be left in its files."""
        self._steps: list[_Step] = []
        self._parted: frozenset[tuple[str, str]] = frozenset()
        self._off: set[str] = set()
        self._done = 0
        self._why = ""
        self._trying: int | None = None
        """Life of the node at which the present step is being tried."""

    # ---- for the scripts

    def begin(self) -> None:
        """Furnish the nodes and put the first step on the world's schedule."""
        for host in self.world.hosts.values():
            host.furnish = lambda one: Rooms(one, self.world.plans)
            host.rooms = host.furnish(host)
        self.world.at(0, self._try)

    def step(self, at_s: float, node: str, deed: Deed) -> None:
        """After the step before, and not before `at_s` seconds of the world, `node`'s operator does something."""
        self._steps.append(_Step(node, round(at_s * MICROSECONDS), deed))

    def event(self, at_s: float, happens: Callable[[], object]) -> None:
        """After the step before, and not before `at_s` seconds of the world, something happens to the world."""
        self._steps.append(_Step("", round(at_s * MICROSECONDS), happens=happens))

    def part(self, one: str, other: str) -> None:
        """Nothing passes between two nodes from now on."""
        self._parted |= {(one, other), (other, one)}
        self.world.network.faults.cut |= self._parted

    def join(self, one: str, other: str) -> None:
        """The two hear each other again."""
        self._parted -= {(one, other), (other, one)}
        self.world.network.faults.cut -= {(one, other), (other, one)}

    def leap(self, days: int) -> None:
        """Days pass in which nothing else does, but that linked nodes note hour by hour that they are."""
        self.world.clock.leapt_us += days * DAY_US
        for host in self.world.hosts.values():
            if host.rooms is not None and host.parent and self._is_in_touch(host):
                host.rooms.absence.note()
        self.world.trace.note("", "leap", str(days))

    def _is_in_touch(self, host: Host) -> bool:
        """True when every link from a node up to the top stands."""
        while host.is_up and host.parent:
            link = host.sessions.links.get(host.parent)
            if link is None or not link.is_up or (host.id, host.parent) in self._parted:
                return False
            host = self.world.hosts[host.parent]
        return host.is_up

    def restart(self, node: str) -> None:
        """The power of a node goes; it comes back soon."""
        if self.world.hosts[node].is_up:
            self.world.hosts[node].end_process()

    def switch_off(self, node: str) -> None:
        """A node is switched off until `switch_on`."""
        host = self.world.hosts[node]
        self._off.add(node)
        if host.is_up:
            host.end_process()

    def switch_on(self, node: str) -> None:
        """Switch it on again."""
        self._off.discard(node)
        if not self.world.hosts[node].is_up:
            self.world.down(node)

    def every(self, seconds: float, look: Callable[[], None]) -> None:
        """Look at the world now and then, to its end."""

        def again() -> None:
            look()
            self.world.after(seconds, again)

        self.world.after(seconds, again)

    def rooms(self, node: str) -> Rooms | None:
        """The rooms of a node; None while it is down."""
        host = self.world.hosts[node]
        return host.rooms if host.is_up else None

    def wrong(self, node: str, text: str) -> None:
        """Something does not hold."""
        line = f"{node}: {text}"
        if line not in self.faults:
            self.faults.append(line)

    # ---- simulations/plot.py

    @property
    def parted(self) -> frozenset[tuple[str, str]]:
        """Whom the script keeps apart."""
        return self._parted

    @property
    def off(self) -> frozenset[str]:
        """What the script switched off."""
        return frozenset(self._off)

    @property
    def is_over(self) -> bool:
        """True once every step is done."""
        return self._done == len(self._steps)

    def check(self, copies: Mapping[str, Copy], truth: Truth, presence: Presence) -> list[Violation]:
        """Everything that `wrong` was told, and a step that never came to its end."""
        if not self.is_over:
            self.wrong(self._steps[self._done].node, f"step {self._done + 1} of {len(self._steps)} was never done: {self._why}")
        self.judge(copies, truth, presence)
        return [Violation(Promise.SCRIPT, *line.split(": ", 1)) for line in self.faults]

    def judge(self, copies: Mapping[str, Copy], truth: Truth, presence: Presence) -> None:
        """Tell `wrong` what does not hold in the end."""

    def erases(self, node: str, truth: Truth, resource: str, flags: Flags) -> None:
        """The flagged records were erased at a node: their canaries are looked for in its files."""
        tokens = truth.made[resource].rows.column(CANARY_COLUMN[resource]).to_pylist()
        self.erased.setdefault(node, []).extend(str(tokens[place]) for place in np.flatnonzero(flags))

    # ---- inside

    def _try(self) -> None:
        if self.is_over:
            return
        number, step = self._done, self._steps[self._done]
        if self.world.clock.us < step.at_us:
            self.world.at(step.at_us, self._try)
            return
        if step.happens is not None:
            step.happens()
            self._did(number)
            return
        deed, rooms, life = step.deed, self.rooms(step.node), self.world.hosts[step.node].lives
        if deed is not None and rooms is not None and self._trying != life:
            self._trying = life
            rooms.act(lambda: deed(rooms), then=lambda: self._did(number), failed=self._refused)
        self.world.at(self.world.clock.us + TRY_AGAIN_US, lambda: self._try() if self._done == number else None)

    def _did(self, number: int) -> None:
        if self._done == number:
            self._done, self._trying = number + 1, None
            self._try()

    def _refused(self, error: Exception) -> None:
        self._why, self._trying = str(error), None


@dataclass(slots=True)
class Taken:
    """Which records were taken back from whom, as journals account for it."""

    flags: Mapping[tuple[str, str], Flags] = field(default_factory=dict)

    @classmethod
    def of(cls, copies: Mapping[str, Copy], truth: Truth) -> Taken:
        """What is accounted for as recalled."""
        found = {}
        for node, copy in copies.items():
            for resource, flags in in_state(copy, truth, State.RECALLED).items():
                found[node, resource] = flags
        return cls(found)

    def count(self, node: str, resource: str) -> int:
        """Records."""
        flags = self.flags.get((node, resource))
        return 0 if flags is None else int(np.count_nonzero(flags))

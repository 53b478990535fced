"""The returns of a running node: how fresh each is here, what its children have acknowledged, and the alarm where one is missing.

A return is expected of a resource whose catalogue entry says `returns` and a period, whose sources stand above this node, and that the
policy in force lets come; of one whose sources may stand anywhere, once some of it has come. A territory below raises the alarm for
itself: its node knows what it has. Refuses nothing. Called by the local API (`api`), by status and by the background of the appliance.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any

from node.catalogue.freshness import Freshness, freshness, late_s
from node.clock import Clock
from node.policy.store import PolicyStore
from node.returns.errors import ReturnsError
from node.returns.reading import STEP_LSNS, acknowledged, came_back, marks
from node.returns.store import Line, ReturnsBook
from node.store.journal import SqliteJournal
from policies.catalogue import Resource
from policies.words import Way
from sync.model import MICROSECONDS, Level

log = logging.getLogger("yunnao.returns")

LOOK_EVERY_S = 30.0
"""How often it is looked for new returns and new receipts."""
TROUBLE = "returns_missing"
OWN_READING = ("", 0)

Plain = dict[str, Any]


class Standing(Enum):
    """How the return of a resource stands."""

    FRESH = "fresh"
    MISSING = "missing"
    """Past its period: an alarm."""
    EMPTY = "empty"
    """None has come, and none is overdue."""
    UNPROMISED = "unpromised"
    """The catalogue promises no period."""
    WITHHELD = "withheld"
    """The policy in force lets none of it come."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the node stands."""

    node: str
    level: Level
    territory: str
    has_parent: bool
    territory_of: Callable[[str], str]
    """Territory code of a child; empty for one that is not known."""


@dataclass(frozen=True, slots=True)
class _Return:
    """A resource that comes back, with what came of it by territory."""

    resource: Resource
    lines: tuple[Line, ...]
    standing: Standing


class ReturnsDesk:
    """One node's returns."""

    def __init__(self, book: ReturnsBook, *, place: Place, journal: SqliteJournal, policy: PolicyStore, clock: Clock) -> None:
        self.book = book
        self._place = place
        self._journal = journal
        self._policy = policy
        self._clock = clock
        self._missing: tuple[str, ...] = ()
        self._fault = ""

    # ---- what others may ask

    def troubles(self) -> list[str]:
        """Words for the status."""
        return [TROUBLE] if self._missing else []

    def listed(self) -> Plain:
        """What came back to this node by resource and territory, and what its children have acknowledged. Blocking."""
        now_us = self._clock.wall_us()
        return {
            "received": [line for found in self._returns(now_us) for line in _received(found, self._place.territory, now_us)],
            "given": [self._given(line, now_us) for line in self.book.acknowledged()],
            "missing": list(self._missing),
            "fault": self._fault,
        }

    # ---- in the background

    async def run(self) -> None:
        """Look for returns for as long as the node runs."""
        while True:
            try:
                await asyncio.to_thread(self.look)
                self._fault = ""
            except ReturnsError as error:
                # The book's own file failing must not stop a node that stores records: it is said, and tried again.
                self._fault = str(error)
                log.warning("returns not looked after: %s", error)
            await asyncio.sleep(LOOK_EVERY_S)

    async def stop(self) -> None:
        """Release the file."""
        await asyncio.to_thread(self.book.close)

    def look(self) -> None:
        """Read what came and what was acknowledged since the last look, and find what is missing. Blocking; raises ReturnsError."""
        read = self.book.read_upto()
        self._read_came(read.get(OWN_READING, 0))
        self._read_acknowledged(read)
        found = self._returns(self._clock.wall_us())
        missing = tuple(one.resource.code for one in found if one.standing is Standing.MISSING)
        for code in sorted(set(missing) - set(self._missing)):
            log.warning("the return of %s is missing past its period: `yunnao return` shows its age", code)
        self._missing = missing

    def _read_came(self, after: int) -> None:
        while True:
            question = partial(came_back, own=self._place.node, after=after)
            found, upto = self._journal.look("look at what came back", question)
            if upto == after:
                return
            self.book.keep_came(found, upto=upto, now_us=self._clock.wall_us())
            after = upto

    def _read_acknowledged(self, read: Mapping[tuple[str, int], int]) -> None:
        stored = self._journal.look("look at what children acknowledged", marks)
        # A mark behind what was read is of a journal that was built again.
        at = {key: read.get(key, 0) if read.get(key, 0) <= mark else 0 for key, mark in stored.items()}
        while behind := {key: (at[key], min(mark, at[key] + STEP_LSNS)) for key, mark in stored.items() if at[key] < mark}:
            found = self._journal.look("look at what children acknowledged", partial(acknowledged, spans=behind))
            upto = {key: span[1] for key, span in behind.items()}
            self.book.keep_acknowledged(found, upto=upto, now_us=self._clock.wall_us())
            at |= upto

    # ---- judging

    def _returning(self) -> dict[str, Resource]:
        """The resources that may come back to this node."""
        if not self._place.has_parent:
            return {}
        resources = self._policy.ruleset.resources
        return {code: known for code, known in resources.items() if known.returns and not self._is_no_return(known)}

    def _is_no_return(self, resource: Resource) -> bool:
        """True for facts and envelopes, which come down for themselves, and where every source stands at this level or below it."""
        return resource.is_of_facts or resource.is_of_envelopes or self._is_own(resource)

    def _is_own(self, resource: Resource) -> bool:
        """True when every source stands at this level or below it, so that nothing of it ever comes back."""
        return resource.source_level is not None and resource.source_level <= self._place.level

    def _returns(self, now_us: int) -> list[_Return]:
        """How each resource stands, by its code."""
        resources = self._returning()
        since = self.book.expect([code for code, resource in resources.items() if resource.period_s and resource.source_level], now_us)
        lines: dict[str, list[Line]] = {}
        for line in self.book.came():
            lines.setdefault(line.resource, []).append(line)
        return [
            _Return(resource, tuple(lines.get(code, ())), self._standing(resource, lines.get(code, ()), since.get(code), now_us))
            for code, resource in sorted(resources.items())
        ]

    def _standing(self, resource: Resource, lines: Sequence[Line], since_us: int | None, now_us: int) -> Standing:
        plan = self._policy.gate.book.plan(resource.code, hops=1, way=Way.RETURN, level=self._place.level)
        if not plan.base.verdict.passes:
            return Standing.WITHHELD
        newest_us = max((line.sealed_us for line in lines), default=None)
        if newest_us is None and since_us is not None:
            return Standing.MISSING if late_s(resource, since_us, now_us) > 0 else Standing.EMPTY
        return _STANDINGS[freshness(resource, newest_us, now_us)]

    def _given(self, line: Line, now_us: int) -> Plain:
        resource = self._policy.ruleset.resources.get(line.resource)
        late = resource is not None and freshness(resource, line.sealed_us, now_us) is Freshness.STALE
        return {
            "resource": line.resource,
            "child": line.who,
            "territory": self._place.territory_of(line.who),
            "newest_us": line.sealed_us,
            "age_s": _age_s(line, now_us),
            "period_s": resource.period_s if resource else 0,
            "acknowledged_us": line.seen_us,
            "receipts": line.batches,
            "state": (Standing.MISSING if late else Standing.FRESH).value,
        }


def _received(found: _Return, territory: str, now_us: int) -> list[Plain]:
    """A line for each territory that something came about; one without figures, of the node's own territory, where nothing did."""
    resource = found.resource
    head: Plain = {"resource": resource.code, "period_s": resource.period_s, "state": found.standing.value}
    if not found.lines:
        return [{**head, "territory": territory, "newest_us": None, "age_s": None, "batches": 0}]
    return [
        {**head, "territory": line.who, "newest_us": line.sealed_us, "age_s": _age_s(line, now_us), "batches": line.batches}
        for line in found.lines
    ]


def _age_s(line: Line, now_us: int) -> float:
    return max(0, now_us - line.sealed_us) / MICROSECONDS


_STANDINGS = {
    Freshness.FRESH: Standing.FRESH,
    Freshness.STALE: Standing.MISSING,
    Freshness.EMPTY: Standing.EMPTY,
    Freshness.UNPROMISED: Standing.UNPROMISED,
}

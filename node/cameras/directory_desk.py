"""The camera directory of a running node: sheets and this node's own cameras in, rows out to the journal, questions answered.

Owns when a point is told: when it is entered or changed, and when a camera that this node watches comes or goes, at most once a minute for
each, because a camera that flaps must not fill the links. Levels above get what changed and nothing else. Called by the API, by the
runtime's background, and by node/gb28181.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from edge_ai.spec import CameraSpec
from node.cameras.directory import DirectoryFile, Untold, changed
from node.cameras.directory_query import Plain, Question, counts, points
from node.cameras.directory_rows import RESOURCE, row_of
from node.cameras.errors import DirectoryFailed
from node.cameras.point import Card, Point, PointState
from node.clock import Clock
from node.ingest.inbox import Inbox
from node.store.journal import SqliteJournal
from node.store.mart import MartError
from node.store.marts import Marts
from sync.model import MICROSECONDS, TERRITORY_DIGITS, Instant, code_contains

LOOK_S = 1.0
CAMERAS_EVERY_S = 5.0
"""How often the states of own cameras are looked at."""
TOLD_PER_LOOK = 2_000
"""Rows offered to the journal at once: a whole city's directory takes two minutes and leaves room for everything else."""
HELD_US = 60 * MICROSECONDS
"""A state that changed less than this ago is not told again."""
COUNT_EVERY_S = 30.0

_STATES: Mapping[str, PointState] = {
    "live": PointState.ONLINE, "degraded": PointState.ONLINE, "lost": PointState.OFFLINE, "off": PointState.OFFLINE,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """A row of an import that does not fit this node."""

    index: int
    column: str
    why: str


@dataclass(slots=True)
class DirectoryDesk:
    """One node's directory."""

    file: DirectoryFile
    inbox: Inbox
    journal: SqliteJournal
    marts: Marts
    clock: Clock
    territory: str
    own: Callable[[], Mapping[str, CameraSpec]]
    """Cameras of this node that have a national code, by it."""
    seen: Callable[[], Sequence[Mapping[str, object]]]
    """How the cameras of this node are."""
    has_children: Callable[[], bool] = lambda: True
    """Whether points may come from below."""
    trouble: str = ""
    """Why nothing is told at the moment."""
    _counts: dict[str, int] = field(default_factory=dict)
    _counted_of: int = 0
    """Rows of the directory in the journal when points were counted."""
    _looked: Instant | None = None
    _counted: Instant | None = None
    _in_flight: bool = False
    _stored: tuple[tuple[str, int], ...] = ()
    """Turns of points that are durable in the journal, and still noted as to be told."""

    # ---- sheets

    def judge(self, entries: Sequence[Mapping[str, Any]]) -> tuple[list[Point], list[Fault], int]:
        """The points that rows would add or change, what does not fit, and how many say nothing new. Blocking."""
        known = self.file.known([str(entry["code"]) for entry in entries])
        faults = [fault for index, entry in enumerate(entries) if (fault := self._fault(index, entry)) is not None]
        bad = {fault.index for fault in faults}
        wanted = [self._entered(entry, known) for index, entry in enumerate(entries) if index not in bad]
        new = list(changed(wanted, known))
        return new, faults, len(wanted) - len(new)

    def enter(self, entries: Sequence[Mapping[str, Any]]) -> tuple[list[Point], list[Fault], int]:
        """As `judge`, and taken where nothing is wrong. Blocking. Raises CameraRefused, DirectoryFailed."""
        new, faults, same = self.judge(entries)
        if not faults:
            self.file.put(new)
        return new, faults, same

    def _fault(self, index: int, entry: Mapping[str, Any]) -> Fault | None:
        territory = entry.get("territory")
        if territory and not (len(territory) in TERRITORY_DIGITS and code_contains(self.territory, territory)):
            return Fault(index, "territory", f"is no territory inside this node's {self.territory}: enter the camera at its own node")
        if len({"longitude", "latitude"} & {name for name, value in entry.items() if value != ""}) == 1:
            return Fault(index, "longitude" if "longitude" in entry else "latitude", "stands alone: give both degrees or neither")
        return None

    def _entered(self, entry: Mapping[str, Any], known: Mapping[str, Point]) -> Point:
        code = str(entry["code"])
        before = known.get(code, Point(code, Card(self.territory)))
        card = {name: value for name, value in entry.items() if name not in ("code", "state")}
        for name in ("longitude", "latitude"):
            if card.get(name) == "":
                card[name] = None
        card = {name: value for name, value in card.items() if name != "territory" or value}
        state = PointState(entry["state"]) if entry.get("state") else before.state
        since_us = before.state_since_us if state is before.state else self.clock.wall_us()
        return replace(before, card=replace(before.card, **card), state=state, state_since_us=since_us)

    # ---- telling

    async def run(self) -> None:
        """Tell what changed, for as long as the node runs."""
        while True:
            await self.turn()
            await asyncio.sleep(LOOK_S)

    async def turn(self) -> None:
        """One look at what there is to tell; returns without waiting for its being stored."""
        now = self.clock.now()
        if self._looked is None or now.seconds_since(self._looked) >= CAMERAS_EVERY_S:
            self._looked = now
            await self._guarded(self._look_at_own)
        await self._guarded(self._offer_all)
        if self._counted is None or now.seconds_since(self._counted) >= COUNT_EVERY_S:
            self._counted = now
            await self._count()

    async def _guarded(self, work: Callable[[], Untold | None]) -> None:
        """A disk that is full today is not tomorrow: said, and tried again."""
        try:
            found = await asyncio.to_thread(work)
            self.trouble = ""
        except DirectoryFailed as error:
            self.trouble = str(error)
            return
        if found is not None and found.points:
            self._offer(found)

    def _offer_all(self) -> Untold | None:
        if self._stored:
            self.file.told(self._stored)
            self._stored = ()
        has_room = not self._in_flight and self.inbox.has_room and bool(self.inbox.columns(RESOURCE))
        return self.file.untold(TOLD_PER_LOOK) if has_room else None

    def _offer(self, found: Untold) -> None:
        columns, now_us = self.inbox.columns(RESOURCE), self.clock.wall_us()
        self._in_flight = True

        def stored() -> None:
            self._in_flight, self._stored = False, found.turns

        self.inbox.put(RESOURCE, [row_of(point, columns, now_us=now_us) for point in found.points], stored)

    def _look_at_own(self) -> None:
        """Own cameras as points: entered with what the list says, online or not as the supervisor says; offline once they are taken out."""
        own, now_us = self.own(), self.clock.wall_us()
        states = {str(camera["camera"]): camera for camera in self.seen()}
        before = {point.code: point for point in self.file.watched()} | self.file.known(list(own))
        points_now = [self._watched(spec, before.get(code), states.get(spec.id, {}), now_us) for code, spec in own.items()]
        gone = [
            replace(point, camera="", state=PointState.OFFLINE, state_since_us=now_us) for code, point in before.items() if code not in own
        ]
        if new := [point for point in (*points_now, *gone) if point != before.get(point.code)]:
            self.file.put(new)

    def _watched(self, spec: CameraSpec, before: Point | None, seen: Mapping[str, object], now_us: int) -> Point:
        point = before or Point(spec.code, Card(spec.territory or self.territory, name=spec.name))
        point = replace(point, camera=spec.id, card=replace(point.card, name=point.card.name or spec.name))
        state = _STATES.get(str(seen.get("state")), point.state)
        if seen.get("state") == "lost" and seen.get("retry_in_s") is None:
            state = PointState.FAULT
        if state is point.state or (before is not None and abs(now_us - point.state_since_us) < HELD_US):
            return point
        return replace(point, state=state, state_since_us=now_us)

    # ---- questions

    async def points(self, question: Question) -> list[Plain]:
        """Points known here. Raises MartError."""
        return await self.marts.ask(RESOURCE, lambda mart: points(mart, question))

    async def counts(self, question: Question) -> dict[str, int]:
        """Points known here by state. Raises MartError."""
        return await self.marts.ask(RESOURCE, lambda mart: counts(mart, question))

    def facts(self) -> Plain:
        """For the status: points known here by state, as of half a minute ago at most."""
        return {"points": sum(self._counts.values()), "states": dict(sorted(self._counts.items())), "trouble": self.trouble}

    async def _count(self) -> None:
        rows = self.journal.counts().get(RESOURCE, 0)
        if rows == self._counted_of:
            return
        try:
            # Whoever has nobody below knows every point from its own file, and needs no DuckDB in memory for it.
            self._counts = await (self.counts(Question(grade_max=4)) if self.has_children() else asyncio.to_thread(self.file.states))
            self._counted_of = rows
        except (MartError, DirectoryFailed) as error:
            self.trouble = str(error)

    async def stop(self) -> None:
        """Release the file."""
        await asyncio.to_thread(self.file.close)

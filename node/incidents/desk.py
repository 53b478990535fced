"""The incidents of a running node: what people say about them, and what ends by itself because nobody touched it.

Owns the order of a step: judged by the newest state, stored as a row of `incidents`, then folded. A step about an incident of another node
is this node's own row, and goes where rows of that territory go: up, and back to the node that opened it. Nothing is closed because its
event ended: that is a person's word, or `expire_days` without one. Called by api.py and wiring.py.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from node.audit.entry import Detail
from node.audit.errors import AuditRefused
from node.clock import Clock
from node.incidents.book import Known
from node.incidents.errors import IncidentFault, IncidentRefused, IncidentUnknown
from node.incidents.events import EventShelf
from node.incidents.following import Following
from node.incidents.rows import INCIDENTS, step_row
from node.incidents.states import MOVES, VERDICT_OF_STEP, Step, Verdict, has_ended_unseen, is_closed, takes
from node.ingest.handing_in import NoRoom
from node.ingest.sink import Row
from node.store.records import rows_at
from policies.catalogue import Resource
from sync.model import JournalError

ROUND_S = 600.0
"""How often the node looks for incidents that nobody touched."""
DAY_US = 86_400_000_000
VERDICT_DAYS = 7
"""Days of events that the status counts."""
EXPIRED_AT_ONCE = 200
"""Incidents that one batch closes."""
EXPIRED_IN_A_ROUND = 2_000
BY_ITSELF = "program"
"""Who closes what no person closed."""

log = logging.getLogger("yunnao.incidents")


@dataclass(frozen=True, slots=True)
class Heard:
    """How a step was said that comes from a node above."""

    at_us: int
    """When; its row bears this time, by which it is known again."""
    seen: str
    """The state of the incident as whoever said it saw it; empty where it was not known there."""


@dataclass(slots=True)
class IncidentDesk:
    """One node's incidents."""

    me: str
    following: Following
    resources: Callable[[], Mapping[str, Resource]]
    hand_in: Callable[[Resource, Sequence[Row]], Awaitable[None]]
    """Returns when the rows are durable; raises NoRoom."""
    is_over: Callable[[Known], bool]
    """Whether what opened an incident has ended; False where that is not known."""
    note_expired: Callable[[Detail], Awaitable[int]]
    """Enters in the audit log what was closed; raises AuditRefused."""
    clock: Clock
    is_clock_sure: Callable[[], bool]
    """While it is not, nothing expires: a clock that jumped a year ahead would close every incident at once."""
    expire_us: int
    """After so long without a word an incident whose event has ended is closed; 0: never."""
    on_judged: Callable[[str, Verdict], Awaitable[None]] | None = None
    """Told of the first word that a person says here about an event, by its id: true or false."""
    fault: str = ""
    _stepping: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def events(self) -> EventShelf:
        """This node's camera events with what was said of them."""
        return EventShelf(self.following.book)

    # ---- what a person says

    def known(self, name: str) -> Known | None:
        """The incident of that name, or of the event of that name, as it stands. Blocking; raises IncidentFault, JournalError."""
        self.following.follow()
        return self.following.book.find(name)

    def territory_of(self, known: Known) -> str:
        """Where an incident is; empty when its record is not here any more. Blocking; raises JournalError."""
        row = self._row_of(known)
        return "" if row is None else str(row["territory"])

    async def step(self, name: str, step: Step, *, by: str, why: str, heard: Heard | None = None) -> str:
        """Say `step` about the incident or event of that name, as one of this node or as one heard from above; the state it has then.

        Raises IncidentUnknown, IncidentRefused when its state does not take it, NoRoom, IncidentFault, JournalError.
        """
        async with self._stepping:
            known = await asyncio.to_thread(self.known, name)
            if known is None:
                event = await asyncio.to_thread(self.events.find, name)
                state = await asyncio.to_thread(self._judge, name, step)
                if event is not None and event.verdict is Verdict.NONE:
                    await self._tell_judged(event.event_id, step)
                return state
            if heard is not None and await asyncio.to_thread(self._has, known, step, heard):
                return known.state
            _check(known, step, heard)
            opening = await asyncio.to_thread(self._row_of, known)
            if opening is None:
                raise IncidentRefused(f"incident {known.incident_id}: its record is not here any more, so nothing can be said about it")
            at_us = self.clock.wall_us() if heard is None else _at_us(known, heard)
            await self._store([step_row(opening, state=MOVES[step].to, by=by, why=why, at_us=at_us)])
            if not is_closed(known.state):
                await self._tell_judged(known.event_id, step)
            return MOVES[step].to

    def _has(self, known: Known, step: Step, heard: Heard) -> bool:
        """Whether a step from above has its row already: a crash came before whoever said it was told."""
        return self.following.book.has_row(known.incident_id, origin=self.me, state=MOVES[step].to, at_us=_at_us(known, heard))

    async def _tell_judged(self, event_id: str, step: Step) -> None:
        verdict = VERDICT_OF_STEP.get(step, Verdict.NONE)
        if self.on_judged is not None and verdict is not Verdict.NONE:
            await self.on_judged(event_id, verdict)

    def _judge(self, name: str, step: Step) -> str:
        """What is said of an event that opened no incident stays here: it has no state, only a verdict."""
        event = self.events.find(name)
        if event is None:
            raise IncidentUnknown(
                f"{name!r} is not known at {self.me}, neither as an incident nor as an event of its cameras: name an incident of "
                "`yunnao incident list`, or the event's own node with --node"
            )
        if step not in VERDICT_OF_STEP:
            raise IncidentRefused(f"event {event.event_id} opened no incident: it takes resolve (it was real) or dismiss (a false alarm)")
        self.events.judge(event.event_id, VERDICT_OF_STEP[step])
        return MOVES[step].to if VERDICT_OF_STEP[step] else ""

    # ---- what ends by itself

    async def run(self) -> None:
        """Follow the journal and close what nobody touched, for as long as the node runs."""
        while True:
            await self.settle()
            await asyncio.sleep(ROUND_S)

    async def settle(self) -> None:
        """One round. What fails is said and tried again: a node that closes no incidents stores on."""
        try:
            await asyncio.to_thread(self.following.follow)
            if self.expire_us and self.is_clock_sure():
                await self._expire()
            self.fault = ""
        except (IncidentFault, JournalError, NoRoom) as error:
            self.fault = f"incidents are not looked after: {error}"
            log.warning("%s", self.fault)

    async def _expire(self) -> None:
        now_us, after, closed = self.clock.wall_us(), "", 0
        while closed < EXPIRED_IN_A_ROUND:
            before_us = now_us - self.expire_us
            found = await asyncio.to_thread(self.following.book.untouched, self.me, before_us=before_us, after=after, limit=EXPIRED_AT_ONCE)
            if not found:
                break
            after = found[-1].incident_id
            async with self._stepping:
                closed += await self._close(found, now_us)
        if closed:
            await self._enter_expired(closed)

    async def _close(self, found: Sequence[Known], now_us: int) -> int:
        """Close those whose event is over and whose row is here; how many."""
        rows = await asyncio.to_thread(lambda: [row for known in found for row in self._closing(known, now_us)])
        if rows:
            await self._store(rows)
        return len(rows)

    def _closing(self, known: Known, now_us: int) -> list[Row]:
        """The row that closes an incident; none where somebody spoke meanwhile, its event goes on, or its record is not here."""
        if self.following.book.find(known.incident_id) != known or not self.is_over(known):
            return []
        opening, why = self._row_of(known), f"{self.expire_us // DAY_US} d"
        return [] if opening is None else [step_row(opening, state=MOVES[Step.EXPIRE].to, by=BY_ITSELF, why=why, at_us=now_us)]

    async def _enter_expired(self, closed: int) -> None:
        try:
            await self.note_expired({"expired": closed, "days": self.expire_us // DAY_US})
        except AuditRefused as error:
            log.warning("%d incidents expired, which the audit log did not take: %s", closed, error)

    async def _store(self, rows: Sequence[Row]) -> None:
        resource = self.resources().get(INCIDENTS)
        if resource is None:
            raise IncidentRefused("incidents are not in the catalogue in force here: wait until the policy arrives")
        await self.hand_in(resource, rows)
        await asyncio.to_thread(self.following.follow)

    def _row_of(self, known: Known) -> Mapping[str, object] | None:
        """A row of the incident, the one that opened it where it is here. Blocking; for the node's own work, shown to nobody."""
        for lsn in (known.opened_lsn, known.lsn):
            for row in rows_at(self.following.journal, INCIDENTS, lsn):
                if row.get("incident_id") == known.incident_id:
                    return row
        return None

    # ---- what others may ask

    def facts(self) -> dict[str, object]:
        """Counts by state, and what is wrong. Blocking; raises IncidentFault, JournalError."""
        self.following.follow()
        counts = self.following.book.counts()
        waiting = sum(count for state, count in counts.items() if not is_closed(state))
        return {"open": waiting, "counts": counts, "fault": self.fault}

    def with_verdicts(self, cameras: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
        """Cameras of the status, each with its newest event and how many of VERDICT_DAYS were true, false, or not judged. Blocking."""
        found: Counter[tuple[str, str]] = Counter()
        last: dict[str, int] = {}
        for count in self.events.counts(self.clock.wall_us() - VERDICT_DAYS * DAY_US):
            for verdict in ("true", "false", "unjudged"):
                found[count.camera, verdict] += getattr(count, verdict)
            last[count.camera] = max(last.get(count.camera, 0), count.last_us)
        return [
            {**each, "last_event_us": last.get(str(each["camera"]))}
            | {f"{verdict}_{VERDICT_DAYS}d": found[str(each["camera"]), verdict] for verdict in ("true", "false", "unjudged")}
            for each in cameras
        ]

    async def stop(self) -> None:
        """Release the book."""
        self.following.book.close()


def _check(known: Known, step: Step, heard: Heard | None) -> None:
    """Raise IncidentRefused for what the state does not take, and for a word from above that did not know how the incident ended."""
    if not takes(known.state, step):
        raise IncidentRefused(f"incident {known.incident_id} is {known.state or 'open'}: it does not take {step.value}")
    if heard is not None and has_ended_unseen(known.state, heard.seen):
        raise IncidentRefused(
            f"incident {known.incident_id} has been {known.state} meanwhile: {step.value} was said without knowing it; "
            "look at it, and say it again if it still holds"
        )


def _at_us(known: Known, heard: Heard) -> int:
    """When a step from above was said, but never before the incident began: clocks differ."""
    return max(heard.at_us, known.opened_us)

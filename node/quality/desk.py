"""The quality desk of a running node: judges what is committed, opens tickets to sources, and settles those that were corrected.

One ticket per resource, origin and rule is open at a time, whoever opened it: while one is known here none is opened. Refuses what the case
does not allow. Called by the API, by status and by the background of the appliance.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from node.cases.desk import CaseDesk
from node.cases.errors import CaseError, CaseRefused, CaseUnknown
from node.cases.kind import Case, Kind, Party, taken_from
from node.cases.views import history_of
from node.clock import Clock
from node.ingest.handing_in import NoRoom
from node.ingest.sink import Row
from node.quality.errors import QualityError
from node.quality.kind import BY_RULES, SOURCE, TICKET, Word, is_for, resource_of, rule_of
from node.quality.projection import Projection
from node.quality.recheck import Recheck, recheck
from node.quality.scores import scores_of
from node.quality.source import check_keys, check_source
from node.quality.store import Found, Key, QualityStore
from policies.catalogue import Resource
from sync.model import MICROSECONDS, Instant

LOOK_EVERY_S = 1.0
"""How often it is looked for records that came."""
IDLE_LOOK_S = 5.0
"""As long where nothing was stored and no ticket changed."""
HOLDER_WAIT_S = 10.0
"""How long a holder waits with a ticket about another's records: the source judges them too, and its own ticket may be on the way."""
RETRY_S = 60.0
"""After a ticket could not be opened (its source was not found, no room)."""
REOPEN_AFTER_US = 600 * MICROSECONDS
"""How long corrected records may be on the way before a ticket is opened again."""
OPEN_MAX = 1_000
"""Tickets that are open here at once by what the rules found; more wait."""
CASES_MAX = 10_000
"""Tickets that scores and looks read."""
OVERDUE, FAULT = "tickets_overdue", "quality_not_judged"
"""Words of the status."""

Plain = dict[str, Any]
log = logging.getLogger("yunnao.quality")


@dataclass(slots=True)
class QualityDesk:
    """One node's rules, tickets and scores."""

    cases: CaseDesk
    projection: Projection
    store: QualityStore
    find: Callable[[str, str], Awaitable[Party]]
    """A node by its id, and its territory where that is given; raises CaseRefused for one that is not found."""
    clock: Clock
    resources: Callable[[], Mapping[str, Resource]]
    fault: str = ""
    """Why rules are not judged, or a ticket is not opened; empty when all is well."""
    overdue: int = 0
    """Tickets that wait for this node past their time."""
    _fault: str = ""
    _live: list[Case] | None = None
    """Tickets that did not end, as last read; None when one changed since."""
    _changed: set[str] = field(default_factory=set)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _judging: asyncio.Lock = field(default_factory=asyncio.Lock)
    _looked: tuple[Instant, int] | None = None
    """When it was looked last, and how far the journal was."""
    _seen: dict[Key, Instant] = field(default_factory=dict)
    """When bad rows of others were first seen."""
    _not_before: dict[Key, Instant] = field(default_factory=dict)
    """When a ticket that could not be opened is tried again."""
    _rechecked: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By ticket the state and the journal that it was judged again at."""

    def __post_init__(self) -> None:
        """Hear of every ticket that changes."""
        self.cases.on_change(self._case_changed)

    def _case_changed(self, kind: Kind, case_id: str) -> None:
        if kind is TICKET:
            self._changed.add(case_id)
            self._live = None
            self._news.set()

    # ---- in the background

    async def run(self) -> None:
        """Judge and settle for as long as the node runs. What fails is said and tried again: a node that judges nothing stores on."""
        while True:
            self._news.clear()
            try:
                if self._is_news():
                    await self.look()
            except (QualityError, CaseError, NoRoom) as error:
                self.fault = str(error)
                log.warning("quality not looked after: %s", error)
            await self._wait()

    def _is_news(self) -> bool:
        """True when something was stored, a ticket changed, or it was not looked for a while: clocks run, and rules change."""
        now, last_lsn = self.clock.now(), self.projection.journal.last_lsn
        before, seen = self._looked or (now, -1)
        if self._looked and seen == last_lsn and not self._changed and now.seconds_since(before) < IDLE_LOOK_S:
            return False
        self._looked = (now, last_lsn)
        return True

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(LOOK_EVERY_S):
                await self._news.wait()
        except TimeoutError:
            return

    async def stop(self) -> None:
        """Release the file."""
        await asyncio.to_thread(self.store.close)

    async def look(self) -> None:
        """Judge what came, open what is wanting, settle what was corrected. Raises QualityError, CaseError, NoRoom, JournalCorrupt."""
        self._fault = ""
        await self.judge()
        await self._settle_ended()
        wanting = await asyncio.to_thread(self.store.wanting)
        live = await self._live_tickets()
        await self._open_wanting(wanting, {_key(case): case for case in live})
        for case in live:
            await self._recheck(case)
        now_us = self.clock.wall_us()
        self.fault = self._fault
        self.overdue = sum(is_for(case, self.cases.me.node) and (TICKET.due_us(case) or now_us) < now_us for case in live)

    async def judge(self) -> int:
        """Judge what the journal has and nobody judged yet; the rows. Short steps off the event loop, so that a `put` may come between."""
        steps, judged = self.projection.steps(), 0
        while True:
            async with self._judging:
                rows = await asyncio.to_thread(next, steps, None)
            if rows is None:
                return judged
            judged += rows

    async def _live_tickets(self) -> list[Case]:
        """Tickets that did not end, read again when one changed."""
        live = self._live
        if live is None:
            states = {state for state, _ in TICKET.steps}
            live = await asyncio.to_thread(lambda: self.cases.register.cases(TICKET, states=states, limit=CASES_MAX))
            self._live = live if not self._changed else None
        return live

    # ---- opening

    async def _open_wanting(self, wanting: Mapping[Key, Found], live: Mapping[Key, Case]) -> None:
        now, opened = self.clock.now(), sum(case.roles_of(self.cases.me.node) != frozenset() for case in live.values())
        for key, found in wanting.items():
            if key in live:
                await self._note_growth(live[key], found)
                continue
            if not self._is_due(key, now):
                continue
            if opened >= OPEN_MAX:
                self._fault = f"{OPEN_MAX} tickets are open here: more are opened as those end"
                return
            opened += await self._open(key, found)

    def _is_due(self, key: Key, now: Instant) -> bool:
        waits = self._not_before.get(key)
        if waits is not None and now < waits:
            return False
        first = self._seen.setdefault(key, now)
        return key[1] == self.cases.me.node or now.seconds_since(first) >= HOLDER_WAIT_S

    async def _open(self, key: Key, found: Found) -> bool:
        resource, origin, rule = key
        try:
            source = self.cases.me if origin == self.cases.me.node else await self.find(origin, "")
            await self._report(source, {"resource": resource, "rule": rule, **_counts(found), "why": self._why(key, found)}, by=BY_RULES)
        except (CaseRefused, NoRoom) as error:
            self._not_before[key] = self.clock.now().plus(RETRY_S)
            self._fault = f"no ticket to {origin} about {resource}: {error}"
            return False
        self._not_before.pop(key, None)
        self._seen.pop(key, None)
        return True

    def _why(self, key: Key, found: Found) -> str:
        resource = self.resources().get(key[0])
        titles = {rule.id: rule.title or rule.check.value for rule in resource.quality.rules} if resource else {}
        return f"{found.fresh} records break {key[2]} ({titles.get(key[2], 'one source')})"

    async def _note_growth(self, case: Case, found: Found) -> None:
        """Say it when there are twice as many: a ticket takes a bounded number of facts."""
        known = case.data.get("bad", 0)
        mine = self.cases.me.node in {party.node for role, party in case.parties.items() if role != SOURCE}
        if mine and case.state in ("open", "accepted") and isinstance(known, int) and rule_of(case) and found.fresh >= 2 * max(known, 1):
            await self.cases.say(TICKET, case.id, "note", _counts(found), by=BY_RULES)

    async def _report(self, source: Party, body: Mapping[str, object], *, by: str) -> Case:
        return await self.cases.open(TICKET, body, by=by, parties={SOURCE: source})

    # ---- settling

    async def _settle_ended(self) -> None:
        """Have what ended tickets were about open none again."""
        while self._changed:
            case_id = min(self._changed)
            case = await asyncio.to_thread(self.cases.register.case, TICKET, case_id)
            if case is not None and case.state in TICKET.final and rule_of(case):
                await asyncio.to_thread(self.store.settle, _key(case), case_id)
            self._changed.discard(case_id)

    async def _recheck(self, case: Case) -> None:
        """A ticket of this node's that is said to be corrected: closed when what came is good, opened again when nothing good came."""
        rule, me = rule_of(case), self.cases.me.node
        if case.state != "corrected" or not rule or not is_for(case, me):
            return
        at = (case.since_us, self.projection.journal.last_lsn)
        is_late = self.clock.wall_us() - case.since_us > REOPEN_AFTER_US
        if self._rechecked.get(case.id) == at and not is_late:
            return
        self._rechecked[case.id] = at
        found = await self._judged_again(case)
        if found is None:
            return
        figures = {"judged": found.judged, "bad": found.still_bad}
        if found.passes:
            await self.cases.say(TICKET, case.id, Word.VERIFY.value, figures, by=BY_RULES)
            self._rechecked.pop(case.id, None)
        elif is_late:
            why = f"{found.still_bad} records still break {rule}" if found.judged else f"{rule} cannot be judged here any more"
            await self.cases.say(TICKET, case.id, Word.REOPEN.value, {**figures, "why": why}, by=BY_RULES)

    async def _judged_again(self, case: Case) -> Recheck | None:
        key = _key(case)
        resource = self.resources().get(key[0])
        if resource is None:
            return None
        known = await asyncio.to_thread(self.store.scores, resource=key[0], origin=key[1])
        first_lsn = known.get(key, Found()).first_lsn
        steps, found = recheck(self.projection, resource, key[1], key[2], first_lsn=first_lsn), Recheck()
        while True:
            async with self._judging:
                step = await asyncio.to_thread(next, steps, None)
            if step is None:
                return found
            found = step

    # ---- what people do

    async def report(self, resource: str, source: str, *, territory: str, samples: Sequence[str], by: str, why: str) -> Case:
        """Open a ticket by hand. Raises CaseRefused, NoRoom."""
        if resource not in self.resources():
            raise CaseRefused(f"report refused: resource {resource!r} is not in the catalogue in force here")
        me = self.cases.me
        try:
            party = me if source == me.node else await self.find(source, territory)
        except CaseRefused as error:
            raise CaseRefused(str(error).replace("request refused", "report refused", 1)) from None
        return await self._report(party, {"resource": resource, "why": why, "samples": list(samples)}, by=by)

    async def decide(self, case_id: str, word: Word, *, by: str, why: str) -> Case:
        """Say something about a ticket. Raises CaseUnknown, CaseRefused, NoRoom."""
        await self.cases.follow()
        await asyncio.to_thread(self.ticket, case_id)
        case = await self.cases.say(TICKET, case_id, word.value, {"why": why} if why else {}, by=by)
        self._news.set()
        return case

    async def check_put(self, resource: Resource, rows: Sequence[Row]) -> None:
        """Refuse rows that another node is the source of; raises NotTheSource, QualityError."""
        check_source(resource, self.cases.me.node)
        if resource.quality.key:
            async with self._judging:
                memory = await asyncio.to_thread(self.projection.begin)
                await asyncio.to_thread(check_keys, resource, self.cases.me.node, rows, memory)

    # ---- showing

    def troubles(self) -> list[str]:
        """Words for the status."""
        return [OVERDUE] * bool(self.overdue) + [FAULT] * bool(self.fault)

    def ticket(self, case_id: str) -> Case:
        """A ticket as it is known here; raises CaseUnknown. Blocking."""
        found = self.cases.register.case(TICKET, case_id)
        if found is None:
            raise CaseUnknown(f"ticket {case_id!r} is not here (yet): `yunnao quality tickets` shows those that are")
        return found

    def listed(self, *, states: frozenset[str], limit: int) -> list[Plain]:
        """The newest tickets, in some states or in all. Blocking."""
        return [self.line(case) for case in self.cases.register.cases(TICKET, states=states, limit=limit)]

    def line(self, case: Case) -> Plain:
        """One ticket in a list."""
        due_us, me = TICKET.due_us(case), self.cases.me.node
        return {
            "id": case.id,
            "state": case.state,
            "resource": resource_of(case),
            "rule": rule_of(case),
            "source": case.parties[SOURCE].node,
            "holder": case.parties[TICKET.opener].node,
            "bad": case.data.get("bad", 0),
            "judged": case.data.get("judged", 0),
            "samples": case.data.get("samples", []),
            "opened_us": case.opened_us,
            "due_us": due_us,
            "overdue": due_us is not None and due_us < self.clock.wall_us(),
            "for_me": is_for(case, me),
            "takes": {word: list(step.needs) for word, step in taken_from(TICKET, case, me).items()},
        }

    def shown(self, case_id: str) -> Plain:
        """One ticket whole, with its history. Blocking; raises CaseUnknown."""
        case = self.ticket(case_id)
        return self.line(case) | {"history": history_of(case)}

    def scores(self, *, resource: str, origin: str) -> list[Plain]:
        """The scores by resource and origin. Blocking."""
        tickets = self.cases.register.cases(TICKET, limit=CASES_MAX)
        return scores_of(self.store.scores(resource=resource, origin=origin), tickets, resource=resource, origin=origin)


def _key(case: Case) -> Key:
    return (resource_of(case), case.parties[SOURCE].node, rule_of(case))


def _counts(found: Found) -> Plain:
    return {"bad": found.fresh, "judged": found.judged, "samples": list(found.samples)}

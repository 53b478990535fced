"""Steps about incidents of nodes below: said here, taken there. And those that nodes above say about this node's incidents.

The history of an incident is made by one node, its keeper, which opened it: a step said above goes down as a case, is judged by the keeper
like a word of its own people, and comes up again as a row of the incident. Taken once: a row that a crash left without its fact is found by
when it was said. Refuses words of nodes that are not above. Called by api.py and wiring.py; it runs beside the other desks of a node.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass, field

from node.audit.entry import Detail
from node.audit.errors import AuditRefused
from node.cases.changes import ChangedCases
from node.cases.desk import CaseDesk
from node.cases.errors import CaseError, CaseRefused, ClocksApart
from node.cases.kind import Case, Party
from node.clock import Clock
from node.incidents.desk import Heard, IncidentDesk
from node.incidents.errors import IncidentFault, IncidentRefused, IncidentUnknown
from node.incidents.states import VERDICT_OF_STEP, Step, Verdict, takes
from node.incidents.step_case import APPLIED, BY_NODE, KEEPER, SPEAKER, STEP_CASE, WAITS, WAITS_US_MAX, expires_us_of, said_of
from node.ingest.handing_in import NoRoom
from sync.model import MICROSECONDS, code_contains

LOOK_EVERY_S = 30.0
"""How often it is looked for steps that nobody took, and tried again what failed."""
UNHEARD_US = 3_600 * MICROSECONDS
"""How long after its end the speaker waits for the keeper's word before it says itself that a step expired."""
WAITING_MAX = 5_000
"""Steps said here that no keeper took yet."""
LOADED_MAX = 5_000
"""Newest steps that a start looks at."""
ABOUT_MAX, STEPS_MAX = 20_000, 20
"""Incidents whose steps from above are shown beside them; steps of one incident."""

log = logging.getLogger("yunnao.incidents")


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying:
    """What a person says about an incident or an event."""

    name: str
    """Of the incident or its event; a beginning is enough."""
    step: Step
    by: str
    why: str = ""
    node: str = ""
    """The keeper, where this node does not know what is named; empty: as the incident says."""
    is_for_here: bool = False
    """True: a row of this node, whoever opened the incident; what is below does not hear it."""


@dataclass(slots=True)
class StepDesk:
    """One node's steps that travel."""

    incidents: IncidentDesk
    cases: CaseDesk
    territory_below: Callable[[str], str]
    """Of a node below, as it last said; empty for one that was not heard of."""
    above: Callable[[], Collection[str]]
    """Nodes above this one whose territory contains it."""
    note_taken: Callable[[str, str, Detail], Awaitable[int]]
    """(about, by, detail): enters in the audit log that a step from above is taken, before it has effect; raises AuditRefused."""
    clock: Clock
    is_clock_sure: Callable[[], bool]
    """While it is not, nothing expires."""
    fault: str = ""
    _changed: ChangedCases = field(init=False)
    _to_take: dict[str, Case] = field(default_factory=dict)
    """Steps that this node, their keeper, has not answered."""
    _waiting: dict[str, Case] = field(default_factory=dict)
    """Steps said here that their keepers have not answered."""
    _noted: set[str] = field(default_factory=set)
    """Steps whose taking is in the audit log already: one that is tried again is entered once."""
    _about: dict[str, dict[str, None]] = field(default_factory=dict)
    """Steps by what they are about."""
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        """Hear of every step that changes."""
        self._changed = ChangedCases(self.cases, STEP_CASE, self._news.set)

    # ---- what people do

    async def say(self, saying: Saying) -> tuple[str, Case | None]:
        """Say a step: the incident's state here then, and the case where another node must take it first.

        Raises IncidentUnknown, IncidentRefused, CaseRefused, NoRoom, IncidentFault, JournalError.
        """
        me, desk = self.cases.me.node, self.incidents
        known = await asyncio.to_thread(desk.known, saying.name)
        keeper = saying.node or (known.origin if known is not None else me)
        if saying.is_for_here or keeper == me:
            return await desk.step(saying.name, saying.step, by=saying.by, why=saying.why), None
        if known is not None and known.origin == keeper:
            if not takes(known.state, saying.step):
                raise IncidentRefused(f"incident {known.incident_id} is {known.state or 'open'}: it does not take {saying.step.value}")
            about, seen = known.incident_id, known.state
            territory = await asyncio.to_thread(desk.territory_of, known)
        else:
            about, seen, territory = saying.name, "", ""
        party = self._keeper(keeper, territory)
        await self._withdraw(about, by=saying.by)
        return seen, await self._open(saying, party, about=about, seen=seen)

    def _keeper(self, node: str, territory: str) -> Party:
        """The node that takes the step. Raises IncidentRefused for one that it does not reach."""
        found = self.territory_below(node) or territory
        if not found or not code_contains(self.cases.me.territory, found):
            raise IncidentRefused(
                f"{node} is not below this node, so nothing said here reaches it; say it at {node} or above it, or for this node and "
                "those above alone with --here"
            )
        return Party(node, found)

    async def _open(self, saying: Saying, keeper: Party, *, about: str, seen: str) -> Case:
        if len(self._waiting) >= WAITING_MAX:
            raise IncidentRefused(f"{WAITING_MAX} steps wait for nodes below already: see which nodes are away, and say it again then")
        body = {"about": about, "step": saying.step.value, "seen": seen, "expires_us": self.clock.wall_us() + WAITS_US_MAX}
        if saying.why:
            body["why"] = saying.why
        return await self.cases.open(STEP_CASE, body, by=saying.by, parties={KEEPER: keeper})

    async def _withdraw(self, about: str, *, by: str) -> None:
        """Take back what this node said about the same and nobody took: its newer word stands for it."""
        await self._changed.take(self._place)
        for case in [case for case in self._waiting.values() if said_of(case)["about"] == about]:
            try:
                await self.cases.say(STEP_CASE, case.id, "withdraw", {}, by=by)
            except CaseRefused as error:
                log.info("step %s: %s", case.id, error)

    async def wait_settled(self, case: Case, seconds: float) -> Case:
        """The step once its keeper answered, or as it is when the time is over. Raises CaseUnknown."""
        return await self._changed.wait_settled(case, seconds)

    def steps_about(self, names: Iterable[str]) -> list[Case]:
        """Steps from above about what goes by these names, in the order in which they were said. Blocking; raises CaseError."""
        ids = {case_id for name in names for case_id in self._about.get(name, {})}
        found = [case for case_id in ids if (case := self.cases.register.case(STEP_CASE, case_id)) is not None]
        return sorted(found, key=_order)

    def verdicts(self, event_ids: Iterable[str]) -> dict[str, Verdict]:
        """What steps from above that were taken say of events, by the last word about each. Blocking; raises CaseError."""
        found: dict[str, Verdict] = {}
        for event_id in event_ids:
            for case in self.steps_about([event_id]):
                step = Step(said_of(case)["step"])
                if case.state == APPLIED and step in VERDICT_OF_STEP:
                    found[event_id] = VERDICT_OF_STEP[step]
        return found

    # ---- in the background

    async def run(self) -> None:
        """Follow steps for as long as the node runs. What fails is said and tried again: a node that takes no steps stores on.

        Raises JournalError: a damaged batch is set aside by the next life of the process (node/appliance.py).
        """
        is_loaded = False
        while True:
            self._news.clear()
            try:
                if not is_loaded:
                    await self.load()
                    is_loaded = True
                await self.look()
                self.fault = ""
            except (CaseError, NoRoom, IncidentFault, AuditRefused) as error:
                if self.fault != str(error):
                    log.warning("steps from above are not followed: %s", error)
                self.fault = str(error)
            try:
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def load(self) -> None:
        """Take up what a life of the process before this one left. Raises CaseError."""
        await self.cases.follow()
        register = self.cases.register
        found = await asyncio.to_thread(lambda: register.cases(STEP_CASE, limit=LOADED_MAX))
        open_ones = await asyncio.to_thread(lambda: register.cases(STEP_CASE, states={WAITS}, limit=LOADED_MAX))
        for case in sorted({case.id: case for case in (*found, *open_ones)}.values(), key=_order):
            self._place(case)

    async def look(self) -> None:
        """Take what changed, in the order in which it was said, and say what expired. Raises what `run` tries again; nothing is lost."""
        await self._changed.take(self._place)
        for case in sorted(self._to_take.values(), key=_order):
            if await self._answer(case):
                self._to_take.pop(case.id, None)
        if self.is_clock_sure():
            for case in [case for case in self._waiting.values() if expires_us_of(case) + UNHEARD_US <= self.clock.wall_us()]:
                await self._say(case, "expire", {})

    def _place(self, case: Case) -> None:
        """Keep a step as it is now where it is looked for."""
        me, is_waiting = self.cases.me.node, case.state == WAITS
        for held, role in ((self._to_take, KEEPER), (self._waiting, SPEAKER)):
            if is_waiting and case.parties[role].node == me:
                held[case.id] = case
            else:
                held.pop(case.id, None)
        if not is_waiting:
            self._noted.discard(case.id)
        about = self._about.setdefault(said_of(case)["about"], {})
        about[case.id] = None
        if len(about) > STEPS_MAX:
            del about[next(iter(about))]
        if len(self._about) > ABOUT_MAX:
            del self._about[next(iter(self._about))]

    # ---- what the keeper does

    async def _answer(self, case: Case) -> bool:
        """Take a step from above, or say why not; False when that waits for a clock to be set. Raises what is tried again."""
        speaker, said, opening = case.parties[SPEAKER].node, said_of(case), case.opening
        named = {"about": said["about"], "step": said["step"], "said_by": opening.by, "said_at": speaker}
        if speaker not in self.above():
            why = f"{speaker} is not above {self.cases.me.node}, which keeps the incident"
            return await self._say(case, "refuse", named | {"answer": why})
        if self.is_clock_sure() and expires_us_of(case) <= self.clock.wall_us():
            return await self._say(case, "expire", named)
        try:
            state = await self._take(case, by=f"{opening.by}@{speaker}")
        except (IncidentRefused, IncidentUnknown) as error:
            return await self._say(case, "refuse", named | {"answer": str(error)})
        return await self._say(case, "apply", named | {"state": state})

    async def _take(self, case: Case, *, by: str) -> str:
        said = said_of(case)
        if case.id not in self._noted:
            await self.note_taken(said["about"], by, {"verb": "incident_step", "step": said["step"], "case": case.id})
            self._noted.add(case.id)
        heard = Heard(case.opened_us, said["seen"])
        return await self.incidents.step(said["about"], Step(said["step"]), by=by, why=said["why"], heard=heard)

    async def _say(self, case: Case, word: str, body: dict[str, str]) -> bool:
        """Say it; False when a clock must be set before it can be said."""
        try:
            await self.cases.say(STEP_CASE, case.id, word, body, by=BY_NODE)
        except ClocksApart as error:
            log.info("step %s: %s", case.id, error)
            return False
        except CaseRefused as error:
            # It was settled otherwise meanwhile, as its history says.
            log.info("step %s: %s", case.id, error)
        return True


def _order(case: Case) -> tuple[int, str]:
    return (case.opened_us, case.id)

"""The verbs of the local API about incidents, and about how often camera rules were right. Called by node/api.py."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from edge_ai.spec import CameraSpec
from node.cases.kind import Case
from node.cases.verbs import Name, NodeName, Plain, Table, Words
from node.clock import Clock
from node.evidence.desk import EvidenceDesk
from node.incidents.book import NAME_CHARS_MIN, Known
from node.incidents.desk import DAY_US, VERDICT_DAYS, IncidentDesk
from node.incidents.errors import IncidentUnknown
from node.incidents.events import SeenEvent
from node.incidents.feet import foot_of
from node.incidents.rows import INCIDENTS, said_in
from node.incidents.states import Step, Verdict, is_closed
from node.incidents.step_case import ABOUT_CHARS_MAX
from node.incidents.step_desk import Saying, StepDesk
from node.incidents.step_views import is_news, line_of
from node.incidents.suggesting import FALSE_MIN, Judged, suggestions
from node.policy.showing import Looking, Showing
from node.store.records import ROWS_MAX
from sync.model import MICROSECONDS

WAIT_S_MAX = 300.0
JUDGED_MAX = 400
"""Newest judged events of a rule whose places are read for a suggestion."""

IncidentName = Annotated[str, Meta(min_length=NAME_CHARS_MIN, max_length=ABOUT_CHARS_MAX)]
"""An incident or its event; of each a beginning is enough."""


class Listing(Looking, forbid_unknown_fields=True, kw_only=True):
    """Incidents a person may see, newest first by their opening."""

    limit: Annotated[int, Meta(ge=1, le=ROWS_MAX)] = 100
    before_lsn: int | None = None
    only_open: bool = False


class Show(Looking, forbid_unknown_fields=True, kw_only=True):
    """One incident with everything that was said about it."""

    id: IncidentName


class Stepping(msgspec.Struct, forbid_unknown_fields=True):
    """What a person says about an incident, or about an event that opened none."""

    id: IncidentName
    step: Literal["acknowledge", "resolve", "dismiss", "reopen"]
    by: Name
    why: Words = ""
    node: NodeName = ""
    """Whose incident or event it is, where that is not known here."""
    here: bool = False
    """True: said for this node and those above alone."""
    wait_s: Annotated[float, Meta(ge=0, le=WAIT_S_MAX)] = 0.0
    """How long to wait for the node that keeps the incident."""


class Verdicts(msgspec.Struct, forbid_unknown_fields=True):
    """How often rules of this node's cameras were right."""

    camera: Annotated[str, Meta(max_length=128)] = ""
    rule: Annotated[str, Meta(max_length=128)] = ""
    days: Annotated[int, Meta(ge=1, le=366)] = VERDICT_DAYS


@dataclass(frozen=True, slots=True)
class IncidentVerbs:
    """Answers the verbs; the parts are asked for when one is called."""

    desk: Callable[[], IncidentDesk]
    steps: Callable[[], StepDesk]
    evidence: Callable[[], EvidenceDesk]
    cameras: Callable[[], Sequence[CameraSpec]]
    showing: Callable[[], Showing]
    clock: Callable[[], Clock]

    @property
    def table(self) -> Table:
        """Arguments and answer of each verb."""
        verbs: Mapping[str, tuple[type[msgspec.Struct], Callable[[Any], Awaitable[Plain]]]] = {
            "incidents": (Listing, self._list),
            "incident_show": (Show, self._show),
            "incident_step": (Stepping, self._step),
            "rule_verdicts": (Verdicts, self._verdicts),
        }
        return dict(verbs)

    # ---- incidents

    async def _list(self, asked: Listing) -> Plain:
        desk = self.desk()
        await asyncio.to_thread(desk.following.follow)
        book = desk.following.book
        page = await asyncio.to_thread(book.page, limit=asked.limit, before_lsn=asked.before_lsn, only_open=asked.only_open)
        rows = await self._rows(page, asked)
        sent = await asyncio.to_thread(lambda: [self._news(known) for known in page])
        shown = [self._shown(known, rows, cases) for known, cases in zip(page, sent, strict=True)]
        facts = await asyncio.to_thread(desk.facts)
        return {"incidents": [each for each in shown if each is not None]} | facts | {"fault": facts["fault"] or self.steps().fault}

    async def _show(self, asked: Show) -> Plain:
        desk = self.desk()
        await asyncio.to_thread(desk.following.follow)
        known = await asyncio.to_thread(desk.following.book.find, asked.id)
        cases = [] if known is None else await asyncio.to_thread(self._sent, known)
        shown = None if known is None else self._shown(known, await self._rows([known], asked), cases)
        if known is None or shown is None:
            raise IncidentUnknown(f"incident {asked.id!r} is not known here, or not shown: name one from `yunnao incident list`")
        history = await asyncio.to_thread(desk.following.book.history, known.incident_id)
        rows = await self._rows_at([said.lsn for said in history], asked)
        steps = []
        for said in history:
            row = rows.get((said.lsn, known.incident_id))
            by, why = ("", "") if row is None or said.lsn == known.opened_lsn else said_in(row.get("summary"))
            steps.append({"state": said.state, "time_us": said.at_us, "node": said.origin, "by": by, "why": why})
        return shown | {"steps": steps}

    async def _rows(self, page: Sequence[Known], looking: Looking) -> dict[tuple[int, str], Plain]:
        return await self._rows_at([lsn for known in page for lsn in (known.opened_lsn, known.lsn)], looking)

    async def _rows_at(self, lsns: Sequence[int], looking: Looking) -> dict[tuple[int, str], Plain]:
        """The rows of these batches that may be seen, by batch and incident."""
        rows = await self.showing().rows_at(INCIDENTS, sorted(set(lsns)), looking)
        return {(int(row["_lsn"]), str(row["incident_id"])): row for row in rows}

    def _sent(self, known: Known) -> list[Case]:
        """Steps that nodes above said about an incident, oldest first."""
        return self.steps().steps_about((known.incident_id, known.event_id))

    def _news(self, known: Known) -> list[Case]:
        """The newest of them, while it waits or came to nothing."""
        return [case for case in self._sent(known)[-1:] if is_news(case, known, self.clock().wall_us())]

    def _shown(self, known: Known, rows: Mapping[tuple[int, str], Plain], sent: Sequence[Case]) -> Plain | None:
        """An incident as a person sees it; None where policy shows neither its opening nor its newest step."""
        opening, newest = rows.get((known.opened_lsn, known.incident_id)), rows.get((known.lsn, known.incident_id))
        base = opening or newest
        if base is None:
            return None
        now_us, has_step = self.clock().wall_us(), known.lsn != known.opened_lsn
        by, why = said_in(newest.get("summary")) if newest is not None and has_step else ("", "")
        names = ("incident_id", "event_id", "territory", "class", "severity", "handling_level")
        return {name: base.get(name) for name in names} | {
            "summary": opening.get("summary") if opening is not None else None, "state": known.state, "closed": is_closed(known.state),
            "lsn": known.opened_lsn, "node": known.origin, "time_us": known.opened_us,
            "age_s": max(0, now_us - known.opened_us) / MICROSECONDS, "state_us": known.state_us,
            "state_age_s": max(0, now_us - known.state_us) / MICROSECONDS,
            "state_node": (newest or base).get("_origin"), "by": by, "why": why,
            "sent_steps": [line_of(case) for case in sent],
        }  # fmt: skip

    async def _step(self, asked: Stepping) -> Plain:
        saying = Saying(name=asked.id, step=Step(asked.step), by=asked.by, why=asked.why, node=asked.node, is_for_here=asked.here)
        state, case = await self.steps().say(saying)
        if case is None:
            return {"state": state, "sent_steps": []}
        return {"state": state, "sent_steps": [line_of(await self.steps().wait_settled(case, asked.wait_s) if asked.wait_s else case)]}

    # ---- how often rules are right

    async def _verdicts(self, asked: Verdicts) -> Plain:
        since_us = self.clock().wall_us() - asked.days * DAY_US
        await asyncio.to_thread(self.desk().following.follow)
        return {"days": asked.days, "false_min": FALSE_MIN, "rules": await asyncio.to_thread(self._of_rules, asked, since_us)}

    def _of_rules(self, asked: Verdicts, since_us: int) -> list[Plain]:
        events = self.desk().events
        counts = [count for count in events.counts(since_us) if asked.camera in ("", count.camera) and asked.rule in ("", count.rule)]
        found = []
        for count in counts:
            judged = [event for event in events.of_rule(count.camera, count.rule, since_us) if event.verdict]
            found.append(asdict(count) | {"suggestions": self._suggested(count.camera, count.rule, judged[-JUDGED_MAX:])})
        return found

    def _suggested(self, camera: str, rule: str, judged: Sequence[SeenEvent]) -> list[Plain]:
        specs = [(spec, each) for spec in self.cameras() if spec.id == camera for each in spec.rules if each.name == rule]
        if not specs or sum(event.verdict is Verdict.FALSE for event in judged) < FALSE_MIN:
            return []
        spec, each = specs[0]
        events = [self._judged(event) for event in judged]
        found = suggestions(each, events, analysed_fps=spec.analysed_fps, utc_offset_minutes=spec.utc_offset_minutes)
        return [asdict(one) for one in found]

    def _judged(self, event: SeenEvent) -> Judged:
        return Judged(
            verdict=event.verdict, score=event.score, at_us=event.at_us, ended_us=event.ended_us, place=event.place,
            foot=foot_of(self.evidence(), event),
        )  # fmt: skip

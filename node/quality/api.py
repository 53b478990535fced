"""The verbs of the local API about quality. Called by node/api.py."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from node.cases.verbs import LISTED_MAX, CaseId, Name, Plain, Show, Table, Why, Words
from node.catalogue.desk import CatalogueDesk
from node.quality.desk import QualityDesk
from node.quality.kind import SAMPLE_CHARS_MAX, SAMPLES_MAX, Word
from policies.quality import QualityRules

Code = Annotated[str, Meta(min_length=1, max_length=63)]
State = Literal["open", "accepted", "corrected", "disputed", "contested", "closed"]
Sample = Annotated[str, Meta(min_length=1, max_length=SAMPLE_CHARS_MAX)]


class Scores(msgspec.Struct, forbid_unknown_fields=True):
    """The scores of all, or of one resource or origin."""

    resource: Annotated[str, Meta(max_length=63)] = ""
    origin: Annotated[str, Meta(max_length=63)] = ""


class Tickets(msgspec.Struct, forbid_unknown_fields=True):
    """The newest tickets, in some states or in all."""

    states: list[State] = []
    limit: Annotated[int, Meta(ge=1, le=LISTED_MAX)] = 100


class Report(msgspec.Struct, forbid_unknown_fields=True):
    """A ticket by hand, to the node that is the source; `territory` says where it stands while it is away."""

    resource: Code
    source: Code
    by: Name
    why: Why
    territory: Annotated[str, Meta(pattern="^[0-9]{0,15}$")] = ""
    samples: Annotated[list[Sample], Meta(max_length=SAMPLES_MAX)] = []


class Decide(msgspec.Struct, forbid_unknown_fields=True):
    """What a person says about a ticket."""

    id: CaseId
    fact: Word
    by: Name
    why: Words = ""


class Rules(msgspec.Struct, forbid_unknown_fields=True):
    """The rules of a resource, as the catalogue's draft has them, else as they are in force; `quality` puts new ones into the draft."""

    resource: Code
    quality: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class QualityVerbs:
    """Answers the verbs; the desks are asked for when one is called."""

    desk: Callable[[], QualityDesk]
    catalogue: Callable[[], CatalogueDesk]

    @property
    def table(self) -> Table:
        """Arguments and answer of each verb."""
        return {
            "quality_scores": (Scores, self._scores),
            "quality_tickets": (Tickets, self._tickets),
            "quality_show": (Show, lambda asked: asyncio.to_thread(self.desk().shown, asked.id)),
            "quality_report": (Report, self._report),
            "quality_decide": (Decide, self._decide),
            "quality_rules": (Rules, lambda asked: asyncio.to_thread(self._rules, asked)),
        }

    async def _scores(self, asked: Scores) -> Plain:
        desk = self.desk()
        found = await asyncio.to_thread(lambda: desk.scores(resource=asked.resource, origin=asked.origin))
        return {"scores": found, "fault": desk.fault}

    async def _tickets(self, asked: Tickets) -> Plain:
        desk = self.desk()
        found = await asyncio.to_thread(lambda: desk.listed(states=frozenset(asked.states), limit=asked.limit))
        return {"tickets": found, "fault": desk.fault or desk.cases.fault}

    async def _report(self, asked: Report) -> Plain:
        desk = self.desk()
        case = await desk.report(asked.resource, asked.source, territory=asked.territory, samples=asked.samples, by=asked.by, why=asked.why)
        return await asyncio.to_thread(desk.shown, case.id)

    async def _decide(self, asked: Decide) -> Plain:
        desk = self.desk()
        case = await desk.decide(asked.id, asked.fact, by=asked.by, why=asked.why)
        return await asyncio.to_thread(desk.shown, case.id)

    def _rules(self, asked: Rules) -> Plain:
        """What is put into the draft is judged as the catalogue judges it; nothing is in force before `catalogue issue`."""
        catalogue = self.catalogue()
        entry, drafted = catalogue.entry(asked.resource), False
        if asked.quality is not None:
            entry = replace(entry, quality=QualityRules.of(asked.quality, f"quality of {entry.code}"))
            catalogue.take([entry.encoded()], source="quality rules")
            drafted = True
        return {"resource": entry.code, "quality": entry.quality.encoded(), "drafted": drafted}

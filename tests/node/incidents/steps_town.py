"""Nodes above each other, each with incidents of its own and the steps that travel between them: real journals, a courier for links."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from node.audit.entry import Detail
from node.cameras.rows import EVENTS
from node.incidents.book import FILE_NAME, IncidentBook
from node.incidents.desk import DAY_US, IncidentDesk
from node.incidents.following import Following
from node.incidents.rows import INCIDENTS, Opened
from node.incidents.states import Step, Verdict
from node.incidents.step_case import RESOURCE, STEP_CASE
from node.incidents.step_desk import Saying, StepDesk
from node.ingest.handing_in import NoRoom
from node.ingest.sink import Row
from policies.catalogue import Resource, Scalar
from sync.model import HybridTime
from tests.node.cases.town import Town, put
from tests.policies.city import city, rows_of

NOON_US = 1_790_000_000_000_000
TERRITORIES = {"city": "3702", "district": "370202", "street": "370202001", "other": "370203"}
PARENTS = {"city": "", "district": "city", "street": "district", "other": "city"}


@dataclass(slots=True)
class StepsTown:
    """A district and its street; a city above them and another district where a test names them."""

    folder: Path
    nodes: Sequence[str] = ("district", "street")
    town: Town = field(init=False)
    desks: dict[str, StepDesk] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)
    """Nodes without a link: nothing is carried to or from them."""
    full: set[str] = field(default_factory=set)
    """Nodes without room for rows of incidents."""
    unsure: set[str] = field(default_factory=set)
    """Nodes that do not trust their clock."""
    noted: list[tuple[str, str, str]] = field(default_factory=list)
    """(keeper, about, by) of every step from above that was entered in an audit log."""
    judged: list[tuple[str, str, Verdict]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Found it."""
        resources = city().resources
        self.town = Town(self.folder, (STEP_CASE,), tuple(resources[code] for code in (RESOURCE, INCIDENTS, EVENTS)))
        self.town.clock.wall = NOON_US
        for node in self.nodes:
            self.town.add(node, TERRITORIES[node], PARENTS[node] if PARENTS[node] in self.nodes else "")
            self.open(node)

    def open(self, node: str) -> StepDesk:
        """The desks of a node, as after a start."""
        office, shelf = self.town.offices[node].desk, self.town.offices[node].shelf
        path = self.folder / node / FILE_NAME

        async def hand_in(resource: Resource, rows: Sequence[Row]) -> None:
            if node in self.full:
                raise NoRoom("no room")
            await office.handing_in.store(resource, rows)

        async def note_expired(detail: Detail) -> int:
            return len(detail)

        async def note_taken(about: str, by: str, detail: Detail) -> int:
            self.noted.append((node, about, by))
            return len(detail)

        async def on_judged(event_id: str, verdict: Verdict) -> None:
            self.judged.append((node, event_id, verdict))

        incidents = IncidentDesk(
            me=node, following=Following(IncidentBook(path), shelf.journal, node), resources=lambda: city().resources, hand_in=hand_in,
            is_over=lambda known: False, note_expired=note_expired, clock=self.town.clock, is_clock_sure=lambda: node not in self.unsure,
            expire_us=30 * DAY_US, on_judged=on_judged,
        )  # fmt: skip
        self.desks[node] = StepDesk(
            incidents=incidents, cases=office, territory_below=lambda name: TERRITORIES.get(name, ""), above=lambda: _above(node),
            note_taken=note_taken, clock=self.town.clock, is_clock_sure=incidents.is_clock_sure,
        )  # fmt: skip
        return self.desks[node]

    async def opened(self, cause: str, node: str = "street") -> str:
        """An incident that a rule opens at a node, known wherever a link goes; its id."""
        opened = Opened(
            time_us=self.town.clock.wall, territory=TERRITORIES[node], cause=cause, rule="door", severity=2, summary="person at c1r1"
        )
        await self.town.offices[node].desk.handing_in.store(city().resources[INCIDENTS], [opened.row()])
        await self.settle()
        return f"inc-{cause}"

    def saw(self, event_id: str, node: str = "street") -> None:
        """A camera event that opens no incident."""
        resource = city().resources[EVENTS]
        row: dict[str, Scalar] = {"event_id": event_id, "camera": "cam", "rule": "line", "score": 0.5, "ended": True, "place": "c1r1"}
        row["event_time"] = self.town.clock.wall
        rows = [tuple(cell.values()) for cell in rows_of(resource, [row]).to_pylist()]
        put(self.town.offices[node].shelf, resource, rows, origin=node, at=HybridTime(self.town.clock.wall))

    async def say(self, at: str, name: str, step: Step, **how: object) -> str:
        """Somebody says a step at a node; the state that is known there then."""
        self.town.clock.wall += 1_000_000
        saying = Saying(name=name, step=step, **{"by": "li", "why": "a flag", **how})  # type: ignore[arg-type]
        return (await self.desks[at].say(saying))[0]

    async def settle(self) -> None:
        """Let everybody answer and carry what links carry, until nothing is left."""
        for _ in range(3):
            for node, desk in self.desks.items():
                if node not in self.full:
                    await desk.look()
            await self.carry()

    async def carry(self) -> None:
        """Carry rows between nodes that have a link."""
        kept, self.town.offices = self.town.offices, {name: one for name, one in self.town.offices.items() if name not in self.away}
        await self.town.carry()
        self.town.offices = kept

    def states(self, incident_id: str) -> dict[str, str]:
        """The state of an incident at each node that knows it."""
        known = {node: desk.incidents.known(incident_id) for node, desk in self.desks.items()}
        return {node: one.state for node, one in known.items() if one is not None}

    def became(self, node: str, name: str) -> list[str]:
        """What became of the steps about something, as a node knows it."""
        return [case.state for case in self.desks[node].steps_about([name])]

    async def close(self) -> None:
        """Release the files."""
        for name, desk in self.desks.items():
            await desk.incidents.stop()
            await desk.cases.stop()
            self.town.offices[name].shelf.journal.close()


def _above(node: str) -> list[str]:
    parent = PARENTS[node]
    return [parent, *_above(parent)] if parent else []

"""The five things that the demo shows, each as a check against the running nodes: PASS with what was seen, or WAIT with what is missing.

Owns what counts as proof. Asks the nodes' local API and nothing else, so what passes here is what the console shows.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from node.client import ApiError
from node.texts import text
from simulations.demo.city import CHAIN, CITY, DISTRICT, GRID, PROTECTED, SHOWN, STREET, residents
from simulations.demo.feed import AIR_RESOURCE
from simulations.demo.watch import Plain, Watch

GROWTH_MIN = 20
"""Records a counter must have gained at every node before it counts as climbing."""
EVENTS_LOOKED_AT = 50
KEYS = ("Enter", "2", "3")
"""Keys worth trying first, the ones that the console names: open a node, events with pictures, who may see what."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look at the nodes gave."""

    passed: bool
    words: str


@dataclass(slots=True)
class Check:
    """One line of the demo."""

    title: str
    look: Callable[[], Awaitable[Finding]]
    holds: bool = False
    """True: looked at again after it passed, for the tree must be OK at the end as well."""
    finding: Finding = field(default_factory=lambda: Finding(False, ""))

    async def update(self) -> None:
        """Look again, unless it passed for good."""
        if self.finding.passed and not self.holds:
            return
        try:
            self.finding = await self.look()
        except ApiError as error:
            self.finding = Finding(False, str(error))


class Checks:
    """All five, in the order they are shown."""

    def __init__(self, watch: Watch, language: str, *, is_rendered: bool) -> None:
        self._watch = watch
        self._language = language
        self._scene = "rendered" if is_rendered else "real"
        self._first_counts: list[int] | None = None
        looks = (self._tree, self._counters, self._event, self._resident, self._returned)
        names = ("tree", "counters", "event", "resident", "console")
        self.all = [Check(self._say(f"title_{name}"), look, holds=name == "tree") for name, look in zip(names, looks, strict=True)]

    @property
    def passed(self) -> bool:
        """True when every line is PASS."""
        return all(check.finding.passed for check in self.all)

    async def update(self) -> None:
        """Look at everything once."""
        for check in self.all:
            await check.update()

    async def update_tree(self) -> bool:
        """Look at the tree alone; True when it is all OK."""
        await self.all[0].update()
        return self.all[0].finding.passed

    def _say(self, key: str, **values: object) -> str:
        return text(f"demo.{key}", self._language, **values)

    # ---- 1: the tree as the district sees it

    async def _tree(self) -> Finding:
        nodes = {str(entry.get("id")): entry for entry in objects((await self._watch.ask(DISTRICT, "tree")).get("nodes"))}
        states = [(place, str(nodes.get(place.id, {}).get("state", "?"))) for place in CHAIN]
        bad = [f"{place.name} {state}" for place, state in states if state != "OK"]
        chain = " > ".join(place.name for place in CHAIN)
        return Finding(not bad, self._say("tree_ok", chain=chain) if not bad else self._say("tree_bad", bad=", ".join(bad)))

    # ---- 2: counters

    async def _counters(self) -> Finding:
        before = await self._watch.count(GRID, AIR_RESOURCE)
        counts = await self._watch.counts(AIR_RESOURCE)
        if self._first_counts is None:
            self._first_counts = counts
        grown = min(now - first for now, first in zip(counts, self._first_counts, strict=True))
        # No node holds more than the grid made, and counters never fall: equal before and after means equal at one instant.
        meet = set(counts) == {before}
        shown = " = ".join(str(count) for count in counts) if meet else " ".join(str(count) for count in counts)
        return Finding(meet and grown >= GROWTH_MIN, self._say("counters", resource=AIR_RESOURCE, counts=shown, grown=grown))

    # ---- 3: a camera event with its picture

    async def _event(self) -> Finding:
        events = objects((await self._watch.ask(DISTRICT, "events", limit=EVENTS_LOOKED_AT)).get("events"))
        for event in events:
            if event.get("scene") == self._scene and event.get("evidence_sha256"):
                try:
                    picture = await self._watch.ask(DISTRICT, "evidence", sha256=event["evidence_sha256"])
                except ApiError:
                    continue  # the picture travels on another lane, after its event
                if picture.get("jpeg") and picture.get("thumb_rgb"):
                    return Finding(True, self._seen(event, picture))
        return Finding(False, self._say("event_none", count=len(events)))

    def _seen(self, event: Plain, picture: Plain) -> str:
        return self._say(
            "event",
            camera=event.get("camera"),
            rule=event.get("rule"),
            label=event.get("class"),
            width=picture.get("thumb_width"),
            height=picture.get("thumb_height"),
            grade=event.get("evidence_grade"),
            scene=text(f"console.scene_{self._scene}", self._language),
        )

    # ---- 4: residents

    async def _resident(self) -> Finding:
        table = residents()
        wanted = dict(zip(table.columns, table.rows[SHOWN], strict=True))
        listed = dict(zip(table.columns, table.rows[-1], strict=True))
        full = await self._watch.rows(STREET, table.resource)
        masked = await self._watch.rows(DISTRICT, table.resource)
        above = await self._watch.rows(CITY, table.resource)
        totals = await self._watch.rows(CITY, f"{table.resource}-summary")
        open_count = sum(row.get("category") != PROTECTED for row in full)
        here = next((row for row in full if row.get("resident_id") == wanted["resident_id"]), None)
        there = next((row for row in masked if _is_masked_form(row, wanted)), None)
        shown = [total for total in totals if total.get("count") is not None]
        if here is None or there is None or above or len(masked) != open_count or not shown:
            return Finding(False, self._say("resident_wait", street=len(full), district=len(masked), city=len(above), totals=len(shown)))
        group = (wanted["territory"], int(str(wanted["birth_year"])) // 10 * 10)
        total = next((row for row in shown if (row["place"], row["decade"]) == group), shown[0])
        reasons = [await self._reason(1, wanted), await self._reason(2, wanted), await self._reason(1, listed)]
        leaked = [row for row in masked if row.get("category") == PROTECTED or row.get("name") == wanted["name"]]
        words = self._say(
            "resident",
            full=f"{here['name']} {here['id_number']}",
            masked=f"{there['name']} {there['id_number']}",
            reason_masked=reasons[0][1],
            total=total["count"],
            decade=total["decade"],
            reason_above=reasons[1][1],
            reason_listed=reasons[2][1],
        )
        return Finding([outcome for outcome, _ in reasons] == ["mask", "aggregate", "deny"] and not leaked, words)

    async def _reason(self, distance: int, row: Mapping[str, object]) -> tuple[str, str]:
        """Outcome and reason of one resident's record at a distance, as the street explains it."""
        answer = await self._watch.ask(STREET, "explain", resource="residents", direction="up", distance=distance, predicate_row=row)
        outcome, reason = str(answer.get("outcome")), str(answer.get("reason"))
        return outcome, text(f"policy.reason_{reason or 'ceiling'}", self._language)

    # ---- 5: the console's way in, and what returns

    async def _returned(self) -> Finding:
        status = await self._watch.ask(DISTRICT, "status")
        at_city = await self._watch.rows(CITY, "enterprises")
        returned = await self._watch.rows(DISTRICT, "enterprises")
        own = [row for row in at_city if str(row.get("territory")).startswith(DISTRICT.territory)]
        exact = sorted(str(row.get("credit_code")) for row in returned) == sorted(str(row.get("credit_code")) for row in own)
        words = self._say("console", keys=" ".join(KEYS), returned=len(returned), held=len(at_city), territory=DISTRICT.territory)
        return Finding(bool(status.get("node")) and exact and 0 < len(own) < len(at_city), words)


def objects(value: object) -> list[Plain]:
    """The JSON objects in a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _is_masked_form(row: Plain, wanted: Mapping[str, object]) -> bool:
    """True when `row` is `wanted` masked: the outer characters of name and phone, no more, and another id."""
    name, phone = str(wanted["name"]), str(wanted["phone"])
    shown_name, shown_phone = str(row.get("name")), str(row.get("phone"))
    return (
        shown_name[:1] == name[:1]
        and shown_name != name
        and shown_phone[:3] == phone[:3]
        and shown_phone[-2:] == phone[-2:]
        and shown_phone != phone
        and row.get("resident_id") != wanted["resident_id"]
    )

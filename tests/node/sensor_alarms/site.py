"""A site under watch: a real journal, a desk, and a hand-in that stores what it is given in the same journal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from node.config.model import SensorGroupEntry, SensorLimitEntry
from node.ingest.handing_in import NoRoom
from node.ingest.inbox import to_record_batch
from node.ingest.sink import Row
from node.sensor_alarms.bounds import Group, LimitTable
from node.sensor_alarms.desk import SensorDesk
from node.sensor_alarms.store import FILE_NAME, WatchStore
from node.sensor_alarms.watcher import Watcher
from node.store.records import newest_rows
from policies import schema
from policies.catalogue import Resource, Scalar
from sync.model import HybridTime
from tests.contracts.batches import commit_of
from tests.node.identity.family import NOW_US, StandingClock
from tests.node.shelf import INCARNATION, NODE, Shelf, open_shelf
from tests.policies.city import city, rows_of

LIMIT = SensorLimitEntry(resource="air-quality", high=100.0, hysteresis=10.0, gap_s=60.0, severity=3)
SECOND_US = 1_000_000


@dataclass
class Site:
    """One node's sensors."""

    folder: Path
    limits: Sequence[SensorLimitEntry] = (LIMIT,)
    groups: Sequence[SensorGroupEntry] = ()
    resources: dict[str, Resource] = field(default_factory=lambda: dict(city().resources))
    has_room: bool = True
    shown: int = 2
    """Up to which grade rows are shown."""

    def __post_init__(self) -> None:
        self.shelf: Shelf = open_shelf(self.folder)
        self.clock = StandingClock()
        self.open()

    def open(self) -> None:
        """A desk, as after a start."""
        store = WatchStore(self.folder / FILE_NAME)
        learnt = store.learnt(INCARNATION)
        known = frozenset(str(row["alarm_id"]) for row in self.rows("sensor-alarms"))
        watcher = Watcher(LimitTable(self.limits), [Group.of(entry) for entry in self.groups], learnt.states)
        self.desk = SensorDesk(
            me=NODE, store=store, watcher=watcher, journal=self.shelf.journal, sensors=lambda: ("air-quality", "traffic-flow"),
            resources=lambda: self.resources, hand_in=self._hand_in,
            shown_up_to=lambda code: self.shown, clock=self.clock, learnt=learnt, known=known,
        )  # fmt: skip

    def measure(self, *values: float | None, device: str = "air-1", at_us: int | None = None, origin: str = NODE, grade: int = 1) -> None:
        """Commit readings of one device, a second apart from `at_us` on, sealed by the clock, which goes on with readings of now."""
        first_us = self.clock.us if at_us is None else at_us
        rows: list[dict[str, Scalar]] = [
            {"device": device, "quantity": "CO", "value": value, "event_time": first_us + number * SECOND_US, "grade": grade}
            for number, value in enumerate(values)
        ]
        if at_us is None:
            self.clock.us += len(values) * SECOND_US
        self._commit("air-quality", rows_of(city().resources["air-quality"], rows), origin=origin)

    def rows(self, code: str) -> list[dict[str, Any]]:
        """Stored rows of a resource, oldest first."""
        return newest_rows(self.shelf.journal, code, limit=1_000)[::-1]

    def alarms(self) -> list[tuple[str, bool, float]]:
        """Kind, begin or end, and value of every stored alarm."""
        return [(row["kind"], row["active"], row["value"]) for row in self.rows("sensor-alarms")]

    def _commit(self, code: str, rows: pa.RecordBatch, *, origin: str = NODE) -> None:
        lane = self.resources[code].lane
        stored = self.shelf.append(rows, code=code, lane=lane, origin=origin, at=HybridTime(max(self.clock.us, NOW_US)))
        self.shelf.journal.commit(commit_of(stored, after=self.shelf.batches[:-1]))

    async def _hand_in(self, resource: Resource, rows: Sequence[Row]) -> None:
        if not self.has_room:
            raise NoRoom("no room")
        self._commit(resource.code, to_record_batch(schema(resource), list(zip(*rows, strict=True))))

"""The watch over the sensors of a running node: reads what was committed at its own doors, judges it, and stores alarms as records.

Owns the order: readings are judged, their alarms are durable, then the next are judged; what was learnt is saved now and then, together
with how far it reaches, so that a restart judges the rest again, and an alarm that is stored already is known by its name. Refuses
nothing: a resource without one that takes its alarms is said in the list. Called by the API, by status and by the background.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from node.clock import Clock
from node.incidents.rows import INCIDENTS
from node.ingest.handing_in import NoRoom
from node.ingest.sink import Row
from node.sensor_alarms.alarm import RaisedAlarm, SeriesKey, alarm_resource
from node.sensor_alarms.errors import WatchError
from node.sensor_alarms.store import Learnt, WatchStore
from node.sensor_alarms.watcher import Watcher
from node.store.records import live_parts
from policies.catalogue import Resource
from policies.words import PROVISIONAL_GRADE
from sync.model import Instant, Span, StoredBatch

LOOK_EVERY_S = 1.0
SAVE_EVERY_S = 300.0
"""As much is judged again after a crash."""
SAVED_AT_STOP_MAX = 1_000
"""Series that are saved when the node stops, some 0.5 ms each; of more, what came since the last save is judged again, so that the node
stops at once."""
STEP_BATCHES_MAX, STEP_BYTES_MAX = 64, 8 << 20
"""What one short read of the journal takes."""
RECALLED_MAX = 10_000
"""Newest alarms of the journal that are known by name after a start."""
HOLDING_MAX = 10_000
"""Alarms that hold at once and are listed; of more, those that began first are forgotten."""
TROUBLE = "sensor_alarms"
"""Word of the status while an alarm with a severity holds."""
FAULT = "sensors_not_watched"

Plain = dict[str, Any]
log = logging.getLogger("yunnao.sensors")


class Source(Protocol):
    """What the watch reads of a journal."""

    @property
    def last_lsn(self) -> int:
        """The newest committed lsn."""

    def find(self, resource: str, span: Span, *, batches_max: int, bytes_max: int) -> list[StoredBatch]:
        """Batches of a resource inside `span`, ascending."""


@dataclass(slots=True)
class SensorDesk:
    """One node's sensors."""

    me: str
    store: WatchStore
    watcher: Watcher
    journal: Source
    sensors: Callable[[], Sequence[str]]
    """Codes of the resources that hold readings."""
    resources: Callable[[], Mapping[str, Resource]]
    hand_in: Callable[[Resource, Sequence[Row]], Awaitable[None]]
    """Returns when the rows are durable; raises NoRoom."""
    shown_up_to: Callable[[str], int]
    """Up to which grade rows of a resource are shown to whoever asks without a reason; 0: none."""
    clock: Clock
    learnt: Learnt
    known: frozenset[str]
    """Names of alarms that are in the journal already."""
    silences: Callable[[], Sequence[RaisedAlarm]] = lambda: ()
    """What began or ended about devices since the last call (node/devices/keeper.py). Set by node/appliance.py."""
    forgotten: Callable[[Collection[SeriesKey]], None] = lambda keys: None
    """Told of series whose records are recalled, as others remember their last readings. Set by node/devices/wiring.py."""
    fault: str = ""
    _holding: dict[str, Plain] = field(default_factory=dict)
    _positions: dict[str, int] = field(default_factory=dict)
    _waiting: list[RaisedAlarm] = field(default_factory=list)
    """Raised and not stored yet."""
    _began_at: int = 0
    """Where a resource is judged from that was not judged before: an alarm about last year helps nobody."""
    _saved_at: Instant | None = None
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock)
    _is_stopping: bool = False

    def __post_init__(self) -> None:
        """Go on from what was learnt."""
        self._began_at = self.journal.last_lsn
        self._holding, self._positions = {name: dict(alarm) for name, alarm in self.learnt.holding.items()}, dict(self.learnt.positions)

    # ---- what others may ask

    def troubles(self) -> list[str]:
        """Words for the status."""
        return [TROUBLE] * self._is_grave + [FAULT] * bool(self.fault)

    def listed(self) -> Plain:
        """The alarms that hold and may be shown, the newest first, and how the watch stands."""
        resources = self.resources()
        shown = [alarm for alarm in self._holding.values() if self._may_show(alarm, resources)]
        return {
            "holding": sorted(shown, key=lambda alarm: -int(alarm["time_us"])),
            "hidden": len(self._holding) - len(shown),
            "grave": self._is_grave,
            "series": len(self.watcher),
            "left_out": {reason: count for reason, count in sorted(self.watcher.left_out.items()) if count},
            "unwatched": [code for code in self.sensors() if alarm_resource(resources, code) is None],
            "fault": self.fault,
        }

    def holds(self, alarm_id: str) -> bool:
        """True while the alarm of that name holds."""
        return any(alarm["id"] == alarm_id for alarm in self._holding.values())

    @property
    def _is_grave(self) -> bool:
        return any(alarm["severity"] for alarm in self._holding.values())

    def _may_show(self, alarm: Plain, resources: Mapping[str, Resource]) -> bool:
        """An alarm quotes a reading: it is shown where its own record is."""
        target = alarm_resource(resources, alarm["resource"])
        if target is None:
            return False
        return max(int(alarm["grade"]), target.grade or PROVISIONAL_GRADE) <= self.shown_up_to(target.code)

    # ---- in the background

    async def run(self) -> None:
        """Judge for as long as the node runs. What fails is said and tried again: a node that watches no sensors stores on."""
        while True:
            try:
                await self.look()
                self.fault = ""
            except (WatchError, NoRoom) as error:
                if str(error) != self.fault:
                    log.warning("sensors not watched: %s", error)
                self.fault = str(error)
            await asyncio.sleep(LOOK_EVERY_S)

    async def stop(self) -> None:
        """Save what was learnt, where all its alarms are stored and it does not take long, and release the file.

        A look on its way ends with the step it judges: a flood would keep the node for as long as it took to come in.
        """
        self._is_stopping = True
        async with self._looking:
            try:
                if not self._waiting and self.watcher.unsaved <= SAVED_AT_STOP_MAX:
                    await asyncio.to_thread(self._save)
            except WatchError as error:
                log.warning("what was learnt of the sensors is not saved, the last minutes are judged again: %s", error)
            await asyncio.to_thread(self.store.close)

    async def forget(self, keys: Collection[SeriesKey]) -> None:
        """What was learnt of these series goes, of memory and file, with alarms of theirs that hold and groups they are in.

        Raises WatchError."""
        async with self._looking:
            self.forgotten(keys)
            gone = {*keys, *self.watcher.groups_of(keys)}
            names = {(key.resource, key.device, key.quantity) for key in gone}
            left = {place: one for place, one in self._holding.items() if (one["resource"], one["device"], one["quantity"]) not in names}
            self._holding = left
            await asyncio.to_thread(self._save)
            await asyncio.to_thread(self.store.forget, gone)
            self.watcher = self.watcher.anew(await asyncio.to_thread(self.store.states))

    async def look(self) -> None:
        """Judge everything that is committed, and store its alarms. Raises WatchError, NoRoom."""
        async with self._looking:
            await self._hand_on()
            upto = self.journal.last_lsn
            for code in self.sensors():
                if alarm_resource(self.resources(), code) is not None:
                    await self._catch_up(code, upto)
            if self._is_stopping:
                return
            self._waiting = [*self.watcher.tick(self.clock.wall_us()), *self.silences()]
            await self._hand_on()
            await self._save_now_and_then()

    async def _catch_up(self, resource: str, upto: int) -> None:
        after = self._positions.setdefault(resource, self._began_at)
        while after < upto and not self._is_stopping:
            batches = await asyncio.to_thread(self._find, resource, after, upto)
            self._waiting = await asyncio.to_thread(self._judge, resource, batches)
            await self._hand_on()
            after = self._positions[resource] = batches[-1].lsn if batches else upto

    def _find(self, resource: str, after: int, upto: int) -> list[StoredBatch]:
        return self.journal.find(resource, Span(after, upto), batches_max=STEP_BATCHES_MAX, bytes_max=STEP_BYTES_MAX)

    def _judge(self, resource: str, batches: Iterable[StoredBatch]) -> list[RaisedAlarm]:
        """Alarms of what came in at this node's own doors: what children send was judged where it came in."""
        parts = [(rows, run) for stored in batches if stored.source == self.me for rows, run in live_parts(stored)]
        return [alarm for rows, run in parts for alarm in self.watcher.read(resource, rows, run.at.wall_us)]

    async def _hand_on(self) -> None:
        """Store what waits, one resource after the other; raises NoRoom, and the rest waits on."""
        while self._waiting:
            code = self._waiting[0].key.resource
            mine = [alarm for alarm in self._waiting if alarm.key.resource == code]
            if new := [alarm for alarm in mine if alarm.id not in self.known]:
                await self._store(new, code)
            for alarm in mine:
                self._hold(alarm)
            self._waiting = [alarm for alarm in self._waiting if alarm.key.resource != code]

    async def _store(self, alarms: Sequence[RaisedAlarm], code: str) -> None:
        resources = self.resources()
        target, source = alarm_resource(resources, code), resources.get(code)
        if target is None or source is None:
            return
        incidents = resources.get(INCIDENTS)
        grave = [alarm for alarm in alarms if alarm.severity]
        if grave and incidents is not None:
            may_name = 0 < source.grade <= incidents.grade
            await self.hand_in(incidents, [alarm.incident(may_name=may_name and alarm.grade <= incidents.grade) for alarm in grave])
        await self.hand_in(target, [alarm.row(target.grade or PROVISIONAL_GRADE) for alarm in alarms])

    def _hold(self, alarm: RaisedAlarm) -> None:
        """Note that an alarm began, or that the one before it ended."""
        place = f"{alarm.key.resource}/{alarm.key.device}/{alarm.key.quantity}/{alarm.kind.value}"
        self._holding.pop(place, None)
        if alarm.active:
            self._holding[place] = asdict(alarm.key) | {
                "id": alarm.id, "kind": alarm.kind.value, "time_us": alarm.time_us, "value": alarm.value, "facts": dict(alarm.facts),
                "territory": alarm.territory, "grade": alarm.grade, "severity": alarm.severity,
            }  # fmt: skip
            if len(self._holding) > HOLDING_MAX:
                del self._holding[next(iter(self._holding))]

    async def _save_now_and_then(self) -> None:
        now = self.clock.now()
        if self._saved_at is None or now.seconds_since(self._saved_at) >= SAVE_EVERY_S:
            await asyncio.to_thread(self._save)
            self._saved_at = now

    def _save(self) -> None:
        self.store.save(Learnt(self.watcher.changed(), self._holding, self._positions))

"""What the ingest tests share: schemas, a clock that stands still, an intake over real stores, and a running door."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from node.ingest.devices import DeviceRegistry
from node.ingest.door import Door, Listen
from node.ingest.inbox import Inbox
from node.ingest.intake import CallLater, Intake
from node.ingest.passwords import Passwords
from node.ingest.profiles import ProfileTable, default_profiles
from node.ingest.rejects import RejectStore
from node.ingest.sink import NO_MARKS, Message, Posted, Reading, Rights, Sink, Verdict
from node.store.door_book import Mark
from sync.model import Instant, Limits

TERRITORY = "370202"
NOW_US = 1_700_000_000_000_000
WORD = pa.dictionary(pa.int32(), pa.string())
COMMON = [("event_time", pa.timestamp("us", tz="UTC")), ("territory", WORD), ("grade", pa.int8())]
SENSOR = pa.schema([*COMMON, ("device", WORD), ("quantity", WORD), ("value", pa.float64()), ("text", WORD), ("unit", WORD)])
REGISTRY = pa.schema(
    [
        *COMMON,
        ("device", WORD),
        ("kind", WORD),
        ("protocol", WORD),
        ("owner", WORD),
        ("state", WORD),
        ("last_seen", pa.timestamp("us", tz="UTC")),
    ]
)
SCHEMAS = {"air-quality": SENSOR, "traffic-flow": SENSOR, "device-registry": REGISTRY}
SHARED_DATA = Path(__file__).resolve().parents[4] / "shared" / "data"


def reading(device: str = "d1", *, time_us: int = NOW_US, value: float = 1.0) -> Reading:
    """A reading of air quality."""
    return Reading(time_us, TERRITORY, 1, device, "PM2.5", value, None, "ug/m3")


class StillClock:
    """A clock that moves only when told."""

    def __init__(self) -> None:
        self.us = NOW_US

    def now(self) -> Instant:
        """The same moment as the wall clock."""
        return Instant(self.us)

    def wall_us(self) -> int:
        """Where the test set it."""
        return self.us


@dataclass
class Bench:
    """An intake over real stores, with the runtime's part played by `commit`."""

    intake: Intake
    inbox: Inbox
    devices: DeviceRegistry
    rejects: RejectStore
    clock: StillClock
    rows: list[dict[str, object]] = field(default_factory=list)
    """Every committed row."""
    marks: list[Mark] = field(default_factory=list)
    """Every committed mark."""
    later: list[Callable[[], None]] = field(default_factory=list)
    """Callbacks that wait for their time."""

    def commit(self) -> int:
        """Play one turn of the runtime; returns the rows stored."""
        batches = self.inbox.drain()
        self.marks.extend(self.inbox.take_marks())
        for batch in batches:
            self.rows.extend(batch.rows.to_pylist())
            self.inbox.stored(batch)
        self.inbox.marks_stored()
        return sum(batch.rows.num_rows for batch in batches)

    def run_later(self) -> None:
        """Run what waits for its time."""
        waiting, self.later[:] = list(self.later), []
        for callback in waiting:
            callback()

    def close(self) -> None:
        """Release the files."""
        self.devices.close()
        self.rejects.close()


def make_bench(
    folder: Path,
    *,
    admit_unknown: bool = True,
    limits: Limits | None = None,
    on_data: Callable[[], None] = lambda: None,
    call_later: CallLater | None = None,
    clock: StillClock | None = None,
) -> Bench:
    """A bench with its files in `folder`; without `call_later`, what is for later waits for `run_later`."""
    clock = clock or StillClock()
    later: list[Callable[[], None]] = []
    inbox = Inbox(SCHEMAS, on_data=on_data, limits=limits or Limits())
    devices = DeviceRegistry(folder / "devices.db", admit_unknown=admit_unknown)
    rejects = RejectStore(folder / "rejects.db")
    profiles = ProfileTable(
        [*default_profiles("air-quality", territory=TERRITORY, grade=1), *default_profiles("traffic-flow", territory=TERRITORY, grade=1)]
    )
    intake = Intake(profiles, inbox, devices, rejects, clock, call_later=call_later or (lambda _, callback: later.append(callback)))
    return Bench(intake, inbox, devices, rejects, clock, later=later)


class ListSink:
    """A sink that keeps messages and calls back when the test says so."""

    def __init__(self, *, stores_at_once: bool = True) -> None:
        self.messages: list[Message] = []
        self.clients: list[str] = []
        self.rights: list[Rights | None] = []
        self.marks: list[Mark] = []
        self.verdicts: dict[int, Verdict] = {}
        self.stores_at_once = stores_at_once
        self.waiting: list[Callable[[], None]] = []
        self.room_callbacks: list[Callable[[], None]] = []
        self.has_room = True
        self.newcomers = 0
        self.arrived = asyncio.Event()
        self.two_wait_for_room = asyncio.Event()

    def connected(self, client: str) -> None:
        """Note who came."""
        self.clients.append(client)

    def gone(self, client: str) -> None:
        """Note who left."""
        self.clients.remove(client)

    def submit(
        self,
        client: str,
        messages: Sequence[Posted],
        on_stored: Callable[[], None],
        *,
        rights: Rights | None = None,
        marks: Mapping[int, Sequence[Mark]] = NO_MARKS,
    ) -> Mapping[int, Verdict]:
        """Keep the messages."""
        self.messages.extend(Message(each.topic, each.payload) for each in messages)
        self.rights.append(rights)
        self.marks.extend(mark for ridden in marks.values() for mark in ridden)
        self.arrived.set()
        if self.stores_at_once:
            on_stored()
        else:
            self.waiting.append(on_stored)
        return self.verdicts

    def keep(self, marks: Sequence[Mark], on_kept: Callable[[], None]) -> None:
        """Keep the marks."""
        self.marks.extend(marks)
        if self.stores_at_once:
            on_kept()
        else:
            self.waiting.append(on_kept)

    def call_when_room(self, callback: Callable[[], None]) -> None:
        """Keep the callback."""
        self.room_callbacks.append(callback)
        if len(self.room_callbacks) == 2:
            self.two_wait_for_room.set()

    def store_all(self) -> None:
        """Call back everybody who waits."""
        waiting, self.waiting = self.waiting, []
        for on_stored in waiting:
            on_stored()


@asynccontextmanager
async def running_door(
    sink: Sink, *, passwords: Passwords | None = None, anonymous: bool = True, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[Door, int]]:
    """A door on a free loopback port."""
    door = Door([Listen("127.0.0.1", 0, tls)], sink, passwords=passwords, anonymous=anonymous)
    addresses = await door.start()
    try:
        yield door, addresses[0][1]
    finally:
        await door.stop()

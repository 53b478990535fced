"""The device plane of a node: the sensor door, the way in from a site's Mosquitto, and the registry and rejects behind them."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import ssl
from collections.abc import Mapping
from itertools import islice
from random import Random
from urllib.parse import urlsplit

import pyarrow as pa

from node.backoff import Backoff
from node.clock import Clock
from node.config.config import NodeConfig, split_address
from node.config.model import MosquittoEntry
from node.ingest.devices import DeviceRegistry
from node.ingest.door import Door, Listen
from node.ingest.hj212.dialect import Hj212
from node.ingest.inbox import Inbox, readings_of
from node.ingest.intake import Intake
from node.ingest.jt808.dialect import Jt808
from node.ingest.modbus.wiring import polled_facts
from node.ingest.mosquitto import BridgeSettings, MosquittoBridge
from node.ingest.mqtt.access import Access, AccessRule
from node.ingest.mqtt.tls import server_context
from node.ingest.passwords import Passwords
from node.ingest.profiles import Profile, ProfileTable, default_profiles
from node.ingest.rejects import RejectStore
from node.ingest.repeats import RESTART_READINGS_MAX
from node.ingest.report_door import Dialect, ReportDoor
from node.ingest.sink import Reading
from node.ingest.site_profiles import SiteProfiles
from node.ingest.sl651.dialect import Sl651
from node.store.door_book import kept_sessions
from node.store.failures import guarded
from node.store.journal import SqliteJournal
from node.store.records import SCAN_BATCHES_MAX, decode_rows, newest_batches
from node.tree.directory import DoorStatus

log = logging.getLogger("yunnao.devices")

TICK_S = 1.0
"""How often the registry is saved and its changes are offered."""

SENSOR_COLUMNS = tuple(Reading._fields[3:])
"""Columns that make a resource a sensor resource."""

MQTT_PORT = 1883


class DevicePlane:
    """Everything devices speak to."""

    def __init__(self, config: NodeConfig, *, inbox: Inbox, schemas: Mapping[str, pa.Schema], clock: Clock, rng: Random) -> None:
        self._config = config
        self._clock = clock
        self._rng = rng
        loop = asyncio.get_running_loop()
        sensors = self._sensors = _sensors(schemas)
        known, refused = config.data_dir / "devices.db", config.data_dir / "rejects.db"
        with guarded(known, "opening of the device registry"):
            self.registry = DeviceRegistry(known, admit_unknown=config.devices.admit_unknown)
        with guarded(refused, "opening of the store of rejects"):
            self.rejects = RejectStore(refused)
        site = SiteProfiles(config)
        self._profile_table = ProfileTable(site.profiles + self._default_profiles(sensors))
        self.intake = Intake(self._profile_table, inbox, self.registry, self.rejects, clock, call_later=loop.call_later)
        self.door = Door(
            self._listens(),
            self.intake,
            passwords=self._passwords(),
            anonymous=config.devices.anonymous,
            access=_access(config),
            clock=clock,
            keep_alive_s_max=config.devices.keep_alive_s_max,
            connections_max=config.devices.connections_max,
        )
        self.reports = self._report_doors()
        self.pollers = site.pollers(self.intake, clock, rng)
        self._bridges = [self._bridge(entry) for entry in config.devices.mosquitto]
        self._is_stopping = False
        self.addresses: list[tuple[str, int]] = []
        self.report_addresses: list[tuple[ReportDoor, list[tuple[str, int]]]] = []
        """Doors of other dialects that are open, and where."""

    async def start(self, journal: SqliteJournal) -> None:
        """Remember the newest readings, then open the listeners. Raises OSError when an address is taken."""
        self.intake.recall(self._newest_readings(journal))
        self.door.recall(journal.look("read of the door's sessions", kept_sessions))
        self.addresses = await self.door.start()
        for host, port in self.addresses:
            log.info("sensor door on %s:%d", host, port)
        for report_door in self.reports:
            addresses = await report_door.start()
            self.report_addresses.append((report_door, addresses))
            for host, port in addresses:
                log.info("%s on %s:%d", report_door.dialect.name, host, port)

    async def run(self) -> None:
        """Housekeeping and bridges, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tick())
            for running in [*(bridge.run() for bridge in self._bridges), *(poller.run() for poller in self.pollers)]:
                tasks.create_task(running)

    async def stop(self) -> None:
        """Close the listeners and the stores; what was not acknowledged is sent again."""
        self._is_stopping = True
        for report_door in self.reports:
            await report_door.stop()
        await self.door.stop()
        for store in (self.registry, self.rejects):
            try:
                store.close()
            except sqlite3.Error as error:
                # A full disk is often why the node stops: the journal holds the readings, and devices are seen again.
                log.warning("%s not saved: %s; free space", type(store).__name__, error)

    def profile(self, name: str) -> Profile | None:
        """A profile by its name; None when this node has none of it."""
        return self._profile_table.named(name)

    def learn(self, schemas: Mapping[str, pa.Schema]) -> None:
        """Sensor resources that a later bundle brought get their topics."""
        new = [code for code in _sensors(schemas) if code not in self._sensors]
        self._sensors = [*self._sensors, *new]
        self._profile_table.add(self._default_profiles(new))

    def status(self) -> DoorStatus:
        """Messages taken and refused since the start."""
        doors = [self.door.facts(), *(report_door.facts() for report_door in self.reports)]
        accepted, refused, rejected = (sum(int(str(facts[key])) for facts in doors) for key in ("accepted", "refused", "rejected"))
        return DoorStatus(accepted, refused + rejected)

    @property
    def sensors(self) -> tuple[str, ...]:
        """Codes of the resources that hold readings."""
        return tuple(self._sensors)

    def facts(self) -> dict[str, object]:
        """What the API shows of the door."""
        shared = {"listen": _texts(self.addresses), "rejects": self.rejects.counts(), "counts": dict(self.intake.counts)}
        spoken = {door.dialect.name: door.facts() | {"listen": _texts(where)} for door, where in self.report_addresses if where}
        polled = {"modbus": polled_facts(self.pollers)} if self.pollers else {}
        return self.door.facts() | shared | spoken | polled

    async def _tick(self) -> None:
        while not self._is_stopping:
            try:
                self.intake.tick()
            except sqlite3.Error as error:
                log.warning("device registry not saved: %s; free space, it is tried again", error)
            await asyncio.sleep(TICK_S)

    def newest_number(self, device: str, quantity: str) -> tuple[float, int] | None:
        """The newest value of a device's quantity with its time in microseconds since 1970 UTC; None when unknown or no number."""
        known = self.registry.known(device)
        reading = None if known is None or quantity not in known.values else known.values[quantity][0]
        return None if reading is None or reading.text is not None or reading.value is None else (reading.value, reading.event_time_us)

    def _newest_readings(self, journal: SqliteJournal) -> list[Reading]:
        return [reading for code in self._sensors for reading in own_readings(journal, code, node=self._config.node.id)]

    def _default_profiles(self, sensors: list[str]) -> list[Profile]:
        territory = self._config.node.territory
        return [profile for code in sensors for profile in default_profiles(code, territory=territory, grade=1)]

    def _report_doors(self) -> tuple[ReportDoor, ...]:
        devices = self._config.devices
        spoken: tuple[tuple[Dialect, list[str]], ...] = (
            (Hj212(), devices.hj212_listen),
            (Jt808(gives_codes=devices.anonymous and not devices.password_file), devices.jt808_listen),
            (Sl651(), devices.sl651_listen),
        )
        return tuple(
            ReportDoor(
                dialect, [split_address(each) for each in listen], self.intake, passwords=self._passwords(), anonymous=devices.anonymous
            )
            for dialect, listen in spoken
        )

    def _listens(self) -> list[Listen]:
        tls = self._tls()
        return [Listen(*split_address(address), tls) for address in self._config.devices.listen]

    def _tls(self) -> ssl.SSLContext | None:
        devices = self._config.devices
        if not devices.tls_certificate:
            return None
        authority = self._config.resolve(devices.tls_client_ca) if devices.tls_client_ca else None
        return server_context(self._config.resolve(devices.tls_certificate), self._config.resolve(devices.tls_key), client_ca=authority)

    def _passwords(self) -> Passwords | None:
        name = self._config.devices.password_file
        return Passwords.load(self._config.resolve(name)) if name else None

    def _bridge(self, entry: MosquittoEntry) -> MosquittoBridge:
        where = urlsplit(entry.url)
        password = self._config.resolve(entry.password_file).read_text("utf-8").strip() if entry.password_file else None
        settings = BridgeSettings(
            host=where.hostname or "127.0.0.1",
            port=where.port or MQTT_PORT,
            client_id=f"yunnao-{self._config.node.id}",
            topic_filters=tuple(entry.topics),
            username=entry.username or None,
            password=password,
            tls=ssl.create_default_context() if where.scheme == "mqtts" else None,
        )
        limits = self._config.limits
        return MosquittoBridge(
            settings, self.intake, Backoff(self._rng, floor_s=limits.reconnect_floor_s, cap_s=limits.reconnect_cap_s), self._clock
        )


def _access(config: NodeConfig) -> Access:
    rules = [AccessRule(entry.user, tuple(entry.topics), tuple(entry.devices), tuple(entry.clients)) for entry in config.devices.acl]
    return Access(rules, is_open=config.devices.access == "open")


def _texts(addresses: list[tuple[str, int]]) -> list[str]:
    return [f"{host}:{port}" for host, port in addresses]


def _sensors(schemas: Mapping[str, pa.Schema]) -> list[str]:
    return [code for code, schema in sorted(schemas.items()) if tuple(schema.names[3:]) == SENSOR_COLUMNS]


def own_readings(journal: SqliteJournal, resource: str, *, node: str) -> list[Reading]:
    """The newest readings that came in at this node's own door, oldest first."""
    found: list[list[Reading]] = []
    count = 0
    for stored in islice(newest_batches(journal, resource), SCAN_BATCHES_MAX):
        if stored.source != node or not stored.batch.header.row_count:
            continue
        found.append(readings_of(decode_rows(stored.batch.payload)))
        count += len(found[-1])
        if count >= RESTART_READINGS_MAX:
            break
    return [reading for readings in reversed(found) for reading in readings]

"""Where messages become readings: route, decode, admit, recognise repeats, put into the inbox; what cannot be stored is kept as a reject.

The one implementation of `Sink` in the product. Fed by the sensor door and by the Mosquitto way in; the runtime builds it, calls `tick`
about once a second
and `recall` once after a start. Nothing that was acknowledged is dropped: it is in the journal or in rejects.db.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from node.clock import Clock
from node.devices.rows import resource_of, rows_of
from node.ingest.decode import decode
from node.ingest.device import Card
from node.ingest.devices import Admission, Device, DeviceRegistry
from node.ingest.errors import DecodeError
from node.ingest.inbox import Inbox
from node.ingest.profiles import Format, Profile, ProfileTable
from node.ingest.rejects import Reject, RejectStore
from node.ingest.repeats import READINGS_PER_CLIENT_MAX, Repeats
from node.ingest.rules import is_implausible
from node.ingest.sink import NO_MARKS, Posted, Reading, Rights, Verdict
from node.store.door_book import Mark

REJECT_LINGER_S = 0.05
"""Rejects of this long are committed together."""
RESTART_MEMORY_US = 600_000_000
"""How long after a start the journal's tail is compared against, microseconds."""

OWN_PROTOCOLS = frozenset({Format.HJ212, Format.JT808, Format.SL651})
"""Formats that come by a protocol of their own; the others are what MQTT carries."""

NO_VERDICTS: Mapping[int, Verdict] = MappingProxyType({})
"""What most submissions get."""

CallLater = Callable[[float, Callable[[], None]], object]


class _Receipt:
    """Calls `on_stored` when all parts of a submission are durable."""

    __slots__ = ("_on_stored", "_parts")

    def __init__(self, parts: int, on_stored: Callable[[], None]) -> None:
        self._parts = parts
        self._on_stored = on_stored

    def done(self) -> None:
        self._parts -= 1
        if self._parts == 0:
            self._on_stored()


class Intake:
    """Messages in, rows and rejects out."""

    def __init__(
        self,
        profiles: ProfileTable,
        inbox: Inbox,
        devices: DeviceRegistry,
        rejects: RejectStore,
        clock: Clock,
        *,
        call_later: CallLater,
        protocol: str = "mqtt",
    ) -> None:
        self._profiles = profiles
        self._inbox = inbox
        self._devices = devices
        self._rejects = rejects
        self._clock = clock
        self._call_later = call_later
        self._protocol = protocol
        self._repeats = Repeats()
        self._suspects: dict[str, int] = {}
        self._recalled_us: int | None = None
        self._flush_is_due = False
        self._room_callbacks: list[Callable[[], None]] = []
        self.needed: Callable[[str], bool] = lambda resource: False
        """Asks for the rules of a resource that a topic begins with; True when they are on their way. Set by node/appliance.py."""
        self.counts: Counter[str] = Counter()
        """Messages by what became of them since the start: accepted, repeated, empty, or a reject's reason; readings counts rows."""

    @property
    def has_room(self) -> bool:
        """False while the inbox is full or shut, or rejects wait for their disk."""
        return self._inbox.has_room and not self._rejects.is_full

    @property
    def newcomers(self) -> int:
        """Devices met for the first time since the start."""
        return self._devices.met

    def call_when_room(self, callback: Callable[[], None]) -> None:
        """Call `callback` once, when there is room again."""
        if self._rejects.is_full:
            self._room_callbacks.append(callback)
        else:
            self._inbox.call_when_room(callback)

    def connected(self, client: str) -> None:
        """The next messages of `client` may repeat earlier ones."""
        self._repeats.begin(client)
        self._suspects[client] = READINGS_PER_CLIENT_MAX

    def gone(self, client: str) -> None:
        """`client` closed its connection."""
        self._repeats.end(client)
        self._suspects.pop(client, None)

    def recall(self, readings: Iterable[Reading]) -> None:
        """After a start, before any client connects: the newest sensor readings of the journal, oldest first (see inbox.readings_of)."""
        self._repeats.recall(readings)
        self._recalled_us = self._clock.wall_us()

    def submit(
        self,
        client: str,
        messages: Sequence[Posted],
        on_stored: Callable[[], None],
        *,
        rights: Rights | None = None,
        marks: Mapping[int, Sequence[Mark]] = NO_MARKS,
    ) -> Mapping[int, Verdict]:
        """Take `messages`; see Sink."""
        now_us = self._clock.wall_us()
        taken: dict[str, list[Reading]] = {}
        carried: dict[str, list[Mark]] = {}
        rejected: dict[int, tuple[Verdict, Reject]] = {}
        for index, message in enumerate(messages):
            try:
                profile, readings = self._readings(client, message, now_us, rights)
            except DecodeError as error:
                verdict = _VERDICTS.get(error.reason, Verdict.UNDECODABLE)
                rejected[index] = (verdict, Reject(now_us, client, message.topic, error.reason, error.detail, message.payload))
                continue
            taken.setdefault(profile.resource, []).extend(readings)
            if marks and index in marks:
                carried.setdefault(profile.resource, []).extend(marks[index])
        self.counts["accepted"] += len(messages) - len(rejected)
        if len(taken) == 1 and not rejected and not carried:
            # What most submissions are: devices that send each message by itself make thousands of them a second.
            ((resource, readings),) = taken.items()
            self._put(client, resource, self._without_repeats(client, readings, now_us), on_stored, ())
            return NO_VERDICTS
        fresh = {resource: self._without_repeats(client, readings, now_us) for resource, readings in taken.items()}
        self._store(client, fresh, carried, [reject for _, reject in rejected.values()], on_stored)
        return {index: verdict for index, (verdict, _) in rejected.items()}

    def keep(self, marks: Sequence[Mark], on_kept: Callable[[], None]) -> None:
        """Make `marks` durable; see Sink."""
        self._inbox.put("", (), on_kept, marks)

    def tick(self) -> None:
        """Housekeeping, about once a second: save the registry, offer its changes, drop the memory of the restart when it is old."""
        now_us = self._clock.wall_us()
        self._devices.save()
        resource = resource_of(self._inbox.columns)
        if resource and (rows := rows_of(self._devices.take_changes(), resource, now_us=now_us)):
            self._inbox.put(resource, rows)
        if self._recalled_us is not None and now_us - self._recalled_us > RESTART_MEMORY_US:
            self._repeats.forget_restart()
            self._recalled_us = None

    def _readings(self, client: str, message: Posted, now_us: int, rights: Rights | None) -> tuple[Profile, list[Reading]]:
        topic, is_bound = message.topic, rights is not None and not rights.is_free
        if is_bound and rights is not None and not rights.may_publish(topic):
            raise DecodeError("not_permitted", "this client may not publish on this topic: see [[devices.acl]]")
        profile = self._profiles.route(topic)
        if profile is None:
            self.needed(topic.partition("/")[0])
            raise DecodeError("no_route", "no device profile has a filter for this topic: add one under [[devices.profiles]]")
        if profile.resource not in self._inbox.sensors:
            self.needed(profile.resource)
            raise DecodeError("no_resource", f"{profile.resource!r} of profile {profile.name} holds no readings: see `yunnao catalogue`")
        readings = decode(profile, topic, message.payload, now_us)
        if profile.rules is not None and (implausible := sum(map(is_implausible, readings))):
            self.counts["implausible"] += implausible
        if is_bound and rights is not None:
            _check_speaker(rights, readings)
        speaker = ""
        for reading in readings:
            is_behind = self._admit(reading, profile, now_us, rights, is_new_message=reading.device != speaker)
            if is_behind and reading.event_time_us != now_us:
                self._suspect(client)
            speaker = reading.device
        return profile, readings

    def _admit(self, reading: Reading, profile: Profile, now_us: int, rights: Rights | None, *, is_new_message: bool) -> bool:
        """Raises DecodeError; True for a reading that is no newer than the last of its quantity."""
        device = self._devices.known(reading.device) or self._meet(reading, profile, now_us)
        if device is None:
            raise DecodeError("registry_full", "the device registry or the admission list is full: admit or remove devices")
        card = device.card
        if rights is not None and (card.user or card.certificate) and not _is_named(rights.identity, card):
            raise DecodeError("not_permitted", f"device {reading.device!r} is bound to another user or certificate in the device list")
        device.last_seen_us = now_us
        if not device.first_seen_us:
            self._first_heard(device, profile, now_us)
        if device.state is not Admission.ADMITTED:
            raise DecodeError(
                "not_admitted", f"device {reading.device!r} is {device.state.value}: an operator admits it in the device list"
            )
        return device.take(reading, resource=profile.resource, battery=profile.battery, is_new_message=is_new_message, now_us=now_us)

    def _meet(self, reading: Reading, profile: Profile, now_us: int) -> Device | None:
        protocol = self._protocol_of(profile)
        return self._devices.meet(reading.device, territory=reading.territory, kind=profile.name, protocol=protocol, now_us=now_us)

    def _first_heard(self, device: Device, profile: Profile, now_us: int) -> None:
        """A device that people entered speaks for the first time."""
        device.first_seen_us, device.protocol = now_us, self._protocol_of(profile)
        if not device.card.profile:
            device.card = replace(device.card, profile=profile.name, kind=device.card.kind or profile.name)
        self._devices.note(device)

    def _protocol_of(self, profile: Profile) -> str:
        return profile.format.value if profile.format in OWN_PROTOCOLS else self._protocol

    def _store(
        self,
        client: str,
        fresh: dict[str, list[Reading]],
        carried: dict[str, list[Mark]],
        rejects: list[Reject],
        on_stored: Callable[[], None],
    ) -> None:
        parts = [(resource, readings) for resource, readings in fresh.items() if readings or resource in carried] or list(fresh.items())[:1]
        count = len(parts) + bool(rejects)
        done = on_stored if count == 1 else _Receipt(count, on_stored).done
        for resource, readings in parts:
            self._put(client, resource, readings, done, carried.get(resource, ()))
        for position, reject in enumerate(rejects, start=1):
            self.counts[reject.reason] += 1
            self._rejects.put(reject, done if position == len(rejects) else None)
        if self._rejects.has_pending:
            self._schedule_flush()

    def _put(self, client: str, resource: str, readings: list[Reading], on_stored: Callable[[], None], marks: Sequence[Mark]) -> None:
        self._repeats.note(client, readings)
        self._inbox.put(resource, readings, on_stored, marks)
        self.counts["readings"] += len(readings)

    def _suspect(self, client: str) -> None:
        """A reading of `client` is no newer than one before: what comes now is compared with what it sent until now."""
        if client not in self._suspects:
            self._repeats.begin(client)
        self._suspects[client] = READINGS_PER_CLIENT_MAX

    def _without_repeats(self, client: str, readings: list[Reading], now_us: int) -> list[Reading]:
        left = self._suspects.get(client)
        if left is None:
            return readings
        fresh = self._repeats.fresh(client, readings, received_us=now_us)
        self.counts["repeated"] += len(readings) - len(fresh)
        left -= len(readings)
        if left > 0:
            self._suspects[client] = left
        else:
            self.gone(client)
        return fresh

    def _schedule_flush(self) -> None:
        if not self._flush_is_due:
            self._flush_is_due = True
            self._call_later(REJECT_LINGER_S, self._flush)

    def _flush(self) -> None:
        self._flush_is_due = False
        try:
            self._rejects.flush()
        except sqlite3.Error:
            # Nothing is lost and nobody was told it is kept: the devices wait until the disk takes it, and the count shows why.
            self.counts["rejects_unwritten"] += 1
            self._schedule_flush()
            return
        callbacks, self._room_callbacks = self._room_callbacks, []
        for callback in callbacks:
            callback()


def _is_named(identity: str, card: Card) -> bool:
    """True when the card binds its device to `identity`, or to nobody. A password and a certificate prove a name alike."""
    return card.user in ("", identity) and card.certificate in ("", identity)


def _check_speaker(rights: Rights, readings: Iterable[Reading]) -> None:
    for reading in readings:
        if not rights.speaks_for(reading.device):
            raise DecodeError("not_permitted", f"this client may not speak for device {reading.device!r}: see [[devices.acl]]")


_VERDICTS = {
    "no_route": Verdict.NO_ROUTE,
    "no_resource": Verdict.NO_ROUTE,
    "not_admitted": Verdict.NOT_ADMITTED,
    "not_permitted": Verdict.NOT_ADMITTED,
    "registry_full": Verdict.NOT_ADMITTED,
}

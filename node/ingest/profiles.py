"""Device profiles: which topics carry which format, and which resource their readings belong to. Data, not code.

A profile written as a file (node/ingest/profile_files) brings a reader, rules for its quantities, commands and an expected period. The
first profile whose filter matches a topic decides. Routes are cached per topic, with a bound, since topics come from devices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Protocol

from node.ingest.errors import IngestError
from node.ingest.sink import Reading

ROUTES_CACHED_MAX = 8_192
"""Topics whose profile is remembered; the cache starts over beyond it."""


class Format(StrEnum):
    """How the payloads of a profile are written."""

    READING = "reading"
    """One flat JSON object per reading: device, time, quantity, value, text, unit."""
    JSON = "json"
    """Any JSON object; its number, bool and string leaves become quantities named by their path."""
    SENML = "senml"
    """RFC 8428 as JSON."""
    SENML_CBOR = "senml-cbor"
    SENML_XML = "senml-xml"
    SENML_MSGPACK = "senml-msgpack"
    HJ212 = "hj212"
    """A data segment of HJ 212-2017."""
    JT808 = "jt808"
    """A message of JT/T 808-2013 or -2019."""
    SL651 = "sl651"
    """A frame of SL 651-2014."""
    LORAWAN = "lorawan"
    """An uplink as a LoRaWAN network server publishes it; its payload is read by the profile's decoder."""
    SPARKPLUG = "sparkplug"
    """A payload of Sparkplug B."""


class TimeUnit(IntEnum):
    """What a bare number in a message's time field counts: microseconds in one unit."""

    SECONDS = 1_000_000
    MILLISECONDS = 1_000
    MICROSECONDS = 1


class ArgumentType(StrEnum):
    """What an argument of a command is."""

    INTEGER = "integer"
    NUMBER = "number"
    TEXT = "text"
    BOOLEAN = "boolean"


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a command."""

    name: str
    type: ArgumentType
    low: float | None = None
    """Least value of a number; None for no bound."""
    high: float | None = None
    choices: tuple[str, ...] = ()
    """What a text may be; empty for anything."""
    required: bool = True


@dataclass(frozen=True, slots=True)
class Command:
    """What devices of a profile may be told to do."""

    name: str
    arguments: tuple[Argument, ...] = ()


class Reader(Protocol):
    """Reads the messages of a profile that is written as a file."""

    def readings(self, profile: Profile, topic: str, payload: bytes, received_us: int) -> list[Reading]:
        """The readings of one message; raises DecodeError."""


class Rules(Protocol):
    """What holds for the quantities of a profile: units as sent and as stored, plausible ranges."""

    def applied(self, readings: list[Reading]) -> list[Reading]:
        """`readings` as they are stored; raises DecodeError."""


@dataclass(frozen=True, slots=True)
class Profile:
    """How the messages of one kind of device are read."""

    name: str
    topic_filter: str
    """MQTT topic filter with + and #."""
    format: Format
    resource: str
    territory: str
    """Territory of the readings; one that a message names must lie inside it."""
    grade: int = 1
    device_level: int | None = None
    """Topic level (0 is the first) that names the device; None when the message does."""
    device_field: str = "device"
    time_field: str = "time"
    time_unit: TimeUnit = TimeUnit.SECONDS
    utc_offset_minutes: int = 480
    """Zone of times written without one; the default is China Standard Time."""
    senml_version_max: int = 10
    """Highest SenML version understood; RFC 8428 section 4.4 forbids the use of a higher one."""
    reader: Reader | None = None
    """Reads the messages instead of the format's own decoder."""
    rules: Rules | None = None
    """Applied to every reading, whoever read it; None where quantities are taken as they come."""
    period_s: float | None = None
    """Seconds between two messages of a device in order; None when nothing is expected."""
    battery: str = ""
    """Quantity that tells how full the battery is; empty when there is none."""
    commands: tuple[Command, ...] = ()


def topic_matches(topic_filter: str, topic: str) -> bool:
    """True when `topic` is covered by `topic_filter` (MQTT 3.1.1 section 4.7); topics beginning with $ match no leading wildcard."""
    return _levels_match(topic_filter.split("/"), topic.split("/"))


def _levels_match(wanted: Sequence[str], levels: Sequence[str]) -> bool:
    if levels[0].startswith("$") and wanted[0] in ("+", "#"):
        return False
    for index, level in enumerate(wanted):
        if level == "#":
            return True
        if index >= len(levels) or level not in ("+", levels[index]):
            return False
    return len(wanted) == len(levels)


def check_filter(topic_filter: str) -> None:
    """Raise IngestError when `topic_filter` is not a topic filter."""
    levels = topic_filter.split("/")
    hashes_misplaced = any("#" in level and (level != "#" or index != len(levels) - 1) for index, level in enumerate(levels))
    if not topic_filter or hashes_misplaced or any("+" in level and level != "+" for level in levels):
        raise IngestError(f"topic filter {topic_filter!r} refused: + must fill a level, # must be the whole last level")


class ProfileTable:
    """The profiles of a node, first match wins."""

    def __init__(self, profiles: Sequence[Profile]) -> None:
        self._profiles: tuple[Profile, ...] = ()
        self._routes: dict[str, Profile | None] = {}
        self._by_first: dict[str, list[tuple[list[str], Profile]]] = {}
        """Filters cut into levels, by their first: a flood of new topics asks for every message."""
        self.add(profiles)

    @property
    def resources(self) -> frozenset[str]:
        """Every resource a profile names."""
        return frozenset(profile.resource for profile in self._profiles)

    def named(self, name: str) -> Profile | None:
        """The first profile of that name; None when there is none."""
        return next((profile for profile in self._profiles if profile.name == name), None)

    def add(self, profiles: Sequence[Profile]) -> None:
        """Further profiles, behind those there are."""
        for profile in profiles:
            check_filter(profile.topic_filter)
        self._profiles += tuple(profiles)
        self._routes.clear()
        cut = [(profile.topic_filter.split("/"), profile) for profile in self._profiles]
        firsts = {levels[0] for levels, _ in cut}
        # Under each first level what may take such a topic, in the order of the profiles.
        self._by_first = {first: [each for each in cut if each[0][0] in (first, "+", "#")] for first in {*firsts, ""}}

    def route(self, topic: str) -> Profile | None:
        """The profile of `topic`; None when there is none."""
        try:
            return self._routes[topic]
        except KeyError:
            return self._find(topic)

    def _find(self, topic: str) -> Profile | None:
        if len(self._routes) >= ROUTES_CACHED_MAX:
            self._routes.clear()
        levels = topic.split("/")
        candidates = self._by_first.get(levels[0]) or self._by_first[""]
        found = next((profile for wanted, profile in candidates if _levels_match(wanted, levels)), None)
        self._routes[topic] = found
        return found


DEFAULT_FILTERS: tuple[tuple[str, str, Format, int | None], ...] = (
    ("reading", "{resource}/reading/#", Format.READING, None),
    ("senml", "{resource}/senml/#", Format.SENML, None),
    ("senml-cbor", "{resource}/senml-cbor/#", Format.SENML_CBOR, None),
    ("senml-xml", "{resource}/senml-xml/#", Format.SENML_XML, None),
    ("json", "{resource}/json/+", Format.JSON, 2),
)
"""Name, topic filter, format and device level of the profiles every sensor resource has."""


def default_profiles(resource: str, *, territory: str, grade: int) -> tuple[Profile, ...]:
    """The profiles a resource has without configuration: `<resource>/<format>/...`."""
    return tuple(
        Profile(f"{resource}-{name}", topic_filter.format(resource=resource), format_, resource, territory, grade, level)
        for name, topic_filter, format_, level in DEFAULT_FILTERS
    )

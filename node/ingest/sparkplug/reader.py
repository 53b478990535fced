"""Sparkplug B messages as readings: births name metrics and their aliases, data carries aliases alone (Sparkplug 3.0.0, sections 4, 6).

Topics are `spBv1.0/<group>/<kind>/<edge node>[/<device>]`; the device is `<group>/<edge node>[/<device>]`. An alias that no birth told is
refused: edge nodes are born again when they connect, so it is known again soon. Bounded: aliases of all edge nodes together; the node that
was born longest ago makes room. Made by node/ingest/profile_files/build.py as a profile's reader.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from enum import StrEnum
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError as WireError

from node.ingest.errors import DecodeError
from node.ingest.fields import READINGS_PER_MESSAGE_MAX, checked_name, checked_number, checked_text, checked_time_us, checked_unit
from node.ingest.profiles import Profile
from node.ingest.sink import Reading
from node.ingest.sparkplug.wire import Payload

NAMESPACE = "spBv1.0"
ALIASES_MAX = 100_000
"""Aliases of all edge nodes that are remembered."""
UNIT_PROPERTY = "engUnit"
NOT_READ = ("bdSeq", "Node Control/", "Device Control/", "Node Info/")
"""Beginnings of metrics that say something about the session and not about the world."""
_SIGNED = {1: 8, 2: 16, 3: 32, 4: 64}
"""Bits of signed numbers by data type; they stand on the wire in two's complement."""
_VALUES = ("int_value", "long_value", "float_value", "double_value", "boolean_value", "string_value")
_MILLISECONDS_US = 1_000


class Kind(StrEnum):
    """Messages of edge nodes and devices."""

    NODE_BIRTH = "NBIRTH"
    DEVICE_BIRTH = "DBIRTH"
    NODE_DATA = "NDATA"
    DEVICE_DATA = "DDATA"
    NODE_DEATH = "NDEATH"
    DEVICE_DEATH = "DDEATH"

    @property
    def is_birth(self) -> bool:
        """True where metrics are named."""
        return self in (Kind.NODE_BIRTH, Kind.DEVICE_BIRTH)


class Born(NamedTuple):
    """What a birth says of a metric."""

    name: str
    datatype: int
    unit: str | None


class SparkplugReader:
    """Reads the messages of all edge nodes of a profile, and remembers their births."""

    def __init__(self) -> None:
        self._born: dict[tuple[str, str], dict[int, Born]] = {}
        """Metrics by alias of each edge node (an alias is the node's own, its devices' too); the youngest birth stands last."""

    def readings(self, profile: Profile, topic: str, payload: bytes, received_us: int) -> list[Reading]:
        """The readings of one message; raises DecodeError."""
        group, kind, node, device = _address(topic)
        if kind is Kind.NODE_DEATH:
            self._born.pop((group, node), None)
        if kind in (Kind.NODE_DEATH, Kind.DEVICE_DEATH):
            return []
        content = _parsed(payload)
        if len(content.metrics) > READINGS_PER_MESSAGE_MAX:
            raise DecodeError("too_many_readings", f"{len(content.metrics)} metrics; at most {READINGS_PER_MESSAGE_MAX} in a message")
        if kind is Kind.NODE_BIRTH:
            self._born.pop((group, node), None)
        named = checked_name("/".join(filter(None, (group, node, device))), what="device")
        sent_us = content.timestamp * _MILLISECONDS_US if content.timestamp else received_us
        found = list(self._metrics(content.metrics, (group, node), kind))
        return [
            Reading(_time_us(metric, sent_us), profile.territory, profile.grade, named, born.name, *value, born.unit)
            for metric, born in found
            if not born.name.startswith(NOT_READ) and (value := _value(metric, born.datatype)) is not None
        ]

    def _metrics(self, metrics: Any, node: tuple[str, str], kind: Kind) -> Iterator[tuple[Any, Born]]:
        """Each metric with what is known of it; a birth is remembered once all of it could be read."""
        known = self._born.get(node, {})
        told: dict[int, Born] = {}
        for metric in metrics:
            if kind.is_birth or metric.name:
                born = Born(checked_name(metric.name, what="quantity"), metric.datatype, _unit(metric))
                if kind.is_birth and metric.HasField("alias"):
                    told[metric.alias] = born
                yield metric, born
            elif (found := known.get(metric.alias)) is not None:
                yield metric, found
            else:
                raise DecodeError("unknown_alias", f"alias {metric.alias} of {'/'.join(node)} was told by no birth since the node started")
        if told:
            self._remember(node, known | told)

    def _remember(self, node: tuple[str, str], born: dict[int, Born]) -> None:
        self._born.pop(node, None)
        self._born[node] = born
        while sum(map(len, self._born.values())) > ALIASES_MAX:
            del self._born[next(iter(self._born))]


def _address(topic: str) -> tuple[str, Kind, str, str]:
    """Group, kind, edge node and device (empty for the node itself) of a topic; raises DecodeError."""
    levels = topic.split("/")
    if len(levels) not in (4, 5) or levels[0] != NAMESPACE:
        raise DecodeError("not_sparkplug", f"topic {topic[:80]!r} is not {NAMESPACE}/<group>/<kind>/<edge node>[/<device>]")
    try:
        kind = Kind(levels[2])
    except ValueError:
        raise DecodeError("sparkplug_kind", f"message {levels[2][:20]!r} is none of {', '.join(Kind)}") from None
    return levels[1], kind, levels[3], levels[4] if len(levels) == 5 else ""


def _parsed(payload: bytes) -> Any:
    try:
        return Payload.FromString(payload)
    except (WireError, UnicodeDecodeError, ValueError) as error:
        raise DecodeError("not_a_payload", f"no payload of Sparkplug B: {str(error)[:200]}") from None


def _unit(metric: Any) -> str | None:
    for key, value in zip(metric.properties.keys, metric.properties.values, strict=False):
        if key == UNIT_PROPERTY and value.string_value:
            return checked_unit(value.string_value)
    return None


def _time_us(metric: Any, sent_us: int) -> int:
    return checked_time_us(metric.timestamp * _MILLISECONDS_US if metric.timestamp else sent_us)


def _value(metric: Any, datatype: int) -> tuple[float | None, str | None] | None:
    """Value and text of a metric; None for null and for what is neither number nor text."""
    held = next((name for name in _VALUES if metric.HasField(name)), None)
    if metric.is_null or held is None:
        return None
    raw = getattr(metric, held)
    if isinstance(raw, str):
        return None, checked_text(raw)
    bits = _SIGNED.get(datatype)
    if bits is not None and isinstance(raw, int) and not isinstance(raw, bool):
        raw &= (1 << bits) - 1
        raw -= (raw >> (bits - 1)) << bits
    return None if isinstance(raw, float) and math.isnan(raw) else (checked_number(raw), None)

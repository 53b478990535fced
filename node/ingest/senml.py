"""SenML (RFC 8428) in JSON, CBOR, XML and MessagePack: parse, resolve base fields, make readings. Called by node/ingest/decode.py.

Refused: a version above the profile's, an unknown field whose name ends in "_" (section 4.4), a record with a name but no value or sum,
names outside
the allowed characters (section 4.5.1). A sum becomes a quantity of its own, named `<name>.sum`; a boolean is stored as 1 or 0; `vd` is
kept as its text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from node.ingest.errors import DecodeError
from node.ingest.fields import (
    READINGS_PER_MESSAGE_MAX,
    checked_name,
    checked_number,
    checked_text,
    checked_time_us,
    checked_unit,
    device_of_topic,
)
from node.ingest.profiles import Profile
from node.ingest.sink import Reading

ABSOLUTE_TIME_S = 2**28
"""Times from here on are seconds since 1970, smaller ones relative to now (RFC 8428 section 4.5.3)."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-:./_]*")
_DATA = re.compile(r"[A-Za-z0-9_-]*={0,2}")
_NUMBERS = frozenset({"bt", "bv", "bs", "v", "s", "t", "ut"})
_TEXTS = frozenset({"bn", "bu", "n", "u", "vs", "vd"})
_VALUES = ("v", "vs", "vb", "vd")
_OWN = frozenset({"n", "u", "t", "ut", *_VALUES, "s"})

Record = Mapping[str, object]
"""One SenML record by the JSON labels of RFC 8428 table 1."""


@dataclass(slots=True)
class _Base:
    """Base fields in force, section 4.1."""

    name: str = ""
    time_s: float = 0.0
    unit: str | None = None
    value: float = 0.0
    sum: float = 0.0


def readings_of(records: Sequence[Record], profile: Profile, topic: str, received_us: int) -> list[Reading]:
    """The readings of a SenML pack; raises DecodeError, in which case nothing of the pack counts."""
    if not records:
        raise DecodeError("empty_pack", "a SenML pack needs at least one record")
    base = _Base()
    fallback = device_of_topic(profile, topic) if profile.device_level is not None else None
    readings: list[Reading] = []
    for record in records:
        _check_types(record, profile)
        _take_base(base, record)
        readings.extend(_readings(base, record, profile, fallback, received_us))
        if len(readings) > READINGS_PER_MESSAGE_MAX:
            raise DecodeError("too_many_readings", f"more than {READINGS_PER_MESSAGE_MAX} readings in a pack")
    return readings


def _check_types(record: Record, profile: Profile) -> None:
    for label, value in record.items():
        if label in _NUMBERS:
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise DecodeError("bad_field", f"SenML field {label} must be a number")
            checked_number(value)
        elif label in _TEXTS:
            if not isinstance(value, str):
                raise DecodeError("bad_field", f"SenML field {label} must be text")
        elif label == "vb" and not isinstance(value, bool):
            raise DecodeError("bad_field", "SenML field vb must be true or false")
        elif label == "bver":
            _check_version(value, profile.senml_version_max)
        elif label.endswith("_"):
            raise DecodeError("unknown_must_field", f"SenML field {label[:40]!r} must be understood and is not")


def _check_version(version: object, version_max: int) -> None:
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise DecodeError("bad_field", "SenML version must be a positive whole number")
    if version > version_max:
        raise DecodeError("version_too_high", f"SenML version {version} is not understood; at most {version_max}")


def _take_base(base: _Base, record: Record) -> None:
    base.name = str(record.get("bn", base.name))
    base.time_s = _number(record, "bt", base.time_s)
    base.value = _number(record, "bv", base.value)
    base.sum = _number(record, "bs", base.sum)
    if "bu" in record:
        base.unit = str(record["bu"])


def _number(record: Record, label: str, absent: float) -> float:
    value = record.get(label, absent)
    assert isinstance(value, int | float), "types are checked before"
    return float(value)


def _readings(base: _Base, record: Record, profile: Profile, fallback: str | None, received_us: int) -> Iterator[Reading]:
    values = [label for label in _VALUES if label in record]
    if not values and "s" not in record:
        if _OWN.isdisjoint(record):
            return
        raise DecodeError("no_value", "a SenML record needs a value or a sum")
    if len(values) > 1:
        raise DecodeError("two_values", f"a SenML record has one value field, not {' and '.join(values)}")
    unit = record.get("u", base.unit)
    unit = checked_unit(unit) if isinstance(unit, str) else None
    device, quantity = _names(base.name, str(record.get("n", "")), unit, fallback)
    common = (_time_us(base, record, received_us), profile.territory, profile.grade, device)
    if values:
        value, text = _value(base, record, values[0])
        yield Reading(*common, quantity, value, text, unit)
    if "s" in record:
        yield Reading(
            *common, checked_name(f"{quantity}.sum", what="quantity"), checked_number(base.sum + _number(record, "s", 0.0)), None, unit
        )


def _names(base_name: str, name: str, unit: str | None, fallback: str | None) -> tuple[str, str]:
    full = base_name + name
    if not _NAME.fullmatch(full):
        raise DecodeError("bad_name", f"SenML name {full[:60]!r} must begin with a letter or digit and hold only A-Z a-z 0-9 - : . / _")
    if fallback is not None:
        device, quantity = fallback, name or unit or "value"
    elif base_name and name:
        device, quantity = base_name.rstrip(":/._-") or base_name, name.lstrip(":/._-") or name
    else:
        device, quantity = full, unit or "value"
    return checked_name(device, what="device"), checked_name(quantity, what="quantity")


def _time_us(base: _Base, record: Record, received_us: int) -> int:
    time_s = base.time_s + _number(record, "t", 0.0)
    if time_s >= ABSOLUTE_TIME_S:
        return checked_time_us(time_s * 1e6)
    return checked_time_us(received_us + time_s * 1e6)


def _value(base: _Base, record: Record, label: str) -> tuple[float | None, str | None]:
    value = record[label]
    if isinstance(value, bool):
        return float(value), None
    if isinstance(value, str):
        if label == "vd" and not _DATA.fullmatch(value):
            raise DecodeError("bad_field", "SenML field vd must be base64url text")
        return None, checked_text(value)
    return checked_number(base.value + _number(record, "v", 0.0)), None

"""JSON messages that are not SenML: flat readings, and any object flattened to quantities. Called by node/ingest/decode.py."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

import msgspec
from msgspec.structs import astuple

from node.ingest.errors import DecodeError
from node.ingest.fields import (
    EVENT_TIME_US_MAX,
    READINGS_PER_MESSAGE_MAX,
    UNIT_CHARS_MAX,
    checked_name,
    checked_number,
    checked_territory,
    checked_text,
    checked_unit,
    device_of_topic,
    event_time,
    is_plain,
)
from node.ingest.profiles import Profile
from node.ingest.sink import Reading

DEPTH_MAX = 16
"""Levels of objects and arrays inside a message."""


class _Flat(msgspec.Struct, gc=False):
    device: str
    quantity: str = "value"
    value: float | bool | None = None
    time: int | float | str | None = None
    text: str | None = None
    unit: str | None = None
    territory: str | None = None


_make = tuple.__new__
_FLAT = msgspec.json.Decoder(_Flat)
_FLAT_LIST = msgspec.json.Decoder(list[_Flat])
_ANY = msgspec.json.Decoder()


def decode_readings(profile: Profile, topic: str, payload: bytes, received_us: int) -> list[Reading]:
    """The readings of one flat object, or of an array of them; raises DecodeError."""
    try:
        if payload[:1] != b"[":
            return [_reading(_FLAT.decode(payload), profile, received_us)]
        flats = _FLAT_LIST.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError("not_a_reading", str(error)) from None
    if len(flats) > READINGS_PER_MESSAGE_MAX:
        raise DecodeError("too_many_readings", f"{len(flats)} readings; at most {READINGS_PER_MESSAGE_MAX} in a message")
    return [_reading(flat, profile, received_us) for flat in flats]


def _reading(flat: _Flat, profile: Profile, received_us: int) -> Reading:
    # The commonest forms, a whole number of time, a finite float, a short unit, are decided here: this runs once per message of the door.
    device, quantity, value, time, text, unit, territory = astuple(flat)
    if value is None and text is None:
        raise DecodeError("no_value", "a reading needs a value or a text")
    if type(time) is not int or not 0 <= (time_us := time * profile.time_unit) <= EVENT_TIME_US_MAX:
        time_us = event_time(time, unit=profile.time_unit, utc_offset_minutes=profile.utc_offset_minutes, received_us=received_us)
    if value is not None and (type(value) is not float or not -inf < value < inf):
        value = checked_number(value)
    fields = (
        time_us,
        profile.territory if territory is None else checked_territory(territory, profile),
        profile.grade,
        device if is_plain(device) else checked_name(device, what="device"),
        quantity if is_plain(quantity) else checked_name(quantity, what="quantity"),
        value,
        None if text is None else checked_text(text),
        unit if unit is None or len(unit) <= UNIT_CHARS_MAX else checked_unit(unit),
    )
    return _make(Reading, fields)


def decode_object(profile: Profile, topic: str, payload: bytes, received_us: int) -> list[Reading]:
    """The leaves of a JSON object as readings: numbers and bools as values, strings as texts, named by their path; nulls are left out.

    A message without leaves is valid and gives no readings. Raises DecodeError.
    """
    try:
        content = _ANY.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError("not_json", str(error)) from None
    if not isinstance(content, dict):
        raise DecodeError("not_an_object", f"a JSON {type(content).__name__} at the top: send an object")
    time_us = event_time(
        content.pop(profile.time_field, None),
        unit=profile.time_unit,
        utc_offset_minutes=profile.utc_offset_minutes,
        received_us=received_us,
    )
    device = (
        device_of_topic(profile, topic)
        if profile.device_level is not None
        else checked_name(content.pop(profile.device_field, None), what="device")
    )
    readings: list[Reading] = []
    for path, value, text in _leaves(content, "", 1):
        if len(readings) == READINGS_PER_MESSAGE_MAX:
            raise DecodeError("too_many_readings", f"more than {READINGS_PER_MESSAGE_MAX} values in a message")
        readings.append(Reading(time_us, profile.territory, profile.grade, device, checked_name(path, what="quantity"), value, text, None))
    return readings


def _leaves(node: object, path: str, depth: int) -> Iterator[tuple[str, float | None, str | None]]:
    if isinstance(node, bool | int | float):
        yield path, checked_number(node), None
    elif isinstance(node, str):
        yield path, None, checked_text(node)
    elif isinstance(node, dict | list):
        if depth > DEPTH_MAX:
            raise DecodeError("too_deep", f"more than {DEPTH_MAX} levels of objects")
        items = node.items() if isinstance(node, dict) else enumerate(node)
        for name, child in items:
            yield from _leaves(child, f"{path}.{name}" if path else str(name), depth + 1)

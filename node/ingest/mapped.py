"""JSON messages read by the expressions of a profile file: which value is which quantity, which device, which time.

Made by node/ingest/profile_files/build.py as a profile's reader. A message in which none of the quantities is found is refused, because its
topic wants another profile, unless the profile says that its devices send other messages too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from node.ingest.errors import DecodeError
from node.ingest.expressions import Expression
from node.ingest.fields import (
    READINGS_PER_MESSAGE_MAX,
    checked_name,
    checked_number,
    checked_text,
    checked_unit,
    device_of_topic,
    event_time,
)
from node.ingest.numbers import word_of
from node.ingest.profiles import Profile
from node.ingest.sink import Reading

MESSAGE_BYTES_MAX = 65_536
"""A longer message is refused before it is looked at: an expression with a wildcard goes through all of it, once for each quantity."""
KEYS_MAX = 1_000
"""Keys or items at the top of a message, for the same reason."""
LOOKS_MAX = 5_000
"""Expressions asked of one message: items of its list times quantities."""

_ANY = msgspec.json.Decoder()


@dataclass(frozen=True, slots=True)
class Mapped:
    """One quantity: where its value stands."""

    name: str
    value: Expression
    unit: Expression | None = None
    """Where the message names the unit; None when it does not."""
    scale: float = 1.0
    offset: float = 0.0
    states: Mapping[str, str] = field(default_factory=dict)
    required: bool = False


@dataclass(frozen=True, slots=True)
class MappedReader:
    """How one kind of JSON message is read."""

    quantities: Sequence[Mapped]
    device: Expression | None = None
    """None when the topic names the device."""
    time: Expression | None = None
    each: Expression | None = None
    """A list in the message, each item of which carries the quantities."""
    passes_others: bool = False
    """True when a message without any of the quantities is taken and gives no readings."""

    def readings(self, profile: Profile, topic: str, payload: bytes, received_us: int) -> list[Reading]:
        """The readings of one message; raises DecodeError."""
        return self.of_content(decoded_json(payload), profile, topic, received_us)

    def of_content(self, content: object, profile: Profile, topic: str, received_us: int, device: str | None = None) -> list[Reading]:
        """The readings of JSON that is decoded already; `device` when it is known elsewhere. Raises DecodeError."""
        readings: list[Reading] = []
        for item in self._items(content):
            named = device or self._device(profile, topic, item, content)
            time_us = self._time_us(profile, item, content, received_us)
            for quantity, value, text, unit in self._values(item):
                readings.append(Reading(time_us, profile.territory, profile.grade, named, quantity, value, text, unit))
        if not readings and not self.passes_others:
            raise DecodeError("nothing_mapped", f"none of the {len(self.quantities)} quantities of {profile.name} is in the message")
        if len(readings) > READINGS_PER_MESSAGE_MAX:
            raise DecodeError("too_many_readings", f"{len(readings)} readings; at most {READINGS_PER_MESSAGE_MAX} in a message")
        return readings

    def _items(self, content: object) -> Sequence[object]:
        if self.each is None:
            return (content,)
        items = self.each.of(content)
        if not isinstance(items, list):
            raise DecodeError("nothing_mapped", f"{self.each.text!r} is no list in the message")
        items_max = min(READINGS_PER_MESSAGE_MAX, LOOKS_MAX // len(self.quantities))
        if len(items) > items_max:
            raise DecodeError("too_many_readings", f"{len(items)} items; at most {items_max} in a message of this profile")
        return items

    def _device(self, profile: Profile, topic: str, item: object, content: object) -> str:
        if self.device is None:
            return device_of_topic(profile, topic)
        found = _first(self.device, item, content)
        if isinstance(found, int) and not isinstance(found, bool):
            found = str(found)
        return checked_name(found, what="device")

    def _time_us(self, profile: Profile, item: object, content: object, received_us: int) -> int:
        raw = None if self.time is None else _first(self.time, item, content)
        return event_time(raw, unit=profile.time_unit, utc_offset_minutes=profile.utc_offset_minutes, received_us=received_us)

    def _values(self, item: object) -> Iterator[tuple[str, float | None, str | None, str | None]]:
        for quantity in self.quantities:
            raw = quantity.value.of(item)
            if raw is None:
                if quantity.required:
                    raise DecodeError("quantity_missing", f"{quantity.name} is required and {quantity.value.text!r} is not in the message")
                continue
            value, text = _value(quantity, raw)
            yield quantity.name, value, text, _unit(quantity, item)


def decoded_json(payload: bytes) -> object:
    """The JSON of a payload; raises DecodeError."""
    if len(payload) > MESSAGE_BYTES_MAX:
        raise DecodeError("message_too_large", f"{len(payload)} bytes; at most {MESSAGE_BYTES_MAX} where a profile maps JSON")
    try:
        content: object = _ANY.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError("not_json", str(error)) from None
    if isinstance(content, dict | list) and len(content) > KEYS_MAX:
        raise DecodeError("message_too_large", f"{len(content)} keys at the top; at most {KEYS_MAX} where a profile maps JSON")
    return content


def _first(expression: Expression, item: object, content: object) -> object:
    """What an expression finds in an item, else in the whole message."""
    found = expression.of(item)
    return expression.of(content) if found is None and item is not content else found


def _value(quantity: Mapped, raw: object) -> tuple[float | None, str | None]:
    if isinstance(raw, bool):
        word = "true" if raw else "false"
        return float(raw), quantity.states.get(word)
    if isinstance(raw, int | float):
        return checked_number(checked_number(raw) * quantity.scale + quantity.offset), quantity.states.get(word_of(raw))
    if isinstance(raw, str):
        return None, checked_text(quantity.states.get(raw, raw))
    kind = "an object" if isinstance(raw, dict) else "a list"
    raise DecodeError("not_a_value", f"{quantity.name}: {quantity.value.text!r} is {kind}, not a number or text")


def _unit(quantity: Mapped, item: object) -> str | None:
    found = None if quantity.unit is None else quantity.unit.of(item)
    if found is not None and not isinstance(found, str):
        raise DecodeError("bad_unit", f"the unit of {quantity.name} is no text")
    return checked_unit(found) if found else None

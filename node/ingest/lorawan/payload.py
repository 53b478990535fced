"""Payloads of LoRaWAN devices, read by a decoder that is declared as data: fields at places, channels one after another, or Cayenne LPP.

Refuses a payload that ends inside a value and a channel that nobody declared, because what follows it cannot be found. Pure; called by
uplink.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from node.ingest.errors import DecodeError
from node.ingest.fields import READINGS_PER_MESSAGE_MAX
from node.ingest.numbers import Shape

PAYLOAD_BYTES_MAX = 512
"""LoRaWAN carries at most 242 bytes at the fastest data rate of any region; twice that is enough."""


class Value(NamedTuple):
    """One value of a payload."""

    quantity: str
    value: float | None
    text: str | None
    unit: str | None


class Decoder(Protocol):
    """Reads payloads."""

    def values(self, payload: bytes, port: int) -> Iterator[Value]:
        """The values of a payload that came at `port`; raises DecodeError."""


@dataclass(frozen=True, slots=True)
class When:
    """A byte of the payload that decides whether a field is there."""

    at: int
    equals: int
    mask: int = 0xFF

    def holds(self, payload: bytes) -> bool:
        """True when it is there."""
        return self.at < len(payload) and payload[self.at] & self.mask == self.equals


@dataclass(frozen=True, slots=True)
class Field:
    """One quantity at its place."""

    quantity: str
    at: int
    shape: Shape
    unit: str | None = None
    port: int | None = None
    when: When | None = None
    required: bool = False


@dataclass(frozen=True, slots=True)
class FieldsDecoder:
    """Fields at declared places. Where one lies behind the end it is absent: devices leave out what they do not measure."""

    fields: Sequence[Field]

    def values(self, payload: bytes, port: int) -> Iterator[Value]:
        """The values of a payload; raises DecodeError."""
        for field in self.fields:
            if (field.port is not None and field.port != port) or (field.when is not None and not field.when.holds(payload)):
                continue
            data = payload[field.at : field.at + field.shape.size]
            if len(data) < field.shape.size:
                if field.required:
                    raise DecodeError("payload_too_short", f"{field.quantity} stands at byte {field.at} and {len(payload)} bytes came")
                continue
            if (found := field.shape.read(data)) is not None:
                yield Value(field.quantity, *found, field.unit)


@dataclass(frozen=True, slots=True)
class Channel:
    """One quantity behind its channel and kind; an empty name is passed over."""

    quantity: str
    shape: Shape
    unit: str | None = None
    tail: int = 0
    """Bytes behind the value that are passed over."""


@dataclass(frozen=True, slots=True)
class ChannelsDecoder:
    """Values one after another, each behind a byte of channel and one of kind."""

    channels: Mapping[tuple[int, int], Channel]

    def values(self, payload: bytes, port: int) -> Iterator[Value]:
        """The values of a payload; raises DecodeError."""
        at = 0
        while at < len(payload):
            name = payload[at : at + 2]
            channel = self.channels.get((name[0], name[-1])) if len(name) == 2 else None
            if channel is None:
                raise DecodeError("unknown_channel", f"channel {name.hex(' ')} at byte {at} is not declared: add it to the profile")
            data = payload[at + 2 : at + 2 + channel.shape.size]
            if len(payload) < at + 2 + channel.shape.size + channel.tail:
                raise DecodeError("payload_too_short", f"the value of channel {name.hex(' ')} at byte {at} is cut off")
            at += 2 + channel.shape.size + channel.tail
            if channel.shape.type != "skip" and (found := channel.shape.read(data)) is not None:
                yield Value(channel.quantity, *found, channel.unit)


CAYENNE: Mapping[int, tuple[tuple[str, str, int, float, str | None], ...]] = {
    0: (("digital_input", "uint8", 1, 1.0, None),),
    1: (("digital_output", "uint8", 1, 1.0, None),),
    2: (("analog_input", "int16", 2, 0.01, None),),
    3: (("analog_output", "int16", 2, 0.01, None),),
    101: (("illuminance", "uint16", 2, 1.0, "lx"),),
    102: (("presence", "uint8", 1, 1.0, None),),
    103: (("temperature", "int16", 2, 0.1, "Cel"),),
    104: (("humidity", "uint8", 1, 0.5, "%"),),
    113: tuple((f"acceleration_{axis}", "int16", 2, 0.001, "[g]") for axis in "xyz"),
    115: (("pressure", "uint16", 2, 0.1, "hPa"),),
    134: tuple((f"rotation_{axis}", "int16", 2, 0.01, "deg/s") for axis in "xyz"),
    136: (("latitude", "int24", 3, 0.0001, "deg"), ("longitude", "int24", 3, 0.0001, "deg"), ("altitude", "int24", 3, 0.01, "m")),
}
"""Data types of Cayenne LPP 1.0 (myDevices): name, type, bytes, scale, unit. Types are IPSO object numbers less 3200; big-endian."""


class CayenneDecoder:
    """Cayenne Low Power Payload: channel, type, value, again. Quantities are named `temperature_1`, by their channel."""

    def values(self, payload: bytes, port: int) -> Iterator[Value]:
        """The values of a payload; raises DecodeError."""
        at = 0
        while at + 2 <= len(payload):
            channel, kind = payload[at], payload[at + 1]
            parts = CAYENNE.get(kind)
            if parts is None:
                raise DecodeError("unknown_channel", f"type {kind} at byte {at + 1} is not one of Cayenne LPP 1.0")
            at += 2
            for name, type_, size, scale, unit in parts:
                if at + size > len(payload):
                    raise DecodeError("payload_too_short", f"the {name} of channel {channel} is cut off")
                found = Shape(type_, size, "big", scale=scale).read(payload[at : at + size])
                at += size
                if found is not None:
                    yield Value(f"{name}_{channel}", *found, unit)
        if at != len(payload):
            raise DecodeError("payload_too_short", "one byte is left behind the last value")


def payload_values(decoder: Decoder, payload: bytes, port: int) -> list[Value]:
    """The values of a payload, bounded; raises DecodeError."""
    if len(payload) > PAYLOAD_BYTES_MAX:
        raise DecodeError("payload_too_long", f"{len(payload)} bytes; at most {PAYLOAD_BYTES_MAX}")
    values = list(decoder.values(payload, port))
    if len(values) > READINGS_PER_MESSAGE_MAX:
        raise DecodeError("too_many_readings", f"{len(values)} values; at most {READINGS_PER_MESSAGE_MAX} in a message")
    return values

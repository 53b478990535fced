"""The keys of a profile file, typed; docs/devices.md explains each. Checked by check.py, made into a profile by load.py."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

QUANTITIES_MAX = 256
"""Quantities of one profile."""
COMMANDS_MAX = 64
"""Commands of one profile."""

Number = Literal[
    "uint8", "int8", "uint16", "int16", "uint24", "int24", "uint32", "int32", "uint64", "int64", "float32", "float64", "bcd", "text", "skip"
]
"""How a number stands in bytes; `skip` is passed over."""
Short = Annotated[str, Meta(max_length=256)]
Expression = Annotated[str, Meta(max_length=500)]
"""A JMESPath expression."""


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """A byte of the payload that decides whether a quantity is there."""

    at: Annotated[int, Meta(ge=0, le=255)]
    equals: Annotated[int, Meta(ge=0, le=255)]
    mask: Annotated[int, Meta(ge=1, le=255)] = 255


class QuantityEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One quantity: where it stands in a message, its unit, what is plausible."""

    name: Annotated[str, Meta(min_length=1, max_length=256)]
    unit: Annotated[str, Meta(max_length=32)] = ""
    """UCUM code of what the device sends; empty for none."""
    store: Annotated[str, Meta(max_length=32)] = ""
    """UCUM code of what is stored; `unit` when empty."""
    words: dict[str, str] = {}
    """The device's own words for units, each with its UCUM code."""
    low: float | None = None
    high: float | None = None
    outside: Literal["flag", "refuse"] = "flag"
    required: bool = False
    value: Expression = ""
    """JSON: where the value stands."""
    unit_value: Expression = ""
    """JSON: where the unit stands, if the message names it."""
    states: dict[str, str] = {}
    """Words for values that are states, by the value as text."""
    scale: float = 1.0
    offset: float = 0.0
    """A raw number becomes `raw * scale + offset`."""
    none: list[int] = []
    """Raw numbers that say that there is no value."""
    type: Number = "uint16"
    at: Annotated[int, Meta(ge=0, le=255)] | None = None
    """Fields: first byte."""
    length: Annotated[int, Meta(ge=1, le=64)] | None = None
    """Bytes of a bcd number, a text, or what is skipped."""
    endian: Literal["", "big", "little"] = ""
    bits: Annotated[list[int], Meta(min_length=2, max_length=2)] = []
    """First and last bit of the number, 0 is the lowest."""
    port: Annotated[int, Meta(ge=1, le=255)] | None = None
    """LoRaWAN port of the messages that carry it; every port when absent."""
    when: Condition | None = None
    tail: Annotated[int, Meta(ge=0, le=16)] = 0
    """Channels: bytes behind the value that are passed over."""
    channel: Annotated[int, Meta(ge=0, le=255)] | None = None
    kind: Annotated[int, Meta(ge=0, le=255)] | None = None
    """Channels: the two bytes before the value."""
    function: Literal["holding", "input", "coil", "discrete"] = "holding"
    address: Annotated[int, Meta(ge=0, le=65_535)] | None = None
    """Modbus: register or bit, counted from 0 as on the wire."""
    word_order: Literal["big", "little"] = "big"
    """Modbus: which register of a longer number comes first."""


class ArgumentEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One argument of a command."""

    name: Annotated[str, Meta(min_length=1, max_length=64)]
    type: Literal["integer", "number", "text", "boolean"]
    low: float | None = None
    high: float | None = None
    choices: Annotated[list[Annotated[str, Meta(max_length=256)]], Meta(max_length=64)] = []
    required: bool = True


class CommandEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What devices may be told to do."""

    name: Annotated[str, Meta(min_length=1, max_length=64)]
    argument: Annotated[list[ArgumentEntry], Meta(max_length=32)] = []


class ProfileFile(msgspec.Struct, frozen=True, kw_only=True):
    """One profile."""

    source: Annotated[str, Meta(min_length=1, max_length=1_000)]
    """The manual or standard that says what is written here."""
    format: Literal[
        "reading", "json", "senml", "senml-cbor", "senml-xml", "senml-msgpack", "lorawan", "modbus", "hj212", "jt808", "sl651", "sparkplug"
    ]
    topic: Short = ""
    resource: Short = ""
    device: Expression = ""
    """`topic:2` for a level of the topic (0 is the first), or a JMESPath expression."""
    time: Expression = ""
    time_unit: Literal["s", "ms", "us"] = "s"
    utc_offset_minutes: Annotated[int, Meta(ge=-1_440, le=1_440)] = 480
    each: Expression = ""
    """JSON: a list in the message, each item of which is read."""
    others: Literal["refuse", "pass"] = "refuse"
    """JSON: what becomes of a message that has none of the quantities; `pass` where devices send other messages on the same topics."""
    decoder: Literal["", "fields", "channels", "cayenne"] = ""
    endian: Literal["big", "little"] = "big"
    period_s: Annotated[float, Meta(gt=0, le=31_536_000)] | None = None
    battery: Short = ""
    quantity: Annotated[list[QuantityEntry], Meta(max_length=QUANTITIES_MAX)] = []
    command: Annotated[list[CommandEntry], Meta(max_length=COMMANDS_MAX)] = []

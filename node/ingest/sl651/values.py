"""The body of a report of SL 651-2014: elements one after another, each behind its identifier and the length of its number (section 6.6.3).

Pure; called by packet.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from node.ingest.errors import DecodeError
from node.ingest.sl651.elements import (
    CUSTOM,
    DURATION,
    ELEMENTS,
    LEVEL_SERIES,
    MANUAL,
    OBSERVED,
    PICTURE,
    RAIN_SERIES,
    SPEEDS,
    STATE,
    STATION,
    STEP,
)

FIVE_MINUTES_US = 300_000_000
HOUR_US, DAY_US = 3_600_000_000, 86_400_000_000
_MINUTE_US = 60_000_000
_STATION_BYTES, _OBSERVED_BYTES, _STEP_BYTES = 6, 5, 3
_RAIN_PARTS, _LEVEL_PARTS = 10, 100
"""Parts of a millimetre and of a metre in a raw number."""
KINDS_MAX = 16
"""Elements side by side in a uniform report."""

Value = tuple[int, str, float, str | None]
"""Microseconds since 1970, quantity, value, unit."""


@dataclass(frozen=True, slots=True)
class Kind:
    """An identifier with the length of its number."""

    quantity: str
    unit: str | None
    size: int
    decimals: int
    is_bits: bool = False

    def read(self, data: bytes) -> float | None:
        """The number in `size` bytes; None where the station says that it has none. Raises DecodeError."""
        if data == b"\xff" * self.size:
            return None
        if self.is_bits:
            return float(int.from_bytes(data, "big"))
        # A number below zero has 0xff in front of its digits.
        is_negative, digits = data[0] == 0xFF, data.hex().removeprefix("ff")
        if not digits.isdigit():
            raise DecodeError("bad_value", f"{self.quantity}: {data.hex()!r} are not packed decimal digits")
        number = float(int(digits) / 10**self.decimals)
        return -number if is_negative else number


class Values:
    """Reads the body of one report."""

    def __init__(self, sent_us: int, time_us: Callable[[bytes], int]) -> None:
        self._when_us = sent_us
        self._time_us = time_us

    def of(self, body: bytes) -> Iterator[Value]:
        """The values of a body, in order; raises DecodeError."""
        at = 0
        while at < len(body):
            identifier = body[at]
            if identifier == STATION:
                self._cut(body, at, 2 + _STATION_BYTES)
                at += 2 + _STATION_BYTES
            elif identifier == OBSERVED:
                self._when_us = self._time_us(self._cut(body, at, 2 + _OBSERVED_BYTES)[2:])
                at += 2 + _OBSERVED_BYTES
            elif identifier == STEP:
                yield from self._uniform(self._cut(body, at, 2 + _STEP_BYTES)[2:], body[at + 2 + _STEP_BYTES :])
                return
            elif identifier in (MANUAL, PICTURE, SPEEDS):
                raise DecodeError("sl651_element", f"element {identifier:02X} is no number: its content is kept here")
            else:
                kind, head = _kind(body, at)
                data = self._cut(body, at + head, kind.size)
                at += head + kind.size
                yield from self._series(identifier, kind, data)

    @staticmethod
    def _cut(body: bytes, at: int, count: int) -> bytes:
        data = body[at : at + count]
        if len(data) < count:
            raise DecodeError("not_a_packet", f"the element at byte {at} is cut off")
        return data

    def _series(self, identifier: int, kind: Kind, data: bytes) -> Iterator[Value]:
        """One value, or those of an hour every five minutes, the first of them at the time of observation."""
        if identifier == RAIN_SERIES:
            yield from rain_of_hour(data, self._when_us)
        elif identifier in LEVEL_SERIES:
            yield from levels_of_hour(f"DRZ{identifier - LEVEL_SERIES.start + 1}", data, self._when_us)
        elif identifier != DURATION and (value := kind.read(data)) is not None:
            yield self._when_us, kind.quantity, value, kind.unit

    def _uniform(self, step: bytes, rest: bytes) -> Iterator[Value]:
        """Identifiers, then groups with a number of each, one group every step."""
        digits = step.hex()
        if not digits.isdigit() or not int(digits):
            raise DecodeError("bad_time", f"a step of {digits!r} is no time")
        days, hours, minutes = int(digits[:2]), int(digits[2:4]), int(digits[4:])
        step_us = days * DAY_US + hours * HOUR_US + minutes * _MINUTE_US
        kinds, groups = _grouping(rest, step_us)
        for number, group in enumerate(groups):
            at = 0
            for kind in kinds:
                if (value := kind.read(group[at : at + kind.size])) is not None:
                    yield self._when_us + number * step_us, kind.quantity, value, kind.unit
                at += kind.size


def rain_of_hour(data: bytes, when_us: int) -> Iterator[Value]:
    """Rain of each five minutes from the time of observation on."""
    return _hour("DRP", data, 1, _RAIN_PARTS, "mm", when_us)


def levels_of_hour(quantity: str, data: bytes, when_us: int) -> Iterator[Value]:
    """Levels at each five minutes from the time of observation on."""
    return _hour(quantity, data, 2, _LEVEL_PARTS, "m", when_us)


def _hour(quantity: str, data: bytes, size: int, parts: int, unit: str, when_us: int) -> Iterator[Value]:
    for index in range(len(data) // size):
        raw = data[index * size : (index + 1) * size]
        if raw != b"\xff" * size:
            yield when_us + index * FIVE_MINUTES_US, quantity, int.from_bytes(raw, "big") / parts, unit


def _kind(body: bytes, at: int) -> tuple[Kind, int]:
    """The identifier at byte `at` and how many bytes it takes; raises DecodeError."""
    head = 3 if body[at] == CUSTOM else 2
    if at + head > len(body):
        raise DecodeError("not_a_packet", f"the identifier at byte {at} is cut off")
    shape = body[at + head - 1]
    size, decimals = shape >> 3, shape & 0b111
    if not size:
        raise DecodeError("not_a_packet", f"element {body[at]:02X} at byte {at} has a length of nothing")
    if body[at] == CUSTOM:
        return Kind(f"FF{body[at + 1]:02X}", None, size, decimals), head
    element = ELEMENTS.get(body[at])
    symbol = element.symbol if element else "ZT" if body[at] == STATE else f"{body[at]:02X}"
    return Kind(symbol, element.unit if element else None, size, decimals, body[at] == STATE), head


def _grouping(rest: bytes, step_us: int) -> tuple[list[Kind], list[bytes]]:
    """Where identifiers end and groups begin: the bytes do not say it, so the one count of identifiers that leaves whole groups counts.

    Of several that do, the one whose groups fill an hour or a day. Raises DecodeError when none or more are left.
    """
    found = list(_groupings(rest))
    if len(found) > 1:
        found = [entry for entry in found if len(entry[1]) * step_us in (HOUR_US, DAY_US)]
    if len(found) != 1:
        raise DecodeError("not_a_packet", f"a uniform report whose groups can be told apart in {len(found)} ways")
    return found[0]


def _groupings(rest: bytes) -> Iterator[tuple[list[Kind], list[bytes]]]:
    kinds: list[Kind] = []
    at = 0
    while at < len(rest) and len(kinds) < KINDS_MAX and (rest[at] in ELEMENTS or rest[at] == CUSTOM):
        try:
            kind, head = _kind(rest, at)
        except DecodeError:
            # What looks like an identifier here is a number: no more identifiers follow.
            return
        kinds.append(kind)
        at += head
        size = sum(each.size for each in kinds)
        groups = [rest[place : place + size] for place in range(at, len(rest), size)]
        if groups and len(groups[-1]) == size and all(_is_readable(kinds, group) for group in groups):
            yield list(kinds), groups


def _is_readable(kinds: list[Kind], group: bytes) -> bool:
    at = 0
    for kind in kinds:
        try:
            kind.read(group[at : at + kind.size])
        except DecodeError:
            return False
        at += kind.size
    return True

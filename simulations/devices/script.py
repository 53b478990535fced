"""What one simulated device does, from a seed: an endless row of steps with their moments. Pure: no sockets, no clock.

The same Plan gives the same steps. A step's moment is in seconds from the device's beginning; what the device believes to be the time,
and what it says of its readings, is worked out here too, so that a test can look at a script without running it. Read by device.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from math import inf
from random import Random
from typing import NamedTuple

from simulations.devices.faults import Fault
from simulations.devices.sensors import AIR_QUALITY, Quantity, rhythm

READINGS_MAX = 1 << 40
"""Of a device without an end."""
DRIFT_MAX = 0.01
"""Seconds a drifting clock gains or loses in a second: a cheap oscillator does a thousandth of it, but a test has no weeks."""
JUMP_S = (-3 * 86_400.0, 3 * 86_400.0)
FLOOD_READINGS = 100
BATTERY_READINGS = (20, 200)
"""Readings that a full battery lasts for."""
ODD_CHANCE = 0.15
"""Of a step that the device's fault shows in it."""
SILENCE_PERIODS = 2.5
"""In keep alives."""
SLOW_S = (1.0, 4.0)
REST_S = (0.0, 2.0)
"""Between a broken connection and the next."""
MICROSECONDS = 1_000_000


class Act(Enum):
    """What a step does."""

    SEND = "send"
    SEND_AGAIN = "send-again"
    """The newest reading once more, under a packet id of its own and without DUP."""
    SEND_AGAIN_DUP = "send-again-dup"
    """The same, with DUP."""
    BREAK = "break"
    """The connection is gone without a word; back after `seconds`."""
    SILENT = "silent"
    """Nothing, not even a ping, for `seconds`."""
    DEAF = "deaf"
    """Reads nothing for `seconds`."""
    TAKE_OVER = "take-over"
    """A second connection under the same client id, while the first still stands."""
    GARBAGE = "garbage"
    DIE = "die"
    """The battery is empty, or it has sent what it had."""


class Step(NamedTuple):
    """One thing a device does."""

    at_s: float
    act: Act
    number: int = 0
    """Of the reading, from 1; 0 without one."""
    payload: bytes = b""
    is_lie: bool = False
    """True when the door has reason to refuse it: it carries no id and enters no ledger."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Cadence:
    """When a device sends: `sending_s` seconds, then a rest of `resting_s`, and so on from its beginning."""

    sending_s: float = inf
    resting_s: float = 0.0

    def at_s(self, busy_s: float) -> float:
        """The moment at which it has been sending for `busy_s`."""
        bursts, within_s = divmod(busy_s, self.sending_s)
        return bursts * (self.sending_s + self.resting_s) + within_s if bursts else busy_s


@dataclass(frozen=True, slots=True)
class Measures:
    """What a device measures and how it writes it down."""

    quantities: Sequence[Quantity] = AIR_QUALITY
    days_pace: float = 0.0
    """How many seconds of the daily rhythm pass in one second; 0: it stays at the moment of the beginning."""
    has_ids: bool = True
    """True for readings that carry the id by which ledgers name them."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a device's script is made of."""

    name: str
    seed: int
    """Of this device."""
    every_s: float
    """Between two readings."""
    begins_us: int
    """Wall time of its beginning."""
    faults: Sequence[Fault] = ()
    keep_alive_s: float = 60.0
    neighbour: str = "somebody-else"
    """Whose name it takes when it lies."""
    territory: str | None = None
    """What it says of its place; None leaves it to the door's profile."""
    readings: int | None = None
    """After so many it leaves; None for no end."""
    cadence: Cadence = Cadence()
    measures: Measures = Measures()


def reading_id(name: str, number: int) -> str:
    """What a reading carries in `text`, and ledgers name it by."""
    return f"{name}/{number}"


def script(plan: Plan) -> Iterator[Step]:
    """The steps of `plan`, ascending in time, without end unless the battery is empty or its readings are sent."""
    rng = Random(f"{plan.seed}/{plan.name}")  # noqa: S311 - a script, not a key
    clock, faults = _DeviceClock(plan, rng), frozenset(plan.faults)
    battery = rng.randint(*BATTERY_READINGS) if Fault.BATTERY in faults else None
    busy_s, number = rng.uniform(0.0, plan.every_s), 0
    most = min(bound for bound in (battery, plan.readings, READINGS_MAX) if bound is not None)
    while number < most:
        at_s = plan.cadence.at_s(busy_s)
        for _ in range(FLOOD_READINGS if Fault.FLOOD in faults and rng.random() < ODD_CHANCE else 1):
            number += 1
            yield _send(plan, number, at_s, clock.believed_us(at_s), rng)
        yield from (step._replace(number=number) for step in _odd_steps(plan, faults, at_s, rng))
        if battery is not None:
            number += 1
            yield _battery_left(plan, number, at_s, clock.believed_us(at_s), 100.0 * max(0, battery - number) / battery)
        busy_s += plan.every_s * rng.uniform(0.8, 1.2)
    yield Step(plan.cadence.at_s(busy_s), Act.DIE, seconds=0.0)


class _DeviceClock:
    """What the device believes to be the time."""

    def __init__(self, plan: Plan, rng: Random) -> None:
        self._plan = plan
        self._rng = rng
        self._rate = 1.0 + (rng.uniform(-DRIFT_MAX, DRIFT_MAX) if Fault.DRIFT in plan.faults else 0.0)
        self._offset_us = 0

    def believed_us(self, at_s: float) -> int:
        """Microseconds since 1970 as the device sees them; ascends unless the clock jumps."""
        since_us = round(at_s * self._rate * MICROSECONDS)
        if Fault.EPOCH in self._plan.faults:
            return since_us
        if Fault.JUMP in self._plan.faults and self._rng.random() < ODD_CHANCE:
            self._offset_us = round(self._rng.uniform(*JUMP_S) * MICROSECONDS)
        return self._plan.begins_us + since_us + self._offset_us


def _send(plan: Plan, number: int, at_s: float, time_us: int, rng: Random) -> Step:
    measures = plan.measures
    quantity = measures.quantities[number % len(measures.quantities)]
    usual = rhythm(quantity, plan.begins_us + round(at_s * measures.days_pace * MICROSECONDS))
    value = round(max(0.0, usual + rng.gauss(0.0, quantity.noise)), quantity.digits)
    fields: dict[str, object] = {"device": plan.name, "time": time_us / MICROSECONDS, "quantity": quantity.name, "value": value}
    fields |= {"unit": quantity.unit, "text": reading_id(plan.name, number) if measures.has_ids else None}
    fields |= {"territory": plan.territory} if plan.territory else {}
    if Fault.LIE in plan.faults and rng.random() < ODD_CHANCE:
        lie = rng.choice(LIES)
        return Step(at_s, Act.SEND, number, lie(fields | {"text": None}, plan), is_lie=True)
    return Step(at_s, Act.SEND, number, _json(fields))


def _battery_left(plan: Plan, number: int, at_s: float, time_us: int, percent: float) -> Step:
    fields = {"device": plan.name, "time": time_us / MICROSECONDS, "quantity": "battery", "value": round(percent, 1), "unit": "%"}
    return Step(at_s, Act.SEND, number, _json(fields | {"text": reading_id(plan.name, number)}))


def _odd_steps(plan: Plan, faults: frozenset[Fault], at_s: float, rng: Random) -> Iterator[Step]:
    for fault in plan.faults:
        if fault not in _ODD_ACTS or rng.random() >= ODD_CHANCE:
            continue
        act = rng.choice(_ODD_ACTS[fault])
        yield Step(at_s, act, seconds=_lasting_s(act, plan, rng))


def _lasting_s(act: Act, plan: Plan, rng: Random) -> float:
    if act is Act.SILENT:
        return plan.keep_alive_s * SILENCE_PERIODS
    return rng.uniform(*(SLOW_S if act is Act.DEAF else REST_S))


_ODD_ACTS: dict[Fault, Sequence[Act]] = {
    Fault.FLAP: (Act.BREAK,),
    Fault.DUPLICATE: (Act.SEND_AGAIN, Act.SEND_AGAIN_DUP),
    Fault.SILENCE: (Act.SILENT,),
    Fault.SLOW: (Act.DEAF,),
    Fault.TAKEOVER: (Act.TAKE_OVER,),
    Fault.GARBAGE: (Act.GARBAGE,),
}

Fields = dict[str, object]
LIES: Sequence[Callable[[Fields, Plan], bytes]] = (
    lambda fields, plan: _json(fields | {"value": -4_000.0}),
    lambda fields, plan: _json(fields | {"value": 1e300}),
    lambda fields, plan: _json(fields | {"unit": "parsec"}),
    lambda fields, plan: _json(fields | {"territory": "990101"}),
    lambda fields, plan: _json(fields | {"device": plan.neighbour}),
    lambda fields, plan: _json(fields | {"quantity": "<b>PM2.5</b>"}),
    lambda fields, plan: _json(fields | {"quantity": "PM\x1b[31m2.5"}),
    lambda fields, plan: _json(fields | {"time": "yesterday"}),
    lambda fields, plan: _json(fields).replace(b'"value":', b'"value":NaN,"was":'),
    lambda fields, plan: b'{"device":"' + plan.name.encode(),
    lambda fields, plan: b"\xff\xfe\x00 not a reading",
)
"""Ways to lie, each a payload made of a true one."""


def _json(fields: Fields) -> bytes:
    kept = {name: value for name, value in fields.items() if value is not None}
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode()

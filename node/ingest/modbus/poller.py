"""Asks one Modbus device in order and hands what it answers to the intake, as readings of its topic.

The first poll waits a random part of the period, so that a node with hundreds of devices does not ask them all at once. A device that does
not answer is asked again with growing waits; others do not notice. A poll for which the intake has no room is left out and counted: the
next one brings newer values. Started by the device plane.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import msgspec

from node.backoff import Backoff
from node.clock import Clock
from node.ingest.errors import DecodeError
from node.ingest.modbus.line import Line, ModbusFault
from node.ingest.modbus.registers import Block, Found, Register, blocks, values
from node.ingest.sink import Message, Sink

PERIOD_S_MIN = 0.1
"""Least wait between two polls, however long one takes."""
FAILURE_FLOOR_S, FAILURE_CAP_S = 1.0, 300.0
"""Bounds of the random wait after a poll that failed."""
TOPIC = "modbus"

_ENCODER = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class PollSettings:
    """One device."""

    device: str
    unit: int
    """Number of the device behind its address."""
    registers: tuple[Register, ...]
    period_s: float


def topic_of(device: str) -> str:
    """The topic under which a device's readings are looked up."""
    return f"{TOPIC}/{device}"


class Poller:
    """One device and the line it hangs on."""

    def __init__(self, settings: PollSettings, line: Line, sink: Sink, clock: Clock, rng: Random) -> None:
        self.settings = settings
        self.counts: Counter[str] = Counter()
        """Polls by what became of them: polled, or why it failed; and values that could not be read, by reason."""
        self.fault = ""
        """Why the last poll failed; empty when it did not."""
        self._line = line
        self._sink = sink
        self._clock = clock
        self._rng = rng
        self._blocks: Sequence[Block] = tuple(blocks(settings.registers))
        self._backoff = Backoff(rng, floor_s=FAILURE_FLOOR_S, cap_s=max(FAILURE_CAP_S, settings.period_s))

    async def run(self) -> None:
        """Ask until cancelled."""
        try:
            wait_s = self._rng.uniform(0.0, self.settings.period_s)
            while True:
                await asyncio.sleep(wait_s)
                wait_s = await self.poll()
        finally:
            self._line.close()

    async def poll(self) -> float:
        """Ask once; returns how many seconds to wait for the next time."""
        began = self._clock.now()
        try:
            found = await self._ask()
        except ModbusFault as fault:
            self.counts[fault.reason] += 1
            self.fault = str(fault)
            return max(self._backoff.next_wait_s(), min(self.settings.period_s, FAILURE_FLOOR_S))
        self.fault = ""
        self._backoff.lived(FAILURE_CAP_S)
        self._hand_on(found)
        taken_s = (self._clock.now().us - began.us) / 1e6
        return max(PERIOD_S_MIN, self.settings.period_s - taken_s)

    async def _ask(self) -> list[Found]:
        found: list[Found] = []
        for block in self._blocks:
            words = await self._line.read(block.function, block.address, block.count, unit=self.settings.unit)
            for value in values(block, words):
                if isinstance(value, DecodeError):
                    self.counts[value.reason] += 1
                else:
                    found.append(value)
        return found

    def _hand_on(self, found: list[Found]) -> None:
        if not self._sink.has_room:
            self.counts["no_room"] += 1
            return
        self.counts["polled"] += 1
        if not found:
            return
        time_us = self._clock.wall_us()
        readings = [
            {"device": self.settings.device, "time": time_us, "quantity": quantity, "value": value, "text": text, "unit": unit}
            for quantity, value, text, unit in found
        ]
        message = Message(topic_of(self.settings.device), _ENCODER.encode(readings))
        verdicts = self._sink.submit(f"{TOPIC}/{self.settings.device}", [message], _nothing)
        if verdict := verdicts.get(0):
            self.counts[verdict.value] += 1


def _nothing() -> None:
    """Nobody waits for the commit of a poll: what a crash takes with it is asked again."""

"""`python -m tests.fuzz.door --packets 10000000 --seed 1`: mutated packets through whole connections of the sensor door.

Every connection begins with a good CONNECT, gets a few mutated packets and some good ones between them, and ends. Nothing may escape the
connection, and the door must still take a good client's message at the end. Both versions; sessions, wills and commands included.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from node.clock import SystemClock
from node.ingest.door import Door
from node.ingest.mqtt.connection import Connection, Phase
from node.ingest.outgoing import Outgoing
from node.ingest.sink import Posted, Verdict
from tests.fuzz.mutate import mutated
from tests.fuzz.run import ESCAPES_MAX, Escape
from tests.fuzz.targets import MQTT5, MQTT311
from tests.node.ingest.parts import ListSink

PACKETS_A_CONNECTION = 8
"""Packets of one connection after its CONNECT."""
CLIENTS = 50
"""Client ids in use: connections meet sessions that others left, and take each other over."""
TOLD_EVERY = 1_000_000
"""Packets between two lines of progress."""
CONNECT_BYTES = {4: MQTT311[0], 5: MQTT5[0]}


class FakeTransport(asyncio.Transport):
    """Takes what is written and forgets it."""

    def __init__(self) -> None:
        super().__init__({"peername": ("fuzz", 0)})

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Nobody reads it."""

    def pause_reading(self) -> None:
        """Nothing reads."""

    def resume_reading(self) -> None:
        """Nothing reads."""

    def can_write_eof(self) -> bool:
        """As TLS: no."""
        return False

    def close(self) -> None:
        """The connection is told by `run_connections`."""

    def abort(self) -> None:
        """As close."""


class FuzzSink(ListSink):
    """A sink that keeps nothing and now and then says no."""

    def __init__(self, rng: Random) -> None:
        super().__init__()
        self._rng = rng
        self.topics: list[str] = []
        """Topics of the last submission."""

    def submit(self, client: str, messages: Sequence[Posted], on_stored: Callable[[], None], **_: object) -> dict[int, Verdict]:
        """Store at once, later, or not."""
        del client
        on_stored()
        self.topics = [message.topic for message in messages]
        return {0: self._rng.choice(list(Verdict))} if messages and self._rng.random() < 0.1 else {}

    def keep(self, marks: Sequence[object], on_kept: Callable[[], None]) -> None:
        """Kept at once."""
        del marks
        on_kept()

    def connected(self, client: str) -> None:
        """Not noted."""

    def gone(self, client: str) -> None:
        """Not noted."""


class FuzzOutbox:
    """Always has a command."""

    def waiting(self, client: str) -> Sequence[Outgoing]:
        """The same two for everybody."""
        del client
        return (Outgoing("1", "reboot", b"{}"), Outgoing("2", "set", b"x" * 300, qos=0))

    def handed_over(self, client: str, message_id: str) -> None:
        """It comes again."""

    def answered(self, client: str, payload: bytes, on_stored: Callable[[], None]) -> Verdict | None:
        """Taken."""
        del client, payload
        on_stored()
        return None


@dataclass
class Outcome:
    """What became of the packets."""

    packets: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    escapes: list[Escape] = field(default_factory=list)
    took_a_good_message: bool = False


async def fuzz_door(*, packets: int, seed: int, tell: Callable[[int], None] = lambda packets: None) -> Outcome:
    """At least `packets` packets, the same for every run of a seed; `tell` hears how many went, every TOLD_EVERY."""
    rng, outcome = Random(f"door {seed}"), Outcome()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: outcome.escapes.append(Escape(str(context.get("exception")), b"")))
    sink, told = FuzzSink(rng), 0
    door = Door([], sink, passwords=None, anonymous=True, clock=SystemClock())
    door.outbox = FuzzOutbox()
    while outcome.packets < packets and len(outcome.escapes) < ESCAPES_MAX:
        for _ in range(200):
            _one_connection(door, rng, outcome)
        door.sessions.tick()
        if outcome.packets // TOLD_EVERY > told:
            told = outcome.packets // TOLD_EVERY
            tell(outcome.packets)
        await asyncio.sleep(0)
    outcome.refused = door.refused
    outcome.took_a_good_message = _takes_a_good_message(door, sink)
    await door.stop()
    loop.set_exception_handler(None)
    return outcome


def _one_connection(door: Door, rng: Random, outcome: Outcome) -> None:
    version = rng.choice((4, 5))
    samples = MQTT311 if version == 4 else MQTT5
    connection, transport, said = Connection(door), FakeTransport(), [_named(version, rng)]
    connection.connection_made(transport)
    for _ in range(PACKETS_A_CONNECTION):
        said.append(mutated(rng, samples) if rng.random() < 0.5 else rng.choice(samples[1:-1]))
    try:
        for packet in said:
            if connection.phase is Phase.CLOSED:
                break
            # In two pieces, the second of which may come with the next packet.
            size = rng.randint(0, len(packet))
            connection.data_received(packet[:size])
            connection.data_received(packet[size:])
            outcome.packets += 1
        connection.connection_lost(None)
    except Exception as error:  # noqa: BLE001 - any error that leaves the connection is what is looked for
        outcome.escapes.append(Escape(f"{type(error).__name__}: {error}", b"".join(said)))


def _named(version: int, rng: Random) -> bytes:
    """A CONNECT of one of the clients, sometimes with a session that stays."""
    name = b"%04d" % rng.randrange(CLIENTS)
    packet = bytearray(CONNECT_BYTES[version].replace(b"gate", name))
    packet[9] = rng.choice((0x00, 0x02))
    return bytes(packet)


def _takes_a_good_message(door: Door, sink: FuzzSink) -> bool:
    connection = Connection(door)
    connection.connection_made(FakeTransport())
    connection.data_received(CONNECT_BYTES[4] + MQTT311[2].replace(b"a/b", b"a/c"))
    connection.connection_lost(None)
    return sink.topics == ["a/c"]


def _tell(packets: int) -> None:
    sys.stderr.write(f"{packets:,} packets\n")


def main() -> int:
    """Print what became of the packets; 1 when something escaped."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.door", description=__doc__)
    parser.add_argument("--packets", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    clock = SystemClock()
    began = clock.now()
    outcome = asyncio.run(fuzz_door(packets=args.packets, seed=args.seed, tell=_tell))
    seconds = clock.now().seconds_since(began)
    sys.stdout.write(f"{outcome.packets:,} packets in {seconds:,.0f} s ({outcome.packets / seconds:,.0f}/s), seed {args.seed}\n")
    for reason, count in sorted(outcome.refused.items()):
        sys.stdout.write(f"    {reason:<32} {count:>12,}\n")
    for escape in outcome.escapes:
        sys.stdout.write(f"ESCAPED {escape.error[:200]}\n    {escape.data[:400].hex()}\n")
    sys.stdout.write(f"a good client afterwards: {'served' if outcome.took_a_good_message else 'NOT served'}\n")
    return int(bool(outcome.escapes) or not outcome.took_a_good_message)


if __name__ == "__main__":
    sys.exit(main())

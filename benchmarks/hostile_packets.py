"""What hostile devices do to a sensor door, each until its process ends: for hostile_devices.py.

Every attack is an `async def` of host and port that goes on for ever and takes a closed connection as its answer: it comes again at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from random import Random

from simulations.devices.packets import V5, V311, Kind, connect, plain, publish, subscribe

SEED = 20_261_121
SENDERS = 8
"""Connections of one attack that send as fast as they can."""
LORISES = 400
"""Connections of one attack that send a byte now and then."""
LORIS_EVERY_S = 0.5
FUZZ_BYTES_MAX = 600
TOPIC_READINGS = 50
READ_BYTES = 1 << 16
FLIPS_MAX = 4

Attack = Callable[[str, int], Coroutine[None, None, None]]


async def _repeat(count: int, once: Callable[[int], Awaitable[None]]) -> None:
    """`count` tasks that do `once` again and again, whatever the door makes of it."""

    async def again(number: int) -> None:
        while True:
            with contextlib.suppress(ConnectionError, OSError, asyncio.IncompleteReadError):
                await once(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(again(number) for number in range(count)))


async def _send(host: str, port: int, pieces: Iterator[bytes], *, first: bytes | None = None) -> None:
    """One connection that sends `pieces` until the door closes it or they end; answers are read and thrown away."""
    reader, writer = await asyncio.open_connection(host, port)
    reading = asyncio.create_task(_swallow(reader))
    try:
        if first is not None:
            writer.write(first)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            if reading.done():
                return
    finally:
        reading.cancel()
        writer.transport.abort()


async def _swallow(reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(ConnectionError):
        while await reader.read(READ_BYTES):
            pass


async def fuzzed(host: str, port: int) -> None:
    """Packets with flipped bytes and packets of chance, after a good CONNECT and instead of one."""
    rng = Random(SEED)
    good = [
        publish("air-quality/reading/f", b'{"device":"f","value":1}', 7),
        subscribe(9, "command/f/#"),
        plain(Kind.PINGREQ),
        connect("f"),
    ]

    def wrong() -> bytes:
        if rng.random() < 0.5:
            return rng.randbytes(rng.randint(2, FUZZ_BYTES_MAX))
        packet = bytearray(rng.choice(good))
        for _ in range(rng.randint(1, FLIPS_MAX)):
            packet[rng.randrange(len(packet))] = rng.randrange(256)
        return bytes(packet)

    async def once(number: int) -> None:
        opening = connect(f"fuzz-{number}", version=rng.choice((V311, V5))) if rng.random() < 0.7 else None
        await _send(host, port, (wrong() for _ in range(20)), first=opening)

    await _repeat(SENDERS, once)


async def slow_loris(host: str, port: int) -> None:
    """Hundreds of connections whose CONNECT, or whose PUBLISH, never ends."""
    opening = connect("loris", keep_alive_s=600)

    async def once(number: int) -> None:
        _, writer = await asyncio.open_connection(host, port)
        try:
            whole = number % 2
            writer.write(connect(f"loris-{number}") if whole else b"")
            for byte in publish("air-quality/reading/l", b"x" * 1_000, 1) if whole else opening:
                writer.write(bytes((byte,)))
                await writer.drain()
                await asyncio.sleep(LORIS_EVERY_S)
        finally:
            writer.transport.abort()

    await _repeat(LORISES, once)


async def giant_lengths(host: str, port: int) -> None:
    """Packets that say they are 256 MiB, and packets of 200 KiB that are."""
    liar, giant = b"\x32\xff\xff\xff\x7f" + b"\x00\x01a" * 20, publish("air-quality/reading/g", b"[" + b"0," * 100_000 + b"0]", 1)

    async def once(number: int) -> None:
        await _send(host, port, itertools.repeat(giant if number % 2 else liar, 20), first=connect(f"giant-{number}"))

    await _repeat(SENDERS, once)


async def topic_flood(host: str, port: int) -> None:
    """A new topic and a new device with every message, as fast as the door takes them."""
    numbers = itertools.count()

    def flood() -> Iterator[bytes]:
        while True:
            yield b"".join(
                publish(f"air-quality/reading/t{number}", b'{"device":"t%d","value":1}' % number, number % 60_000 + 1)
                for number in itertools.islice(numbers, TOPIC_READINGS)
            )

    async def once(number: int) -> None:
        await _send(host, port, flood(), first=connect(f"flood-{number}"))

    await _repeat(SENDERS, once)


async def duplicate_ids(host: str, port: int) -> None:
    """Connections that take the same client id from each other, over and over."""

    async def once(number: int) -> None:
        await _send(host, port, itertools.repeat(plain(Kind.PINGREQ), 3), first=connect("twin", is_clean=number % 2 == 0))

    await _repeat(4 * SENDERS, once)


async def rejects(host: str, port: int) -> None:
    """Messages that cannot be used, which the door has to keep, as fast as it takes them."""
    numbers = itertools.count(1)

    def useless() -> Iterator[bytes]:
        while True:
            yield b"".join(
                publish(f"nowhere/{number % 50}", b'{"device":"<b>\x1b[31m","value":NaN}', number % 60_000 + 1)
                for number in itertools.islice(numbers, TOPIC_READINGS)
            )

    async def once(number: int) -> None:
        await _send(host, port, useless(), first=connect(f"useless-{number}"))

    await _repeat(SENDERS, once)


ATTACKS: dict[str, Attack] = {
    "fuzzed": fuzzed,
    "slow-loris": slow_loris,
    "giant-lengths": giant_lengths,
    "topic-flood": topic_flood,
    "duplicate-ids": duplicate_ids,
    "rejects": rejects,
}
"""By name."""

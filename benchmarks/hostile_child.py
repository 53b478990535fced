"""A child that joined properly and then speaks badly: `python -m benchmarks.hostile_child FOLDER ADDRESS ATTACK ... [--seconds S]`.

It uses the identity below FOLDER, real TLS and the real handshake, so that what it sends reaches as far as an admitted child's can. Each
attack is repeated until its seconds are over. Prints one JSON line for each: how often it was made, and the last words of the parent.
Called by hostile_bench.py.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random

from benchmarks import hostile_frames as frames
from benchmarks.children import NoShelf
from benchmarks.hostile_frames import FORMAT_FIELD, TOP, Maker, Recipe
from benchmarks.hostile_sockets import hold_half_open, hold_half_streams
from node.clock import HybridClock, SystemClock
from node.config.config import load_config
from node.identity.chance import new_id
from node.identity.files import IdentityFiles
from node.identity.vouch import KeyDirectory
from node.links.handshake import Handshake, Me, Step
from node.links.strangers import raise_descriptors
from sync.core.messages import Ack, Answer, Bundles, Heartbeat, Message, Position, Query, Refused
from sync.model import Direction, Lane, LinkError, PolicyVersion, Span
from sync.transport.credentials import TlsCredentials
from sync.transport.grpc_setup import CHANNEL, aio
from sync.transport.link_dialer import dial
from sync.transport.link_wire import GROUP_KEY, NODE_KEY, PATH, SESSION_KEY, StreamBroken, TryLaterError, words_of
from sync.transport.mailbox import Group
from sync.transport.session import Session
from sync.wire.codec import decode, encode
from sync.wire.peek import length_delimited

SEED = 20260501
LINK_TIMEOUT_S = 10.0
LAST_WORDS_S = 1.0
"""How long the end of a link is awaited, for the parent's reason."""
FLOOD = 2_000
"""Messages of one flood before it looks whether the parent still listens."""
HALF_OPEN = 1_000
RAW_CONNECTIONS = 1_000
"""On each port."""
HALF_STREAMS = 100
HEARTBEAT_NUMBER = 7
"""Its number in the envelope: what is too large is written past the encoder, which would refuse it."""


class Hostile:
    """The child. `told` is the last thing the parent said."""

    def __init__(self, folder: Path, address: str, others: Sequence[str] = ()) -> None:
        config, files = load_config(folder / "node.toml"), IdentityFiles(folder)
        material, parent = files.tls(), files.parent(now_us=None)
        assert parent is not None, "a child without a parent"
        self.me = Me(config.node.id, files.incarnation(), config.level, config.territory.code, "hostile")
        self.make = Maker(self.me.node, self.me.incarnation, self.me.territory, files.vouch(self.me.node, KeyDirectory()))
        self.rng = Random(SEED)
        self.told = ""
        self.upto = 0
        """Up to where the parent holds this child's bulk lane."""
        self.address, self.others = address, others
        self.parent, self.server_name = parent.node, parent.tls_name
        self.credentials = TlsCredentials(material.key_pem, material.chain_pem, material.root_pem)
        self.hybrid = HybridClock(SystemClock())

    async def dial(self) -> Session:
        """A session, waiting as the parent asks; raises LinkError."""
        while True:
            try:
                return await dial(
                    self.address, self.credentials, server_name=self.server_name, session_id=new_id(), node=self.me.node
                )
            except TryLaterError as error:
                self.told = str(error)
                await asyncio.sleep(error.retry_after_s)

    @asynccontextmanager
    async def linked(self, positions: tuple[Position, ...] = ()) -> AsyncIterator[Session]:
        """A session whose handshake is done; its end is awaited for the parent's last words. Raises LinkError when there is none."""
        session = await self.dial()
        try:
            async with asyncio.timeout(LINK_TIMEOUT_S):
                await self._shake_hands(session, positions)
            with suppress(LinkError):  # the parent ends the link while the attack still writes
                yield session
                await asyncio.wait([session.closed], timeout=LAST_WORDS_S)
        finally:
            if session.closed.done():
                self.told = session.closed.result()
            await session.close("done")

    async def _shake_hands(self, session: Session, positions: tuple[Position, ...]) -> None:
        shaking = Handshake(
            self.me, peer=self.parent, is_parent=True, positions=lambda life: positions, shelf=NoShelf(), tick=self.hybrid.tick
        )
        await say(session, *shaking.begin())
        async for data in session.incoming(Group.URGENT):
            await say(session, *shaking.receive(decode(data)))
            if shaking.step is Step.DONE and shaking.hello is not None:
                held = [entry.upto for entry in shaking.hello.positions if (entry.direction, entry.lane) == (Direction.UP, Lane.BULK)]
                self.upto = max(held, default=0) if shaking.hello.for_incarnation == self.me.incarnation else 0
                return
        raise LinkError(session.closed.result())


async def say(session: Session, *messages: Message, urgent: bool = True) -> None:
    """Send messages as they are, with no check of their sense beyond the encoder's."""
    for message in messages:
        await session.send(encode(message), urgent=urgent)


# ---- attacks on an open link


async def garbage(child: Hostile) -> None:
    """Bytes that are no message."""
    async with child.linked() as session:
        await session.send(child.rng.randbytes(child.rng.randrange(1, 65_536)), urgent=child.rng.random() < 0.5)


def framed(make: Callable[[Maker, Random], Sequence[Recipe]]) -> Callable[[Hostile], Awaitable[None]]:
    """An attack that sends frames."""

    async def attack(child: Hostile) -> None:
        for recipe in make(child.make, child.rng):
            async with child.linked() as session:
                await session.send(recipe(child.upto), urgent=False)

    attack.__doc__ = make.__doc__
    return attack


async def flood(child: Hostile) -> None:
    """Small messages as fast as they go: acknowledgements of nothing, heartbeats, messages nobody knows."""
    messages = [encode(Ack(Direction.RETURN, Lane.EVENT, 0, 0)), encode(Heartbeat(b"[]")), b"\x08\x09\xfa\x07\x01x"]
    async with child.linked() as session:
        for number in range(FLOOD):
            await session.send(messages[number % len(messages)], urgent=number % 2 == 0)


async def refusals(child: Hostile) -> None:
    """Refusals of frames that were never sent, each with a long reason."""
    async with child.linked() as session:
        for number in range(FLOOD):
            span = Span(number, number + 1 + child.rng.randrange(1 << 40))
            await say(session, Refused(Direction.RETURN, Lane.BULK, span, 0, "no" * 2_000, PolicyVersion()))


async def acks(child: Hostile) -> None:
    """Acknowledgements of what was never sent, and of the wrong direction."""
    for ack in (Ack(Direction.RETURN, Lane.BULK, TOP, TOP), Ack(Direction.UP, Lane.BULK, 5, 5)):
        async with child.linked() as session:
            await say(session, ack)


async def statuses(child: Hostile) -> None:
    """Statuses that are huge, deep, false or of others."""
    deep = b"[" * 200_000
    huge = b'[{"id":"x","name":"' + b"n" * (15 << 20) + b'"}]'
    others = json.dumps([{"id": child.parent, "name": "me", "level": "district", "territory": "37", "parent": "", "incarnation": "1",
                          "state": "OK", "words": [], "as_of_us": 1, "software": "", "policy": ""}]).encode()  # fmt: skip
    for body in (deep, huge, others):
        async with child.linked() as session:
            await session.send(FORMAT_FIELD + length_delimited(HEARTBEAT_NUMBER, length_delimited(1, body)), urgent=True)


async def questions(child: Hostile) -> None:
    """Questions that only a parent may ask, and answers that nobody asked for."""
    async with child.linked() as session:
        for number in range(FLOOD // 4):
            await say(session, Query(number, "summary", b"{" * 100), Answer(number, bytes(1_000)))
        await say(session, Query(1, "quarantine", b"[]"), Answer(TOP, bytes(4 << 20)), Bundles((bytes(1_000), b"{}")))


async def deaf(child: Hostile) -> None:
    """Asks and asks and reads nothing."""
    async with child.linked() as session:
        for number in range(FLOOD):
            await say(session, Query(number, "nothing", bytes(1_000)))


async def hellos(child: Hostile) -> None:
    """Hellos that claim positions the parent never reached, other names, and then once more."""
    absurd = tuple(Position(Direction.RETURN, lane, TOP - lane, child.rng.randbytes(32)) for lane in Lane)
    async with child.linked(absurd):
        pass
    session = await child.dial()
    try:
        other = Me("shandong", TOP, child.me.level, child.me.territory, "x" * 60)
        shaking = Handshake(
            other, peer=child.parent, is_parent=True, positions=lambda life: absurd, shelf=NoShelf(), tick=child.hybrid.tick
        )  # fmt: skip
        await say(session, *shaking.begin())
        await asyncio.wait([session.closed], timeout=LAST_WORDS_S)
    finally:
        await session.close("done")


# ---- attacks below the link


async def streams(child: Hostile) -> None:
    """Thousands of halves of sessions whose other half never comes."""
    channel = _channel(child)
    try:
        calls = [_half(channel, child, f"half-{number}") for number in range(HALF_OPEN)]
        done, _ = await asyncio.wait([asyncio.ensure_future(_last_words(call)) for call in calls], timeout=LAST_WORDS_S)
        for call in calls:
            call.cancel()
        # The parent refuses some, and the transport some before it: what was said last is chance.
        child.told = "; ".join(sorted({task.result() for task in done}))
    finally:
        await channel.close()


async def metadata(child: Hostile) -> None:
    """Metadata of a megabyte, of a thousand keys, and without sense."""
    channel = _channel(child)
    try:
        for extra in ((("x", "y" * (1 << 20)),), tuple((f"k{number}", "v" * 100) for number in range(1_000)), ()):
            call = channel.stream_stream(PATH)(metadata=((GROUP_KEY, "none"), (SESSION_KEY, "s" * 1_000), (NODE_KEY, "n"), *extra))
            child.told = await _last_words(call)
    finally:
        await channel.close()


async def strangers(child: Hostile) -> None:
    """Thousands of connections on every port that say nothing, garbage, or how a TLS handshake begins, and stay."""
    stood = await hold_half_open((child.address, *child.others), RAW_CONNECTIONS, child.rng)
    child.told = f"{stood} connections stood"


async def headers(child: Hostile) -> None:
    """Connections with the child's certificate whose only stream never ends its headers."""
    stood = await hold_half_streams(child.address, child.credentials, child.server_name, HALF_STREAMS)
    child.told = f"{stood} connections stood"


def _channel(child: Hostile) -> aio.Channel:
    options = [*CHANNEL, ("grpc.ssl_target_name_override", child.server_name), ("grpc.default_authority", child.server_name)]
    options = [(key, value) for key, value in options if "metadata" not in key]
    return aio.secure_channel(child.address, child.credentials.for_channel(), options=options)


def _half(channel: aio.Channel, child: Hostile, session_id: str) -> aio.StreamStreamCall:
    group = Group.BULK if child.rng.random() < 0.5 else Group.URGENT
    return channel.stream_stream(PATH)(metadata=((GROUP_KEY, group.value), (SESSION_KEY, session_id), (NODE_KEY, child.me.node)))


async def _last_words(call: aio.StreamStreamCall) -> str:
    try:
        async with asyncio.timeout(LAST_WORDS_S):
            await call.read()
            return str(await call.details())
    except TimeoutError:
        return "nothing was said"
    except StreamBroken as error:
        return words_of(error)


ATTACKS: dict[str, Callable[[Hostile], Awaitable[None]]] = {
    "garbage": garbage,
    "lengths": framed(frames.lengths),
    "bombs": framed(frames.bombs),
    "sequence": framed(frames.sequence),
    "forgery": framed(frames.forgery),
    "territory": framed(frames.territory),
    "flood": flood,
    "refusals": refusals,
    "acks": acks,
    "statuses": statuses,
    "questions": questions,
    "deaf": deaf,
    "hellos": hellos,
    "streams": streams,
    "metadata": metadata,
    "strangers": strangers,
    "headers": headers,
}


async def attack(child: Hostile, names: Sequence[str], seconds: float) -> None:
    """Make the attacks, one after the other, each for `seconds` and at least once."""
    loop = asyncio.get_running_loop()
    for name in names:
        end, count, child.told = loop.time() + seconds, 0, ""
        while not count or loop.time() < end:
            try:
                await ATTACKS[name](child)
            except (LinkError, TimeoutError, OSError) as error:
                child.told = str(error) or type(error).__name__
            count += 1
        sys.stdout.write(json.dumps({"attack": name, "count": count, "told": child.told}) + "\n")
        sys.stdout.flush()


def main() -> int:
    """Attack until told to stop, or until the seconds of every attack are over."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("address")
    parser.add_argument("attacks", nargs="+", choices=sorted(ATTACKS))
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--core", type=int, default=None)
    parser.add_argument("--others", nargs="*", default=[], metavar="HOST:PORT", help="the parent's other ports, for `strangers`")
    options = parser.parse_args()
    if options.core is not None:
        os.sched_setaffinity(0, {options.core})
    raise_descriptors()
    asyncio.run(attack(Hostile(options.folder, options.address, options.others), options.attacks, options.seconds))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Many children in one process, for children_bench.py: `python -m benchmarks.children FOLDER ADDRESS`.

Each has an identity of its own below FOLDER, dials with mTLS on two connections as a node does, goes through the real handshake, sends
heartbeats, and waits by the node's own rules (full jitter, the parent's word) before it dials again. Prints one JSON line a second
with the links that stand; why a link that stood has ended goes to stderr.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random

from node.backoff import Backoff
from node.clock import HybridClock, SystemClock
from node.config.config import load_config
from node.identity.chance import new_id
from node.identity.files import IdentityFiles
from node.links.handshake import Handshake, Me, Step
from sync.core.messages import Heartbeat, Message
from sync.model import DEFAULT_LIMITS, LinkError, PolicyVersion
from sync.transport.credentials import TlsCredentials
from sync.transport.link_dialer import dial
from sync.transport.link_wire import TryLaterError
from sync.transport.mailbox import Group
from sync.transport.session import Session
from sync.wire.codec import decode, encode

REPORT_S = 1.0


class NoShelf:
    """A child that has no policy of its own and keeps none: the parent sends it everything, as to a new node."""

    version = PolicyVersion()

    def missing_in(self, version: PolicyVersion, territory: str) -> tuple[bytes, ...]:
        """Nothing to give."""
        return ()

    def take(self, bundles: Iterable[bytes]) -> None:
        """Count nothing, keep nothing."""


class Child:
    """One child and its link."""

    def __init__(self, folder: Path, address: str, seed: int) -> None:
        config, files = load_config(folder / "node.toml"), IdentityFiles(folder)
        self.is_up = False
        self.told_to_wait = 0
        self._me = Me(config.node.id, files.incarnation(), config.level, config.territory.code, "bench")
        self._address = address
        material, parent = files.tls(), files.parent(now_us=None)
        assert parent is not None, "a child without a parent"
        self._parent, self._server_name = parent.node, parent.tls_name
        self._credentials = TlsCredentials(material.key_pem, material.chain_pem, material.root_pem)
        self._backoff = Backoff(Random(seed), floor_s=DEFAULT_LIMITS.reconnect_floor_s, cap_s=DEFAULT_LIMITS.reconnect_cap_s)
        self._clock = SystemClock()
        self._hybrid = HybridClock(self._clock)

    async def run(self) -> None:
        """Keep the link for ever."""
        while True:
            began = self._clock.now()
            try:
                await self._live()
            except TryLaterError as error:
                self.told_to_wait += 1
                await asyncio.sleep(self._backoff.next_wait_after_s(error.retry_after_s))
                continue
            except (LinkError, TimeoutError) as error:
                self._tell_end(str(error))  # mostly that the parent is down, which is what this benchmark is about
            finally:
                self.is_up = False
            self._backoff.lived(self._clock.now().seconds_since(began))
            await asyncio.sleep(self._backoff.next_wait_s())

    async def _live(self) -> None:
        session = await dial(
            self._address, self._credentials, server_name=self._server_name, session_id=new_id(), node=self._me.node
        )
        try:
            await self._talk(session)
            self._tell_end(session.closed.result() if session.closed.done() else "the urgent half ended")
        finally:
            await session.close("the child's link ended")

    def _tell_end(self, why: str) -> None:
        if self.is_up:
            sys.stderr.write(f"{self._me.node}: {why}\n")

    async def _talk(self, session: Session) -> None:
        messages = session.incoming(Group.URGENT)
        shaking = Handshake(
            self._me, peer=self._parent, is_parent=True, positions=lambda life: (), shelf=NoShelf(), tick=self._hybrid.tick
        )
        await _say(session, shaking.begin())
        async for data in messages:
            if not self.is_up:
                await _say(session, shaking.receive(decode(data)))
                self.is_up = _is_done(shaking)
                if self.is_up:
                    self._keep_beating(session)

    def _keep_beating(self, session: Session) -> None:
        beats = asyncio.create_task(self._beat(session))
        session.closed.add_done_callback(lambda done: beats.cancel())

    async def _beat(self, session: Session) -> None:
        while True:
            await session.send(encode(Heartbeat(b"[]", self._hybrid.tick())), urgent=True)
            await asyncio.sleep(DEFAULT_LIMITS.heartbeat_s)


def _is_done(shaking: Handshake) -> bool:
    return shaking.step is Step.DONE


async def _say(session: Session, messages: list[Message]) -> None:
    for message in messages:
        await session.send(encode(message), urgent=True)


async def keep(folders: Sequence[Path], address: str) -> None:
    """Run the children of all `folders` and report."""
    children = [Child(folder, address, seed) for seed, folder in enumerate(folders)]
    tasks = [asyncio.create_task(child.run()) for child in children]
    while not any(task.done() for task in tasks):
        facts = {"up": sum(child.is_up for child in children), "told_to_wait": sum(child.told_to_wait for child in children)}
        sys.stdout.write(json.dumps(facts) + "\n")
        sys.stdout.flush()
        await asyncio.sleep(REPORT_S)
    for task in tasks:
        if task.done():
            task.result()


if __name__ == "__main__":
    asyncio.run(keep(sorted(Path(sys.argv[1]).iterdir()), sys.argv[2]))

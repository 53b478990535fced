"""Two real nodes, a province and a city, in one process, their links joined by pipes of memory instead of gRPC.

    async with two_nodes(folder) as pair: ...

Owns: the folders (joined without a network), the parts, their runtimes, and the session between them. `pair.hear` sees each message the
city sends upward as bytes; a test may put its own on `pair.up`. Called by the tests of the link's rooms.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.chain_files import make_chain
from benchmarks.workload import RESOURCE, Rules
from node.assembly import Parts, assemble
from node.clock import SystemClock
from node.config.config import load_config
from node.tree.directory import NodeStatus
from sync.transport.mailbox import Group
from sync.transport.session import Session


class MemoryPipe:
    """One end of a stream: what is written comes out at the other end."""

    def __init__(self) -> None:
        self._incoming: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.other: MemoryPipe = self
        self.sent: list[bytes] = []
        """Everything written at this end."""

    async def read(self) -> bytes | None:
        """The next message; None at the end."""
        return await self._incoming.get()

    async def write(self, data: bytes) -> None:
        """Hand a message to the other end."""
        self.sent.append(data)
        self.other.put(data)

    async def finish(self, reason: str, *, grace_s: float) -> None:
        """End the stream for the other end."""
        del reason, grace_s
        self.other.put(None)

    def put(self, data: bytes | None) -> None:
        """Let `data` come in here; None ends the stream."""
        self._incoming.put_nowait(data)


def memory_pipes() -> tuple[MemoryPipe, MemoryPipe]:
    """The two ends of a stream."""
    one, other = MemoryPipe(), MemoryPipe()
    one.other, other.other = other, one
    return one, other


@dataclass(slots=True)
class Pair:
    """A parent and a child with one session."""

    parent: Parts
    child: Parts
    up: dict[Group, MemoryPipe] = field(default_factory=dict)
    """The child's ends of the two connections."""
    down: dict[Group, MemoryPipe] = field(default_factory=dict)
    """The parent's ends."""
    ends: list[asyncio.Task[None]] = field(default_factory=list)
    """Both ends of the link, the parent's first; done when the session is over."""
    sessions: list[Session] = field(default_factory=list)

    def connect(self, *, not_after_us: int = 0, dismissal: bytes = b"") -> None:
        """Open the link; `not_after_us` is when the child's certificate ends, `dismissal` what the parent says instead of a handshake."""
        for group in Group:
            self.up[group], self.down[group] = memory_pipes()
        child = self.parent.authorise_link(self.child.tls().chain_pem, self.child.me.node)
        parent = self.child.authorise_parent(self.parent.tls().chain_pem, self.parent.me.node)
        facts = (self.down, replace(child, not_after_us=not_after_us, dismissal=dismissal or child.dismissal)), (self.up, parent)
        self.sessions = [Session(pipes, session_id="one", peer_pem=b"", peer=identity) for pipes, identity in facts]
        self.ends = [asyncio.create_task(self.parent.links.accept(self.sessions[0])), asyncio.create_task(self._keep())]

    async def _keep(self) -> None:
        await self.child.links._converse(self.sessions[1], is_parent=True)

    async def ended(self) -> str:
        """Wait until both ends are over; why the parent's was."""
        await asyncio.wait(self.ends)
        return await self.sessions[0].closed


@asynccontextmanager
async def two_nodes(folder: Path) -> AsyncIterator[Pair]:
    """Both nodes run, without a link yet; stopped and closed in the end."""
    folders = make_chain(folder, hops=1, rules=Rules.PASS, now_us=SystemClock().wall_us())
    parts = [assemble(load_config(path / "node.toml"), software="test") for path in folders]
    for each in parts:
        me = each.me
        status = NodeStatus(me.node, me.node, me.level.word, me.territory, "", f"{me.incarnation:016x}", "OK", [], 0, me.software, "")
        each.bind_status(lambda status=status: status)  # type: ignore[misc]
        each.summary_refusal(RESOURCE)
    runs = [asyncio.create_task(each.runtime.run()) for each in parts]
    pair = Pair(parts[0], parts[1])
    try:
        yield pair
    finally:
        for session in pair.sessions:
            session.end("the test is over")
        await asyncio.gather(*pair.ends, return_exceptions=True)
        for each in parts:
            each.runtime.stop()
        await asyncio.gather(*runs, return_exceptions=True)
        for each in parts:
            each.close()

"""How this node is: the figures of its own status, refreshed once a second off the event loop and read by heartbeats, API and console."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import psutil

from node.clock import Clock
from node.links.handshake import Me
from node.store.flows import Backlog
from node.store.journal import SqliteJournal
from node.tree.directory import DoorStatus, LinkStatus, NodeStatus, QueueStatus
from sync.model import MICROSECONDS, Direction, Lane

REFRESH_S = 1.0
"""How often the figures are read from the journal."""

LAG_WARN_S = 30.0
"""Age of the oldest waiting record at which the backlog is worth a warning."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the figures come from. Everything here is cheap to call on the event loop."""

    link: Callable[[], LinkStatus]
    cameras: Callable[[], Mapping[str, int]]
    devices: Callable[[], int]
    door: Callable[[], DoorStatus]
    policy: Callable[[], str]
    """Short name of the policy version; empty when there is none."""
    troubles: Callable[[], list[str]]
    """Keys of node/texts/*/state.toml for what is wrong elsewhere (door refusing, journal full)."""


@dataclass(slots=True)
class StatusBoard:
    """The node's own status."""

    me: Me
    name: str
    parent: str
    journal: SqliteJournal
    sources: Sources
    clock: Clock
    link_address: str = ""
    """Where children link to this node, for orders that move a node here."""
    join_address: str = ""
    """Where children of this node are certified, for those that an order moved here."""
    certified_as: str = ""
    """This node's certification path, for orders that move it."""
    _backlogs: dict[Lane, Backlog] = field(default_factory=dict)

    async def keep_fresh(self) -> None:
        """Refresh the journal's figures for as long as the node runs."""
        loop = asyncio.get_running_loop()
        while True:
            if self.parent:
                self._backlogs = await loop.run_in_executor(None, self._read_backlogs)
            await asyncio.sleep(REFRESH_S)

    def status(self) -> NodeStatus:
        """The status as of now."""
        link, words = self.sources.link(), self._words()
        return NodeStatus(
            id=self.me.node,
            name=self.name,
            level=self.me.level.word,
            territory=self.me.territory,
            parent=self.parent,
            incarnation=f"{self.me.incarnation:016x}",
            state=_state(words),
            words=words,
            as_of_us=self.clock.wall_us(),
            software=self.me.software,
            policy=self.sources.policy(),
            lag_s=self._lag_s(),
            queues={lane.word: self._queue(backlog) for lane, backlog in self._backlogs.items()},
            records=dict(self.journal.counts()),
            link=link,
            cameras=dict(self.sources.cameras()),
            devices=self.sources.devices(),
            door=self.sources.door(),
            rss_mb=psutil.Process().memory_info().rss >> 20,
            link_address=self.link_address,
            join_address=self.join_address,
            certified_as=self.certified_as,
        )

    def _read_backlogs(self) -> dict[Lane, Backlog]:
        return {lane: self.journal.backlog(self.parent, Direction.UP, lane) for lane in Lane}

    def _age_s(self, backlog: Backlog) -> float:
        if backlog.oldest_wall_us is None:
            return 0.0
        return max(0.0, (self.clock.wall_us() - backlog.oldest_wall_us) / MICROSECONDS)

    def _lag_s(self) -> float:
        return max((self._age_s(backlog) for backlog in self._backlogs.values()), default=0.0)

    def _queue(self, backlog: Backlog) -> QueueStatus:
        return QueueStatus(backlog.batches, backlog.records, backlog.payload_bytes, self._age_s(backlog))

    def _words(self) -> list[str]:
        words = list(self.sources.troubles())
        if self.parent and self.sources.link().state != "up":
            words.append("no_uplink")
        if not self.sources.policy():
            words.append("policy_missing")
        if self.sources.cameras().get("lost", 0):
            words.append("camera_lost")
        if self._lag_s() > LAG_WARN_S:
            words.append("backlog")
        return words


FAILING_WORDS = frozenset({"journal_full", "journal_corrupt", "door_refusing"})
"""Words that mean data is being refused; every other word is a warning."""


def _state(words: list[str]) -> str:
    if FAILING_WORDS & set(words):
        return "FAIL"
    return "WARN" if words else "OK"

"""One node of the chain benchmark as a process: `python -m benchmarks.chain_node FOLDER RECORDS`.

The node's own parts (node/assembly.py) with a link listener and, once a line with the parent's address comes on stdin, a link
upward. Prints JSON lines: {"port"} when it listens, {"up"} when its own link stands, {"done", "cpu_s", "rss_mb", "commits", "batches"}
when RECORDS are accounted for here and, at a node that sent them, acknowledged. Ends when stdin ends. `--profile FILE` writes a
profile of the event loop.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import json
import os
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from benchmarks.workload import PING_ROWS, RESOURCE, ping_batches, rows_of, sealed
from node.assembly import Parts, assemble
from node.config.config import load_config
from node.identity.chance import new_id, new_rng
from node.tree.directory import NodeStatus
from sync.core.ready import Arrived, Event
from sync.model import Direction, Lane
from sync.model.writes import StoreBatch, Write
from sync.transport.link_dialer import dial
from sync.transport.link_server import LinkServer
from sync.transport.session import Session

PING = "ping"
"""Line on stdin that makes the node store one small batch."""
PINGED = (-1, PING_ROWS)
"""What `--live -1` asks of the top: to say when a batch arrived."""
LIVE_WAITING_MAX = 8
"""Live batches offered and not yet durable."""


class Node:
    """The process."""

    def __init__(self, folder: Path, records: int, live: tuple[int, int] = (0, 0)) -> None:
        self._parts: Parts = assemble(load_config(folder / "node.toml"), software="bench")
        self._records = records
        self._live = live
        """Batches and rows of each that this node makes once its link stands."""
        self._models = rows_of(live[1]) if live[0] > 0 else []
        """What the live batches are sealed from: inventing readings is no work of a node."""
        self._pings = iter(ping_batches())
        self._is_done = False
        self._commits = self._batches = 0
        self._cpu_before = 0.0
        self._parts.bind_status(self._status)
        # A node that comes back from an outage has been running: its plans are compiled.
        self._parts.summary_refusal(RESOURCE)
        self._watch()

    def _status(self) -> NodeStatus:
        me = self._parts.me
        return NodeStatus(me.node, me.node, me.level.word, me.territory, "", f"{me.incarnation:016x}", "OK", [], 0, me.software, "")

    def _watch(self) -> None:
        """See every event and commit without changing what becomes of them."""
        runtime, journal = self._parts.runtime, self._parts.journal
        pass_on, commit = runtime.on_event, journal.commit

        def on_event(event: Event) -> None:
            pass_on(event)
            if isinstance(event, Arrived) and self._live == PINGED:
                say({"arrived": time.monotonic()})
            self._look()

        def counted(writes: Sequence[Write]) -> None:
            commit(writes)
            self._commits += 1
            self._batches += sum(isinstance(write, StoreBatch) for write in writes)

        runtime.on_event = on_event
        setattr(journal, "commit", counted)  # noqa: B010 - mypy takes no assignment to a method

    async def run(self) -> None:
        """Until stdin ends."""
        parts = self._parts
        server = LinkServer(parts.authorise_child, on_refused=lambda why: print(why, file=sys.stderr))
        tasks = [asyncio.create_task(parts.runtime.run())]
        tasks[0].add_done_callback(self._runtime_ended)
        await server.start("127.0.0.1:0", parts.tls, self._accept)
        say({"port": server.port})
        while line := await asyncio.to_thread(sys.stdin.readline):
            if line.strip() == PING:
                await self._ping()
                continue
            self._cpu_before = cpu_s()
            if line.strip():
                tasks.append(asyncio.create_task(self._keep_parent(line.strip())))
                tasks.append(asyncio.create_task(self._make_batches()))
        await server.stop()
        parts.runtime.stop()
        for task in tasks[1:]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        parts.close()

    async def _make_batches(self) -> None:
        """Seal and offer the live batches as fast as they are stored, a few at a time."""
        batches, _ = self._live
        models, runtime = self._models, self._parts.runtime
        if not models:
            return
        waiting: set[asyncio.Task[None]] = set()
        for index in range(batches):
            local = await asyncio.to_thread(sealed, models[index % len(models)])
            waiting.add(asyncio.create_task(runtime.ask(lambda engine, now, local=local: engine.offer(local, now))))  # type: ignore[misc]
            if len(waiting) >= LIVE_WAITING_MAX:
                _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if waiting:
            await asyncio.wait(waiting)

    async def _ping(self) -> None:
        """Store one small batch in a lane that does not wait, and say when it was offered and when it was durable here."""
        local, offered = next(self._pings), time.monotonic()
        await self._parts.runtime.ask(lambda engine, now: engine.offer(local, now))
        say({"stored": time.monotonic(), "offered": offered})

    def _runtime_ended(self, runtime: asyncio.Task[None]) -> None:
        """A node whose runtime failed will never be done: end it, so that the driver sees it."""
        if not runtime.cancelled() and (failure := runtime.exception()) is not None:
            print(f"{self._parts.me.node}: the runtime ended: {failure!r}", file=sys.stderr, flush=True)
            os._exit(1)

    async def _accept(self, session: Session) -> None:
        await self._parts.links.accept(session)

    async def _keep_parent(self, address: str) -> None:
        parts = self._parts

        async def call() -> Session:
            assert parts.parent is not None
            session = await dial(
                address,
                parts.tls(),
                server_name=parts.parent.tls_name,
                session_id=new_id(),
                node=parts.me.node,
                authorise=parts.authorise_parent,
            )
            say({"up": time.monotonic()})
            return session

        await parts.links.keep_parent(call, new_rng())

    def _look(self) -> None:
        if not self._is_done and self._has_all():
            self._is_done = True
            used = cpu_s() - self._cpu_before
            rss = psutil.Process().memory_info().rss / 2**20
            say({"done": time.monotonic(), "cpu_s": used, "rss_mb": rss, "commits": self._commits, "batches": self._batches})

    def _has_all(self) -> bool:
        engine = self._parts.runtime.engine
        tops = [getattr(run_map, "top", 0) for stream, run_map in engine.streams.items() if stream.resource == RESOURCE]
        if not tops or max(tops) < self._records:
            return False
        if self._parts.parent is None:
            return True
        mark = engine.out_mark(self._parts.parent.node, Direction.UP, Lane.BULK)
        return mark.stored == engine.last_lsn


def cpu_s() -> float:
    """Seconds of CPU of this process, all threads, user and system."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def say(fact: dict[str, float]) -> None:
    """One line for the driver."""
    print(json.dumps(fact), flush=True)


def main() -> None:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("records", type=int)
    parser.add_argument("--live", type=int, default=0, metavar="BATCHES")
    parser.add_argument("--rows", type=int, default=PING_ROWS)
    parser.add_argument("--profile", type=Path)
    options = parser.parse_args()
    profile = cProfile.Profile()
    if options.profile:
        profile.enable()
    asyncio.run(Node(options.folder, options.records, (options.live, options.rows)).run())
    if options.profile:
        profile.disable()
        profile.dump_stats(options.profile)


if __name__ == "__main__":
    main()

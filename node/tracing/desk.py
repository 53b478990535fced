"""Makes recordings of a running node: one at a time, for so many seconds, into a file that must not exist yet.

A recording begins with the engine beginning anew from the journal (node/runtime.py), so that what it was made of can be written down; the
sessions are opened again within a second. It ends by itself, at the latest at a bound. Values never enter the file (values.py). All writing
happens on a thread, and a disk that is full ends the recording and nothing else. Called by api.py in this folder.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from node.assembly import Parts
from node.clock import Clock
from node.identity.chance import new_secret
from node.runtime import Runtime
from node.tracing.errors import TraceError
from node.tracing.file import Snapshot
from node.tracing.sheet import Sheet, new_file, snapshot_of
from node.tracing.tap import Tap, TracedEngine
from node.tracing.values import Veil
from sync.core.engine import Engine
from sync.model import Instant, Limits, SyncError
from sync.model.writes import Recovered

SECONDS_MAX = 600.0
BEGIN_TIMEOUT_S = 60.0
PACE_S = 0.1
"""How often what was seen is taken to the thread."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recording that is done."""

    path: Path
    inputs: int
    turns: int
    file_bytes: int
    reason: str
    """Why it ended: `time`, `size`, or what went wrong."""


class Tracing:
    """The recordings of one node."""

    def __init__(
        self, runtime: Runtime, clock: Clock, *, has_parent: bool, limits: Limits, software: str, draw_key: Callable[[], bytes]
    ) -> None:
        self._runtime = runtime
        self._clock = clock
        self._has_parent = has_parent
        self._limits = limits
        self._software = software
        self._draw_key = draw_key
        self._is_busy = False

    async def record(self, path: Path, seconds: float) -> Recorded:
        """Record for `seconds` into a new file; raises TraceError."""
        if not 0 < seconds <= SECONDS_MAX:
            raise TraceError(f"a recording of {seconds:g} s refused: above 0, up to {SECONDS_MAX:g} s")
        if self._is_busy:
            raise TraceError("a recording is being made already: wait until it ends")
        self._is_busy = True
        try:
            return await self._record(path, seconds)
        except OSError as error:
            raise TraceError(f"{path} cannot be written ({error.strerror}): give another --out") from error
        finally:
            self._is_busy = False

    async def _record(self, path: Path, seconds: float) -> Recorded:
        tap = Tap()
        with await asyncio.to_thread(new_file, path) as file:
            sheet = Sheet(file, Veil(self._draw_key()))
            try:
                await asyncio.to_thread(sheet.begin, await self._begin(tap, path))
                reason = await self._fill(sheet, tap, self._clock.now().plus(seconds))
            finally:
                tap.is_open = False
            await asyncio.to_thread(sheet.end, self._clock.now().us, reason)
            await asyncio.to_thread(sheet.make_durable)
        return Recorded(path, sheet.inputs, sheet.turns, sheet.file_bytes, reason)

    async def _begin(self, tap: Tap, path: Path) -> Snapshot:
        """Have the engine begin anew with a tap on it; what it was made of. Leaves no file behind when it cannot."""
        made: list[Snapshot] = []

        def make(former: Engine, recovered: Recovered) -> Engine:
            now_us, limits, software = self._clock.now().us, self._limits, self._software
            made.append(snapshot_of(former, recovered, has_parent=self._has_parent, limits=limits, software=software, us=now_us))
            return self._successor(former, recovered, tap)

        try:
            async with asyncio.timeout(BEGIN_TIMEOUT_S):
                await self._runtime.begin_anew(make)
        except (TimeoutError, SyncError) as error:
            await asyncio.to_thread(path.unlink)
            why = f"the journal cannot be read ({error})" if isinstance(error, SyncError) else f"no turn for {BEGIN_TIMEOUT_S:g} s"
            raise TraceError(f"the recording cannot begin, {why}: look at the node's status, then record again") from error
        return made[0]

    def _successor(self, former: Engine, recovered: Recovered, tap: Tap) -> Engine:
        engine = TracedEngine(
            tap,
            node=former.node,
            incarnation=former.incarnation,
            has_parent=self._has_parent,
            version=former.version,
            recovered=recovered,
            limits=self._limits,
            clock=former.clock,
            program=former.program,
        )
        former.caps.forget_links()
        engine.caps, engine.fresh_first = former.caps, former.fresh_first
        tap.is_open = False  # the snapshot has it
        engine.stands(former.standing)
        tap.is_open = True
        return engine

    async def _fill(self, sheet: Sheet, tap: Tap, until: Instant) -> str:
        """Write what the tap sees until it is time; why it ended."""
        while True:
            await asyncio.sleep(PACE_S)
            is_time, reason = self._clock.now() >= until, tap.reason
            if is_time:
                tap.is_open = False
            await asyncio.to_thread(sheet.enter, tap.take())
            if reason or is_time or sheet.is_full:
                return reason or ("time" if is_time else "size")


def tracing_of(parts: Parts) -> Tracing:
    """What makes the recordings of a node."""
    return Tracing(
        parts.runtime,
        parts.clock,
        has_parent=parts.parent is not None,
        limits=parts.config.limits,
        software=parts.me.software,
        draw_key=lambda: new_secret().encode(),
    )

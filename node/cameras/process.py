"""One worker process of the cameras: started, watched, started again with growing pauses, and recycled before it grows too large.

Kills what is silent, unless it waits for the disk; asks what is old, large or described anew to end after its frame. Trusts nothing the
process says beyond that it lives. Called by node/cameras/crew.py.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import psutil

import edge_ai
from edge_ai.capture.backoff import Backoff, BackoffLimits
from edge_ai.reasons import READ_CHARS_MAX, Reason, reason, spoken, system_reason, told
from edge_ai.spec import CameraSpec, RingSpec
from edge_ai.strain import strain
from node.clock import Clock
from sync.model import Instant

RESTART = BackoffLimits(floor_s=0.5, cap_s=30.0, reset_after_s=60.0)
"""Waits before a dead process is started again."""
START_S_MAX = 20.0
"""Seconds until the first word of a process; covers the load of 64 cameras' models."""
SILENCE_S_MAX = 4.0
"""Seconds of silence after which a process counts as stuck, longer on a box under strain; with its new start 5 s (EDGE_AI failure 8)."""
DISK_S_MAX = 60.0
"""Seconds of silence that a process is given while it waits for the disk: a kill would wait for the same disk, and lose what was seen."""
WATCH_S = 0.5
STOP_S = 3.0
"""Seconds a process has to end after `stop`, and again after SIGTERM."""
MEMORY_PERIOD_S = 5.0
LIFE_S = 24 * 3600.0
"""Seconds after which a process is recycled, 20 % more or less so that not all end together: libraries leak (EDGE_AI failure 6)."""
STDERR_TAIL_BYTES = 2_000

log = logging.getLogger("yunnao.cameras")
LAST_WORDS_CHARS_MAX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a process is for."""

    identity: str
    """On the socket; also the name of its files."""
    module: str
    cameras: tuple[CameraSpec, ...]
    """As far as they concern it."""
    rings: tuple[RingSpec, ...] = ()
    """Where their frames come from."""
    bytes_max: int
    """Own memory (without what it shares) above which it is recycled."""
    describe: Callable[[], bytes] = field(compare=False)
    """Its description, new for each start."""

    @property
    def names(self) -> tuple[str, ...]:
        """Its cameras."""
        return tuple(camera.id for camera in self.cameras)


@dataclass(slots=True)
class ProcessCounts:
    """What became of a process."""

    starts: int = 0
    silent: int = 0
    """Times it was killed because it said nothing."""
    recycled: int = 0
    """Times it was asked to end because it was old or large."""
    reworked: int = 0
    """Times it was asked to end because its work had changed."""


@dataclass(slots=True)
class WorkerProcess:
    """Keeps one process running until it is cancelled. `on_down` gets what happened and the seconds until the next start.

    `on_ended` hears of every end, also of the ordered ones that nobody else is told of.
    """

    work: Work
    config: Path
    """Where its description is written, for this user only: a source may hold a password."""
    clock: Clock
    rng: Random
    ask_to_stop: Callable[[str], None]
    on_down: Callable[[Work, str, float], None]
    on_ended: Callable[[Work], None]
    handles: tuple[int, ...] = ()
    """Inherited by the process."""
    counts: ProcessCounts = field(default_factory=ProcessCounts)
    _backoff: Backoff = field(init=False)
    _process: asyncio.subprocess.Process | None = None
    _started_at: Instant = Instant(0)
    _heard_at: Instant | None = None
    _measured_at: Instant = Instant(0)
    _life_s: float = LIFE_S
    _recycling: bool = False
    _silent_s: float = 0.0
    """After which it was killed; 0 while it was not."""
    _reworked: asyncio.Event = field(default_factory=asyncio.Event)
    _stderr_tail: bytes = b""

    def __post_init__(self) -> None:
        self._backoff = Backoff(self.rng, RESTART)

    @property
    def pid(self) -> int | None:
        """Of the process that runs now."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    def heard(self, now: Instant) -> None:
        """The process said something."""
        self._heard_at = now
        self._backoff.succeeded(now)

    def rework(self, work: Work) -> None:
        """Other work from now on: the process ends after its frame and starts again with it, at once when it was down."""
        self.work = work
        self._reworked.set()

    def renew(self) -> None:
        """The same work from the beginning."""
        self._reworked.set()

    async def keep_running(self) -> None:
        """Start the process, and again whenever it has ended; ends only by cancellation, and the process may live on then: `end` it."""
        while True:
            why = await self._live()
            if why is None:
                continue
            now = self.clock.now()
            wait_s = self._backoff.failed(now).seconds_since(now)
            log.warning("%s; it is started again in %.1f s", why, wait_s)
            self.on_down(self.work, told(why), wait_s)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._reworked.wait(), wait_s)

    async def _live(self) -> Reason | None:
        """One life of the process; why it is over, None when it was asked to end."""
        try:
            process = self._process = await self._start()
        except OSError as error:
            # A disk without room for its description, or a box without memory for it: for a while, and of one process alone.
            return reason("process-not-started", process=self.work.identity, what=system_reason(error))
        await self._watch(process)
        self.on_ended(self.work)
        return None if self._recycling else self._ended(process.returncode)

    def _ended(self, status: int | None) -> Reason:
        if self._silent_s:
            return reason("process-silent", process=self.work.identity, seconds=round(self._silent_s))
        words = spoken(self._stderr_tail.decode(errors="replace").strip().rpartition("\n")[2][:READ_CHARS_MAX])
        if not words:
            return reason("process-ended", process=self.work.identity, status=status)
        what = words[:LAST_WORDS_CHARS_MAX] if isinstance(words, str) else words
        return reason("process-ended-saying", process=self.work.identity, status=status, what=what)

    async def end(self) -> None:
        """Wait for an ordered end, then insist."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        for insist in (process.terminate, process.kill):
            try:
                await asyncio.wait_for(process.wait(), STOP_S)
                return
            except TimeoutError:
                insist()
        await process.wait()

    async def _start(self) -> asyncio.subprocess.Process:
        self.counts.starts += 1
        self._reworked.clear()
        self._started_at = self._measured_at = self.clock.now()
        self._heard_at, self._stderr_tail, self._recycling, self._silent_s = None, b"", False, 0.0
        self._life_s = LIFE_S * self.rng.uniform(0.8, 1.2)
        _write_private(self.config, self.work.describe())
        pipe, null = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", self.work.module, "--config", str(self.config),
            env=environment(), stdin=null, stdout=null, stderr=pipe, pass_fds=self.handles,
        )  # fmt: skip

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        """Return when the process has ended; see to it that it does when it should."""
        reading, ending = asyncio.ensure_future(self._keep_tail(process)), asyncio.ensure_future(process.wait())
        changing = asyncio.ensure_future(self._reworked.wait())
        try:
            while not ending.done():
                await asyncio.wait({ending, changing}, timeout=WATCH_S, return_when=asyncio.FIRST_COMPLETED)
                if not ending.done():
                    await self._judge(process)
            await reading
        finally:
            for waiting in (reading, ending, changing):
                waiting.cancel()

    async def _judge(self, process: asyncio.subprocess.Process) -> None:
        if self._reworked.is_set():
            self.counts.reworked += 1
            await self._end_in_order()
            return
        now = self.clock.now()
        silent_s = now.seconds_since(self._heard_at or self._started_at)
        patience_s = START_S_MAX if self._heard_at is None else SILENCE_S_MAX
        if silent_s > patience_s and silent_s > patience_s * strain() and (silent_s > DISK_S_MAX or not waits_for_disk(process.pid)):
            self.counts.silent += 1
            self._silent_s = silent_s
            process.kill()
            # Here, so that a slow end is not taken for another silence.
            await process.wait()
        elif self._is_worn(process.pid, now):
            self.counts.recycled += 1
            await self._end_in_order()

    async def _end_in_order(self) -> None:
        self._recycling = True
        self.ask_to_stop(self.work.identity)
        await self.end()

    def _is_worn(self, pid: int, now: Instant) -> bool:
        if now.seconds_since(self._started_at) > self._life_s:
            return True
        if now.seconds_since(self._measured_at) < MEMORY_PERIOD_S:
            return False
        self._measured_at = now
        return own_bytes(pid) > self.work.bytes_max

    async def _keep_tail(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        while piece := await process.stderr.read(STDERR_TAIL_BYTES):
            self._stderr_tail = (self._stderr_tail + piece)[-STDERR_TAIL_BYTES:]


def own_bytes(pid: int) -> int:
    """Memory of a process without what it shares with others, such as frame rings; 0 when it has just ended."""
    try:
        memory = psutil.Process(pid).memory_info()
    except psutil.Error:
        return 0
    return int(memory.rss - getattr(memory, "shared", 0))


def waits_for_disk(pid: int) -> bool:
    """True while the process's main thread is in a read, write or flush that the disk has not answered; False when it has just ended."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_DISK_SLEEP)
    except psutil.Error:
        return False


def _write_private(path: Path, data: bytes) -> None:
    """For this user only: a source may hold a password."""
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)


def environment() -> dict[str, str]:
    """The worker finds this very package and leaves stderr to its own words."""
    root = str(Path(edge_ai.__file__).parents[1])
    inherited = os.environ.get("PYTHONPATH", "")
    own = {
        "PYTHONPATH": os.pathsep.join(part for part in (root, inherited) if part),
        "OPENCV_LOG_LEVEL": "SILENT",
        "OPENCV_FFMPEG_LOGLEVEL": "-8",
        "OMP_NUM_THREADS": "1",
    }
    return {**os.environ, **own}

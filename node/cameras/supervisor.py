"""The node's side of edge AI: starts worker processes, keeps them running, takes their events and states.

Owns the ROUTER of docs/api.md "Camera worker and node". Trusts no worker: every message is checked and what is wrong is counted with its
reason. Imports neither cv2 nor onnxruntime. Called by the node's runtime.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path
from random import Random

import zmq
import zmq.asyncio

import edge_ai
from edge_ai.backoff import Backoff, BackoffLimits
from edge_ai.errors import MessageError, SpecError
from edge_ai.spec import CAMERAS_PER_WORKER_MAX, CameraKind, CameraSpec, RuleKind, RuleSpec, WorkerSpec, encode_spec
from edge_ai.wire import STOP_PARTS, Ack, EventMessage, EventRow, StateRow, ack_parts, parse_from_worker
from node.clock import Clock
from node.config.model import CameraEntry
from sync.model import Instant

RESTART = BackoffLimits(floor_s=0.5, cap_s=30.0, reset_after_s=60.0)
"""Waits before a dead worker is started again."""
SILENCE_S_MAX = 20.0
"""Seconds without any message after which a worker counts as stuck and is killed; covers the load of 8 models."""
WATCH_S = 1.0
STOP_S = 3.0
"""Seconds a worker has to end after `stop`."""
SOCKET_PATH_BYTES_MAX = 100
"""Unix socket addresses end at 107 bytes."""
MESSAGE_BYTES_MAX = 1_048_576
OUTGOING_MAX = 10_000
"""Acks waiting for the socket; one that finds no room is not sent, and the worker asks again."""
DELIVERED_MAX = 10_000
"""Events remembered as delivered or acknowledged, so that a resent one is not delivered twice."""
DELIVER_AGAIN_S = 30.0
"""Seconds without ack after which a resent event is delivered again: whoever had it could not commit it."""
STDERR_TAIL_BYTES = 2_000

OnEvent = Callable[[EventRow, bytes, bytes, Callable[[], None]], None]
"""Gets (row, jpeg, thumb_rgb, ack); calls `ack` once the event is committed, from the event loop's thread.

The end of an event has empty blobs.
"""


def camera_spec(entry: CameraEntry, territory: str) -> CameraSpec:
    """The worker's description of a configured camera; `territory` is the node's, for cameras that name none. Raises SpecError."""
    rules = tuple(
        RuleSpec(
            name=rule.name, kind=RuleKind(rule.kind), points=tuple(rule.points), classes=tuple(rule.classes), frames_min=rule.frames_min
        )
        for rule in entry.rule
    )
    return CameraSpec(
        id=entry.id,
        name=entry.name,
        kind=CameraKind(entry.kind),
        source=entry.source,
        algorithm=entry.algorithm,
        model=entry.model,
        loop=entry.loop,
        analysed_fps=entry.analysed_fps,
        territory=entry.territory or territory,
        rules=rules,
    )


@dataclass(slots=True)
class _Group:
    """The cameras of one worker process."""

    identity: str
    cameras: tuple[CameraSpec, ...]
    backoff: Backoff
    process: asyncio.subprocess.Process | None = None
    heard_at: Instant | None = None
    stderr_tail: bytes = b""


@dataclass(slots=True)
class _Camera:
    """What is known of a camera."""

    spec: CameraSpec
    state: StateRow
    reported_at: Instant
    events: int = 0


@dataclass(slots=True)
class SupervisorCounts:
    """What the supervisor has seen."""

    starts: int = 0
    events: int = 0
    repeated: int = 0
    """Events sent again although already delivered."""
    refused: int = 0
    refused_why: str = ""
    """The newest reason for a refusal."""


class Verdict(Enum):
    """What to do with an event that a worker sent."""

    DELIVER = "deliver"
    WAIT = "wait"
    ACKNOWLEDGE = "acknowledge"


class Deliveries:
    """Which events were delivered, and which of them are committed. Pure."""

    def __init__(self) -> None:
        self._since: dict[Ack, Instant | None] = {}
        """When each was delivered; None once it is acknowledged. Oldest first."""

    def arrived(self, key: Ack, now: Instant) -> Verdict:
        """Judge an arrival; DELIVER also notes the delivery."""
        if key in self._since:
            delivered_at = self._since[key]
            if delivered_at is None:
                return Verdict.ACKNOWLEDGE
            if now.seconds_since(delivered_at) < DELIVER_AGAIN_S:
                return Verdict.WAIT
        self._note(key, now)
        return Verdict.DELIVER

    def acknowledged(self, key: Ack) -> None:
        """The event is committed."""
        self._note(key, None)

    def _note(self, key: Ack, since: Instant | None) -> None:
        self._since.pop(key, None)
        self._since[key] = since
        while len(self._since) > DELIVERED_MAX:
            self._since.pop(next(iter(self._since)))


class CameraSupervisor:
    """All camera workers of a node. `run` serves until it is cancelled; then the workers are stopped."""

    def __init__(
        self,
        cameras: Sequence[CameraSpec],
        socket_path: Path,
        on_event: OnEvent,
        *,
        clock: Clock,
        rng: Random,
        work_dir: Path | None = None,
    ) -> None:
        if len(os.fsencode(socket_path)) > SOCKET_PATH_BYTES_MAX:
            raise SpecError(f"socket path {socket_path} is over {SOCKET_PATH_BYTES_MAX} bytes: give the node a shorter folder")
        self._socket_path = socket_path
        self._work_dir = work_dir or socket_path.parent / "cameras"
        self._on_event = on_event
        self._clock = clock
        self._rng = rng
        self._outgoing: asyncio.Queue[list[bytes]] = asyncio.Queue(OUTGOING_MAX)
        self._deliveries = Deliveries()
        self._groups = {group.identity: group for group in self._grouped(cameras)}
        now = clock.now()
        self._cameras = {camera.id: _Camera(camera, _row(camera.id, "connecting", clock.wall_us(), ""), now) for camera in cameras}
        self.counts = SupervisorCounts()

    async def run(self) -> None:
        """Start the workers, serve them, start them again when they die; ends only by cancellation."""
        if not self._groups:
            await asyncio.Event().wait()
        self._work_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        context = zmq.asyncio.Context()
        socket = context.socket(zmq.ROUTER)
        socket.setsockopt(zmq.MAXMSGSIZE, MESSAGE_BYTES_MAX)
        socket.setsockopt(zmq.LINGER, 0)
        try:
            socket.bind(f"ipc://{self._socket_path}")
            self._socket_path.chmod(0o600)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._receive(socket))
                tasks.create_task(self._send(socket))
                for group in self._groups.values():
                    tasks.create_task(self._keep_running(group))
        finally:
            await self._stop_all(socket)
            socket.close()
            context.term()

    def cameras(self) -> list[dict[str, object]]:
        """Every camera with its newest state, for `status` of docs/api.md."""
        now = self._clock.now()
        return [
            {
                "camera": name,
                "name": known.spec.name,
                "algorithm": known.spec.algorithm,
                "scene": "rendered" if known.spec.kind is CameraKind.RENDERED else "real",
                "state": known.state.state,
                "since_us": known.state.since_us,
                "fps": known.state.fps,
                "frames": known.state.frames,
                "dropped": known.state.dropped,
                "retry_in_s": known.state.retry_in_s,
                "why": known.state.why,
                "events": known.events,
                "age_s": round(now.seconds_since(known.reported_at), 1),
            }
            for name, known in self._cameras.items()
        ]

    def process_ids(self) -> list[int]:
        """Of the workers that run now."""
        return [group.process.pid for group in self._groups.values() if group.process is not None and group.process.returncode is None]

    def _grouped(self, cameras: Sequence[CameraSpec]) -> list[_Group]:
        step = CAMERAS_PER_WORKER_MAX
        parts = [tuple(cameras[start : start + step]) for start in range(0, len(cameras), step)]
        return [_Group(f"worker-{index}", part, Backoff(self._rng, RESTART)) for index, part in enumerate(parts)]

    async def _keep_running(self, group: _Group) -> None:
        while True:
            process = group.process = await self._start(group)
            await self._watch(group, process)
            now = self._clock.now()
            wait_s = group.backoff.failed(now).seconds_since(now)
            last_words = group.stderr_tail.decode(errors="replace").strip().rpartition("\n")[2][:200]
            self._lost(group, f"worker ended with status {process.returncode}{': ' + last_words if last_words else ''}", wait_s)
            await asyncio.sleep(wait_s)

    async def _start(self, group: _Group) -> asyncio.subprocess.Process:
        self.counts.starts += 1
        group.heard_at, group.stderr_tail = self._clock.now(), b""
        path = self._work_dir / f"{group.identity}.json"
        spec = WorkerSpec(
            worker=group.identity,
            endpoint=f"ipc://{self._socket_path}",
            spool_dir=str(self._work_dir / f"{group.identity}.spool"),
            nonce=f"{self._rng.getrandbits(64):016x}",
            seed=self._rng.getrandbits(32),
            parent_pid=os.getpid(),
            cameras=group.cameras,
        )
        _write_private(path, encode_spec(spec))
        arguments = (sys.executable, "-m", "edge_ai.worker", "--config", str(path))
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            *arguments, env=_environment(), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=pipe
        )

    async def _watch(self, group: _Group, process: asyncio.subprocess.Process) -> None:
        """Return when the process has ended; kill it when it is silent for too long."""
        reading, ending = asyncio.ensure_future(_keep_tail(process, group)), asyncio.ensure_future(process.wait())
        try:
            while not (await asyncio.wait({ending}, timeout=WATCH_S))[0]:
                if group.heard_at is not None and self._clock.now().seconds_since(group.heard_at) > SILENCE_S_MAX:
                    process.kill()
            await reading
        finally:
            reading.cancel()
            ending.cancel()

    def _lost(self, group: _Group, why: str, retry_in_s: float) -> None:
        now, wall_us = self._clock.now(), self._clock.wall_us()
        for camera in group.cameras:
            known = self._cameras[camera.id]
            known.state = _row(camera.id, "lost", wall_us, why, retry_in_s)
            known.reported_at = now

    async def _receive(self, socket: zmq.asyncio.Socket) -> None:
        while True:
            identity, *parts = await socket.recv_multipart()
            group = self._groups.get(identity.decode(errors="replace"))
            if group is None:
                self._refuse(f"message from {identity[:32]!r} refused: no worker of this node")
                continue
            now = group.heard_at = self._clock.now()
            group.backoff.succeeded(now)
            try:
                message = parse_from_worker(parts)
            except MessageError as error:
                self._refuse(str(error))
                continue
            if isinstance(message, StateRow):
                self._take_state(message, now)
            else:
                self._take_event(identity, message, now)

    def _take_state(self, row: StateRow, now: Instant) -> None:
        known = self._cameras.get(row.camera)
        if known is None:
            self._refuse(f"state of camera {row.camera!r} refused: it is not configured here")
            return
        known.state, known.reported_at = row, now

    def _take_event(self, identity: bytes, message: EventMessage, now: Instant) -> None:
        """Deliver an event once; one already acknowledged is acknowledged again, one still being committed waits."""
        row = message.row
        key = Ack(row.event_id, row.ended)
        known = self._cameras.get(row.camera)
        if known is None:
            self._refuse(f"event {row.event_id} of camera {row.camera!r} refused: it is not configured here")
            self._queue([identity, *ack_parts(key)])
            return
        verdict = self._deliveries.arrived(key, now)
        if verdict is not Verdict.DELIVER:
            self.counts.repeated += 1
            if verdict is Verdict.ACKNOWLEDGE:
                self._queue([identity, *ack_parts(key)])
            return
        self.counts.events += 1
        known.events += 0 if row.ended and not message.jpeg else 1
        self._on_event(row, message.jpeg, message.thumb_rgb, partial(self._acknowledge, identity, key))

    def _acknowledge(self, identity: bytes, key: Ack) -> None:
        self._deliveries.acknowledged(key)
        self._queue([identity, *ack_parts(key)])

    def _queue(self, parts: list[bytes]) -> None:
        if not self._outgoing.full():
            self._outgoing.put_nowait(parts)

    def _refuse(self, why: str) -> None:
        self.counts.refused += 1
        self.counts.refused_why = why

    async def _send(self, socket: zmq.asyncio.Socket) -> None:
        while True:
            await socket.send_multipart(await self._outgoing.get())

    async def _stop_all(self, socket: zmq.asyncio.Socket) -> None:
        running = [group for group in self._groups.values() if group.process is not None and group.process.returncode is None]
        for group in running:
            await socket.send_multipart([group.identity.encode(), *STOP_PARTS])
        for group in running:
            assert group.process is not None
            await _end(group.process)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Wait for an ordered end, then insist."""
    for insist in (process.terminate, process.kill):
        try:
            await asyncio.wait_for(process.wait(), STOP_S)
            return
        except TimeoutError:
            insist()
    await process.wait()


async def _keep_tail(process: asyncio.subprocess.Process, group: _Group) -> None:
    assert process.stderr is not None
    while piece := await process.stderr.read(STDERR_TAIL_BYTES):
        group.stderr_tail = (group.stderr_tail + piece)[-STDERR_TAIL_BYTES:]


def _row(camera: str, state: str, since_us: int, why: str, retry_in_s: float | None = None) -> StateRow:
    return StateRow(camera=camera, state=state, since_us=since_us, fps=0.0, frames=0, dropped=0, retry_in_s=retry_in_s, why=why[:400])


def _write_private(path: Path, data: bytes) -> None:
    """For this user only: a source may hold a password."""
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)


def _environment() -> dict[str, str]:
    """The worker finds this very package, asks cameras for TCP, and leaves stderr to its own words."""
    root = str(Path(edge_ai.__file__).parents[1])
    inherited = os.environ.get("PYTHONPATH", "")
    own = {
        "PYTHONPATH": os.pathsep.join(part for part in (root, inherited) if part),
        "OPENCV_LOG_LEVEL": "SILENT",
        "OPENCV_FFMPEG_LOGLEVEL": "-8",
        "OPENCV_FFMPEG_CAPTURE_OPTIONS": "rtsp_transport;tcp",
        "OMP_NUM_THREADS": "1",
    }
    return {**os.environ, **own}

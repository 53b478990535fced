"""The node's side of edge AI: starts capture and analysis processes, keeps them running, takes their events and states.

Owns the ROUTER of docs/api.md "Camera worker and node". Trusts no worker: every message is checked and what is wrong is counted with its
reason. Imports neither cv2 nor onnxruntime; a node without cameras starts no process. Called by the node's runtime.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

import zmq
import zmq.asyncio

from edge_ai.analysis.bell import Bell
from edge_ai.errors import MessageError, SpecError
from edge_ai.looks.capacity import Admission
from edge_ai.spec import EVIDENCE_FLOOR_BYTES, CameraKind, CameraSpec, DecodeMode, MaskWish
from edge_ai.wire import (
    STOP_PARTS,
    Ack,
    AnalysisRow,
    EventMessage,
    EventRow,
    StateRow,
    Value,
    ack_parts,
    parse_from_worker,
    refusal_parts,
    value_parts,
)
from node.cameras.board import CameraBoard, Down
from node.cameras.deliveries import Deliveries, Verdict
from node.cameras.grouping import (
    Places,
    analysis_work,
    callers_for,
    capture_work,
    clear_rings,
    grouped,
    make_ring_folder,
    ring_folder,
)
from node.cameras.process import Work, WorkerProcess
from node.cameras.rule_entries import ground_spec, rule_spec
from node.clock import Clock
from node.config.model import CameraEntry
from sync.model import Instant

SOCKET_PATH_BYTES_MAX = 100
"""Unix socket addresses end at 107 bytes."""
MESSAGE_BYTES_MAX = 1_048_576
OUTGOING_MAX = 10_000
"""Acks waiting for the socket; one that finds no room is not sent, and the worker asks again."""

OnEvent = Callable[[EventRow, bytes, bytes, Callable[[], None]], None]
"""Gets (row, jpeg, thumb_rgb, ack); calls `ack` once the event is committed, from the event loop's thread.

The end of an event has empty blobs.
"""


def camera_spec(entry: CameraEntry, territory: str) -> CameraSpec:
    """The worker's description of a configured camera; `territory` is the node's, for cameras that name none. Raises SpecError."""
    return CameraSpec(
        id=entry.id,
        name=entry.name,
        kind=CameraKind(entry.kind),
        source=entry.source,
        algorithm=entry.algorithm,
        model=entry.model,
        loop=entry.loop,
        analysed_fps=entry.analysed_fps,
        mode=DecodeMode(entry.mode),
        still_every_s=entry.still_every_s,
        alarm=entry.alarm,
        stream_width=entry.stream_width,
        stream_height=entry.stream_height,
        stream_fps=entry.stream_fps,
        territory=entry.territory or territory,
        code=entry.code,
        mask=MaskWish(entry.mask),
        rules=tuple(rule_spec(rule) for rule in entry.rule),
        ground=ground_spec(entry.ground),
        utc_offset_minutes=entry.utc_offset_minutes,
    )


@dataclass(slots=True)
class SupervisorCounts:
    """What the supervisor has seen."""

    events: int = 0
    repeated: int = 0
    """Events sent again although already delivered."""
    refused: int = 0
    refused_why: str = ""
    """The newest reason for a refusal."""


class CameraSupervisor:
    """All camera processes of a node. `run` serves until it is cancelled; then the processes are stopped and their rings taken away.

    `admission` says which cameras the box has room for; without it all of them run.
    """

    def __init__(
        self,
        cameras: Sequence[CameraSpec],
        socket_path: Path,
        on_event: OnEvent,
        *,
        clock: Clock,
        rng: Random,
        work_dir: Path | None = None,
        evidence_dir: Path | None = None,
        evidence_floor_bytes: int = EVIDENCE_FLOOR_BYTES,
        algorithms_dir: Path | None = None,
        ring_dir: Path | None = None,
        callers: int = 0,
        admission: Admission | None = None,
    ) -> None:
        if len(os.fsencode(socket_path)) > SOCKET_PATH_BYTES_MAX:
            raise SpecError(f"socket path {socket_path} is over {SOCKET_PATH_BYTES_MAX} bytes: give the node a shorter folder")
        self._socket_path = socket_path
        folder = work_dir or socket_path.parent / "cameras"
        self._places = Places(
            endpoint=f"ipc://{socket_path}",
            work_dir=folder,
            ring_dir=ring_dir or ring_folder(folder),
            evidence_dir=evidence_dir,
            evidence_floor_bytes=evidence_floor_bytes,
            algorithms_dir=algorithms_dir or folder.parent / "models",
        )
        self._on_event = on_event
        self._clock = clock
        self._rng = rng
        self._outgoing: asyncio.Queue[list[bytes]] = asyncio.Queue(OUTGOING_MAX)
        self._deliveries = Deliveries()
        self._callers = callers or callers_for(os.cpu_count() or 1)
        self._groups = grouped(cameras if admission is None else admission.cameras)
        self._readers = {camera.id: name for group in self._groups for name, part in group.captures.items() for camera in part}
        self._processes: dict[str, WorkerProcess] = {}
        self._board = CameraBoard(cameras, clock.now(), clock.wall_us())
        if admission is not None:
            self._board.take_admission(admission, clock.wall_us())
        self.counts = SupervisorCounts()

    async def run(self) -> None:
        """Start the processes, serve them, start them again when they die; ends only by cancellation."""
        if not self._groups:
            await asyncio.Event().wait()
        self._places.work_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        await self._make_ring_folder()
        with self._bells() as bells, self._bound() as socket:
            self._processes = {process.work.identity: process for process in self._planned(bells)}
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._receive(socket))
                    tasks.create_task(self._send(socket))
                    for process in self._processes.values():
                        tasks.create_task(process.keep_running())
            finally:
                await self._stop_all(socket)

    def cameras(self) -> list[dict[str, object]]:
        """Every camera with its newest state, for `status` of docs/api.md."""
        return self._board.rows(self._clock.now())

    def process_ids(self) -> list[int]:
        """Of the processes that run now."""
        return [process.pid for process in self._processes.values() if process.pid is not None]

    def processes(self) -> dict[str, WorkerProcess]:
        """The processes by identity: `worker-N` analyses, `capture-N` reads."""
        return dict(self._processes)

    def tell(self, value: Value) -> None:
        """Bring a device's newest value to every process that analyses."""
        for group in self._groups:
            self._queue([group.analysis.encode(), *value_parts(value)])

    # ---- processes

    async def _make_ring_folder(self) -> None:
        """Without a folder for their frames no camera can run, but the node does."""
        try:
            make_ring_folder(self._places.ring_dir)
        except OSError as error:
            why = f"no folder for frame rings: {error}"
            self._board.capture_down(tuple(self._readers), Down(why, None), self._clock.now(), self._clock.wall_us())
            await asyncio.Event().wait()

    @contextmanager
    def _bells(self) -> Iterator[list[Bell]]:
        """A bell for each group, which outlives its processes."""
        bells = [Bell.make() for _ in self._groups]
        try:
            yield bells
        finally:
            for bell in bells:
                bell.close()

    @contextmanager
    def _bound(self) -> Iterator[zmq.asyncio.Socket]:
        context = zmq.asyncio.Context()
        socket = context.socket(zmq.ROUTER)
        socket.setsockopt(zmq.MAXMSGSIZE, MESSAGE_BYTES_MAX)
        socket.setsockopt(zmq.LINGER, 0)
        # A process that is started again before its predecessor's connection is gone takes over its name.
        socket.setsockopt(zmq.ROUTER_HANDOVER, 1)
        try:
            socket.bind(self._places.endpoint)
            self._socket_path.chmod(0o600)
            yield socket
        finally:
            socket.close()
            context.term()

    def _planned(self, bells: Sequence[Bell]) -> Iterator[WorkerProcess]:
        captures = sum(len(group.captures) for group in self._groups)
        for group, bell in zip(self._groups, bells, strict=True):
            for name, part in group.captures.items():
                work = capture_work(name, part, self._places, self._rng, bell=bell.handle, captures=captures)
                yield self._process(work, bell, self._capture_down)
            work = analysis_work(group, self._places, self._rng, bell=bell.handle, callers=self._callers)
            yield self._process(work, bell, self._analysis_down)

    def _process(self, work: Work, bell: Bell, on_down: Callable[[Work, str, float], None]) -> WorkerProcess:
        config = self._places.work_dir / f"{work.identity}.json"
        return WorkerProcess(work, config, self._clock, self._rng, self._ask_to_stop, on_down, handles=(bell.handle,))

    def _capture_down(self, work: Work, why: str, retry_in_s: float) -> None:
        clear_rings(self._places.ring_dir, work.identity)
        self._board.capture_down(work.cameras, Down(why, retry_in_s), self._clock.now(), self._clock.wall_us())

    def _analysis_down(self, work: Work, why: str, retry_in_s: float) -> None:
        self._board.analysis_down(work.cameras, Down(why, retry_in_s))

    def _ask_to_stop(self, identity: str) -> None:
        self._queue([identity.encode(), *STOP_PARTS])

    async def _stop_all(self, socket: zmq.asyncio.Socket) -> None:
        running = [process for process in self._processes.values() if process.pid is not None]
        for process in running:
            await socket.send_multipart([process.work.identity.encode(), *STOP_PARTS])
        for process in running:
            await process.end()
        clear_rings(self._places.ring_dir)
        with suppress(OSError):
            self._places.ring_dir.rmdir()

    # ---- messages

    async def _receive(self, socket: zmq.asyncio.Socket) -> None:
        while True:
            identity, *parts = await socket.recv_multipart()
            process = self._processes.get(identity.decode(errors="replace"))
            if process is None:
                self._refuse(f"message from {identity[:32]!r} refused: no worker of this node")
                continue
            now = self._clock.now()
            process.heard(now)
            try:
                message = parse_from_worker(parts)
            except MessageError as error:
                self._refuse(str(error))
                continue
            if isinstance(message, EventMessage):
                self._take_event(identity, message, now)
            else:
                self._take_row(message, now)

    def _take_row(self, row: StateRow | AnalysisRow, now: Instant) -> None:
        if not self._board.knows(row.camera):
            self._refuse(f"state of camera {row.camera!r} refused: it is not configured here")
        elif isinstance(row, StateRow):
            self._board.take_state(row, now)
        elif refusal := self._board.take_analysis(row):
            self._queue([self._readers[row.camera].encode(), *refusal_parts(refusal)])

    def _take_event(self, identity: bytes, message: EventMessage, now: Instant) -> None:
        """Deliver an event once; one already acknowledged is acknowledged again, one still being committed waits."""
        row = message.row
        key = Ack(row.event_id, row.ended)
        if not self._board.knows(row.camera):
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
        if message.jpeg or not row.ended:
            self._board.count_event(row.camera)
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

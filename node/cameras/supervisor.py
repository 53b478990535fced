"""The node's side of edge AI: has capture and analysis processes run (crew.py) and takes their events and states.

Owns the ROUTER of docs/api.md "Camera worker and node". Trusts no worker: every message is checked and what is wrong is counted with its
reason. Imports neither cv2 nor onnxruntime; a node without cameras starts no process. Called by the node's runtime.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

import zmq
import zmq.asyncio

from edge_ai.errors import MessageError, SpecError
from edge_ai.looks.capacity import Admission
from edge_ai.reasons import reason, system_reason, told
from edge_ai.spec import EVIDENCE_FLOOR_BYTES, CameraSpec
from edge_ai.wire.clips import ClipNote, ClipOrder
from edge_ai.wire.events import Ack, EventMessage, EventRow
from edge_ai.wire.parts import STOP_PARTS, parse_from_worker, parts_of
from edge_ai.wire.states import AnalysisRow, Opens, StateRow, UsageRow, Value
from edge_ai.wire.views import VideoMessage, VideoOrder, ViewMessage, ViewOrder
from node.cameras.board import CameraBoard, Down
from node.cameras.crew import CameraCrew
from node.cameras.deliveries import Deliveries, Verdict
from node.cameras.grouping import Places, callers_for, make_ring_folder, ring_folder
from node.cameras.process import Work, WorkerProcess
from node.clock import Clock
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
        self._outgoing: asyncio.Queue[list[bytes]] = asyncio.Queue(OUTGOING_MAX)
        self._deliveries = Deliveries()
        self._crew = CameraCrew(
            places=self._places,
            clock=clock,
            rng=rng,
            callers=callers or callers_for(os.cpu_count() or 1),
            ask_to_stop=lambda identity: self._tell(identity, STOP_PARTS),
            on_capture_ended=lambda work: self._board.capture_ended(work.names, clock.wall_us()),
            on_capture_down=self._capture_down,
            on_analysis_down=self._analysis_down,
            on_share=lambda identity, per_s: self._tell(identity, parts_of(Opens(per_s))),
        )
        self._board = CameraBoard([], clock.now(), clock.wall_us())
        self._refusals: set[str] = set()
        """Cameras whose capture process was told that nobody can analyse them."""
        self._former: set[str] = set()
        """Cameras that were taken out since the start: something of them may still be on its way."""
        self._changed = asyncio.Event()
        self.counts = SupervisorCounts()
        self.on_usage: Callable[[UsageRow], None] = lambda row: None
        """Gets what the models of a camera did in the last minute."""
        self.on_view: Callable[[ViewMessage], None] = lambda message: None
        """Gets the pictures that `look` asked for."""
        self.on_video: Callable[[VideoMessage], None] = lambda message: None
        """Gets the packets that `watch` asked for."""
        self.on_clip: Callable[[ClipNote], None] = lambda note: None
        """Gets what became of the clips that `order_clip` asked for."""
        self.change(cameras, admission)

    def change(self, cameras: Sequence[CameraSpec], admission: Admission | None = None) -> None:
        """Serve these cameras from now on: whoever is not concerned by what is different runs on."""
        now, wall_us = self._clock.now(), self._clock.wall_us()
        before = {str(row["camera"]) for row in self._board.rows(now)}
        self._former = (self._former | before) - {camera.id for camera in cameras}
        self._board.change(cameras, now, wall_us)
        if admission is not None:
            self._board.take_admission(admission, wall_us)
        self._crew.plan(cameras if admission is None else admission.cameras)
        self._changed.set()

    async def run(self) -> None:
        """Start the processes, serve them, start them again when they die; ends only by cancellation."""
        while self._crew.is_empty or not self._make_folders():
            await self._wait_changed()
        with self._bound() as socket:
            try:
                async with asyncio.TaskGroup() as talk:
                    talk.create_task(self._receive(socket))
                    talk.create_task(self._send(socket))
                    # Inside, so that whoever is told to end hears of it.
                    async with asyncio.TaskGroup() as processes:
                        while True:
                            self._crew.bring_in_line(processes)
                            await self._wait_changed()
            finally:
                self._crew.close()

    def cameras(self) -> list[dict[str, object]]:
        """Every camera with its newest state, for `status` of docs/api.md."""
        return self._board.rows(self._clock.now())

    def process_ids(self) -> list[int]:
        """Of the processes that run now."""
        return [process.pid for process in self._crew.processes.values() if process.pid is not None]

    def processes(self) -> dict[str, WorkerProcess]:
        """The processes by identity: `worker-N` analyses, `capture-N` reads."""
        return dict(self._crew.processes)

    def tell(self, value: Value) -> None:
        """Bring a device's newest value to every process that analyses."""
        for analysis in self._crew.analyses:
            self._tell(analysis, parts_of(value))

    def look(self, order: ViewOrder) -> None:
        """Ask for the newest picture of a camera; where nobody analyses it, no answer comes."""
        if (analysis := self._crew.analyst_of(order.camera)) is not None:
            self._tell(analysis, parts_of(order))

    def watch(self, order: VideoOrder) -> None:
        """Ask for the packets of a camera; where nobody reads it, no answer comes."""
        if (reader := self._crew.reader_of(order.camera)) is not None:
            self._tell(reader, parts_of(order))

    def order_clip(self, order: ClipOrder) -> bool:
        """Ask for the packets around an event; False where nobody reads the camera."""
        reader = self._crew.reader_of(order.camera)
        if reader is not None:
            self._tell(reader, parts_of(order))
        return reader is not None

    # ---- processes

    async def _wait_changed(self) -> None:
        await self._changed.wait()
        self._changed.clear()

    def _make_folders(self) -> bool:
        """Without a folder for their frames no camera can run, but the node does; False then."""
        try:
            self._places.work_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            make_ring_folder(self._places.ring_dir)
        except OSError as error:
            why = told(reason("ring-folder", folder=error.filename, what=system_reason(error)))
            self._board.capture_down(self._crew.cameras, Down(why, None), self._clock.now(), self._clock.wall_us())
            return False
        return True

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

    def _capture_down(self, work: Work, why: str, retry_in_s: float) -> None:
        self._board.capture_down(work.names, Down(why, retry_in_s), self._clock.now(), self._clock.wall_us())

    def _analysis_down(self, work: Work, why: str, retry_in_s: float) -> None:
        self._board.analysis_down(work.names, Down(why, retry_in_s))

    # ---- messages

    async def _receive(self, socket: zmq.asyncio.Socket) -> None:
        while True:
            identity, *parts = await socket.recv_multipart()
            process = self._crew.find(identity.decode(errors="replace"))
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
            elif isinstance(message, UsageRow):
                self._take_usage(message)
            elif isinstance(message, ViewMessage):
                self.on_view(message)
            elif isinstance(message, VideoMessage):
                self.on_video(message)
            elif isinstance(message, ClipNote):
                self.on_clip(message)
            else:
                self._take_row(message, now)

    def _take_row(self, row: StateRow | AnalysisRow, now: Instant) -> None:
        if not self._board.knows(row.camera):
            self._refuse_strange(row.camera, "state")
        elif isinstance(row, StateRow):
            self._board.take_state(row, now)
        else:
            self._take_analysis(row, now)

    def _take_analysis(self, row: AnalysisRow, now: Instant) -> None:
        """Who reads a camera that cannot be analysed stops it; once it can be, it is read again."""
        refusal, reader = self._board.take_analysis(row, now), self._crew.reader_of(row.camera)
        if refusal is not None and reader is not None:
            self._refusals.add(row.camera)
            self._tell(reader, parts_of(refusal))
        elif not row.refused and row.camera in self._refusals:
            self._refusals.discard(row.camera)
            self._crew.renew_reader(row.camera)

    def _take_usage(self, row: UsageRow) -> None:
        if self._board.knows(row.camera):
            self.on_usage(row)
        else:
            self._refuse_strange(row.camera, "usage")

    def _refuse_strange(self, camera: str, what: str) -> None:
        """Something about a camera that is not there; nobody is to blame when it was taken out a moment ago."""
        if camera not in self._former:
            self._refuse(f"{what} of camera {camera!r} refused: it is not configured here")

    def _take_event(self, identity: bytes, message: EventMessage, now: Instant) -> None:
        """Deliver an event once; one already acknowledged is acknowledged again, one still being committed waits."""
        row = message.row
        key = Ack(row.event_id, row.ended)
        if not self._board.knows(row.camera) and row.camera not in self._former:
            self._refuse(f"event {row.event_id} of camera {row.camera!r} refused: it is not configured here")
            self._queue([identity, *parts_of(key)])
            return
        verdict = self._deliveries.arrived(key, now)
        if verdict is not Verdict.DELIVER:
            self.counts.repeated += 1
            if verdict is Verdict.ACKNOWLEDGE:
                self._queue([identity, *parts_of(key)])
            return
        self.counts.events += 1
        if (message.jpeg or not row.ended) and self._board.knows(row.camera):
            self._board.count_event(row.camera)
        self._on_event(row, message.jpeg, message.thumb_rgb, partial(self._acknowledge, identity, key))

    def _acknowledge(self, identity: bytes, key: Ack) -> None:
        self._deliveries.acknowledged(key)
        self._queue([identity, *parts_of(key)])

    def _tell(self, identity: str, parts: Sequence[bytes]) -> None:
        self._queue([identity.encode(), *parts])

    def _queue(self, parts: list[bytes]) -> None:
        if not self._outgoing.full():
            self._outgoing.put_nowait(parts)

    def _refuse(self, why: str) -> None:
        self.counts.refused += 1
        self.counts.refused_why = why

    async def _send(self, socket: zmq.asyncio.Socket) -> None:
        while True:
            await socket.send_multipart(await self._outgoing.get())

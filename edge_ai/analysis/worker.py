"""An analysis process: `python -m edge_ai.analysis.worker --config FILE.json`.

Reads the frame rings of its capture processes; one loop schedules, tracks, applies rules, keeps and sends, and inference runs on caller
threads beside it. It ends on the node's `stop`, on SIGTERM, when its parent is gone, and when an inference hangs. Started by node/cameras.
"""

from __future__ import annotations

import os
import sys
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge_ai.analysis.bell import Bell
from edge_ai.analysis.callers import INFERENCE_S_MAX, Callers, Concluded
from edge_ai.analysis.ledger import STRIKES_MAX, Ledger
from edge_ai.analysis.model_tables import ModelTables
from edge_ai.analysis.pipeline import CameraPipeline
from edge_ai.analysis.scheduler import Scheduler, Share
from edge_ai.analysis.second_stage import StageShelf
from edge_ai.capture.gate import Motion
from edge_ai.clock import Clock, SystemClock
from edge_ai.condition import SensorValues
from edge_ai.detectors.build import build_detector
from edge_ai.errors import AlgorithmError, EvidenceError
from edge_ai.evidence.handing import Handing
from edge_ai.looks.viewing import Views
from edge_ai.models.hot import Build, HotModel
from edge_ai.models.usage import UsageCounter
from edge_ai.outlet import Outlet
from edge_ai.reasons import reason, told
from edge_ai.ring.reader import RingReader
from edge_ai.serving import EXIT_FAILED, STATE_PERIOD_S, serve
from edge_ai.spec import CameraSpec, DecodeMode, WorkerSpec, decode_spec
from edge_ai.spool import Spool
from edge_ai.wire.clips import CLIP_BOXES
from edge_ai.wire.events import Ack, EventMessage
from edge_ai.wire.parts import parts_of
from edge_ai.wire.states import AnalysisRow, UsageRow, Value
from edge_ai.wire.views import ViewOrder
from sync.model import Instant

TURN_S = 0.25
"""Longest wait for a frame or an order before states get their turn, hung inferences are seen and quiet frames are looked at."""
NICENESS = 3
"""Below capture and node: under overload inference is what gives way, not the reading of streams or the links."""
CLOSE_S = 1.0
"""Longest wait for a running inference at an ordered end."""
AGES_KEPT = 200
"""Newest frames whose ages are reported."""
KEYFRAME_S = 2.0
"""Seconds between the whole pictures of most cameras' streams."""
PLACES = "places"
"""Folder beside the spool where rules remember their places."""


@dataclass(slots=True)
class _Camera:
    """One camera that is analysed."""

    spec: CameraSpec
    reader: RingReader
    pipeline: CameraPipeline
    model: HotModel
    trouble: str = ""
    ages_s: deque[float] = field(default_factory=lambda: deque(maxlen=AGES_KEPT))


class AnalysisWorker:
    """All cameras of one analysis process. `build` makes a detector; one per algorithm, model and caller where it has weights."""

    def __init__(self, spec: WorkerSpec, clock: Clock, build: Build = build_detector, *, inference_s_max: float = INFERENCE_S_MAX) -> None:
        self._spec = spec
        self._clock = clock
        self._bell = Bell(spec.bell)
        self._ledger = Ledger(Path(spec.ledger), {camera.id: f"{camera.algorithm} {camera.model}" for camera in spec.cameras})
        handing = Handing(Path(spec.evidence_dir), spec.evidence_floor_bytes) if spec.evidence_dir else None
        self._handing = handing
        self._spool = Spool(Path(spec.spool_dir), handing)
        self._outlet = Outlet(spec.endpoint, spec.worker)
        self._outlet.watch(spec.bell)
        self._readers = [RingReader(Path(ring.path), ring.cameras) for ring in spec.rings]
        self._refused: dict[str, str] = {}
        self._refused_events: Counter[str] = Counter()
        self._stopping = False
        self._states_due = clock.now()
        self._values = SensorValues()
        self._usage = UsageCounter(clock.now())
        self._views = Views(self._bell.ring)
        self._stages = StageShelf(spec.algorithms_dir)
        models = ModelTables(spec, clock, build)
        self._cameras = {camera.id: made for camera in spec.cameras if (made := self._add(camera, models)) is not None}
        self._scheduler: Scheduler[int] = Scheduler(
            [Share(camera=name, period_s=period_of(known.spec), alarm=known.spec.alarm) for name, known in self._cameras.items()]
        )
        self._callers = Callers(models.tables, clock, self._bell.ring, inference_s_max=inference_s_max)

    def run(self) -> int:
        """Serve until told to stop or orphaned; EXIT_FAILED when an inference hangs or a caller is gone."""
        while not self._stopping and not self._outlet.stopped and os.getppid() == self._spec.parent_pid:
            self._outlet.wait(TURN_S)
            self._bell.wait(0)
            now = self._clock.now()
            if why := self._callers.failed(now):
                sys.stderr.write(f"edge analysis: {told(why)}\n")
                return EXIT_FAILED
            self.turn(now)
        self._close()
        return 0

    def stop(self) -> None:
        """End after the current turn."""
        self._stopping = True

    def turn(self, now: Instant) -> None:
        """Take in what ended and what is new, begin what may begin, and send what is due."""
        for concluded in self._callers.concluded():
            self._conclude(concluded)
        self._offer_news()
        while self._callers.has_idle and self._begin_next(now):
            pass
        for order in self._outlet.orders():
            if isinstance(order, Ack):
                self._spool.acknowledge(order)
            elif isinstance(order, Value):
                self._values.hear(order, now)
            elif isinstance(order, ViewOrder):
                known = self._cameras.get(order.camera)
                self._views.ask(order, now, None if known is None else known.pipeline)
        for picture in self._views.made():
            self._outlet.send(parts_of(picture))
        for message in self._spool.due(now):
            self._outlet.send(parts_of(message))
        self._tell_usage(self._usage.due(now))
        self._report()

    # ---- a frame's way

    def _offer_news(self) -> None:
        now = self._clock.now()
        for reader in self._readers:
            for camera, offered in reader.news():
                if camera in self._cameras and not self._cameras[camera].pipeline.is_blind(offered.motion):
                    self._scheduler.offer(camera, offered.number, offered.taken, moves=self._is_due(camera, offered.motion, now))

    def _is_due(self, camera: str, motion: Motion, now: Instant) -> bool:
        """True for a frame that is worth an analysis without waiting for the heartbeat: the gate calls for it, or somebody looks at it."""
        return motion.calls or self._views.watches(camera, now)

    def _begin_next(self, now: Instant) -> bool:
        """Begin one inference; False when nothing waits."""
        chosen = self._scheduler.choose(now)
        if chosen is None:
            return False
        known = self._cameras[chosen.camera]
        seen = known.reader.take(chosen.camera, chosen.frame)
        if seen is None:
            self._scheduler.dropped(chosen.camera)
            return True
        self._keep(known, known.pipeline.begin(seen.shot))
        self._ledger.begin(chosen.camera)
        self._callers.start(seen, now)
        return True

    def _conclude(self, concluded: Concluded) -> None:
        shot = concluded.seen.shot
        known = self._cameras[shot.camera]
        self._scheduler.finished(shot.camera, concluded.cost_s)
        known.ages_s.append(self._clock.now().seconds_since(shot.now))
        known.trouble = concluded.trouble
        found = None if concluded.detections is None else len(concluded.detections)
        self._usage.add(shot.camera, concluded.algorithm, found, concluded.cost_s)
        if concluded.detections is not None:
            self._keep(known, known.pipeline.conclude(shot, concluded.detections, concluded.algorithm))
        # Only now: a second stage that hangs takes the process with it, and the frame must count as its camera's.
        self._ledger.end(shot.camera)

    def _keep(self, known: _Camera, messages: list[EventMessage]) -> None:
        """Messages are safe in the spool before the rules' memory says that they were told."""
        for message in messages:
            if not self._spool.add(message):
                self._refused_events[known.spec.id] += 1
            # A slow disk must not look like a process that hangs.
            self._report()
        try:
            known.pipeline.remember()
        except EvidenceError as error:
            known.trouble = error.told

    # ---- cameras and their states

    def _add(self, camera: CameraSpec, models: ModelTables) -> _Camera | None:
        """The camera ready for analysis; None, with the reason noted, when it cannot be analysed as configured."""
        if self._ledger.is_struck_out(camera.id):
            self._refused[camera.id] = told(reason("struck-out", camera=camera.id, times=STRIKES_MAX))
            return None
        try:
            model = models.add(camera)
            places = Path(self._spec.spool_dir).parent / PLACES
            stages = self._stages.of(camera)
            pipeline = CameraPipeline(
                camera, model.algorithm, model, nonce=self._spec.nonce, places=places, values=self._values, stages=stages
            )
        except AlgorithmError as error:
            self._refused[camera.id] = error.told
            return None
        reader = next(reader for reader in self._readers if camera.id in reader.cameras)
        return _Camera(camera, reader, pipeline, model)

    def _report(self) -> None:
        """Tell the state of every camera, once a second."""
        now = self._clock.now()
        if now < self._states_due:
            return
        self._states_due = now.plus(STATE_PERIOD_S)
        for reader in self._readers:
            reader.refresh()
        self._lay_boxes(now)
        for camera in self._spec.cameras:
            self._outlet.send(parts_of(self._row(camera.id)))

    def _lay_boxes(self, now: Instant) -> None:
        """The boxes of clips that are over, for the node; without them nothing of a clip stays sharp when it leaves."""
        for known in self._cameras.values():
            track = known.pipeline.boxes
            for event_id, data in track.due(now) if track is not None and self._handing is not None else ():
                assert self._handing is not None
                if why := self._handing.lay(f"{event_id}{CLIP_BOXES}", data):
                    known.trouble = told(reason("event-no-boxes", event=event_id, what=reason(why)))

    def _row(self, name: str) -> AnalysisRow:
        known = self._cameras.get(name)
        lost = self._ledger.died_with(name) + self._refused_events[name]
        if known is None:
            why = self._refused[name]
            return AnalysisRow(camera=name, analysed=self._ledger.analysed(name), lost=lost, age_ms=0.0, refused=True, why=why)
        ages = sorted(known.ages_s)
        return AnalysisRow(
            camera=name,
            analysed=self._ledger.analysed(name),
            lost=lost + self._scheduler.counts(name).lost + known.reader.torn[name],
            age_ms=round(1e3 * ages[int(0.95 * (len(ages) - 1))], 1) if ages else 0.0,
            refused=False,
            why=known.trouble or self._spool.trouble or known.pipeline.trouble or known.model.trouble,
            model=known.model.words,
        )

    def _tell_usage(self, rows: Sequence[UsageRow]) -> None:
        for row in rows:
            self._outlet.send(parts_of(row))

    def _close(self) -> None:
        """End between two frames: what runs is finished, so that its events are kept and no frame counts as lost."""
        until = self._clock.now().plus(CLOSE_S)
        while self._callers.is_busy and self._clock.now() < until:
            self._bell.wait(TURN_S)
        for concluded in self._callers.concluded():
            self._conclude(concluded)
        self._tell_usage(self._usage.rest())
        self._callers.stop()
        self._views.close()
        self._outlet.close()


def period_of(camera: CameraSpec) -> float:
    """Seconds for which a frame of the camera is worth an analysis: until the next may come."""
    if camera.mode is DecodeMode.STILL:
        return camera.still_every_s
    return max(1 / camera.analysed_fps, KEYFRAME_S if camera.mode is DecodeMode.KEYFRAME else 0.0)


def main() -> int:
    """Run one analysis process."""
    os.nice(NICENESS)
    return serve("analysis", lambda data: AnalysisWorker(decode_spec(data), SystemClock()))


if __name__ == "__main__":
    # A hung caller cannot be joined: the interpreter must not try at its end.
    status = main()
    sys.stderr.flush()
    os._exit(status)

"""A detector whose model may be changed while cameras look through it.

`detect` is called for every picture by one thread. Once a second it looks whether the library says otherwise; a candidate is loaded and
warmed by a thread beside it, looks at the same pictures in shadow, and takes over between two calls, so that no picture is lost. What the
watch decides is written into the library, where the other processes find it. Called by edge_ai/analysis/worker.py, one for each algorithm
and caller thread.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from edge_ai.algorithm import Algorithm, load_algorithm, load_version
from edge_ai.capture.gate import GateState, Motion
from edge_ai.clock import Clock, thread_us
from edge_ai.detectors.build import build_detector
from edge_ai.detectors.port import Detector
from edge_ai.errors import AlgorithmError, ModelError
from edge_ai.models.library import Library
from edge_ai.models.loading import Loading, Ready
from edge_ai.models.watch import JUDGED_FRAMES_MIN, LiveWatch, ShadowWatch, Tally, Verdict
from edge_ai.picture import Detections, Pixels
from edge_ai.reasons import reason, told
from edge_ai.spec import CameraSpec
from edge_ai.wire.words import TEXT_CHARS_MAX
from sync.model import Instant

DEATHS_MAX = 1
"""Processes that may end while a version is on trial; a crash takes the process with it, so it is known only afterwards."""
LOOK_EVERY_S = 1.0
"""How often the library's state is looked at."""
WARM_RUNS = 2
_WARM_PICTURE = (360, 640, 3)
_STILL = Motion(GateState.QUIET, np.zeros((0, 4), np.float32), 0.0)

DIED = told(reason("died"))

Build = Callable[[Algorithm], Detector]
Cost = Callable[[], int]
"""Microseconds of work that the calling thread has done: waiting for a busy machine must not count against a version."""


class HotModel:
    """The live version of one algorithm, and at times its candidate."""

    def __init__(
        self, camera: CameraSpec, live: Ready, library: Library, clock: Clock, *, build: Build = build_detector, cost_us: Cost = thread_us
    ) -> None:
        self._camera = camera
        self._live = live
        self._before: Ready | None = None
        """What was live before, kept while the new one is watched, so that going back takes no time."""
        self._library = library
        self._clock = clock
        self._build = build
        self._cost_us = cost_us
        self._id = live.algorithm.manifest.id
        self._is_held = not camera.model and live.version in library.versions(self._id)
        self._mark = (-1, -1)
        self._answered = live.algorithm
        self._looked_at = clock.now()
        self._tally = Tally()
        self._loading: Loading | None = None
        self._candidate: Ready | None = None
        self._shadow: ShadowWatch | None = None
        self._watch: LiveWatch | None = None
        self.trouble = ""
        """Why the newest order of the library was not followed; empty when it was."""
        if self._is_held and library.state(self._id).watched:
            self._watch = LiveWatch(Tally(), self._looked_at)

    @property
    def classes(self) -> tuple[str, ...]:
        """The same for all versions of an algorithm."""
        return self._live.detector.classes

    @property
    def algorithm(self) -> Algorithm:
        """Which made the newest detections."""
        return self._answered

    @property
    def words(self) -> str:
        """What runs, in a few words."""
        runs = f"{self._id} {self._live.version}"
        if self._candidate is not None:
            code = "runs-shadow" if self._watch is None else "runs-watched-shadow"
            return told(reason(code, model=runs, shadow=self._candidate.version), TEXT_CHARS_MAX)
        return told(runs if self._watch is None else reason("runs-watched", model=runs), TEXT_CHARS_MAX)

    def detect(self, pixels: Pixels, motion: Motion) -> Detections:
        """What the live version sees; raises ModelError when it fails and there is none to go back to."""
        now = self._clock.now()
        if self._is_held and now.seconds_since(self._looked_at) >= LOOK_EVERY_S:
            self._looked_at = now
            self._tried(lambda: self._look(now))
        found = self._by_live(pixels, motion)
        self._answered = self._live.algorithm
        candidate, shadow, watch = self._candidate, self._shadow, self._watch
        if candidate is not None and shadow is not None:
            self._tried(lambda: self._by_candidate(candidate, shadow, pixels, motion))
        elif watch is not None:
            self._tried(lambda: self._judge_live(watch, now))
        return found

    def _tried(self, work: Callable[[], None]) -> None:
        """A library that cannot be read or written must not cost a picture."""
        try:
            work()
        except AlgorithmError as error:
            self.trouble = error.told

    # ---- following the library

    def _look(self, now: Instant) -> None:
        if (mark := self._library.state_mark(self._id)) != self._mark:
            self._mark = mark
            self._follow(now)
        if self._loading is not None and self._loading.is_over:
            loaded, self._loading = self._loading, None
            self._take(loaded, now)

    def _follow(self, now: Instant) -> None:
        """Begin what the library says, unless it is so already."""
        state = self._library.state(self._id)
        self.trouble = ""
        if self._candidate is not None and state.shadow != self._candidate.version:
            self._candidate = self._shadow = None
        if state.live and state.live != self._live.version:
            known = next((one for one in (self._candidate, self._before) if one is not None and one.version == state.live), None)
            if known is not None:
                self._switch(known, now, is_watched=state.watched)
            else:
                self._begin(state.live, is_on_trial=state.watched)
        elif state.shadow and (self._candidate is None or self._candidate.version != state.shadow):
            self._begin(state.shadow, is_on_trial=True)
        elif self._watch is not None and not state.watched:
            self._watch = self._before = None

    def _begin(self, version: str, *, is_on_trial: bool) -> None:
        if self._loading is not None and self._loading.version == version:
            return
        if is_on_trial and self._library.begin_trial(self._id, version) > DEATHS_MAX:
            self._library.refuse_shadow(self._id, version, at_us=self._clock.wall_us(), why=DIED)
            self._library.roll_back_if_live(self._id, version, at_us=self._clock.wall_us(), why=DIED)
            return
        self._loading = Loading(version, lambda: self._loaded(version))

    def _loaded(self, version: str) -> Ready:
        algorithm = load_version(self._camera, self._library, version)
        detector = self._build(algorithm)
        if detector.classes != self.classes:
            raise ModelError(reason("other-classes", algorithm=self._id, version=version, live=self._live.version))
        for _ in range(WARM_RUNS):
            detector.detect(np.zeros(_WARM_PICTURE, np.uint8), _STILL)
        return Ready(algorithm, detector)

    def _take(self, loaded: Loading, now: Instant) -> None:
        """A version is loaded, or could not be: the library may have changed its mind meanwhile."""
        state = self._library.state(self._id)
        if loaded.version == state.live:
            if loaded.ready is not None:
                self._switch(loaded.ready, now, is_watched=state.watched)
            else:
                self.trouble = loaded.why
                self._go_back(loaded.version, loaded.why, now)
        elif loaded.version == state.shadow:
            if loaded.ready is not None:
                self._candidate, self._shadow = loaded.ready, ShadowWatch()
            else:
                self.trouble = loaded.why
                self._library.refuse_shadow(self._id, loaded.version, at_us=self._clock.wall_us(), why=loaded.why)

    # ---- looking

    def _by_live(self, pixels: Pixels, motion: Motion) -> Detections:
        watched = self._watch.new if self._watch is not None else None
        began_us = self._cost_us()
        try:
            found = self._live.detector.detect(pixels, motion)
        except ModelError as error:
            if watched is None:
                raise
            watched.failed()
            if not self._came_back(self._live.version, error.told):
                raise
            return self._live.detector.detect(pixels, motion)
        taken_ms = (self._cost_us() - began_us) / 1e3
        (watched or self._tally).add(len(found), taken_ms)
        if self._shadow is not None:
            self._shadow.old.add(len(found), taken_ms)
        return found

    def _by_candidate(self, candidate: Ready, shadow: ShadowWatch, pixels: Pixels, motion: Motion) -> None:
        began_us = self._cost_us()
        try:
            found = candidate.detector.detect(pixels, motion)
            shadow.new.add(len(found), (self._cost_us() - began_us) / 1e3)
        except ModelError:
            shadow.new.failed()
        judged = shadow.judge()
        if judged.verdict is Verdict.WAIT:
            return
        at_us = self._clock.wall_us()
        if judged.verdict is Verdict.BACK:
            self._candidate = self._shadow = None
            self._library.end_trial(self._id, candidate.version)
            self._library.refuse_shadow(self._id, candidate.version, at_us=at_us, why=judged.why)
            return
        self._library.activate(self._id, candidate.version, at_us=at_us, why=judged.why)
        self._switch(candidate, self._clock.now(), is_watched=True)

    def _judge_live(self, watch: LiveWatch, now: Instant) -> None:
        if watch.new.frames == JUDGED_FRAMES_MIN:
            self._library.end_trial(self._id, self._live.version)
        judged = watch.judge(now)
        if judged.verdict is Verdict.BACK:
            self._go_back(self._live.version, judged.why, now)
        elif judged.verdict is Verdict.GO:
            self._watch = self._before = None
            self._library.confirm(self._id, self._live.version, at_us=self._clock.wall_us())

    # ---- changing over

    def _switch(self, to: Ready, now: Instant, *, is_watched: bool) -> None:
        """From the next picture on `to` is live."""
        if is_watched:
            self._library.begin_trial(self._id, to.version)
        before, did = self._live, self._tally
        if self._watch is not None and self._before is not None:
            # The version that goes has not proved itself: the new one is judged by the one before it, and gives way to that.
            before, did = self._before, self._watch.before
        self._before = before if is_watched else None
        self._watch = LiveWatch(did, now) if is_watched else None
        self._live = to
        self._tally = Tally()
        self._candidate = self._shadow = None

    def _go_back(self, version: str, why: str, now: Instant) -> None:
        """Take `version` back here at once when the one before is still warm, and in the library."""
        if self._before is not None and self._live.version == version:
            self._switch(self._before, now, is_watched=False)
        self._tried(lambda: self._write_back(version, why))

    def _came_back(self, version: str, why: str) -> bool:
        """Take the failing `version` back within this picture; False where there is nothing to go back to.

        After a start nothing of the version before is warm, so it is loaded here: a picture that waits is better than a camera that fails.
        """
        self._go_back(version, why, self._clock.now())
        if self._live.version == version:
            self._tried(lambda: self._load_back(version))
        return self._live.version != version

    def _load_back(self, version: str) -> None:
        before = self._library.state(self._id).live
        if before != version:
            self._switch(self._loaded(before), self._clock.now(), is_watched=False)

    def _write_back(self, version: str, why: str) -> None:
        self._library.roll_back_if_live(self._id, version, at_us=self._clock.wall_us(), why=why)


def open_hot(
    camera: CameraSpec, algorithms_dir: str, clock: Clock, *, build: Build = build_detector, cost_us: Cost = thread_us
) -> HotModel:
    """The detector that a camera asks for; raises AlgorithmError. One that is not of the library never changes.

    A version on trial that took processes with it, or cannot be loaded, is taken back here.
    """
    library = Library(Path(algorithms_dir) if algorithms_dir else Path(camera.algorithm))
    id_, state = camera.algorithm, library.state(camera.algorithm)
    is_on_trial = state.watched and not camera.model
    if is_on_trial and library.begin_trial(id_, state.live) > DEATHS_MAX:
        library.roll_back_if_live(id_, state.live, at_us=clock.wall_us(), why=DIED)
    try:
        return _opened(camera, algorithms_dir, library, clock, build, cost_us)
    except ModelError as error:
        if not is_on_trial:
            raise
        library.roll_back_if_live(id_, state.live, at_us=clock.wall_us(), why=error.told)
        return _opened(camera, algorithms_dir, library, clock, build, cost_us)


def _opened(camera: CameraSpec, algorithms_dir: str, library: Library, clock: Clock, build: Build, cost_us: Cost) -> HotModel:
    algorithm = load_algorithm(camera, algorithms_dir)
    return HotModel(camera, Ready(algorithm, build(algorithm)), library, clock, build=build, cost_us=cost_us)

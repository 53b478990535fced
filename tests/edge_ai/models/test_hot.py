"""Changing a model under running cameras: a scripted clock, scripted detectors, a real library."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from edge_ai.algorithm import Algorithm
from edge_ai.capture.gate import GateState, Motion
from edge_ai.detectors.port import Detector
from edge_ai.errors import AlgorithmError, ModelError
from edge_ai.models.hot import HotModel, open_hot
from edge_ai.models.library import Library
from edge_ai.models.watch import SHADOW_FRAMES
from edge_ai.picture import NOTHING, Detections, Pixels
from edge_ai.reasons import plain
from edge_ai.spec import CameraKind, CameraSpec
from sync.model import Instant
from tests.edge_ai.models.made import add

CAMERA = CameraSpec(id="cam-1", kind=CameraKind.FILE, source="a.mp4", algorithm="yard")
STILL = Motion(GateState.QUIET, np.zeros((0, 4), np.float32), 0.0)
PICTURE = np.zeros((8, 8, 3), np.uint8)
PERIOD_S = 0.2


@dataclass(slots=True)
class ManualClock:
    """Time that moves when told; each detection takes what its detector says."""

    us: int = 1_000_000

    def now(self) -> Instant:
        return Instant(self.us)

    def wall_us(self) -> int:
        return 1_800_000_000_000_000 + self.us


@dataclass(slots=True)
class Scripted:
    """Finds `count` things and takes `ms`; fails from picture `fails_at` on."""

    clock: ManualClock
    count: int = 2
    ms: float = 10.0
    fails_at: int = 1 << 30
    classes: tuple[str, ...] = ("person",)
    looked: int = 0

    def detect(self, pixels: Pixels, motion: Motion) -> Detections:
        self.clock.us += round(self.ms * 1_000)
        if pixels is not PICTURE:
            return NOTHING
        self.looked += 1
        if self.looked > self.fails_at:
            raise ModelError("model model.onnx failed on a picture: scripted")
        boxes = np.tile(np.array([[0, 0, 4, 4]], np.float32), (self.count, 1))
        return Detections(boxes, np.full(self.count, 0.9, np.float32), np.zeros(self.count, np.int64))


@dataclass(slots=True)
class Stage:
    """A camera's pictures through one hot model."""

    root: Path
    clock: ManualClock = field(default_factory=ManualClock)
    versions: dict[str, Scripted | str] = field(default_factory=dict)
    """Detector by version; a text: loading fails with it."""
    answers: list[str] = field(default_factory=list)
    """Version that answered, picture by picture."""

    @property
    def library(self) -> Library:
        return Library(self.root)

    def build(self, algorithm: Algorithm) -> Detector:
        made = self.versions[algorithm.manifest.version]
        if isinstance(made, str):
            raise ModelError(made)
        return made

    def scripted(self, version: str, **values: object) -> None:
        add(self.library, version)
        self.versions[version] = Scripted(self.clock, **values)  # type: ignore[arg-type]

    def open(self) -> HotModel:
        return open_hot(CAMERA, str(self.root), self.clock, build=self.build, cost_us=lambda: self.clock.us)

    def play(self, hot: HotModel, pictures: int) -> None:
        for _ in range(pictures):
            self.clock.us += round(PERIOD_S * 1e6)
            hot.detect(PICTURE, STILL)
            self.answers.append(hot.algorithm.manifest.version)
            if hot._loading is not None:
                hot._loading.wait()


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    made = Stage(tmp_path / "models")
    made.scripted("1")
    made.library.activate("yard", "1", at_us=1)
    return made


def history(stage: Stage) -> list[tuple[str, str]]:
    return [(one.what, one.version) for one in stage.library.state("yard").history]


def test_new_version_looks_beside_takes_over_and_proves_itself(stage: Stage) -> None:
    hot = stage.open()
    stage.play(hot, 20)
    stage.scripted("2", count=3)
    stage.library.shadow("yard", "2", at_us=2)
    stage.play(hot, 150)
    assert stage.library.state("yard").live == "2"
    assert plain(hot.words) == "yard 2, watched"
    stage.play(hot, round(600 / PERIOD_S))
    assert hot.words == "yard 2"
    assert history(stage)[-3:] == [("shadowed", "2"), ("activated", "2"), ("confirmed", "2")]


def test_no_picture_is_lost_and_the_change_is_between_two_pictures(stage: Stage) -> None:
    hot = stage.open()
    stage.scripted("2")
    stage.library.shadow("yard", "2", at_us=2)
    stage.play(hot, 200)
    assert len(stage.answers) == 200
    turn = stage.answers.index("2")
    assert set(stage.answers[:turn]) == {"1"}
    assert set(stage.answers[turn:]) == {"2"}
    assert SHADOW_FRAMES <= turn <= SHADOW_FRAMES + 15


def test_worse_version_is_refused_in_shadow_with_the_figures(stage: Stage) -> None:
    hot = stage.open()
    stage.scripted("2", ms=40.0)
    stage.library.shadow("yard", "2", at_us=2)
    stage.play(hot, 150)
    assert set(stage.answers) == {"1"}
    said = stage.library.state("yard").history[-1]
    assert (said.what, said.version) == ("refused", "2")
    assert "took 40.0 ms a picture, the one before 10.0" in said.why


def test_version_that_does_worse_once_live_is_taken_back_from_warm(stage: Stage) -> None:
    hot = stage.open()
    stage.play(hot, 200)
    stage.scripted("2", count=0)
    stage.library.activate("yard", "2", at_us=2)
    stage.play(hot, 100)
    assert stage.library.state("yard").live == "1"
    assert "found 0.00 things a picture" in stage.library.state("yard").history[-1].why
    assert stage.answers.count("2") == 50


def test_failing_picture_brings_the_old_version_back_which_answers_that_very_picture(stage: Stage) -> None:
    hot = stage.open()
    stage.play(hot, 10)
    stage.scripted("2", fails_at=5)
    stage.library.activate("yard", "2", at_us=2)
    stage.play(hot, 30)
    assert stage.answers.count("2") == 5
    assert stage.answers[-1] == "1"
    assert stage.library.state("yard").live == "1"


def test_after_a_start_a_failing_version_on_trial_is_taken_back_too(stage: Stage) -> None:
    """Nothing of the version before is warm then: it is loaded within that picture."""
    stage.scripted("2", fails_at=30)
    stage.library.activate("yard", "2", at_us=2)
    stage.play(stage.open(), 60)
    assert stage.answers == ["2"] * 30 + ["1"] * 30
    assert (stage.library.state("yard").live, stage.library.state("yard").watched) == ("1", False)


def test_second_new_version_within_a_watch_is_judged_by_the_last_that_proved_itself(stage: Stage) -> None:
    hot = stage.open()
    stage.play(hot, 100)
    for version, count in (("2", 3), ("3", 40)):
        stage.scripted(version, count=count)
        stage.library.activate("yard", version, at_us=2)
        stage.play(hot, 30)
    stage.play(hot, 200)
    assert stage.answers[-1] == "1"
    assert stage.library.state("yard").live == "1"
    assert history(stage)[-1] == ("rolled-back", "3")


def test_version_that_cannot_be_loaded_leaves_the_old_one_at_work(stage: Stage) -> None:
    hot = stage.open()
    stage.scripted("2")
    stage.versions["2"] = "model model.onnx does not load: scripted"
    stage.library.activate("yard", "2", at_us=2)
    stage.play(hot, 30)
    assert set(stage.answers) == {"1"}
    assert stage.library.state("yard").live == "1"
    assert "does not load" in stage.library.state("yard").history[-1].why


def test_first_version_that_fails_is_an_error_for_its_camera(stage: Stage) -> None:
    stage.versions["1"] = Scripted(stage.clock, fails_at=0)
    with pytest.raises(ModelError, match="failed on a picture"):
        stage.play(stage.open(), 1)


def test_start_with_a_version_on_trial_that_does_not_load_goes_back(stage: Stage) -> None:
    stage.scripted("2")
    stage.library.activate("yard", "2", at_us=2)
    stage.versions["2"] = "model model.onnx does not load: scripted"
    hot = stage.open()
    stage.play(hot, 1)
    assert stage.answers == ["1"]


def test_version_that_took_processes_with_it_is_taken_back_at_the_next_start(stage: Stage) -> None:
    stage.scripted("2")
    stage.library.activate("yard", "2", at_us=2)
    trials = stage.root / "yard" / ".trials"
    trials.mkdir()
    for process in ("4194305-7", "4194306-7"):
        (trials / f"2@{process}").touch()
    hot = stage.open()
    assert hot.algorithm.manifest.version == "1"
    assert "processes ended while they tried it" in stage.library.state("yard").history[-1].why


def test_version_that_took_processes_with_it_in_shadow_is_refused(stage: Stage) -> None:
    stage.scripted("2")
    stage.library.shadow("yard", "2", at_us=2)
    trials = stage.root / "yard" / ".trials"
    trials.mkdir(exist_ok=True)
    for process in ("4194305-7", "4194306-7"):
        (trials / f"2@{process}").touch()
    stage.play(stage.open(), 30)
    assert stage.library.state("yard").shadow == ""
    assert set(stage.answers) == {"1"}


def test_every_process_follows_when_one_of_them_takes_a_version_back(stage: Stage) -> None:
    one, other = stage.open(), stage.open()
    stage.scripted("2")
    stage.library.activate("yard", "2", at_us=2)
    stage.play(one, 10)
    stage.play(other, 10)
    assert (one.algorithm.manifest.version, other.algorithm.manifest.version) == ("2", "2")
    stage.library.roll_back("yard", at_us=3, why="told")
    stage.play(one, 10)
    stage.play(other, 10)
    assert (one.algorithm.manifest.version, other.algorithm.manifest.version) == ("1", "1")


def test_other_classes_never_come_under_running_rules(stage: Stage) -> None:
    hot = stage.open()
    stage.scripted("2", classes=("dog",))
    stage.library.activate("yard", "2", at_us=2)
    stage.play(hot, 30)
    assert set(stage.answers) == {"1"}
    assert "knows other classes" in stage.library.state("yard").history[-1].why


def test_library_that_cannot_be_written_costs_no_picture(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    hot = stage.open()
    stage.play(hot, 10)
    stage.scripted("2", fails_at=5)
    stage.library.activate("yard", "2", at_us=2)

    def full(self: Library, id_: str, state: object) -> None:
        raise AlgorithmError("library cannot be written: free space, then again")

    monkeypatch.setattr(Library, "_write", full)
    stage.play(hot, 30)
    assert len(stage.answers) == 40
    assert stage.answers[-1] == "1"
    assert hot.trouble == "library cannot be written: free space, then again"


def test_shipped_algorithm_never_changes_and_needs_no_library(tmp_path: Path) -> None:
    camera = CameraSpec(id="cam-1", kind=CameraKind.FILE, source="a.mp4", algorithm="motion-object")
    hot = open_hot(camera, "", ManualClock())
    assert len(hot.detect(PICTURE, STILL)) == 0
    assert hot.words == "motion-object 1"

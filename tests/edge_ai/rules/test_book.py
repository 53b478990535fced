"""All rules of a camera, and what survives a restart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_ai.errors import AlgorithmError, ModelError
from edge_ai.picture import Floats, Pixels
from edge_ai.rules import Begun, Ended, RuleBook, RuleOutcome
from edge_ai.spec import CameraKind, CameraSpec, RuleKind, RuleSpec
from edge_ai.tracking.tracker import Track
from edge_ai.wire.events import EventRow
from sync.model import Instant
from tests.edge_ai.rules.scripted import CLASSES, SIZE, said, spec, track
from tests.edge_ai.rules.test_memory import ROW

PARKING = spec(RuleKind.DWELL, dwell_s=2.0, still=True, classes=("vehicle",))
ZONE = spec(RuleKind.ZONE, name="z")
VAN = track(50, 50, label=1)


def camera(*rules: RuleSpec) -> CameraSpec:
    return CameraSpec(id="cam", kind=CameraKind.FILE, source="a.mp4", algorithm="motion-object", rules=rules)


def book(folder: Path | None, *rules: RuleSpec) -> RuleBook:
    return RuleBook(camera(*rules), CLASSES, folder=folder)


def watch(kept: RuleBook, tracks: list[Track], count: int, *, start_s: float = 0.0) -> list[RuleOutcome]:
    """Play, as the pipeline does: rows are noted, ends are looked up, all is saved."""
    told: list[RuleOutcome] = []
    for step in range(count):
        now = Instant(0).plus(start_s + step * 0.2)
        for outcome in kept.update(tracks, frozenset(each.id for each in tracks), SIZE, now, wall_us=0):
            if isinstance(outcome, Begun):
                kept.opened(outcome, ROW)
                told.append(outcome)
            elif kept.closed(outcome) is not None:
                told.append(outcome)
        kept.save()
    return told


def test_parked_van_is_one_event_over_restarts_and_ends_once(tmp_path: Path) -> None:
    told: list[RuleOutcome] = []
    for life in range(5):
        told += watch(book(tmp_path, PARKING), [track(50, 50, label=1, number=life + 1)], 20)
    assert said(told) == ["begun"]
    last = book(tmp_path, PARKING)
    told = watch(last, [VAN], 5) + watch(last, [track(50 + 30, 50, label=1)], 20, start_s=1.0)
    assert said(told) == ["ended"]
    assert watch(book(tmp_path, PARKING), [], 400) == []


def test_zone_event_of_a_worker_that_died_ends_with_the_first_picture_of_the_next(tmp_path: Path) -> None:
    assert said(watch(book(tmp_path, ZONE), [VAN], 5)) == ["begun"]
    again = book(tmp_path, ZONE)
    assert said(watch(again, [], 1)) == ["ended"]
    assert watch(again, [], 5, start_s=1.0) == []


def test_event_of_a_rule_that_is_gone_ends(tmp_path: Path) -> None:
    watch(book(tmp_path, PARKING), [VAN], 20)
    assert said(watch(book(tmp_path, ZONE), [], 1)) == ["ended"]


def test_death_between_telling_and_saving_tells_once_more_and_loses_nothing(tmp_path: Path) -> None:
    first = book(tmp_path, PARKING)
    for step in range(20):
        first.update([VAN], frozenset({1}), SIZE, Instant(0).plus(step * 0.2), wall_us=0)
    assert said(watch(book(tmp_path, PARKING), [VAN], 20)) == ["begun"]


def test_damaged_memory_is_named_and_the_camera_goes_on(tmp_path: Path) -> None:
    (tmp_path / "cam.json").write_bytes(b"\x00" * 50)
    again = book(tmp_path, PARKING)
    assert "cam.json is damaged" in again.trouble
    assert said(watch(again, [VAN], 20)) == ["begun"]


def test_end_of_what_was_never_told_is_no_end() -> None:
    assert book(None, ZONE).closed(Ended("z", "c4r4")) is None


def test_rule_for_classes_that_the_algorithm_does_not_know_is_refused() -> None:
    with pytest.raises(AlgorithmError, match=r"wants tram: algorithm motion-object finds person, vehicle, bag"):
        book(None, spec(RuleKind.ZONE, classes=("tram",)))


class Scripted:
    """A second stage that says what it is told, and counts."""

    classes = ("car", "muck-truck")

    def __init__(self, word: str, *, breaks: bool = False) -> None:
        self.word, self.asked, self.breaks = word, 0, breaks

    def look_at(self, pixels: Pixels, box: Floats) -> tuple[int, float] | None:
        self.asked += 1
        if self.breaks:
            raise ModelError("model muck gives no scores")
        return self.classes.index(self.word), 0.9


def muck_book(stage: Scripted, second_class: str = "muck-truck") -> RuleBook:
    muck = spec(RuleKind.ZONE, classes=("vehicle",), second_stage="muck", second_class=second_class)
    return RuleBook(camera(muck), CLASSES, stages={"muck": stage})


def row_of(kept: RuleBook, count: int) -> list[RuleOutcome]:
    pixels = np.zeros((100, 100, 3), np.uint8)
    told: list[RuleOutcome] = []
    for step in range(count):
        told += kept.update([VAN], frozenset({1}), SIZE, Instant(0).plus(step * 0.2), wall_us=0, pixels=pixels)
    return told


def test_only_what_the_second_stage_confirms_counts_and_it_is_asked_once_a_second() -> None:
    other, muck = Scripted("car"), Scripted("muck-truck")
    assert row_of(muck_book(other), 16) == []
    assert other.asked == 4
    assert said(row_of(muck_book(muck), 16)) == ["begun"]
    assert muck.asked == 1


def test_second_stage_that_is_not_installed_is_refused() -> None:
    with pytest.raises(AlgorithmError, match="second stage 'muck', which is not installed"):
        book(None, spec(RuleKind.ZONE, second_stage="muck", second_class="muck-truck"))


def test_second_stage_that_fails_is_named_and_nothing_counts() -> None:
    kept = muck_book(Scripted("muck-truck", breaks=True))
    assert row_of(kept, 16) == []
    assert kept.trouble == "model muck gives no scores"


def test_second_stage_that_cannot_say_the_word_is_refused() -> None:
    with pytest.raises(AlgorithmError, match="wants second_class 'excavator': muck says car, muck-truck"):
        muck_book(Scripted("car"), "excavator")


def test_row_that_was_noted_comes_back_at_the_end() -> None:
    kept = book(None, ZONE)
    watch(kept, [VAN], 5)
    ends = kept.update([], frozenset(), SIZE, Instant(0).plus(2.0), wall_us=0)
    rows: list[EventRow | None] = [kept.closed(outcome) for outcome in ends if isinstance(outcome, Ended)]
    assert rows == [ROW]

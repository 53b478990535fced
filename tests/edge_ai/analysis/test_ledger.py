"""Counts that outlive the process."""

from __future__ import annotations

from pathlib import Path

from edge_ai.analysis.ledger import STRIKES_MAX, Ledger


def test_frame_in_analysis_at_a_death_is_counted_by_the_next_process(tmp_path: Path) -> None:
    first = Ledger(tmp_path / "l", ["a", "b"])
    first.begin("a")
    first.begin("b")
    first.end("b")
    second = Ledger(tmp_path / "l", ["a", "b"])
    assert (second.died_with("a"), second.died_with("b")) == (1, 0)
    assert (second.analysed("a"), second.analysed("b")) == (0, 1)
    assert Ledger(tmp_path / "l", ["a", "b"]).died_with("a") == 1


def test_camera_that_brings_the_process_down_in_a_row_is_struck_out_and_its_neighbour_is_not(tmp_path: Path) -> None:
    for _ in range(STRIKES_MAX):
        ledger = Ledger(tmp_path / "l", ["bad", "good"])
        assert not ledger.is_struck_out("bad")
        for camera in ("bad", "good"):
            ledger.begin(camera)
        ledger.end("good")
    ledger = Ledger(tmp_path / "l", ["bad", "good"])
    assert ledger.is_struck_out("bad")
    assert not ledger.is_struck_out("good")


def test_analysis_that_ends_forgets_earlier_strikes(tmp_path: Path) -> None:
    for _ in range(STRIKES_MAX - 1):
        Ledger(tmp_path / "l", ["a"]).begin("a")
    ledger = Ledger(tmp_path / "l", ["a"])
    ledger.begin("a")
    ledger.end("a")
    ledger.begin("a")
    assert not Ledger(tmp_path / "l", ["a"]).is_struck_out("a")


def test_ledger_of_another_list_of_cameras_begins_anew(tmp_path: Path) -> None:
    Ledger(tmp_path / "l", ["a"]).begin("a")
    assert Ledger(tmp_path / "l", ["a", "b"]).died_with("a") == 0

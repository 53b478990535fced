"""Counts that outlive the process."""

from __future__ import annotations

from pathlib import Path

from edge_ai.analysis.ledger import STRIKES_MAX, Ledger


def test_frame_in_analysis_at_a_death_is_counted_by_the_next_process(tmp_path: Path) -> None:
    first = Ledger(tmp_path / "l", dict.fromkeys("ab", "net"))
    first.begin("a")
    first.begin("b")
    first.end("b")
    second = Ledger(tmp_path / "l", dict.fromkeys("ab", "net"))
    assert (second.died_with("a"), second.died_with("b")) == (1, 0)
    assert (second.analysed("a"), second.analysed("b")) == (0, 1)
    assert Ledger(tmp_path / "l", dict.fromkeys("ab", "net")).died_with("a") == 1


def test_camera_that_brings_the_process_down_in_a_row_is_struck_out_and_its_neighbour_is_not(tmp_path: Path) -> None:
    for _ in range(STRIKES_MAX):
        ledger = Ledger(tmp_path / "l", dict.fromkeys(("bad", "good"), "net"))
        assert not ledger.is_struck_out("bad")
        for camera in ("bad", "good"):
            ledger.begin(camera)
        ledger.end("good")
    ledger = Ledger(tmp_path / "l", dict.fromkeys(("bad", "good"), "net"))
    assert ledger.is_struck_out("bad")
    assert not ledger.is_struck_out("good")


def test_analysis_that_ends_forgets_earlier_strikes(tmp_path: Path) -> None:
    for _ in range(STRIKES_MAX - 1):
        Ledger(tmp_path / "l", {"a": "net"}).begin("a")
    ledger = Ledger(tmp_path / "l", {"a": "net"})
    ledger.begin("a")
    ledger.end("a")
    ledger.begin("a")
    assert not Ledger(tmp_path / "l", {"a": "net"}).is_struck_out("a")


def test_counts_go_with_the_camera_into_another_list(tmp_path: Path) -> None:
    first = Ledger(tmp_path / "l", {"a": "net", "b": "net"})
    for _ in range(2):
        first.begin("b")
        first.end("b")
    first.begin("a")
    second = Ledger(tmp_path / "l", {"c": "net", "b": "net"})
    assert [second.analysed(camera) for camera in "cb"] == [0, 2]
    assert [second.died_with(camera) for camera in "cb"] == [0, 0]


def test_another_algorithm_has_no_strikes_and_keeps_the_counts(tmp_path: Path) -> None:
    for _ in range(STRIKES_MAX):
        Ledger(tmp_path / "l", {"a": "net"}).begin("a")
    assert Ledger(tmp_path / "l", {"a": "net"}).is_struck_out("a")
    other = Ledger(tmp_path / "l", {"a": "other"})
    assert not other.is_struck_out("a")
    assert other.died_with("a") == STRIKES_MAX


def test_a_file_that_a_dying_process_left_half_begins_anew(tmp_path: Path) -> None:
    Ledger(tmp_path / "l", {"a": "net"}).begin("a")
    with (tmp_path / "l").open("r+b") as torn:
        torn.truncate(7)
    assert Ledger(tmp_path / "l", {"a": "net"}).died_with("a") == 0

"""A power cut inside a commit, byte by byte: what was acknowledged is there. Every byte of headers and of the frame that commits is cut
here, and every seventeenth of the others; `python -m benchmarks.torn_wal` cuts at each.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import torn_wal
from benchmarks.torn_wal import FRAME_BYTES, FRAME_HEADER_BYTES, GROWING, MOVING, Cut, commits, cut_everywhere, opened_at_edges

STRIDE = 17


def places(cut: Cut) -> list[int]:
    last = cut.size - FRAME_BYTES
    return [at for at in range(cut.size + 1) if at >= last or at % FRAME_BYTES <= FRAME_HEADER_BYTES or at % STRIDE == 0]


@pytest.fixture(scope="module")
def growing(tmp_path_factory: pytest.TempPathFactory) -> Cut:
    return commits(tmp_path_factory.mktemp("journal") / "journal.db", GROWING, 3)[-1]


@pytest.mark.slow
def test_nothing_acknowledged_is_missing_wherever_a_growing_log_is_cut(growing: Cut, tmp_path: Path) -> None:
    tally = cut_everywhere(growing, tmp_path / "torn.db", places(growing))
    assert (tally.violations, tally.done, tally.undone) == ([], 1, tally.cuts - 1)
    assert tally.cuts > 900


@pytest.mark.slow
def test_the_product_opens_the_journal_at_every_edge_of_a_frame(growing: Cut, tmp_path: Path) -> None:
    tally = opened_at_edges(growing, tmp_path / "torn.db")
    assert (tally.violations, tally.done, tally.undone) == ([], 1, tally.cuts - 1)


@pytest.mark.slow
def test_nothing_acknowledged_is_missing_where_the_log_is_begun_anew_or_moved(tmp_path: Path) -> None:
    found = commits(tmp_path / "journal.db", MOVING, 5)
    moved = next(cut for cut in found if cut.before.database != cut.after.database)
    anew = found[found.index(moved) + 1]
    assert anew.before.log[:FRAME_BYTES] != anew.after.log[:FRAME_BYTES]
    for cut in (moved, anew):
        tally = cut_everywhere(cut, tmp_path / "torn.db", range(0, cut.size + 1, 211))
        assert tally.violations == []
        assert tally.undone > 0 < tally.done + (cut is anew)


def test_an_acknowledgement_before_the_commit_returned_would_be_seen(growing: Cut, tmp_path: Path) -> None:
    hasty = replace(growing, acked=growing.acked | growing.new)
    tally = cut_everywhere(hasty, tmp_path / "torn.db", [0, growing.size // 2, growing.size])
    assert [violation.partition(":")[0] for violation in tally.violations] == ["cut at 0", f"cut at {growing.size // 2}"]


@pytest.mark.slow
def test_the_command_says_what_it_cut(capsys: pytest.CaptureFixture[str]) -> None:
    assert torn_wal.main(["--commits", "1", "--every", "800"]) == 0
    printed = capsys.readouterr().out
    assert "growing log, commit 1: 4320 bytes unsynced, 0 readings acknowledged" in printed
    assert printed.endswith("nothing acknowledged is missing, nothing is half\n")

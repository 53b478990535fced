"""Share records: what was entered is there after a crash, and a file that is none is put aside, never overwritten."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from node.requests.errors import FetchRefused
from node.requests.shares import FILE_NAME, SHOWN_MAX, Share, Shares, SharesDamaged
from node.requests.wiring import LOSS
from node.store.side_file import open_or_begin_anew

SHARE = Share(5, "c1", "s1", "li", "residents", ("name", "category"), "statistics", 7, {"ceiling": 2}, 0, 9, "aa", "bb", "cc")


def test_what_was_entered_is_there_for_another_process(tmp_path: Path) -> None:
    shares = Shares(tmp_path / FILE_NAME)
    shares.enter(SHARE)
    # Not closed: a killed process closes nothing either.
    found = Shares(tmp_path / FILE_NAME).of("c1")
    assert (found["pages"], found["rows"]) == (1, 7)
    (page,) = found["newest"]
    assert page == {
        "at_us": 5, "asker": "s1", "by": "li", "fields": "name,category", "purpose": "statistics", "rows": 7, "withheld": {"ceiling": 2},
        "sha256": "aa", "policy": "bb",
    }  # fmt: skip
    assert Shares(tmp_path / FILE_NAME).of("c2") == {"pages": 0, "rows": 0, "newest": []}


@pytest.mark.slow
def test_every_page_counts_and_the_newest_are_shown(tmp_path: Path) -> None:
    shares = Shares(tmp_path / FILE_NAME)
    for number in range(SHOWN_MAX + 5):
        shares.enter(replace(SHARE, at_us=number))
    found = shares.of("c1")
    assert (found["pages"], found["rows"], len(found["newest"])) == (SHOWN_MAX + 5, 7 * (SHOWN_MAX + 5), SHOWN_MAX)
    assert found["newest"][0]["at_us"] == SHOWN_MAX + 4


def test_an_entry_outlives_a_power_cut(tmp_path: Path) -> None:
    with Shares(tmp_path / FILE_NAME).transaction() as db:
        assert db.execute("PRAGMA synchronous").fetchone() == (2,), "FULL: the write-ahead log is on the disk before a page leaves"


def test_a_file_that_is_no_database_is_put_aside(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    path.write_bytes(b"no database at all, and long enough to be looked at")
    with pytest.raises(SharesDamaged, match="move it away"):
        Shares(path)
    shares = open_or_begin_anew(path, Shares, damaged=SharesDamaged, loss=LOSS)
    assert shares.of("c1")["pages"] == 0
    assert path.with_name(f"{FILE_NAME}.damaged").read_bytes().startswith(b"no database")


def test_a_closed_file_takes_no_entry(tmp_path: Path) -> None:
    shares = Shares(tmp_path / FILE_NAME)
    shares.close()
    with pytest.raises(FetchRefused, match="is closed"):
        shares.enter(SHARE)

"""What was learnt of the sensors, on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.sensor_alarms.alarm import SeriesKey
from node.sensor_alarms.errors import WatchDamaged
from node.sensor_alarms.store import FILE_NAME, Learnt, WatchStore

KEY = SeriesKey("air-quality", "a/b", "CO")
LEARNT = Learnt({KEY: {"version": 1}}, {"x": {"kind": "range"}}, {"air-quality": 7})


def test_everything_comes_back(tmp_path: Path) -> None:
    store = WatchStore(tmp_path / FILE_NAME)
    store.learnt(5)
    store.save(LEARNT)
    store.save(Learnt({SeriesKey("air-quality", "c", "CO"): {"version": 1}}, {}, {"traffic-flow": 3}))
    store.close()
    found = WatchStore(tmp_path / FILE_NAME).learnt(5)
    assert (len(found.states), found.states[KEY]) == (2, {"version": 1})
    assert found.holding == {}
    assert found.positions == {"air-quality": 7, "traffic-flow": 3}


def test_what_is_forgotten_is_gone(tmp_path: Path) -> None:
    store = WatchStore(tmp_path / FILE_NAME)
    store.learnt(5)
    store.save(LEARNT)
    store.forget([KEY, SeriesKey("x", "y", "z")])
    assert store.learnt(5).states == {}


def test_of_another_journal_the_positions_say_nothing_and_what_was_learnt_stays(tmp_path: Path) -> None:
    store = WatchStore(tmp_path / FILE_NAME)
    store.learnt(5)
    store.save(LEARNT)
    found = store.learnt(6)
    assert (found.positions, set(found.states)) == ({}, {KEY})


def test_what_is_no_database_is_damaged(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"no database" * 100)
    with pytest.raises(WatchDamaged):
        WatchStore(tmp_path / FILE_NAME)

"""The file of figures: added up in one transaction with the position, bounded, and put aside when it is no database."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from node.quality import store as store_module
from node.quality.errors import StoreDamaged
from node.quality.store import FILE_NAME, Chunk, Found, QualityStore

KEY = ("pupils", "street", "ages")


def opened(folder: Path) -> QualityStore:
    store = QualityStore(folder / FILE_NAME)
    store.begin("street", 7, 100, seed=1)
    store.position("pupils", "rules")
    return store


def test_figures_add_up_and_keep_the_first_samples(tmp_path: Path) -> None:
    store = opened(tmp_path)
    for lsn in (3, 4):
        store.take("pupils", {KEY: Found(10, 2, 1, 2, lsn, lsn, (f"x:{lsn}",) * 3)}, [], built_to=lsn)
    assert store.scores()[KEY] == Found(20, 4, 2, 4, 3, 4, ("x:3", "x:3", "x:3", "x:4", "x:4"))
    assert store.position("pupils", "rules") == 4
    assert store.position("pupils", "other rules") == 0
    assert store.scores() == {}


def test_hashes_past_the_bound_are_forgotten_oldest_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "KNOWN_MAX", 4)
    store = opened(tmp_path)
    for first in (0, 3, 6):
        hashes = np.arange(first, first + 3, dtype=np.uint64)
        store.take("pupils", {}, [Chunk("pupils/rule:once", hashes, np.ones(3, np.int32))], built_to=first)
    kept = store.chunks("pupils/rule:once")
    assert [chunk.hashes.tolist() for chunk in kept] == [[6, 7, 8]]
    assert kept[0].origins.tolist() == [1, 1, 1]


def test_the_seed_stays_while_the_journal_does(tmp_path: Path) -> None:
    store = opened(tmp_path)
    assert store.begin("street", 7, 100, seed=2) == 1
    assert store.begin("street", 8, 100, seed=3) == 3


def test_origins_keep_their_numbers(tmp_path: Path) -> None:
    store = opened(tmp_path)
    first = store.numbers(["street", "grid"])
    assert store.numbers(["grid", "other"])["grid"] == first["grid"]
    assert (store.origin(first["grid"]), store.origin(99)) == ("grid", "")


def test_a_file_that_is_no_database_is_damaged(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"no database at all" * 100)
    with pytest.raises(StoreDamaged):
        QualityStore(tmp_path / FILE_NAME)

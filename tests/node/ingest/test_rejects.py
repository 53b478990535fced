"""The file of rejects."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.ingest import rejects
from node.ingest.rejects import PREFIX_BYTES_MAX, Reject, RejectStore


def reject(number: int, *, reason: str = "not_json") -> Reject:
    """A reject unlike its neighbours."""
    return Reject(number, "c", f"t/{number}", reason, "detail", b"x" * 5_000)


def test_rejects_survive_a_restart_with_a_prefix_of_the_payload(tmp_path: Path) -> None:
    store = RejectStore(tmp_path / "rejects.db")
    store.put(reject(1))
    store.close()
    store = RejectStore(tmp_path / "rejects.db")
    (row,) = store.newest()
    assert (len(row["prefix"]), row["payload_bytes"]) == (PREFIX_BYTES_MAX, 5_000)  # type: ignore[arg-type]
    store.close()


def test_nobody_is_told_before_the_flush(tmp_path: Path) -> None:
    store, told = RejectStore(tmp_path / "rejects.db"), []
    store.put(reject(1), lambda: told.append(1))
    assert (store.has_pending, told) == (True, [])
    store.flush()
    assert (store.has_pending, told) == (False, [1])
    store.close()


def test_equal_rejects_in_a_row_are_one_row_with_a_count(tmp_path: Path) -> None:
    store = RejectStore(tmp_path / "rejects.db")
    for number in (1, 1, 1, 2):
        store.put(reject(number))
    store.flush()
    assert [row["count"] for row in store.newest()] == [1, 3]
    assert store.counts() == {"not_json": 4}
    store.close()


def test_the_oldest_go_and_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejects, "REJECTS_MAX", 5)
    store = RejectStore(tmp_path / "rejects.db")
    for number in range(8):
        store.put(reject(number))
    store.flush()
    assert [row["at_us"] for row in store.newest()] == [7, 6, 5, 4, 3]
    assert store.counts() == {"dropped": 3, "not_json": 8}
    store.close()

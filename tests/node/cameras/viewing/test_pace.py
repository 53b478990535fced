"""Bytes of live pictures by the second."""

from __future__ import annotations

from node.cameras.viewing import pace
from node.cameras.viewing.pace import BURST_S, Pace
from sync.model import Instant

BEGIN = Instant(0)


def test_a_bucket_gives_its_rate_and_no_more() -> None:
    bucket, sent = Pace(1_000), 0
    for step in range(1_000):
        now = BEGIN.plus(step / 10)
        if bucket.has_room("yard", now):
            bucket.spend("yard", 300, now)
            sent += 300
    assert 100_000 <= sent <= 100_000 + BURST_S * 1_000 + 300


def test_cameras_do_not_share() -> None:
    bucket = Pace(1_000)
    bucket.spend("yard", 1_000_000, BEGIN)
    assert not bucket.has_room("yard", BEGIN.plus(60))
    assert bucket.has_room("gate", BEGIN.plus(60))


def test_a_pause_fills_no_more_than_the_burst() -> None:
    bucket = Pace(1_000)
    bucket.spend("yard", 1, BEGIN)
    later = BEGIN.plus(86_400)
    bucket.spend("yard", round(1_000 * BURST_S), later)
    assert not bucket.has_room("yard", later)


def test_buckets_are_bounded(monkeypatch: object) -> None:
    bucket = Pace(1_000)
    for number in range(pace.BUCKETS_MAX + 50):
        bucket.has_room(f"asker {number}", BEGIN)
    assert len(bucket._buckets) == pace.BUCKETS_MAX

"""Bytes of live pictures by the second, the size of pieces of video, and records that go first."""

from __future__ import annotations

import pytest

from edge_ai.wire.views import PIECE_BYTES_MAX
from node.cameras.viewing import pace
from node.cameras.viewing.pace import BURST_S, PIECE_BYTES_FIRST, PIECE_BYTES_MIN, Pace, PieceSize, records_first
from sync.core.outbox import LinkPace
from sync.core.window import THIN_BYTES_S
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


def link(*, rate: int = 32_000, window: int = 40_000, in_flight: int) -> LinkPace:
    return LinkPace(rate, window, in_flight, 0.1, ())


@pytest.mark.parametrize(
    ("uplink", "first"),
    [
        (None, False), (link(in_flight=0), False), (link(in_flight=19_999), False), (link(in_flight=20_000), True),
        (link(rate=0, window=16_384, in_flight=16_384), True), (link(rate=THIN_BYTES_S, in_flight=40_000), False),
    ],
)  # fmt: skip
def test_records_go_first_where_a_thin_link_is_half_full(uplink: LinkPace | None, first: bool) -> None:
    assert records_first(uplink) is first


def carried(*, bytes_s: float, trip_s: float, seconds: float) -> list[tuple[int, float]]:
    """(bytes, seconds on the way) of the pieces of a view over a link of such a rate, asked for one after the other."""
    size, now, found = PieceSize(), BEGIN, list[tuple[int, float]]()
    while now.seconds_since(BEGIN) < seconds:
        size.asked(now)
        size.given(size.bytes_max, now)
        found.append((size.bytes_max, size.bytes_max / bytes_s))
        now = now.plus(trip_s + size.bytes_max / bytes_s)
    return found


def test_pieces_lie_on_a_thin_link_for_few_seconds_and_grow_on_a_wide_one() -> None:
    assert max(way_s for _, way_s in carried(bytes_s=32_000, trip_s=0.2, seconds=60)) < 3.0
    assert max(way_s for _, way_s in carried(bytes_s=6_250, trip_s=0.6, seconds=60)[1:]) < 3.0
    wide = carried(bytes_s=1_000_000, trip_s=0.05, seconds=5)
    assert [size for size, _ in wide[:4]] == [PIECE_BYTES_FIRST, 2 * PIECE_BYTES_FIRST, 4 * PIECE_BYTES_FIRST, PIECE_BYTES_MAX]
    assert min(size for size, _ in carried(bytes_s=10, trip_s=1, seconds=100_000)) == PIECE_BYTES_MIN


def test_a_question_that_follows_no_piece_changes_nothing() -> None:
    size = PieceSize()
    size.asked(BEGIN)
    assert size.bytes_max == PIECE_BYTES_FIRST

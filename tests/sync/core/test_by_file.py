"""A link whose wire is a file: frames under way are read on behind, and no mark moves before their receipt comes."""

from __future__ import annotations

from sync.core.messages import Ack
from sync.core.outbox import Outbox, UnderWay
from sync.core.ready import PeerFacts
from sync.core.window import Window
from sync.model import Direction, Instant, Lane, Level, Limits
from sync.model.writes import OutMark

LIMITS = Limits()
NOW = Instant(1_000_000)
PARENT = PeerFacts("district", 9, Level.DISTRICT, "370202", True)
LANE = Lane.BULK
CHAIN = bytes([3]) * 32


def behind(*, wire: int, cursor: int, top: int) -> Outbox:
    made = Outbox(PARENT, Direction.UP, LIMITS, Window(LIMITS))
    made.resume(LANE, None, OutMark(), None, top=top, now=NOW)
    made.go_behind(LANE, UnderWay(wire, cursor, CHAIN), top=top, now=NOW)
    return made


def test_reading_goes_on_behind_what_is_under_way() -> None:
    state = behind(wire=5, cursor=7, top=9).lanes[LANE]
    assert (state.wire, state.cursor, state.chain, state.mark) == (5, 7, CHAIN, OutMark())
    assert state.waiting_since == NOW


def test_nothing_is_due_when_all_is_under_way() -> None:
    assert behind(wire=5, cursor=9, top=9).pick(NOW) is None


def test_a_mark_moves_with_the_receipt_and_not_before() -> None:
    box = behind(wire=5, cursor=9, top=9)
    assert box.acked(Ack(Direction.UP, LANE, 0, 0), NOW) is None
    assert box.acked(Ack(Direction.UP, LANE, 3, 0), NOW) == OutMark(3, 0, 3)
    assert box.acked(Ack(Direction.UP, LANE, 5, 5), NOW) == OutMark(9, 9, 5)


def test_what_is_under_way_never_stalls() -> None:
    box = behind(wire=5, cursor=9, top=9)
    assert not box.is_stalled(NOW.plus(10 * LIMITS.progress_timeout_s))


def test_a_link_that_only_reads_sends_nothing() -> None:
    limits = Limits(window_bytes_min=0, window_bytes_max=0)
    made = Outbox(PARENT, Direction.UP, limits, Window(limits))
    made.resume(LANE, None, OutMark(), None, top=9, now=NOW)
    assert (made.pick(NOW), made.wake_at(NOW)) == (None, None)

"""The sending half: where a lane resumes, what is closed or put in flight, and what acknowledgements prove."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from sync.core.lanes import LINGER_S
from sync.core.messages import Ack, Position
from sync.core.outbox import Outbox
from sync.core.pacing import Cap, LinkCaps
from sync.core.ready import OutboundPart, OutboundResult, PeerFacts
from sync.core.window import START_BYTES, Window
from sync.model import (
    EMPTY_CHAIN,
    Batch,
    BatchHeader,
    Direction,
    ForkError,
    Instant,
    Lane,
    Level,
    Limits,
    Manifest,
    PolicyVersion,
    Run,
    Span,
    next_chain,
)
from sync.model.writes import OutMark

LIMITS = Limits()
NOW = Instant(1_000_000)
PARENT = PeerFacts("district", 9, Level.DISTRICT, "370202", True)
LANE = Lane.EVENT
NOTHING = OutMark()


def outbox(*, mark: OutMark = NOTHING, position: Position | None = None, chain: bytes | None = None, top: int = 0) -> Outbox:
    made = Outbox(PARENT, Direction.UP, LIMITS, Window(LIMITS))
    made.resume(LANE, position, mark, chain, top=top, now=NOW)
    return made


def part(number: int, *, closed: bool = False) -> OutboundPart:
    payload = b"rows of %d" % number
    header = BatchHeader("air-quality", LANE, 1, 1, (Run("street", 1, number, number, 0),), b"", len(payload), 8)
    manifest = Manifest("street", hashlib.sha256(payload).digest(), (), b"s")
    return OutboundPart(Batch(header, payload, None if closed else manifest), closed)


def gated(box: Outbox, after: int, upto: int, *parts: OutboundPart) -> OutboundResult:
    box.started(LANE)
    return OutboundResult(1, PolicyVersion(), Span(after, upto), parts)


def ack(stored: int, secured: int = 0) -> Ack:
    return Ack(Direction.UP, LANE, stored, secured)


def test_a_fresh_peer_is_sent_everything_from_the_start_without_lingering() -> None:
    box = outbox(top=5)
    assert box.pick(NOW) is LANE
    assert box.lanes[LANE].cursor == 0


def test_a_peer_that_has_all_is_sent_nothing() -> None:
    assert outbox(position=Position(Direction.UP, LANE, 5, b"c"), chain=b"c", top=5).pick(NOW) is None


def test_a_peer_ahead_of_this_journal_is_a_fork() -> None:
    with pytest.raises(ForkError, match="up to 9, the journal here ends at 5: it was restored or replaced"):
        outbox(position=Position(Direction.UP, LANE, 9, b"c"), chain=b"c", top=5)


@pytest.mark.parametrize("own", [None, b"other"])
def test_a_peer_with_another_history_is_a_fork(own: bytes | None) -> None:
    with pytest.raises(ForkError, match="two copies"):
        outbox(position=Position(Direction.UP, LANE, 3, b"c"), chain=own, top=5)


def test_what_was_closed_here_is_not_read_again() -> None:
    box = outbox(position=Position(Direction.UP, LANE, 2, b"c"), chain=b"c", mark=OutMark(4, 4, 2), top=5)
    assert box.lanes[LANE].cursor == 4


def test_a_peer_that_lost_its_end_is_sent_it_again() -> None:
    box = outbox(position=Position(Direction.UP, LANE, 2, b"c"), chain=b"c", mark=OutMark(4, 4, 4), top=4)
    state = box.lanes[LANE]
    assert (state.cursor, state.mark, box.pick(NOW)) == (2, OutMark(2, 2, 2), LANE)


def test_a_small_batch_lingers_and_a_full_one_does_not() -> None:
    box = outbox()
    box.appended(LANE, NOW, payload_bytes=10, rows=1)
    assert box.pick(NOW) is None
    assert box.wake_at(NOW) == NOW.plus(LINGER_S[LANE])
    assert box.pick(NOW.plus(LINGER_S[LANE])) is LANE
    box.appended(LANE, NOW, payload_bytes=LIMITS.batch_bytes_target, rows=1)
    assert box.pick(NOW) is LANE


def test_a_lane_being_read_is_not_picked_again() -> None:
    box = outbox(top=5)
    box.started(LANE)
    assert box.pick(NOW) is None
    box.abandoned(LANE, NOW)
    assert box.pick(NOW) is LANE


def test_frames_of_a_span_carry_its_parts_and_extend_the_chain() -> None:
    box = outbox(top=3)
    entries, frames = box.gated(LANE, gated(box, 0, 3, part(1), part(2)), top=3, now=NOW)
    assert [(frame.span, frame.part, frame.parts, frame.is_last) for frame in frames] == [
        (Span(0, 3), 0, 2, False),
        (Span(0, 3), 1, 2, True),
    ]
    digests = [frame.batch.manifest.digest for frame in frames if frame.batch.manifest]
    assert [entry.chain for entry in entries] == [first := next_chain(EMPTY_CHAIN, digests[0]), next_chain(first, digests[1])]


def test_closed_parts_are_in_the_ledger_and_not_on_the_wire() -> None:
    box = outbox(top=3)
    entries, frames = box.gated(LANE, gated(box, 0, 3, part(1, closed=True)), top=3, now=NOW)
    assert frames == []
    assert [(entry.closed, entry.manifest_digest, entry.parts) for entry in entries] == [(True, b"", 0)]
    assert box.lanes[LANE].mark == OutMark(3, 3, 0)


def test_a_closed_stretch_behind_unacknowledged_frames_waits_for_them() -> None:
    box = outbox(top=4)
    box.gated(LANE, gated(box, 0, 2, part(1)), top=4, now=NOW)
    box.gated(LANE, gated(box, 2, 4, part(3, closed=True)), top=4, now=NOW)
    assert box.lanes[LANE].mark == OutMark()
    assert box.acked(ack(2, 2), NOW) == OutMark(4, 4, 2)


def test_an_acknowledgement_moves_the_marks_once() -> None:
    box = outbox(top=2)
    box.gated(LANE, gated(box, 0, 2, part(1)), top=2, now=NOW)
    assert box.acked(ack(2, 0), NOW) == OutMark(2, 0, 2)
    assert box.acked(ack(2, 0), NOW) is None
    assert box.acked(ack(2, 2), NOW) == OutMark(2, 2, 2)


def test_an_acknowledgement_beyond_what_was_sent_counts_as_what_was_sent() -> None:
    box = outbox(top=2)
    box.gated(LANE, gated(box, 0, 2, part(1)), top=2, now=NOW)
    assert box.acked(ack(1_000_000, 1_000_000), NOW) == OutMark(2, 2, 2)


def test_missing_progress_is_noticed_only_while_something_is_in_flight() -> None:
    box = outbox(top=2)
    late = NOW.plus(LIMITS.progress_timeout_s + 1.0)
    assert not box.is_stalled(late)
    box.gated(LANE, gated(box, 0, 2, part(1)), top=2, now=NOW)
    assert box.is_stalled(late)
    box.acked(ack(2), late)
    assert not box.is_stalled(late.plus(1_000.0))


def test_a_large_span_has_the_time_that_the_link_needs_for_it() -> None:
    box = outbox(top=2)
    large = replace(part(1), batch=replace(part(1).batch, payload=bytes(100_000)))
    box.gated(LANE, gated(box, 0, 2, large), top=2, now=NOW)
    assert not box.is_stalled(NOW.plus(LIMITS.progress_timeout_s + 49.0))
    assert box.is_stalled(NOW.plus(LIMITS.progress_timeout_s + 52.0))


def full_box(caps: LinkCaps | None = None) -> Outbox:
    box = Outbox(PARENT, Direction.UP, LIMITS, Window(LIMITS), caps)
    for lane in (Lane.ALARM, LANE, Lane.BULK):
        box.resume(lane, None, NOTHING, None, top=9, now=NOW)
    return box


def test_an_alarm_passes_a_window_that_bulk_has_filled_and_bulk_waits() -> None:
    box = full_box()
    box.started(Lane.BULK)
    large = replace(part(1), batch=replace(part(1).batch, payload=bytes(START_BYTES)))
    box.gated(Lane.BULK, OutboundResult(1, PolicyVersion(), Span(0, 8), (large,)), top=9, now=NOW)
    assert box.pick(NOW) is Lane.ALARM
    box.started(Lane.ALARM)
    assert box.pick(NOW) is None


def test_a_full_window_wakes_nobody_before_progress_is_missed() -> None:
    box = full_box()
    box.started(Lane.BULK)
    large = replace(part(1), batch=replace(part(1).batch, payload=bytes(START_BYTES * 2)))
    box.gated(Lane.BULK, OutboundResult(1, PolicyVersion(), Span(0, 8), (large,)), top=9, now=NOW)
    assert (wake := box.wake_at(NOW)) is not None
    assert wake >= NOW.plus(LIMITS.progress_timeout_s)


def test_a_capped_lane_is_thin_on_a_link_that_is_not() -> None:
    window = Window(LIMITS)
    window.acked(window.sent(400, NOW), NOW.plus(0.001))
    capped = Outbox(PARENT, Direction.UP, LIMITS, window, LinkCaps([Cap("parent", kbit_s=1_000, lanes=frozenset({LANE}))]))
    assert capped.is_thin(LANE, NOW)
    assert not capped.is_thin(Lane.ALARM, NOW)


def test_a_capped_lane_waits_for_its_tokens_and_the_others_do_not() -> None:
    box = full_box(LinkCaps([Cap("parent", kbit_s=8, lanes=frozenset({LANE}))]))
    assert box.frame_bytes(LANE, NOW) == 500
    box.lanes[Lane.ALARM].waiting_since = None
    box.started(LANE)
    box.gated(LANE, OutboundResult(1, PolicyVersion(), Span(0, 8), (part(1), part(2), part(3))), top=9, now=NOW)
    assert box.pick(NOW) is Lane.BULK
    box.started(Lane.BULK)
    wake = box.wake_at(NOW)
    assert wake is not None
    assert box.pick(wake.plus(-0.01)) is None
    assert box.pick(wake.plus(0.01)) is LANE


def test_an_old_acknowledgement_that_comes_again_takes_no_mark_back() -> None:
    box = outbox(top=4)
    box.gated(LANE, gated(box, 0, 2, part(1)), top=4, now=NOW)
    box.gated(LANE, gated(box, 2, 4, part(2)), top=4, now=NOW)
    first, second = ack(2, 1), ack(4, 4)
    assert [box.acked(first, NOW), box.acked(second, NOW)] == [OutMark(2, 1, 2), OutMark(4, 4, 4)]
    assert box.acked(first, NOW) is None
    assert box.lanes[LANE].mark == OutMark(4, 4, 4)

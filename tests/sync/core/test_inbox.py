"""The receiving half: which frame is next, what a refusal leaves, and when data counts as secured."""

from __future__ import annotations

import pytest

from sync.core.inbox import REFUSED_REASON, Arrival, Inbox, empty_header, refused_header
from sync.core.messages import Ack
from sync.core.ready import PeerFacts
from sync.model import (
    EMPTY_CHAIN,
    NO_ROWS,
    Batch,
    BatchHeader,
    Direction,
    Frame,
    Lane,
    Level,
    Manifest,
    Run,
    Span,
    State,
    next_chain,
)
from sync.model.writes import InPosition

CHILD = PeerFacts("street", 5, Level.STREET, "370202001", False, frozenset({"street"}))
RUNS = (Run("street", 5, 1, 2, 0), Run("street", 5, 3, 3, NO_ROWS, State.DENIED, "negative-list", "street"))
HEADER = BatchHeader("residents", Lane.STATE, 1, 2, RUNS, b"h" * 32, 99, 400, 10, 20, 3, ("370202001",))


def inbox(**positions: InPosition) -> Inbox:
    return Inbox(CHILD, Direction.UP, {Lane[name.upper()]: position for name, position in positions.items()})


def frame(after: int, upto: int, *, part: int = 0, parts: int = 1, word: bytes = b"m") -> Frame:
    return Frame(Lane.STATE, Direction.UP, Span(after, upto), part, parts, Batch(HEADER, b"", Manifest("street", word * 32, (), b"s")))


def test_frames_come_one_after_the_other() -> None:
    box = inbox()
    assert [box.arrival(entry) for entry in (frame(0, 2), frame(2, 3, part=0, parts=2), frame(2, 3, part=1, parts=2))] == [Arrival.NEXT] * 3


@pytest.mark.parametrize("entry", [frame(3, 4), frame(0, 2, part=1, parts=2), frame(1, 2)])
def test_a_frame_that_skips_something_is_a_gap(entry: Frame) -> None:
    assert inbox().arrival(entry) is Arrival.GAP


def test_a_frame_that_is_stored_already_is_old() -> None:
    assert inbox(state=InPosition(4, b"c")).arrival(frame(2, 4)) is Arrival.OLD


def test_the_position_moves_with_the_last_part_and_the_chain_with_each() -> None:
    box = inbox()
    first, last = frame(0, 3, part=0, parts=2, word=b"a"), frame(0, 3, part=1, parts=2, word=b"b")
    assert box.stored(first) is None
    manifests = [entry.batch.manifest for entry in (first, last)]
    chain = EMPTY_CHAIN
    for manifest in manifests:
        assert manifest is not None
        chain = next_chain(chain, manifest.digest)
    assert box.stored(last) == InPosition(3, chain)


def test_data_is_secured_when_the_own_parent_has_it() -> None:
    box = inbox()
    box.stored(frame(0, 2))
    box.await_secured(Lane.STATE, own_lsn=40)
    assert not box.secure(Lane.STATE, 39)
    assert box.ack(Lane.STATE) == Ack(Direction.UP, Lane.STATE, 2, 0)
    assert box.secure(Lane.STATE, 40)
    assert box.ack(Lane.STATE) == Ack(Direction.UP, Lane.STATE, 2, 2)


def test_a_lane_nobody_used_is_acknowledged_at_zero() -> None:
    assert inbox().ack(Lane.BLOB) == Ack(Direction.UP, Lane.BLOB, 0, 0)


def test_a_refused_batch_leaves_an_account_and_nothing_of_its_content() -> None:
    header = refused_header(HEADER, decider="district", state=State.QUARANTINED)
    assert [(run.state, run.decider, run.reason) for run in header.runs] == [
        (State.QUARANTINED, "district", REFUSED_REASON),
        (State.DENIED, "street", "negative-list"),
    ]
    assert (header.row_count, header.payload_bytes, header.territories, header.grade_max) == (0, 0, (), 0)


def test_an_empty_header_tells_nothing_of_the_rows_that_are_gone() -> None:
    header = empty_header(HEADER, RUNS[1:])
    assert (header.event_time_min_us, header.event_time_max_us, header.decoded_bytes, header.territories) == (0, 0, 0, ())

"""What waits for a connection: in order, the newer for the older where that is enough, and bounded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from node.links.outgoing import Outgoing
from sync.core.messages import Ack, Answer, Data, Heartbeat, Refused
from sync.model import Batch, BatchHeader, Direction, Frame, Lane, LinkError, PolicyVersion, Span


def frame(number: int) -> Data:
    header = BatchHeader("air-quality", Lane.BULK, 1, 0, (), b"", 0, 0)
    return Data(Frame(Lane.BULK, Direction.UP, Span(number - 1, number), 0, 1, Batch(header, b"")))


async def test_messages_leave_in_order() -> None:
    queue = Outgoing()
    for number in (1, 2, 3):
        queue.put_nowait(frame(number))
    assert [await queue.get() for _ in range(3)] == [frame(1), frame(2), frame(3)]


async def test_a_newer_acknowledgement_takes_the_place_of_the_older_of_its_lane() -> None:
    queue = Outgoing()
    queue.put_nowait(Ack(Direction.UP, Lane.BULK, 1, 0))
    queue.put_nowait(Ack(Direction.UP, Lane.EVENT, 1, 0))
    queue.put_nowait(Ack(Direction.UP, Lane.BULK, 9, 9))
    assert [await queue.get() for _ in range(2)] == [Ack(Direction.UP, Lane.BULK, 9, 9), Ack(Direction.UP, Lane.EVENT, 1, 0)]
    assert len(queue) == 0


async def test_of_heartbeats_only_the_newest_waits() -> None:
    queue = Outgoing()
    for _ in range(1_000):
        queue.put_nowait(Heartbeat(b"old"))
    queue.put_nowait(Heartbeat(b"new"))
    assert (len(queue), await queue.get()) == (1, Heartbeat(b"new"))


async def test_a_peer_that_does_not_read_is_an_error_and_not_a_growing_queue() -> None:
    queue = Outgoing(messages_max=3)
    for number in range(100):
        queue.put_nowait(Answer(number, b""))
    assert len(queue) == 3
    with pytest.raises(LinkError, match="more than 3 messages wait for a peer that does not read them"):
        await queue.get()


async def test_frames_are_bounded_by_the_window_and_not_here() -> None:
    queue = Outgoing(messages_max=3)
    for number in range(1, 10):
        queue.put_nowait(frame(number))
    queue.put_nowait(Answer(1, b""))
    assert [type(await queue.get()) for _ in range(10)] == [Data] * 9 + [Answer]


async def test_an_acknowledgement_never_overtakes_a_refusal_of_what_it_covers() -> None:
    queue = Outgoing()
    refused = Refused(Direction.UP, Lane.BULK, Span(1, 2), 0, "looser than our plan", PolicyVersion())
    older, newer, newest = (Ack(Direction.UP, Lane.BULK, number, 0) for number in (1, 2, 3))
    other = Ack(Direction.UP, Lane.EVENT, 1, 0)
    for message in (older, other, refused, newer, replace(other, stored=2), newest):
        queue.put_nowait(message)
    assert len(queue) == 4
    assert [await queue.get() for _ in range(4)] == [older, replace(other, stored=2), refused, newest]


async def test_a_flood_of_refusals_between_acknowledgements_stays_bounded() -> None:
    queue = Outgoing(messages_max=4)
    for number in range(1, 100):
        queue.put_nowait(Refused(Direction.UP, Lane.BULK, Span(number - 1, number), 0, "no", PolicyVersion()))
        queue.put_nowait(Ack(Direction.UP, Lane.BULK, number, 0))
    assert len(queue) == 4

"""Events are delivered once, and acknowledged once they are committed."""

from __future__ import annotations

from edge_ai.wire.events import Ack
from node.cameras.deliveries import DELIVER_AGAIN_S, Deliveries, Verdict
from sync.model import Instant


def test_resent_event_waits_while_it_is_being_committed_and_is_acknowledged_after() -> None:
    deliveries, key, start = Deliveries(), Ack("e1", False), Instant(0)
    assert deliveries.arrived(key, start) is Verdict.DELIVER
    assert deliveries.arrived(key, start.plus(5)) is Verdict.WAIT
    deliveries.acknowledged(key)
    assert deliveries.arrived(key, start.plus(10)) is Verdict.ACKNOWLEDGE


def test_event_that_nobody_could_commit_is_delivered_again() -> None:
    deliveries, key, start = Deliveries(), Ack("e1", False), Instant(0)
    deliveries.arrived(key, start)
    assert deliveries.arrived(key, start.plus(DELIVER_AGAIN_S)) is Verdict.DELIVER
    assert deliveries.arrived(key, start.plus(DELIVER_AGAIN_S + 5)) is Verdict.WAIT


def test_beginning_and_end_of_an_event_are_delivered_each() -> None:
    deliveries = Deliveries()
    assert [deliveries.arrived(Ack("e1", ended), Instant(0)) for ended in (False, True)] == [Verdict.DELIVER] * 2

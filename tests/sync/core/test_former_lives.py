"""What a parent remembers of a child's former life is no word for the journal of its present one."""

from __future__ import annotations

from sync.core.messages import Message, Refused
from sync.model import Level
from tests.sync.core.rig import Rig, Station


def refused_once() -> Rig:
    """A child that had one of its two frames refused."""
    rig = Rig(Station("city", Level.MUNICIPAL), Station("street", Level.STREET, "city"))
    rig.stations["city"].gate.refused = frozenset({2.0})
    rig.connect("street", "city")
    for value in (1.0, 2.0):
        rig.offer("street", [value])
        rig.settle(seconds=5.0)
    assert rig.values("city") == [1.0]
    return rig


def test_a_child_that_lost_its_journal_is_not_told_of_refusals_of_the_lost_one() -> None:
    rig = refused_once()
    rig.disconnect("street", "city")
    rig.stations["street"] = Station("street", Level.STREET, "city", incarnation=77)
    rig.connect("street", "city")
    rig.offer("street", [3.0])
    rig.settle(seconds=5.0)
    assert rig.values("city") == [1.0, 3.0]
    assert ("street", "city") in rig.queues


def test_a_child_of_the_same_life_is_told_again_of_a_refusal_that_it_may_have_missed() -> None:
    rig = refused_once()
    rig.disconnect("street", "city")
    told: list[Message] = []

    def note(source: str, target: str, message: Message) -> bool:
        told.append(message)
        return False

    rig.drop = note
    rig.connect("street", "city")
    rig.settle()
    assert [message.reason for message in told if isinstance(message, Refused)] == ["looser than our plan"]

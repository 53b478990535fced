"""What a parent gives back to a child that lost its journal."""

from __future__ import annotations

from dataclasses import replace

from node.fork.giveback import ReseedProgress, ways_of
from sync.core.messages import Position
from sync.core.ready import PeerFacts
from sync.model import Direction, Lane, Level
from sync.ports import RESEED_PURPOSE, Flow
from tests.contracts.batches import NODE, run, stored

CHILD = PeerFacts(NODE, 5_000, Level.DISTRICT, "370202", is_parent=False, subtree=frozenset({NODE, "qd-street"}), reseeds=True)
STANDING = Flow(NODE, Level.DISTRICT, "370202", Direction.RETURN, CHILD.subtree)


def test_what_the_child_brought_goes_back_under_the_reseed_purpose_and_the_rest_as_ever() -> None:
    own, of_street = stored(1, [run(1, 3)]), stored(2, [run(1, 2, origin="qd-street")])
    foreign = stored(3, [run(4, 5, origin="qingdao")], source="qingdao")
    (back, lost), (standing, others) = ways_of([own, of_street, foreign], CHILD, STANDING)
    assert (back.purpose, back.subtree, lost) == (RESEED_PURPOSE, frozenset(), [own, of_street])
    assert (standing, others) == (STANDING, [foreign])


def test_what_the_childs_present_life_wrote_does_not_go_back() -> None:
    mixed = stored(1, [run(1, 3), replace(run(1, 2, row=3), incarnation=CHILD.incarnation)])
    (_, lost), (_, others) = ways_of([mixed], CHILD, STANDING)
    assert (lost, others) == ([], [])


def test_a_reseed_is_done_when_every_lane_has_come_to_where_it_ended() -> None:
    held = [Position(Direction.RETURN, Lane.BULK, 9), Position(Direction.UP, Lane.EVENT, 99)]
    progress = ReseedProgress.toward({Lane.BULK: 9, Lane.EVENT: 12, Lane.ALARM: 4}, held)
    progress.moved(Lane.EVENT, 11)
    progress.moved(Lane.ALARM, 7)
    assert not progress.is_done
    progress.moved(Lane.EVENT, 12)
    assert progress.is_done

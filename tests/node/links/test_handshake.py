"""The beginning of a link: order, names, versions, and what a certificate says against what a peer says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from node.links.handshake import BUNDLES_BYTES_MAX, Handshake, Me, Step, bundle_messages, offer_messages
from node.policy.slicing import Offered
from sync.core.messages import Ack, Bundles, Heartbeat, Hello, Position, Stop
from sync.model import Direction, HybridTime, Lane, Level, LinkError, PolicyVersion

CHILD, PARENT = Me("street", 5, Level.STREET, "370202001"), Me("district", 9, Level.DISTRICT, "370202")


class Shelf:
    """A scripted store of bundles."""

    def __init__(self, *missing: bytes) -> None:
        self.version = PolicyVersion.of({"city": 1})
        self.taken: list[bytes] = []
        self.asked: list[str] = []
        self._missing = missing

    def missing_in(self, version: PolicyVersion, territory: str) -> tuple[bytes, ...]:
        self.asked.append(territory)
        return self._missing

    def take(self, bundles: object) -> None:
        assert isinstance(bundles, tuple)
        self.taken.extend(bundles)


def end(me: Me, peer: Me, shelf: Shelf, *, certified: tuple[Level, str] | None = None) -> Handshake:
    held = {peer.incarnation: (Position(Direction.UP, Lane.EVENT, 7),)}
    return Handshake(
        me,
        peer=peer.node,
        is_parent=peer is PARENT,
        positions=lambda life: held.get(life, ()),
        shelf=shelf,
        tick=lambda: HybridTime(1),
        certified=certified,
    )


def talk(child: Handshake, parent: Handshake) -> None:
    waiting = [(parent, message) for message in child.begin()] + [(child, message) for message in parent.begin()]
    while waiting:
        target, message = waiting.pop(0)
        other = child if target is parent else parent
        waiting.extend((other, answer) for answer in target.receive(message))


def hello(me: Me) -> Hello:
    return Hello(me.node, me.incarnation, me.level, me.territory, PolicyVersion(), ())


def test_both_ends_finish_with_each_others_positions_and_bundles() -> None:
    below, above = Shelf(b"from below"), Shelf(b"from above")
    child, parent = end(CHILD, PARENT, below), end(PARENT, CHILD, above)
    talk(child, parent)
    assert (child.step, parent.step) == (Step.DONE, Step.DONE)
    assert (below.taken, above.taken) == ([b"from above"], [b"from below"])
    assert child.hello is not None
    assert parent.hello is not None
    assert child.hello.positions == parent.hello.positions == (Position(Direction.UP, Lane.EVENT, 7),)
    assert (child.hello.for_incarnation, parent.hello.for_incarnation) == (5, 9)


def test_bundles_that_came_into_force_meanwhile_are_sent_afterwards() -> None:
    shelf = Shelf(b"late")
    child, parent = end(CHILD, PARENT, Shelf()), end(PARENT, CHILD, shelf)
    talk(child, parent)
    assert parent.late_bundles() == []
    shelf.version = PolicyVersion.of({"city": 2})
    assert parent.late_bundles() == [Bundles((b"late",))]


@pytest.mark.parametrize("message", [Heartbeat(b"[]"), Ack(Direction.UP, Lane.EVENT, 1, 1), Bundles(())])
def test_a_peer_that_does_not_begin_with_hello_is_refused(message: object) -> None:
    with pytest.raises(LinkError, match="instead of Hello"):
        end(PARENT, CHILD, Shelf()).receive(message)


def test_data_before_policy_is_refused() -> None:
    parent = end(PARENT, CHILD, Shelf())
    parent.receive(hello(CHILD))
    parent.receive(hello(CHILD))
    with pytest.raises(LinkError, match="sent Ack before its policy"):
        parent.receive(Ack(Direction.UP, Lane.EVENT, 1, 1))


def test_a_peer_that_calls_itself_another_is_refused() -> None:
    with pytest.raises(LinkError, match="street calls itself grid-9"):
        end(PARENT, CHILD, Shelf()).receive(replace(hello(CHILD), node="grid-9"))


@pytest.mark.parametrize("lie", [{"territory": "37"}, {"level": Level.PROVINCIAL}])
def test_a_peer_that_claims_more_than_its_certificate_learns_no_bundles(lie: dict[str, object]) -> None:
    shelf = Shelf(b"of a neighbour")
    parent = end(PARENT, CHILD, shelf, certified=(CHILD.level, CHILD.territory))
    with pytest.raises(LinkError, match="its certificate says street of 370202001"):
        parent.receive(replace(hello(CHILD), **lie))  # type: ignore[arg-type]
    assert shelf.asked == []


def test_a_protocol_nobody_here_speaks_is_refused_with_the_way_out() -> None:
    with pytest.raises(LinkError, match="speaks link protocol 7 to 9, this node 1 to 1: update the older"):
        end(PARENT, CHILD, Shelf()).receive(replace(hello(CHILD), protocol_oldest=7, protocol_newest=9))


def test_a_stop_ends_the_handshake_with_the_peers_reason() -> None:
    with pytest.raises(LinkError, match="district refused the link: not admitted"):
        end(CHILD, PARENT, Shelf()).receive(Stop("not admitted"))


def test_bundles_that_are_large_together_go_in_several_messages_in_their_order() -> None:
    large = [bytes([number]) * (BUNDLES_BYTES_MAX // 2) for number in range(5)]
    messages = bundle_messages(large)
    assert [len(message.bundles) for message in messages if isinstance(message, Bundles)] == [2, 2, 1]
    assert [bundle for message in messages if isinstance(message, Bundles) for bundle in message.bundles] == large


def test_a_signed_root_goes_in_the_message_of_its_bundle() -> None:
    large = bytes(BUNDLES_BYTES_MAX - 4)
    offer = (Offered(large, b"root"), Offered(b"whole", b"another"), Offered(part=b"slice"))
    assert offer_messages(offer) == [Bundles((large,), (b"root",)), Bundles((b"whole",), (b"another", b"slice"))]
    assert offer_messages(()) == [Bundles(())]


def test_no_bundles_are_one_empty_message() -> None:
    assert bundle_messages(()) == [Bundles(())]

"""A node that an order moved is certified by its new parent, and those below follow; over loopback TLS, with a clock a test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from node.clock import FlooredClock
from node.identity.admissions import Admissions
from node.identity.certificate_keeper import CertificateKeeper, Terms, known_floor_us
from node.identity.certificates import CA_LIFE_S, LEAF_LIFE_S
from node.identity.errors import ForeignCa, JoinRefused, JoinUnreachable, Refusal
from node.identity.facts import NodeFacts
from node.identity.files import IdentityFiles, write_file
from node.identity.join_client import renew
from node.identity.join_server import JoinServer
from node.identity.verify import PeerIdentity
from sync.model import Level, Territory
from tests.node.identity.family import CITY, DAY_US, DISTRICT, NOW_US, PROVINCE, STREET, StandingClock, make_node

PAST_HALF_US = NOW_US + 400 * DAY_US
ELSEWHERE = NodeFacts("yantai", Level.MUNICIPAL, Territory("3706"))


@dataclass
class Certifier:
    """A node with a join service."""

    files: IdentityFiles
    clock: StandingClock
    moved_here: set[str] = field(default_factory=set)
    """Nodes that an order put below it."""
    address: str = ""

    @property
    def path(self) -> tuple[str, ...]:
        return self.files.own(now_us=None).path

    async def serve(self, stack: AsyncExitStack) -> None:
        self.admissions = Admissions(self.files.database, self.files.authority())
        stack.callback(self.admissions.close)

        def stands_here(peer: PeerIdentity) -> bool:
            return peer.node in self.moved_here

        server = JoinServer(self.files, self.admissions, own_path=self.path, link_address="", clock=self.clock, stands_here=stands_here)
        port = await server.start("127.0.0.1", 0)
        stack.push_async_callback(server.stop)
        self.address = f"127.0.0.1:{port}"


@dataclass
class Tree:
    """Province, city, district, street; and a city elsewhere. `clock` is everybody's."""

    folder: Path
    clock: StandingClock
    province: Certifier
    city: Certifier
    elsewhere: Certifier
    district: Certifier
    street: IdentityFiles
    recertified: list[str] = field(default_factory=list)

    def keeper(self, files: IdentityFiles, facts: NodeFacts, *, join_address: str) -> CertificateKeeper:
        admissions = Admissions(files.database, files.authority())
        keeper = CertificateKeeper(
            files,
            Terms(facts, LEAF_LIFE_S, CA_LIFE_S, join_address),
            admissions=admissions,
            clock=FlooredClock(self.clock, known_floor_us(files, admissions)),
            on_renewed=lambda: None,
            on_clock=lambda quality: None,
        )
        keeper.on_recertified = lambda: self.recertified.append(facts.node)
        return keeper

    def moved(self, new: Certifier, *, old_address: str) -> CertificateKeeper:
        """The district's keeper after an order put it below `new`."""
        new.moved_here.add("shinan")
        keeper = self.keeper(self.district.files, DISTRICT, join_address=old_address)
        keeper.has_moved, keeper.certifier = True, lambda: (new.address, new.path)
        return keeper


def joined(folder: Path, facts: NodeFacts, parent: IdentityFiles) -> IdentityFiles:
    """A child as a join leaves it: the parent knows it, and it knows the parent's chain."""
    files = make_node(folder, facts)
    admissions = Admissions(parent.database, parent.authority())
    admission = admissions.adopt(to_pem_request(files, facts), own_path=parent.own(now_us=None).path, now_us=NOW_US)
    admissions.close()
    chain = admission.certificate_pem.encode() + parent.read(parent.certificate("ca"))
    files.install(facts, ca_chain_pem=chain, root_pem=parent.root_pem(), now_us=NOW_US)
    write_file(files.certificate("parent"), parent.read(parent.certificate("tls")))
    return files


def to_pem_request(files: IdentityFiles, facts: NodeFacts) -> str:
    return files.request(facts).public_bytes(Encoding.PEM).decode()


@pytest.fixture
async def tree(tmp_path: Path) -> AsyncIterator[Tree]:
    clock = StandingClock()
    province = make_node(tmp_path, PROVINCE)
    city, elsewhere = joined(tmp_path, CITY, province), joined(tmp_path, ELSEWHERE, province)
    district = joined(tmp_path, DISTRICT, city)
    street = joined(tmp_path, STREET, district)
    made = Tree(
        tmp_path, clock, Certifier(province, clock), Certifier(city, clock), Certifier(elsewhere, clock), Certifier(district, clock), street
    )
    async with AsyncExitStack() as stack:
        for certifier in (made.province, made.city, made.elsewhere, made.district):
            await certifier.serve(stack)
        yield made


GONE = "127.0.0.1:1"
"""Nobody listens there."""


async def test_a_moved_node_is_renewed_at_its_new_parent_when_the_old_one_is_gone(tree: Tree) -> None:
    keeper = tree.moved(tree.province, old_address=GONE)
    tree.clock.us = PAST_HALF_US
    await keeper.look()
    assert tree.district.path == ("shandong", "shinan")
    assert tree.district.files.own(now_us=PAST_HALF_US + 60 * DAY_US).node == "shinan"
    assert tree.district.files.parent(now_us=None).path == ("shandong",)
    assert tree.province.admissions.is_admitted("shinan")
    assert tree.recertified == ["shinan"]


async def test_the_next_renewal_finds_it_as_any_other_child(tree: Tree) -> None:
    keeper = tree.moved(tree.province, old_address=GONE)
    tree.clock.us = PAST_HALF_US
    tree.province.files.renew_top(PROVINCE, now_us=tree.clock.us)
    tree.province.admissions.issue_with(tree.province.files.authority())
    await keeper.look()
    tree.province.moved_here.clear()
    tree.clock.us += 400 * DAY_US
    await keeper.look()
    assert tree.district.files.own(now_us=tree.clock.us + 60 * DAY_US).path == ("shandong", "shinan")
    assert tree.recertified == ["shinan"]


async def test_before_its_certificate_is_due_a_moved_node_keeps_it(tree: Tree) -> None:
    await tree.moved(tree.province, old_address=GONE).look()
    assert tree.district.path == ("shandong", "qingdao", "shinan")
    assert tree.district.files.parent(now_us=None).path == ("shandong",)
    assert tree.recertified == []


async def test_a_foster_parent_may_not_certify_it_and_the_old_one_does(tree: Tree) -> None:
    keeper = tree.moved(tree.elsewhere, old_address=tree.city.address)
    tree.clock.us = PAST_HALF_US
    await keeper.look()
    assert tree.district.path == ("shandong", "qingdao", "shinan")
    assert not tree.elsewhere.admissions.is_admitted("shinan")
    assert tree.recertified == []


async def test_with_a_foster_parent_and_no_old_one_the_reason_is_told(tree: Tree) -> None:
    keeper = tree.moved(tree.elsewhere, old_address="")
    tree.clock.us = PAST_HALF_US
    with pytest.raises(JoinRefused, match="370202, which is not inside 3706"):
        await keeper.look()


async def test_until_the_new_parent_says_where_it_certifies_the_old_one_is_asked(tree: Tree) -> None:
    keeper = tree.moved(tree.province, old_address=tree.city.address)
    keeper.certifier = lambda: None
    tree.clock.us = PAST_HALF_US
    await keeper.look()
    assert tree.district.path == ("shandong", "qingdao", "shinan")
    assert tree.city.admissions.is_admitted("shinan")


async def test_the_nodes_below_follow_when_their_parent_is_certified_anew(tree: Tree) -> None:
    tree.clock.us = PAST_HALF_US
    below = tree.keeper(tree.street, STREET, join_address=tree.district.address)
    await below.look()
    assert tree.recertified == []
    await tree.moved(tree.province, old_address=GONE).look()
    tree.district.admissions.issue_with(tree.district.files.authority())
    below.is_cut_off = lambda: True
    await below.look()
    assert tree.street.own(now_us=None).path == ("shandong", "shinan", "badaguan")
    assert tree.recertified == ["shinan", "badaguan"]


async def test_the_nodes_below_leave_their_certificates_alone_while_the_link_is_up(tree: Tree) -> None:
    below = tree.keeper(tree.street, STREET, join_address=tree.district.address)
    await below.look()
    assert tree.street.own(now_us=None).path == ("shandong", "qingdao", "shinan", "badaguan")
    assert tree.recertified == []


async def test_another_node_of_the_same_name_is_not_taken_for_the_parent(tree: Tree, tmp_path: Path) -> None:
    twin_facts = NodeFacts("shinan", Level.DISTRICT, Territory("370602"))
    twin = joined(tmp_path / "twin", twin_facts, tree.elsewhere.files)
    certifier = Certifier(twin, tree.clock)
    async with AsyncExitStack() as stack:
        await certifier.serve(stack)
        below = tree.keeper(tree.street, STREET, join_address=certifier.address)
        below.is_cut_off = lambda: True
        with pytest.raises(ForeignCa, match="it is another shinan"):
            await below.look()
    assert tree.street.parent(now_us=None).path == ("shandong", "qingdao", "shinan")


# ---- what a new parent refuses


async def ask(tree: Tree, files: IdentityFiles, facts: NodeFacts) -> Refusal:
    with pytest.raises(JoinRefused) as caught:
        await renew(tree.province.address, files=files, facts=facts, clock=tree.clock, issuer=("shandong",))
    return caught.value.refusal


async def test_a_node_that_no_order_put_there_is_not_certified(tree: Tree) -> None:
    assert await ask(tree, tree.district.files, DISTRICT) is Refusal.UNKNOWN_NODE
    assert tree.district.path == ("shandong", "qingdao", "shinan")


async def test_the_chain_of_a_moved_node_does_not_certify_another_key(tree: Tree, tmp_path: Path) -> None:
    tree.province.moved_here.add("shinan")
    thief = make_node(tmp_path / "thief", DISTRICT)
    for name in ("root", "ca", "tls", "parent"):
        write_file(thief.certificate(name), tree.district.files.read(tree.district.files.certificate(name)))
    assert await ask(tree, thief, DISTRICT) is Refusal.UNKNOWN_NODE
    assert not tree.province.admissions.is_admitted("shinan")


async def test_a_moved_node_that_was_dismissed_there_stays_out(tree: Tree) -> None:
    tree.province.moved_here.add("shinan")
    tree.province.admissions.adopt(to_pem_request(tree.district.files, DISTRICT), own_path=("shandong",), now_us=NOW_US)
    tree.province.admissions.refuse("shinan")
    assert await ask(tree, tree.district.files, DISTRICT) is Refusal.BY_OPERATOR


async def test_a_moved_node_whose_id_another_child_bears_is_refused(tree: Tree, tmp_path: Path) -> None:
    tree.province.moved_here.add("shinan")
    joined(tmp_path / "twin", DISTRICT, tree.province.files)
    assert await ask(tree, tree.district.files, DISTRICT) is Refusal.NODE_TAKEN


async def test_an_address_where_somebody_else_answers_is_refused(tree: Tree) -> None:
    with pytest.raises(ForeignCa, match="is shandong > yantai, not shandong"):
        await renew(tree.elsewhere.address, files=tree.district.files, facts=DISTRICT, clock=tree.clock, issuer=("shandong",))
    with pytest.raises(JoinUnreachable):
        await renew(GONE, files=tree.district.files, facts=DISTRICT, clock=tree.clock, issuer=("shandong",))

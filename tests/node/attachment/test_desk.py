"""Which certificates an order speaks of once the node that it moved was certified anew, and how the next order names it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import pytest

from node.attachment.desk import AttachmentDesk
from node.attachment.orders import ORDER_FORMAT, AttachmentError, Order, OrderBook, Place, Signer, give_order, order_folder
from node.identity.files import IdentityFiles
from node.identity.verify import PeerIdentity
from node.tree.directory import Directory, NodeStatus, encode_statuses
from sync.core.bearers import Standing
from sync.core.ready import PeerFacts
from sync.model import Level, LinkError
from tests.node.identity.family import CITY, DISTRICT, NOW_US, PROVINCE, StandingClock, make_node

CITY_PATH, SISTER_PATH = ("shandong", "qingdao"), ("shandong", "yantai")
MOVED = Order(
    format=ORDER_FORMAT, node="shinan", path=(*CITY_PATH, "shinan"), incarnation=1, old=Place(CITY_PATH, "municipal", "3702"),
    new=Place(("shandong",), "provincial", "37", "127.0.0.1:1"), serial=1, issuer="shandong", chain_pem=b"",
)  # fmt: skip


@dataclass(slots=True)
class House:
    """The province's desk, and what it needs to sign."""

    desk: AttachmentDesk
    files: IdentityFiles

    def order(self, order: Order) -> Order:
        files = self.files
        return give_order(order, Signer(files.own(now_us=None), files.tls().chain_pem, files.manifest_key()))

    def hear(self, *statuses: NodeStatus) -> None:
        self.desk.directory.heard_from_child("qingdao", encode_statuses(list(statuses)), NOW_US)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return house_at(tmp_path, make_node(tmp_path, PROVINCE))


def house_at(folder: Path, files: IdentityFiles, *, parent: str = "") -> House:
    own = files.own(now_us=None)
    desk = AttachmentDesk(
        own=own, parent=parent, book=OrderBook(order_folder(folder / own.node), files.root_pem()), directory=Directory(own.node),
        clock=StandingClock(), on_moved=lambda error: None,
        signer=lambda: Signer(files.own(now_us=None), files.tls().chain_pem, files.manifest_key()),
    )  # fmt: skip
    return House(desk, files)


@pytest.fixture
def district(house: House, tmp_path: Path) -> PeerIdentity:
    """The node that moves, as it was certified by its city."""
    city = make_node(tmp_path, CITY, parent=house.files)
    return make_node(tmp_path, DISTRICT, parent=city).own(now_us=None)


def status(node: str, parent: str, level: str, *, certified_as: str = "") -> NodeStatus:
    territory = {"qingdao": "3702", "shinan": "370202", "yantai": "3706"}[node]
    return NodeStatus(
        id=node, name=node, level=level, territory=territory, parent=parent, incarnation=f"{7:016x}", state="OK", words=[], as_of_us=NOW_US,
        software="", policy="", link_address="127.0.0.1:2", certified_as=certified_as,
    )  # fmt: skip


def test_an_order_lets_the_node_in_as_it_was_certified(house: House, district: PeerIdentity) -> None:
    house.desk.take(house.order(MOVED).raw)
    assert house.desk.admits(district)
    assert house.desk.stands_here(district)


def test_a_node_of_the_same_name_that_somebody_else_certified_is_not_meant(house: House, district: PeerIdentity) -> None:
    house.desk.take(house.order(MOVED).raw)
    twin = replace(district, path=(*SISTER_PATH, "shinan"))
    assert not house.desk.admits(twin)
    assert not house.desk.stands_here(twin)


def test_a_node_that_one_of_the_parents_certified_anew_is_still_fenced(house: House, district: PeerIdentity) -> None:
    onward = msgspec.structs.replace(
        MOVED, old=Place(("shandong",), "provincial", "37"), new=Place(SISTER_PATH, "municipal", "3706", "127.0.0.1:3"), serial=2
    )
    house.desk.take(house.order(onward).raw)
    anew = replace(district, path=("shandong", "shinan"))
    with pytest.raises(LinkError, match="was moved to yantai"):
        house.desk.admits(anew)


def test_the_next_order_names_a_node_as_it_is_certified_now(house: House) -> None:
    house.hear(status("qingdao", "shandong", Level.MUNICIPAL.word), status("shinan", "qingdao", "district", certified_as="shandong/shinan"))
    given = house.desk.give("shinan", old="qingdao", new="shandong", address="127.0.0.1:1")
    assert given.path == ("shandong", "shinan")


@pytest.mark.parametrize("told", ["elsewhere/shinan", "shandong/other", "shandong/" + "a/" * 9 + "shinan", ""])
def test_a_path_that_cannot_be_is_not_believed(house: House, told: str) -> None:
    house.hear(status("qingdao", "shandong", "municipal"), status("shinan", "qingdao", "district", certified_as=told))
    given = house.desk.give("shinan", old="qingdao", new="shandong", address="127.0.0.1:1")
    assert given.path == (*CITY_PATH, "shinan")


def test_a_path_outside_the_issuers_reach_makes_no_order(house: House, tmp_path: Path) -> None:
    city = house_at(tmp_path, make_node(tmp_path, CITY, parent=house.files))
    with pytest.raises(AttachmentError, match="is not known below qingdao"):
        city.desk.give("shinan", old="qingdao", new="qingdao", address="")


def test_where_the_new_parent_certifies_is_known_when_it_says_so(house: House, tmp_path: Path) -> None:
    files = make_node(tmp_path, DISTRICT, parent=make_node(tmp_path, CITY, parent=house.files))
    child = house_at(tmp_path, files, parent="shandong")
    assert child.desk.certifier() is None
    child.desk.book.take(house.order(MOVED).raw)
    assert child.desk.certifier() is None
    top = NodeStatus(
        id="shandong", name="", level="provincial", territory="37", parent="", incarnation="", state="OK", words=[], as_of_us=NOW_US,
        software="", policy="", join_address="127.0.0.1:9",
    )  # fmt: skip
    child.desk.directory.heard_from_parent(encode_statuses([top]), NOW_US)
    assert child.desk.certifier() == ("127.0.0.1:9", ("shandong",))
    again = house_at(tmp_path, files, parent="shandong")
    assert again.desk.certifier() == ("127.0.0.1:9", ("shandong",))
    again.desk.book.take(house.order(msgspec.structs.replace(MOVED, serial=2)).raw)
    assert again.desk.certifier() is None


def child(node: str, *, below: str = "", gone: str = "") -> PeerFacts:
    subtree, formerly = frozenset({node, *below.split()}), frozenset(gone.split())
    return PeerFacts(node, 5, Level.MUNICIPAL, "3702", is_parent=False, subtree=subtree, formerly=formerly)


@pytest.mark.parametrize(
    ("peer", "is_foster"),
    [
        (child("yantai", below="zhifu shinan"), True),
        (child("yantai", below="zhifu"), True),
        (child("qingdao", below="shibei"), False),
        (child("weifang", gone="zhifu shinan"), True),
        (child("weifang", gone="shinan"), True),
        (child("weifang", gone="zhifu"), True),
        (child("weifang", gone="weicheng"), False),
    ],
)
def test_who_has_or_once_had_a_moved_node_below_itself_may_bring_rows_from_elsewhere(
    house: House, peer: PeerFacts, *, is_foster: bool
) -> None:
    new = Place((*SISTER_PATH, "zhifu"), "district", "370602", "127.0.0.1:3")
    house.desk.take(house.order(msgspec.structs.replace(MOVED, new=new)).raw)
    assert house.desk.fosters(peer) is is_foster


def test_word_of_a_move_is_passed_on_at_once_with_where_nodes_stand_now(house: House) -> None:
    house.hear(status("qingdao", "shandong", Level.MUNICIPAL.word), status("shinan", "qingdao", "district"))
    told = list[Standing]()
    house.desk.on_standing = told.append
    raw = house.order(MOVED).raw
    house.desk.take(raw)
    house.desk.take(raw)
    assert told == [Standing({"qingdao": frozenset({"qingdao"})}, frozenset(), {"qingdao": frozenset({"shinan"})})]

"""Attachment orders: who may give one, what a receiver checks, and which of two is in force."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from node.attachment.orders import (
    ORDER_FORMAT,
    ORDERS_MAX,
    AttachmentError,
    Order,
    OrderBook,
    Place,
    Signer,
    give_order,
    new_parent_of,
    read_order,
)
from node.identity.facts import NodeFacts
from node.identity.files import IdentityFiles
from sync.model import Level, Territory
from tests.node.identity.family import CITY, DISTRICT, NOW_US, PROVINCE, STREET, make_node

OTHER = NodeFacts("yushan", Level.STREET, Territory("370202007"))
PATHS = ("shandong", "qingdao", "shinan")


@pytest.fixture
def family(tmp_path: Path) -> dict[str, IdentityFiles]:
    province = make_node(tmp_path, PROVINCE)
    city = make_node(tmp_path, CITY, parent=province)
    district = make_node(tmp_path, DISTRICT, parent=city)
    street = make_node(tmp_path, STREET, parent=district)
    return {"province": province, "city": city, "district": district, "street": street}


def signer(files: IdentityFiles) -> Signer:
    return Signer(files.own(now_us=NOW_US), files.tls().chain_pem, files.manifest_key())


def order(serial: int = 1, **changes: Any) -> Order:
    made = Order(
        format=ORDER_FORMAT,
        node="grid-1",
        path=(*PATHS, "badaguan", "grid-1"),
        incarnation=5,
        old=Place((*PATHS, "badaguan"), "street", STREET.territory.code),
        new=Place((*PATHS, "yushan"), "street", OTHER.territory.code, "127.0.0.1:4000"),
        serial=serial,
        issuer="",
        chain_pem=b"",
    )
    return msgspec.structs.replace(made, **changes)


def test_an_order_of_a_common_ancestor_is_read_back_as_it_was_given(family: dict[str, IdentityFiles]) -> None:
    given = give_order(order(), signer(family["district"]))
    assert read_order(given.raw, root_pem=family["province"].root_pem()) == given
    assert given.issuer == "shinan"


@pytest.mark.parametrize("issuer", ["province", "city", "district"])
def test_every_ancestor_of_both_parents_may_give_it(family: dict[str, IdentityFiles], issuer: str) -> None:
    assert give_order(order(), signer(family[issuer])).signature


def test_a_node_beside_the_new_parent_may_not_give_it(family: dict[str, IdentityFiles]) -> None:
    with pytest.raises(AttachmentError, match="badaguan may not move grid-1 from badaguan to yushan: it does not stand above them all"):
        give_order(order(), signer(family["street"]))


@pytest.mark.parametrize(
    "changes",
    [
        {"serial": 2},
        {"incarnation": 6},
        {"new": Place((*PATHS, "yushan"), "street", "370202007", "127.0.0.1:9")},
        {"old": Place((*PATHS, "yushan"), "street", "370202007")},
        {"path": (*PATHS, "yushan", "grid-1")},
    ],
)
def test_nothing_in_an_order_may_be_changed(family: dict[str, IdentityFiles], changes: dict[str, object]) -> None:
    given = give_order(order(), signer(family["district"]))
    with pytest.raises(AttachmentError, match="did not sign it"):
        read_order(msgspec.structs.replace(given, **changes).raw, root_pem=family["province"].root_pem())


def test_an_order_of_another_province_is_refused(family: dict[str, IdentityFiles], tmp_path: Path) -> None:
    stranger = make_node(tmp_path / "elsewhere", PROVINCE)
    given = give_order(order(), signer(stranger))
    with pytest.raises(AttachmentError, match="foreign CA"):
        read_order(given.raw, root_pem=family["province"].root_pem())


def test_an_order_that_names_another_issuer_than_its_chain_is_refused(family: dict[str, IdentityFiles]) -> None:
    given = give_order(order(), signer(family["district"]))
    with pytest.raises(AttachmentError, match="it names qingdao, its certificate shinan"):
        read_order(msgspec.structs.replace(given, issuer="qingdao").raw, root_pem=family["province"].root_pem())


@pytest.mark.parametrize(
    "raw",
    [b"", b"{}", b"\xff\xfe", b"[" * 100_000, b'{"format":9}', b"x" * 200_000],
    ids=["empty", "object", "bytes", "deep", "format", "long"],
)
def test_what_is_no_order_is_refused(family: dict[str, IdentityFiles], raw: bytes) -> None:
    with pytest.raises(AttachmentError):
        read_order(raw, root_pem=family["province"].root_pem())


@pytest.mark.parametrize(
    "changes",
    [
        {"serial": 0},
        {"node": "badaguan"},
        {"path": ()},
        {"new": Place((*PATHS, "yushan"), "street", "370202007", "")},
        {"new": Place((*PATHS, "grid-1"), "street", "370202007", "h:1")},
    ],
)
def test_an_order_without_sense_is_never_signed(family: dict[str, IdentityFiles], changes: dict[str, Any]) -> None:
    with pytest.raises(AttachmentError):
        give_order(order(**changes), signer(family["district"]))


def test_the_newest_serial_is_in_force_and_survives_a_restart(family: dict[str, IdentityFiles], tmp_path: Path) -> None:
    folder, root = tmp_path / "orders", family["province"].root_pem()
    book = OrderBook(folder, root)
    second, first = (give_order(order(serial), signer(family["district"])) for serial in (2, 1))
    assert book.take(second.raw) == second
    assert book.take(first.raw) is None
    assert book.take(second.raw) is None
    assert OrderBook(folder, root).of("grid-1") == second
    assert ORDERS_MAX > len(list(book)) == 1


def test_an_order_file_that_was_changed_by_hand_stops_the_node_with_a_reason(family: dict[str, IdentityFiles], tmp_path: Path) -> None:
    folder, root = tmp_path / "orders", family["province"].root_pem()
    OrderBook(folder, root).take(give_order(order(), signer(family["district"])).raw)
    file = folder / "grid-1.order"
    file.write_bytes(file.read_bytes().replace(b"127.0.0.1:4000", b"127.0.0.1:4001"))
    with pytest.raises(AttachmentError, match="did not sign it"):
        OrderBook(folder, root)


def test_the_new_parent_is_looked_for_under_its_certified_name(family: dict[str, IdentityFiles]) -> None:
    parent = new_parent_of(give_order(order(), signer(family["district"])), Territory("37", edition="2020"))
    assert parent.tls_name == "yushan.shinan.qingdao.shandong.yunnao"
    assert (parent.level, parent.territory.code, parent.territory.edition) == (Level.STREET, "370202007", "2020")
    assert family["street"].own(now_us=NOW_US).tls_name == "badaguan.shinan.qingdao.shandong.yunnao"

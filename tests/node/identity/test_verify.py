"""The chain check: what it accepts, and that each refusal names its check."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.identity.certificates import make_ca, make_leaf, to_pem
from node.identity.errors import ChainError, Check
from node.identity.facts import NodeFacts
from node.identity.files import IdentityFiles
from node.identity.keys import new_tls_key
from node.identity.verify import check_child, load_chain, verify_chain
from sync.model import Level, Territory
from tests.node.identity.family import CITY, DAY_US, DISTRICT, GRID, NOW_US, PROVINCE, STREET, make_node


@pytest.fixture
def tree(tmp_path: Path) -> dict[str, IdentityFiles]:
    province = make_node(tmp_path, PROVINCE)
    city = make_node(tmp_path, CITY, parent=province)
    district = make_node(tmp_path, DISTRICT, parent=city)
    street = make_node(tmp_path, STREET, parent=district)
    grid = make_node(tmp_path, GRID, parent=street)
    return {files.folder.name: files for files in (province, city, district, street, grid)}


def check_of(pem: bytes, root: bytes, now_us: int = NOW_US) -> Check:
    with pytest.raises(ChainError) as caught:
        verify_chain(pem, root_pem=root, now_us=now_us)
    return caught.value.check


def test_chain_of_five_levels_proves_the_grid_node(tree: dict[str, IdentityFiles]) -> None:
    who = verify_chain(tree["grid-1"].tls().chain_pem, root_pem=tree["shandong"].root_pem(), now_us=NOW_US)
    assert (who.node, who.level, who.territory.code) == ("grid-1", Level.GRID, "370202006001001")
    assert who.path == ("shandong", "qingdao", "shinan", "badaguan", "grid-1")
    assert who.tls_name == "grid-1.badaguan.shinan.qingdao.shandong.yunnao"
    assert len(who.manifest_key) == 32


def test_level_may_be_skipped(tmp_path: Path) -> None:
    province = make_node(tmp_path, PROVINCE)
    grid = make_node(tmp_path, GRID, parent=province)
    assert grid.own(now_us=NOW_US).path == ("shandong", "grid-1")


def test_chain_of_another_province_is_a_foreign_ca(tree: dict[str, IdentityFiles], tmp_path: Path) -> None:
    other = make_node(tmp_path / "other", PROVINCE)
    assert check_of(tree["grid-1"].tls().chain_pem, other.root_pem()) is Check.FOREIGN_CA


def test_dates_are_judged_by_the_time_passed_in(tree: dict[str, IdentityFiles]) -> None:
    pem, root = tree["qingdao"].tls().chain_pem, tree["shandong"].root_pem()
    assert check_of(pem, root, NOW_US + 91 * DAY_US) is Check.EXPIRED
    assert check_of(pem, root, NOW_US - 8 * DAY_US) is Check.NOT_YET_VALID
    assert verify_chain(pem, root_pem=root, now_us=None).node == "qingdao"


def forged(parent: IdentityFiles, facts: NodeFacts, *, name: str = "") -> bytes:
    """A chain that the parent's CA signs without asking its own rules, as a broken or hostile parent would."""
    key, authority = new_tls_key(), parent.authority()
    certificate = make_ca(facts, key.public_key(), issuer=authority.certificate, issuer_key=authority.key, now_us=NOW_US)
    speaks = NodeFacts(name or facts.node, facts.level, facts.territory, bytes(32))
    leaf = make_leaf(speaks, key.public_key(), ca=certificate, ca_key=key, now_us=NOW_US)
    return to_pem(leaf, certificate) + parent.read(parent.certificate("ca"))


def test_territory_outside_the_parents_is_refused(tree: dict[str, IdentityFiles]) -> None:
    outside = NodeFacts("shibei", Level.STREET, Territory("370203001"))
    assert check_of(forged(tree["shinan"], outside), tree["shandong"].root_pem()) is Check.OUTSIDE_TERRITORY


def test_same_digits_in_another_edition_are_outside(tree: dict[str, IdentityFiles]) -> None:
    other_edition = NodeFacts("badaguan-2", Level.STREET, Territory("370202006", edition="2009-12-31"))
    assert check_of(forged(tree["shinan"], other_edition), tree["shandong"].root_pem()) is Check.OUTSIDE_TERRITORY


def test_level_not_below_the_parents_is_refused(tree: dict[str, IdentityFiles]) -> None:
    equal = NodeFacts("twin", Level.DISTRICT, Territory("370202"))
    assert check_of(forged(tree["shinan"], equal), tree["shandong"].root_pem()) is Check.WRONG_LEVEL


def test_leaf_that_speaks_for_another_node_is_refused(tree: dict[str, IdentityFiles]) -> None:
    assert check_of(forged(tree["shinan"], STREET, name="shandong"), tree["shandong"].root_pem()) is Check.WRONG_NAME


def test_grid_node_cannot_certify_anyone(tree: dict[str, IdentityFiles]) -> None:
    below = NodeFacts("grid-2", Level.GRID, Territory("370202006001001"))
    assert check_of(forged(tree["grid-1"], below), tree["shandong"].root_pem()) is Check.WRONG_LEVEL


def test_namesake_certified_elsewhere_is_no_child_of_ours(tree: dict[str, IdentityFiles], tmp_path: Path) -> None:
    district = tree["shinan"].own(now_us=NOW_US)
    namesake = make_node(tmp_path / "hostile", NodeFacts("badaguan", Level.GRID, GRID.territory), parent=tree["badaguan"])
    check_child(tree["badaguan"].own(now_us=NOW_US), own=district)
    with pytest.raises(ChainError, match="certified by shandong > qingdao > shinan > badaguan"):
        check_child(namesake.own(now_us=NOW_US), own=district)


def test_chain_without_its_own_ca_or_with_nonsense_is_a_structure_error(tree: dict[str, IdentityFiles]) -> None:
    root = tree["shandong"].root_pem()
    leaf = to_pem(load_chain(tree["qingdao"].tls().chain_pem)[0])
    assert check_of(leaf, root) is Check.STRUCTURE
    assert check_of(b"nonsense", root) is Check.STRUCTURE
    assert check_of(b"x" * 70_000, root) is Check.STRUCTURE


def test_ca_certificate_cannot_stand_as_leaf(tree: dict[str, IdentityFiles]) -> None:
    assert check_of(tree["badaguan"].read(tree["badaguan"].certificate("ca")), tree["shandong"].root_pem()) is Check.STRUCTURE

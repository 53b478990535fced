"""Slices on links: who gets which, what travels when something changes, and what holds while a slice is missing."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.spread_world import Place, SpreadNode
from node.identity.bundle_seal import BundleSeal
from node.policy.slicing import NEEDED_MAX, WANTED_BYTES_MAX, WANTS_PER_LINK_MAX, Offer
from node.policy.store import HELD_WITHOUT_SLICE
from policies import Bundle, BundleError, Contents, PlanBook, Way
from policies.bundle import canonical_json
from policies.plan import Plan
from policies.slice_wire import decode as read_slice
from policies.words import Verdict
from sync.core.messages import Bundles, Hello, Wants
from sync.model import Level, LinkError, PolicyVersion
from tests.node.identity.family import CITY, DISTRICT, PROVINCE
from tests.node.sliced import CITY_BUNDLE, CODES, GRIDS, PROVINCE_BUNDLE, STREET, TREE, Tree, seals_in, tree_in
from tests.policies.city import NOW_US

GRID = GRIDS[0]
BOTH = {CITY.node, PROVINCE.node}


@pytest.fixture(scope="module")
def seals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, BundleSeal]:
    return seals_in(tmp_path_factory.mktemp("identities"))


@pytest.fixture
def tree(tmp_path: Path, seals: dict[str, BundleSeal]) -> Tree:
    made = tree_in(tmp_path, seals)
    made.connect()
    return made


def plan_at(node: SpreadNode, resource: str) -> Plan:
    return PlanBook(node.policy.ruleset, now_us=NOW_US).plan(resource, hops=1, way=Way.UP, level=Level.STREET)


def codes_at(node: SpreadNode) -> set[frozenset[str] | None]:
    return {held.part.codes for held in node.policy.slices.values() if held.part is not None}


def sent_to(tree: Tree, name: str, parent: str = "street") -> int:
    return tree.world.network.bytes_sent[parent, name]


def test_a_grid_holds_what_it_works_with_and_a_street_what_its_grids_do(tree: Tree) -> None:
    assert codes_at(tree.node("grid-1")) == {frozenset(GRID.codes)}
    assert codes_at(tree.node("street")) == {frozenset({*STREET.codes, *GRIDS[0].codes, *GRIDS[1].codes})}
    assert tree.node(CITY.node).policy.slices == tree.node(PROVINCE.node).policy.slices == {}


def test_the_rules_at_a_grid_are_those_of_the_whole(tree: Tree) -> None:
    grid, city = tree.node("grid-1"), tree.node(CITY.node)
    assert grid.policy.version == city.policy.version
    assert [plan_at(grid, code) for code in GRID.codes] == [plan_at(city, code) for code in GRID.codes]


def test_what_no_slice_covers_is_held(tree: Tree) -> None:
    outside = plan_at(tree.node("grid-1"), CODES[9])
    assert (outside.base.verdict, outside.base.reason.word) == (Verdict.HOLD, "unclassified")
    assert plan_at(tree.node(CITY.node), CODES[9]).base.reason.word != "unclassified"


def test_a_change_reaches_every_node_and_only_what_changed_travels(tree: Tree) -> None:
    first = sent_to(tree, "grid-1")
    tree.deny(GRID.codes[0], epoch=2)
    tree.world.run()
    delta = sent_to(tree, "grid-1") - first
    assert {node.policy.version.epoch(CITY.node) for node in tree.world.nodes.values()} == {2}
    assert plan_at(tree.node("grid-1"), GRID.codes[0]).base.verdict is Verdict.DENY
    assert delta < first / 5
    assert {reason for node in tree.world.nodes.values() for reason in node.refused} == set()


def test_a_change_that_is_not_in_the_slice_brings_the_root_alone(tree: Tree) -> None:
    before = tree.node("grid-1").policy.slices[CITY.node].part
    tree.deny(CODES[12], epoch=2)
    tree.world.run()
    after = tree.node("grid-1").policy.slices[CITY.node].part
    assert before is not None
    assert after is not None
    assert (after.root.epoch, set(after.texts)) == (2, set(before.texts))


def test_news_go_up_and_down_once_and_never_back(tree: Tree) -> None:
    before = dict(tree.world.network.bytes_sent)
    tree.deny(GRID.codes[0], epoch=2)
    tree.world.run()
    moved = {ends for ends, size in tree.world.network.bytes_sent.items() if size != before.get(ends, 0)}
    assert moved == {(CITY.node, PROVINCE.node), (CITY.node, "street"), ("street", "grid-1"), ("street", "grid-2")}


def test_a_link_that_comes_back_brings_a_delta(tree: Tree) -> None:
    grid = tree.node("grid-1")
    grid.close("street")
    tree.node("street").close("grid-1")
    tree.deny(GRID.codes[1], epoch=2)
    tree.world.run()
    first = sent_to(tree, "grid-1")
    tree.connect("grid-1")
    assert grid.policy.version.epoch(CITY.node) == 2
    assert sent_to(tree, "grid-1") - first < first / 2


def test_a_restart_finds_the_slices_in_force(tree: Tree, tmp_path: Path) -> None:
    before = tree.node("grid-1").policy
    kept = SpreadNode(tree.world, GRID, tmp_path / GRID.id, tree.seals[""])
    assert (kept.policy.version, kept.policy.ruleset) == (before.version, before.ruleset)


def test_with_a_damaged_file_of_a_slice_everything_is_held_until_it_comes_again(tree: Tree, tmp_path: Path) -> None:
    path = tmp_path / GRID.id / f"{CITY.node}.slice"
    path.write_bytes(path.read_bytes()[:-9])
    grid = SpreadNode(tree.world, GRID, tmp_path / GRID.id, tree.seals[""])
    assert grid.policy.version == PolicyVersion()
    assert {plan_at(grid, code).base.verdict for code in CODES} == {Verdict.HOLD}
    tree.world.nodes[GRID.id] = grid
    tree.connect(GRID.id)
    assert grid.policy.version == tree.node(CITY.node).policy.version


def test_a_resource_that_is_named_is_asked_for_along_the_way(tree: Tree) -> None:
    grid, told = tree.node("grid-1"), list[frozenset[str]]()
    grid.policy.on_dates = told.append
    assert grid.policy.needed(CODES[12])
    tree.world.run()
    assert plan_at(grid, CODES[12]) == plan_at(tree.node(CITY.node), CODES[12])
    assert set(told) == {HELD_WITHOUT_SLICE}
    assert not grid.policy.needed(CODES[12])


def test_a_resource_that_nobody_knows_is_asked_for_once_and_proved_absent(tree: Tree) -> None:
    grid = tree.node("grid-1")
    assert grid.policy.needed("nobody-knows-it")
    tree.world.run()
    assert grid.policy.covers("nobody-knows-it")
    assert not grid.policy.needed("nobody-knows-it")
    assert plan_at(grid, "nobody-knows-it").base.verdict is Verdict.HOLD


def test_what_is_named_without_a_link_is_asked_for_with_the_next(tree: Tree) -> None:
    grid = tree.node("grid-1")
    tree.node("street").close("grid-1")
    grid.close("street")
    assert grid.policy.needed(CODES[12])
    tree.connect("grid-1")
    assert grid.policy.covers(CODES[12])


def test_the_resources_that_may_be_named_are_bounded(tree: Tree) -> None:
    grid = tree.node("grid-1")
    grid.close("street")
    for number in range(NEEDED_MAX + 5):
        assert grid.policy.needed(f"r-{number}")
    assert len(grid.slicing.wants("street").resources) <= NEEDED_MAX + len(CODES)


def test_totals_come_with_the_resource_they_are_made_of(tmp_path: Path, seals: dict[str, BundleSeal]) -> None:
    derived = next(one for one in PROVINCE_BUNDLE.contents.catalogue if one.derived)
    assert derived.derived is not None
    grid = replace(GRID, codes=(derived.derived.source,))
    made = tree_in(tmp_path, seals, (*TREE[:3], grid))
    made.connect(CITY.node, "street", grid.id)
    assert set(made.node(grid.id).policy.ruleset.resources) >= {derived.code, derived.derived.source}


def test_a_node_that_wants_more_than_a_hello_takes_gets_whole_bundles(tmp_path: Path, seals: dict[str, BundleSeal]) -> None:
    many = tuple(f"resource-{number:06d}" for number in range(WANTED_BYTES_MAX // 15 + 1))
    made = tree_in(tmp_path, seals, (*TREE[:2], replace(STREET, codes=many)))
    made.connect(CITY.node, "street")
    street = made.node("street").policy
    assert (street.slices, street.version) == ({}, made.node(CITY.node).policy.version)


# ---- beside peers of another kind


def test_a_street_with_a_child_that_takes_whole_bundles_gets_them_whole(tree: Tree) -> None:
    whole = replace(GRID, id="grid-9", is_sliced=False)
    tree.world.add(whole)
    tree.connect("grid-9")
    assert tree.node("street").policy.slices == {}
    assert tree.node("grid-9").policy.version == tree.node(CITY.node).policy.version
    assert set(tree.node("grid-9").policy.ruleset.resources) == set(CODES)
    assert codes_at(tree.node("grid-1")) == {frozenset(GRID.codes)}


def slices_of(offer: Offer) -> list[bytes]:
    return [one.part for one in offer if one.part]


def hello(wants: Wants | None, *, epochs: dict[str, int] | None = None) -> Hello:
    return Hello("old", 1, Level.STREET, STREET.territory, PolicyVersion.of(epochs or {}), (), wants=wants)


def test_a_peer_that_says_nothing_of_slices_gets_whole_bundles_and_only_news(tree: Tree) -> None:
    city = tree.node(CITY.node)
    offer = city.slicing.met("old", hello(None))
    assert [(bool(one.bundle), one.part) for one in offer] == [(True, b"")] * 2
    assert city.slicing.news("old") == ()
    tree.deny(CODES[0], epoch=2)
    assert [(bool(one.bundle), one.part) for one in city.slicing.news("old")] == [(True, b"")]


def test_whole_bundles_bring_their_roots_to_those_who_know_them(tree: Tree) -> None:
    offer = tree.node(CITY.node).slicing.met("newer", hello(Wants()))
    roots = [read_slice(data, lambda issuer: {}) for data in slices_of(offer)]
    assert ({part.root.issuer for part in roots}, {part.codes for part in roots}) == (BOTH, {frozenset()})


def test_a_bundle_without_a_signed_root_goes_whole(tree: Tree, tmp_path: Path) -> None:
    for root in (tmp_path / CITY.node).glob("*.root"):
        root.unlink()
    city = SpreadNode(tree.world, TREE[1], tmp_path / CITY.node, tree.seals[""])
    offer = city.slicing.met("street", hello(Wants(CODES[:2])))
    assert [(bool(one.bundle), one.part) for one in offer] == [(True, b"")] * 2


def test_an_issuer_signs_the_root_of_what_an_earlier_program_issued(tree: Tree, tmp_path: Path) -> None:
    for root in (tmp_path / CITY.node).glob("*.root"):
        root.unlink()
    city = SpreadNode(tree.world, TREE[1], tmp_path / CITY.node, tree.seals[CITY.node])
    offer = city.slicing.met("street", hello(Wants(CODES[:2])))
    assert sorted((bool(one.bundle), bool(one.part)) for one in offer) == [(False, True), (True, False)]


def test_whole_bundles_take_the_place_of_slices_and_slices_of_older_bundles(tree: Tree, tmp_path: Path) -> None:
    grid, folder = tree.node("grid-1").policy, tmp_path / "grid-1"
    grid.take(tree.node(CITY.node).policy.missing_in(PolicyVersion(), "3702"))
    assert (grid.slices, sorted(path.suffix for path in folder.iterdir())) == ({}, [".json", ".json", ".root", ".root"])
    tree.deny(GRID.codes[0], epoch=2)
    tree.world.run()
    assert (set(grid.slices), grid.version.epoch(CITY.node)) == ({CITY.node}, 2)
    assert sorted(path.name for path in folder.glob(f"{CITY.node}*")) == [f"{CITY.node}.slice"]


def test_an_older_slice_changes_nothing(tree: Tree) -> None:
    grid, old = tree.node("grid-1").policy, tree.node(CITY.node).slicing.met("x", hello(Wants(GRID.codes)))
    tree.deny(GRID.codes[0], epoch=2)
    tree.world.run()
    version = grid.version
    grid.take((), slices_of(old))
    assert grid.version == version


# ---- hostile peers


def test_a_child_that_never_settles_loses_its_link(tree: Tree) -> None:
    street = tree.node("street").slicing
    for number in range(WANTS_PER_LINK_MAX):
        street.heard("grid-1", Wants((f"r-{number}",)))
    with pytest.raises(LinkError, match="grid-1 asked for other slices more than 256 times"):
        street.heard("grid-1", Wants(CODES))


def test_a_stranger_that_wants_slices_is_told_nothing(tree: Tree) -> None:
    assert tree.node("street").slicing.heard("nobody", Wants(CODES)) == ()


def offered(tree: Tree) -> list[bytes]:
    return slices_of(tree.node(CITY.node).slicing.met("x", hello(Wants(GRID.codes))))


def forged(data: bytes, **changes: object) -> bytes:
    value = json.loads(zlib.decompress(data))
    return zlib.compress(canonical_json(value | {key: change for key, change in changes.items() if change is not None}))


def test_a_slice_under_a_root_that_its_issuer_did_not_sign_is_refused(tree: Tree, tmp_path: Path) -> None:
    empty = SpreadNode(tree.world, GRID, tmp_path / "empty", tree.seals[""]).policy
    for data in offered(tree):
        root = json.loads(zlib.decompress(data))["root"]
        with pytest.raises(BundleError, match="signature does not hold"):
            empty.take((), [forged(data, root=root | {"epoch": 9})])
        with pytest.raises(BundleError, match="signed by"):
            empty.take((), [forged(data, root=root | {"issuer": "nobody"})])
    assert empty.version == PolicyVersion()


def test_another_root_of_the_same_epoch_is_refused(tree: Tree) -> None:
    other = replace(CITY_BUNDLE, not_after_us=CITY_BUNDLE.not_after_us - 1)
    city = tree.node(CITY.node).policy
    signed = tree.seals[CITY.node].sign(other)
    with pytest.raises(BundleError, match="differs from the one held"):
        city.take([signed.encode()])
    with pytest.raises(BundleError, match="root differs from the one held"):
        tree.node("grid-1").policy.take([signed.encode()])


def test_a_peer_that_sends_a_forged_slice_loses_its_link_and_changes_nothing(tree: Tree) -> None:
    grid = tree.node("grid-1")
    version = grid.policy.version
    data = forged(offered(tree)[1], codes=sorted([*GRID.codes, CODES[9]]))
    tree.node("street")._say("grid-1", Bundles((), (data,)))
    tree.world.run()
    assert grid.policy.version == version
    assert [reason for reason in grid.refused if f"{CODES[9]} is neither shown nor proved absent" in reason]


def test_a_hello_says_what_is_wanted_and_a_parent_that_it_knows_slices(tree: Tree) -> None:
    grid, street = tree.node("grid-1").slicing, tree.node("street").slicing
    wants = grid.wants("street")
    assert (wants.resources, wants.lacking, len(wants.have) > 0) == (GRID.codes, False, True)
    assert street.wants("grid-1") == Wants()


def test_what_a_node_issues_itself_is_asked_for_above(tmp_path: Path, seals: dict[str, BundleSeal]) -> None:
    made = tree_in(tmp_path, seals, (*TREE[:2], replace(STREET, id=DISTRICT.node, level=Level.DISTRICT, territory="370202")))
    made.connect(CITY.node, DISTRICT.node)
    made.deny("new-here", epoch=2)
    made.world.run()
    own = replace(PROVINCE_BUNDLE.contents.catalogue[0], code="new-here")
    made.issue(Bundle(DISTRICT.node, Level.DISTRICT, 1, 0, CITY_BUNDLE.not_after_us, Contents(catalogue=(own,))))
    made.world.run()
    assert plan_at(made.node(DISTRICT.node), "new-here").base.verdict is Verdict.DENY


def test_a_text_that_two_issuers_share_travels_once(tmp_path: Path, seals: dict[str, BundleSeal]) -> None:
    """Two bundles without tables: the text of their common leaves is the same."""
    district = Place(DISTRICT.node, Level.DISTRICT, "370202", CITY.node)
    made = tree_in(tmp_path, seals, (*TREE[:2], district, replace(GRID, parent=DISTRICT.node)))
    made.issue(Bundle(DISTRICT.node, Level.DISTRICT, 1, 0, CITY_BUNDLE.not_after_us, Contents()))
    made.connect(GRID.id)
    made.node(GRID.id).close(DISTRICT.node)
    made.issue(replace(CITY_BUNDLE, epoch=2, contents=Contents()))
    made.connect(CITY.node, DISTRICT.node, GRID.id)
    grid = made.node(GRID.id)
    assert (grid.policy.version, grid.refused) == (made.node(CITY.node).policy.version, [])
    assert set(grid.policy.slices) == {CITY.node, DISTRICT.node, PROVINCE.node}


def test_bundles_that_are_large_together_come_with_their_roots(
    tmp_path: Path, seals: dict[str, BundleSeal], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.links.handshake.BUNDLES_BYTES_MAX", 1_000)
    made = tree_in(tmp_path, seals)
    made.connect()
    assert codes_at(made.node("grid-1")) == {frozenset(GRID.codes)}
    assert len(made.node("grid-1").policy.slices) == len(made.node("street").policy.slices) == 2

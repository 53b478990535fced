"""A small tree for tests of slices: a province and a city that issue, a street and two grids that take slices, over links of no delay."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from benchmarks.spread_world import Place, SpreadNode, SpreadWorld
from node.identity.bundle_seal import BundleSeal
from policies import Basis, Entry, Verdict
from policies.bundle import Bundle
from policies.presets import preset_bundle
from sync.model import Level
from tests.node.identity.family import CITY, DISTRICT, PROVINCE, make_node

END_US = 4_000_000_000_000_000
QUOTE = "q"
BASIS = Basis("instrument", "1", QUOTE, hashlib.sha256(QUOTE.encode()).hexdigest())
PROVINCE_BUNDLE = preset_bundle(Level.PROVINCIAL, issuer=PROVINCE.node, not_before_us=0, not_after_us=END_US)
CITY_BUNDLE = preset_bundle(Level.MUNICIPAL, issuer=CITY.node, not_before_us=0, not_after_us=END_US)
CODES = tuple(
    resource.code for resource in sorted(PROVINCE_BUNDLE.contents.catalogue, key=lambda each: (each.is_of_facts, each.code))
)
"""What people do about entries and requests comes last: those facts travel whatever an entry denies."""
STREET = Place("street", Level.STREET, "370202006", CITY.node, codes=CODES[:1], is_sliced=True)
GRIDS = tuple(
    Place(f"grid-{number}", Level.GRID, f"37020200600100{number}", "street", codes=CODES[number : number + 3], is_sliced=True)
    for number in (1, 2)
)
TREE = (Place(PROVINCE.node, Level.PROVINCIAL, "37"), Place(CITY.node, Level.MUNICIPAL, "3702", PROVINCE.node), STREET, *GRIDS)


@dataclass
class Tree:
    """The tree, with the seals of those that issue."""

    world: SpreadWorld
    seals: Mapping[str, BundleSeal]

    def node(self, name: str) -> SpreadNode:
        return self.world.nodes[name]

    def issue(self, bundle: Bundle) -> None:
        self.node(bundle.issuer).policy.install(self.seals[bundle.issuer].sign(bundle))

    def deny(self, resource: str, *, epoch: int) -> None:
        """The city's next epoch denies a resource."""
        denied = Entry(f"NL-{resource}", Verdict.DENY, resource, basis=BASIS, approver=CITY.node, valid_to_us=END_US)
        contents = replace(CITY_BUNDLE.contents, entries=(*CITY_BUNDLE.contents.entries, denied))
        self.issue(replace(CITY_BUNDLE, epoch=epoch, contents=contents))

    def connect(self, *names: str) -> None:
        for name in names or [place.id for place in TREE if place.parent]:
            self.world.connect(name)
            self.world.run()


def seals_in(folder: Path) -> dict[str, BundleSeal]:
    """Seals of the province, the city and a district, and of one who issues nothing."""
    province = make_node(folder, PROVINCE)
    city = make_node(folder, CITY, parent=province)
    district = make_node(folder, DISTRICT, parent=city)
    other = make_node(folder, replace(CITY, node="nobody"), parent=province)
    seals = {PROVINCE.node: province, CITY.node: city, DISTRICT.node: district, "": other}
    return {name: BundleSeal(files) for name, files in seals.items()}


def tree_in(folder: Path, seals: Mapping[str, BundleSeal], places: tuple[Place, ...] = TREE) -> Tree:
    """The tree with both bundles issued and no link open."""
    tree = Tree(SpreadWorld(places, folder, lambda place: seals.get(place.id, seals[""]), Random(0)), seals)
    tree.issue(PROVINCE_BUNDLE)
    tree.issue(CITY_BUNDLE)
    return tree

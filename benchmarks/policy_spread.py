"""A change of policy on its way to 500 grids behind thin links: what slices of bundles carry, beside the whole bundles.

Run as `python -m benchmarks.policy_spread [--grids N] [--resources N]`. A tree of one city, two districts and 25 streets, in simulated
time: links of grids 50 kbit/s and 600 ms round trip, of the others 10 Mbit/s and 20 ms. Three issuers stand above every grid (province,
city, its district) with 10,000 resources of 20 fields between them and 500 entries of the negative list. The nodes are the product's
policy store, slices, handshake and codec over a modelled network; signatures are real; work takes no simulated time. The figures of whole
bundles are the bytes of the same bundles, and the time that they take on such a link alone.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from benchmarks.figures import Target
from benchmarks.spread_world import Line, Place, SpreadNode, SpreadWorld
from node.identity.bundle_seal import BundleSeal
from node.identity.facts import NodeFacts
from node.links.handshake import bundle_messages
from policies import Basis, Bundle, Contents, Entry, Field, Resource, Verdict, Way
from policies.presets import city_bundle_contents, preset_bundle
from policies.slice_wire import encode as encode_slice
from policies.slices import alone
from sync.model import MICROSECONDS, Level, PolicyVersion, Territory
from sync.wire.codec import encode
from tests.node.identity.family import CITY, PROVINCE, make_node

GRIDS, RESOURCES, FIELDS, ENTRIES = 500, 10_000, 20, 500
DISTRICTS, STREETS = 2, 25
OWN = 5
"""Resources of departments that a grid works with, beside those that ship."""
END_US = 4_000_000_000_000_000
THIN, WIDE = Line(50_000 // 8, 300_000), Line(10_000_000 // 8, 10_000)
SECONDS_MAX = 60.0
RATIO_MAX = 0.005
"""Bytes of a grid's slices when it has none yet over those of the whole bundles; a change is bounded by the seconds."""
QUOTE = "未成年人的个人信息不得向无关人员提供。"
BASIS = Basis("a law", "article 1", QUOTE, hashlib.sha256(QUOTE.encode()).hexdigest())


@dataclass(frozen=True, slots=True)
class Spread:
    """One wave down the tree."""

    name: str
    bytes_mean: float
    bytes_max: int
    """To a grid, all messages on its link."""
    seconds: float
    """Until the last grid enforces it."""


@dataclass(frozen=True, slots=True)
class Found:
    """All figures of a run."""

    waves: tuple[Spread, ...]
    whole_bytes: int
    """To a grid that takes all of its bundles whole."""
    whole_change_bytes: int
    """The same when the city's alone is new."""
    grids: int
    cpu_s: float

    @property
    def ratio(self) -> float:
        """Bytes of the first slices over those of the whole bundles."""
        return self.waves[0].bytes_mean / self.whole_bytes


def resource(code: str) -> Resource:
    """An entry of the catalogue with FIELDS fields."""
    fields = tuple(Field(f"field_{place}", "string", title=f"信息项{place}", grade=place % 4) for place in range(FIELDS))
    base = city_bundle_contents(Level.PROVINCIAL).catalogue[0]
    return replace(base, code=code, title_zh=f"登记{code}", title_en=f"Register {code}", fields=fields, specimen=(), skeleton=())


def entry(number: int, code: str) -> Entry:
    """One entry of the negative list."""
    return Entry(f"NL-{number}", Verdict.DENY, code, basis=BASIS, approver=CITY.node, valid_to_us=END_US)


def codes_of(issuer: str, count: int) -> list[str]:
    """The resource codes that an issuer catalogues."""
    return [f"{issuer}-r{number}" for number in range(count)]


def bundles_of(resources: int, districts: Sequence[str]) -> dict[str, Bundle]:
    """What each issuer issues: a third of the resources each; nine in ten entries name a resource, the others all with a beginning."""
    share = resources // 3
    province = preset_bundle(Level.PROVINCIAL, issuer=PROVINCE.node, not_before_us=0, not_after_us=END_US)
    catalogue = (*province.contents.catalogue, *map(resource, codes_of(PROVINCE.node, share)))
    city_codes = codes_of(CITY.node, share)
    listed = min(ENTRIES, resources // 4)
    prefixes = [f"{CITY.node}-r{number}*" for number in range(listed // 10)]
    named = [city_codes[number * 7 % share] for number in range(listed - len(prefixes))]
    entries = tuple(entry(number, code) for number, code in enumerate([*named, *prefixes]))
    city = Contents(catalogue=tuple(map(resource, city_codes)), entries=entries)
    found = {PROVINCE.node: replace(province, contents=replace(province.contents, catalogue=catalogue))}
    found[CITY.node] = Bundle(CITY.node, Level.MUNICIPAL, 1, 0, END_US, city)
    for district in districts:
        contents = Contents(catalogue=tuple(map(resource, codes_of(district, share))))
        found[district] = Bundle(district, Level.DISTRICT, 1, 0, END_US, contents)
    return found


def places_of(grids: int, streets: int, share: int, shipped: Sequence[str]) -> list[Place]:
    """The tree, parents before children; grids share out what the departments have."""
    places = [Place(CITY.node, Level.MUNICIPAL, CITY.territory.code)]
    districts = [f"district-{number}" for number in range(DISTRICTS)]
    places += [Place(name, Level.DISTRICT, f"3702{number + 2:02d}", CITY.node, WIDE) for number, name in enumerate(districts)]
    for number in range(streets):
        over = number % DISTRICTS
        code = f"3702{over + 2:02d}{number + 1:03d}"
        places.append(Place(f"street-{number}", Level.STREET, code, districts[over], WIDE, tuple(shipped), is_sliced=True))
    for number in range(grids):
        street = number % streets
        above = places[1 + DISTRICTS + street]
        issuers = (PROVINCE.node, CITY.node, above.parent)
        own = tuple(f"{issuers[turn % 3]}-r{(number * OWN + turn) % share}" for turn in range(OWN))
        territory = f"{above.territory}{number // streets + 1:06d}"
        places.append(Place(f"grid-{number}", Level.GRID, territory, above.id, THIN, (*shipped, *own), is_sliced=True))
    return places


def seals_in(folder: Path) -> dict[str, BundleSeal]:
    """Seals of the issuers, and one (under no name) for all who only verify."""
    province = make_node(folder, PROVINCE)
    city = make_node(folder, CITY, parent=province)
    seals = {PROVINCE.node: BundleSeal(province), CITY.node: BundleSeal(city)}
    for number in range(DISTRICTS):
        facts = NodeFacts(f"district-{number}", Level.DISTRICT, Territory(f"3702{number + 2:02d}"))
        seals[facts.node] = BundleSeal(make_node(folder, facts, parent=city))
    seals[""] = BundleSeal(make_node(folder, NodeFacts("nobody", Level.DISTRICT, Territory("370299")), parent=city))
    return seals


def tree_in(folder: Path, grids: int, streets: int, resources: int) -> tuple[SpreadWorld, dict[str, BundleSeal]]:
    """The tree with everything issued and no link open."""
    seals, shipped = seals_in(folder / "identities"), shipped_codes()
    bundles = bundles_of(resources, [name for name in seals if name.startswith("district")])
    world = SpreadWorld(places_of(grids, streets, resources // 3, shipped), folder, lambda place: seals.get(place.id, seals[""]), Random(0))
    for issuer, bundle in bundles.items():
        at, seal = world.nodes.get(issuer, world.nodes[CITY.node]), seals[issuer]
        root = seal.own_root(bundle)
        assert root is not None, "an issuer signs its own"
        at.policy.cuts_slices = True
        at.policy.take([seal.sign(bundle).encode()], [encode_slice(alone(root))])
    return world, seals


def shipped_codes() -> list[str]:
    """The resources that ship."""
    return [one.code for one in city_bundle_contents(Level.PROVINCIAL).catalogue]


def measure(folder: Path, *, grids: int = GRIDS, streets: int = STREETS, resources: int = RESOURCES) -> Found:
    """All waves over one tree. Raises AssertionError when a node does not enforce what it must."""
    began_s = time.process_time()
    world, seals = tree_in(folder, grids, streets, resources)
    city, share = world.nodes[CITY.node], resources // 3
    above = [node.place.id for node in world.nodes.values() if node.place.parent and node.place.level > Level.GRID]
    for name in above:
        world.connect(name)
    world.run()
    waves = [_wave(world, "first slices, all grids at once", lambda: _connect_grids(world))]
    everywhere, rare = shipped_codes()[0], f"{CITY.node}-r{share - 1}"
    for epoch, (name, code) in enumerate(
        (
            ("an entry about a resource of every grid", everywhere),
            ("an entry about one resource of all", rare),
            ("an entry about a beginning of codes", f"{CITY.node}-r9*"),
        ),
        start=2,
    ):
        waves.append(_wave(world, name, lambda code=code, epoch=epoch: _deny(city, seals[CITY.node], code, epoch)))  # type: ignore[misc]
    _check_denied(world, everywhere)
    over = world.nodes[world.nodes[world.nodes["grid-0"].place.parent].place.parent].policy
    territory = world.nodes["grid-0"].place.territory
    whole = _message_bytes(over.missing_in(PolicyVersion(), territory))
    change = _message_bytes(over.missing_in(_without(over.version, CITY.node), territory))
    return Found(tuple(waves), whole, change, grids, time.process_time() - began_s)


def lines_of(found: Found) -> list[str]:
    """The figures as text."""
    lines = [f"{found.grids} grids; links of grids {THIN.bytes_s * 8 // 1_000} kbit/s, {2 * THIN.delay_us // 1_000} ms round trip"]
    lines += [
        f"{wave.name:<42} {wave.bytes_mean:>11,.0f} bytes a grid (most {wave.bytes_max:,})   all enforce it after {wave.seconds:6.2f} s"
        for wave in found.waves
    ]
    whole = {"whole bundles, all of them": found.whole_bytes, "whole bundle of the city, any change": found.whole_change_bytes}
    for name, size in whole.items():
        lines.append(f"{name:<42} {size:>11,} bytes a grid                 {size / THIN.bytes_s:>21,.0f} s on its link alone (computed)")
    lines.append(f"first slices / whole bundles {found.ratio:.4f} (at most {RATIO_MAX}); {found.cpu_s:.0f} s of CPU")
    return lines


def is_met(found: Found) -> bool:
    """True when every wave is in time and the ratio holds."""
    return found.ratio <= RATIO_MAX and all(wave.seconds <= SECONDS_MAX for wave in found.waves)


def targets(rounds: int) -> list[Target]:
    """G16, the spread: bytes of the first slices over the whole bundles, and the longest wave; one round, because nothing varies."""
    del rounds
    with tempfile.TemporaryDirectory(prefix="yb") as name:
        found = measure(Path(name))
    form = f"{GRIDS} grids at 50 kbit/s and 600 ms, {RESOURCES} resources x {FIELDS} fields, {ENTRIES} entries; simulated links"
    slowest = max(wave.seconds for wave in found.waves)
    return [
        Target("G16", "bytes of a grid's slices / its whole bundles", RATIO_MAX, False, (found.ratio,), form, tuple(lines_of(found))),
        Target("G16", "simulated s until every grid enforces a change", SECONDS_MAX, False, (slowest,), form),
    ]


def _connect_grids(world: SpreadWorld) -> None:
    for node in world.nodes.values():
        if node.place.level is Level.GRID:
            world.connect(node.place.id)


def _wave(world: SpreadWorld, name: str, begin: Callable[[], None]) -> Spread:
    """Begin something and let time pass until nothing is under way."""
    grids = [node for node in world.nodes.values() if node.place.level is Level.GRID]
    before, began_us = dict(world.network.bytes_sent), world.clock.us
    begin()
    world.run()
    sizes = [
        world.network.bytes_sent[node.place.parent, node.place.id] - before.get((node.place.parent, node.place.id), 0) for node in grids
    ]
    lacking = [node.place.id for node in grids if node.refused or not all(map(node.policy.covers, node.place.codes))]
    newest = world.nodes[CITY.node].policy.version.epoch(CITY.node)
    behind = [node.place.id for node in grids if node.policy.version.epoch(CITY.node) < newest]
    assert not lacking + behind, f"{name}: {len(lacking)} grids lack slices and {len(behind)} are behind"
    last_us = max(node.changed_us for node in grids)
    return Spread(name, statistics.fmean(sizes), max(sizes), (last_us - began_us) / MICROSECONDS)


def _deny(city: SpreadNode, seal: BundleSeal, code: str, epoch: int) -> None:
    held = city.policy.held(CITY.node)
    assert held is not None, "the city has issued"
    contents = replace(held.contents, entries=(*held.contents.entries, entry(ENTRIES + epoch, code)))
    city.policy.install(seal.sign(replace(held, epoch=epoch, contents=contents)))


def _check_denied(world: SpreadWorld, code: str) -> None:
    """Every node has come to the same plan."""
    for node in world.nodes.values():
        plan = node.policy.gate.book.plan(code, hops=1, way=Way.UP, level=Level.STREET)
        assert plan.base.verdict is Verdict.DENY, f"{node.place.id} does not deny {code}"


def _message_bytes(bundles: Sequence[bytes]) -> int:
    return sum(len(encode(message)) for message in bundle_messages(bundles))


def _without(version: PolicyVersion, issuer: str) -> PolicyVersion:
    return PolicyVersion.of({name: epoch for name, epoch in version.components if name != issuer})


def main() -> None:
    """Print the figures; exit status 1 when one misses its target."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grids", type=int, default=GRIDS)
    parser.add_argument("--resources", type=int, default=RESOURCES)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="yb") as name:
        found = measure(Path(name), grids=options.grids, resources=options.resources)
    print("\n".join(lines_of(found)))
    sys.exit(0 if is_met(found) else 1)


if __name__ == "__main__":
    main()

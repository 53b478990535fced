"""The rules that the policy benchmark measures: two presets, and a municipal bundle of 10,000 resources, 20 fields each, with 500 entries.

No two resources are alike: names, roles, grades and masks of their fields differ, or one compilation would stand for all. Called by
policy_bench.py.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from policies import Bundle, Resource
from policies.catalogue import Field
from policies.entry import Entry
from policies.presets import preset_bundle
from policies.words import Role, Verdict
from sync.model import Level

RESOURCES = 10_000
FIELDS = 20
ENTRIES = 500
NAMES = 400
"""Names that fields are given out of."""
TYPES = ("string", "string", "int64", "float64", "bool", "timestamp")
ROLES = (Role.DIRECT_ID, Role.QUASI_ID, Role.SENSITIVE, Role.PLAIN, Role.PLAIN, Role.PLAIN)
END_US = 4_000_000_000_000_000

PROVINCE = preset_bundle(Level.PROVINCIAL, issuer="province", not_before_us=0, not_after_us=END_US)
CITY = preset_bundle(Level.MUNICIPAL, issuer="city", not_before_us=0, not_after_us=END_US)


def large_catalogue() -> Bundle:
    """The municipal bundle with the large catalogue in place of the preset's."""
    rng = Random(16)
    (base,) = [resource for resource in PROVINCE.contents.catalogue if resource.code == "residents"]
    catalogue = tuple(_resource(base, number, rng) for number in range(RESOURCES))
    entries = tuple(_entry(CITY.contents.entries[0], number, catalogue[rng.randrange(RESOURCES)], rng) for number in range(ENTRIES))
    return replace(CITY, contents=replace(CITY.contents, catalogue=catalogue, entries=entries))


def _resource(base: Resource, number: int, rng: Random) -> Resource:
    names = [f"c{name}" for name in rng.sample(range(NAMES), FIELDS)]
    fields = tuple(
        Field(name, rng.choice(TYPES), role=rng.choice(ROLES), grade=rng.choice((0, 0, 0, 4)), mask=rng.choice(("", base.fields[0].mask)))
        for name in names
    )
    code = f"res-{number:05d}"
    return replace(base, code=code, fields=fields, grade=rng.randint(1, 4), specimen=(), specimen_listed=(), skeleton=(), derived=None)


def _entry(base: Entry, number: int, about: Resource, rng: Random) -> Entry:
    """Of ten entries, three judge rows, six name one resource; the others name a hundred by the beginning of their codes."""
    is_narrow = number % 10 < 6
    known = next((item.name for item in about.fields if item.type == "string"), "")
    is_row_wise = is_narrow and number % 2 == 0 and bool(known)
    return replace(
        base,
        id=f"NL-{number}",
        effect=rng.choice((Verdict.DENY, Verdict.AGGREGATE, Verdict.MASK)),
        resource=about.code if is_narrow else f"{about.code[:-2]}*",
        fields=(about.fields[0].name,) if number % 3 == 0 else (),
        predicate=f"{known} IN ('a', 'b')" if is_row_wise else "",
        categories=(),
        territories=(),
        levels=rng.choice(((), (Level.MUNICIPAL, Level.PROVINCIAL), (Level.STREET,))),
    )

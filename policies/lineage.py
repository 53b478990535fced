"""What a resource inherits from those it is made of, row by row (POLICY hard case 7): it is as strict as the strictest of them.

Owns: grades, national class, share type and categories of derived rows, and which entries of the negative list are about them too. Refuses
nothing: a resource made of one that nobody catalogued is held as ungraded. Totals are not made row by row and are not meant here: they
have a release rule (release.py). Called by ruleset.py, compile.py and by whoever asks what an entry is about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from policies.catalogue import Field, Resource
from policies.entry import Entry
from policies.words import NATIONAL_ORDER, SHARE_ORDER, Role


def is_about(entry: Entry, resource: Resource) -> bool:
    """True when the entry selects the resource or one that it is made of; `resource` is one of a ruleset."""
    if not resource.lineage:
        return entry.selects(resource.code, resource.categories)
    return any(entry.selects(code, resource.categories) for code in (resource.code, *resource.lineage))


def inherited(resources: Mapping[str, Resource]) -> dict[str, Resource]:
    """The resources with what they inherit; `lineage` then names every resource that they come from over all steps."""
    return {code: _heir(resource, resources) if resource.lineage else resource for code, resource in resources.items()}


def ancestors(resource: Resource, resources: Mapping[str, Resource]) -> tuple[str, ...]:
    """Codes of all resources that `resource` comes from, known or not, sorted; one that comes from itself ends there."""
    found, ahead = set[str](), list(resource.lineage)
    while ahead:
        code = ahead.pop()
        if code not in found and code != resource.code:
            found.add(code)
            ahead += resources[code].lineage if code in resources else ()
    return tuple(sorted(found))


def _heir(resource: Resource, resources: Mapping[str, Resource]) -> Resource:
    codes = ancestors(resource, resources)
    line = [resource, *(resources[code] for code in codes if code in resources)]
    is_graded = len(line) == len(codes) + 1 and all(each.grade for each in line)
    return replace(
        resource,
        lineage=codes,
        grade=max(each.grade for each in line) if is_graded else 0,
        national=max((each.national for each in line), key=NATIONAL_ORDER.index),
        share=max((each.share for each in line), key=SHARE_ORDER.index),
        categories=tuple(sorted({category for each in line for category in each.categories})),
        fields=tuple(_heir_field(item, line[1:]) for item in resource.fields),
    )


def _heir_field(item: Field, line: list[Resource]) -> Field:
    """A field that has the name of one it may come from is what that one is."""
    for other in (each for resource in line for each in resource.fields if each.name == item.name):
        item = replace(
            item,
            grade=max(item.grade, other.grade),
            role=other.role if item.role is Role.PLAIN else item.role,
            mask=item.mask or other.mask,
            category=item.category or other.category,
        )
    return item

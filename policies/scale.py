"""From how many persons on a set of records is a candidate for important data: a table in bundles (POLICY, hard case 8).

The scale (规模) of a set is a factor of its national grade (GB/T 43697-2024). The numbers are a table, because nobody has fixed them.
Several issuers' tables combine to the smallest number. Called by bundles and by whoever counts (node/accumulation).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from policies.catalogue import Resource
from policies.reading import Reader
from policies.words import Role

PERSONS_MAX = 1 << 40


@dataclass(frozen=True, slots=True)
class Scale:
    """One line of the table."""

    resource: str
    """Resource code, or a prefix ending in `*`."""
    persons: int
    """Distinct persons at one holder from which on the set is a candidate."""
    field: str = ""
    """Field that tells persons apart; empty: the first that identifies directly."""

    @classmethod
    def of(cls, value: object, where: str) -> Scale:
        """A line from decoded JSON or TOML; raises BundleError."""
        reader = Reader(value, where)
        built = cls(reader.text("resource"), reader.integer("persons", low=1, high=PERSONS_MAX), reader.text("field", ""))
        reader.done()
        return built

    def encoded(self) -> dict[str, object]:
        """The inverse of `of`."""
        return {"resource": self.resource, "persons": self.persons, "field": self.field}

    def means(self, code: str) -> bool:
        """True when it is about this resource."""
        return code.startswith(self.resource[:-1]) if self.resource.endswith("*") else code == self.resource


def scale_for(scales: Iterable[Scale], resource: Resource) -> tuple[int, str] | None:
    """The smallest number of persons for a resource, and the field that tells them apart; None when nothing is to be counted."""
    meant = [one for one in scales if one.means(resource.code)]
    if not meant or resource.is_of_facts:
        return None
    strictest = min(meant, key=lambda one: (one.persons, one.field))
    names = [item.name for item in resource.fields if item.type == "string"]
    direct = [item.name for item in resource.fields if item.role is Role.DIRECT_ID and item.name in names]
    chosen = strictest.field if strictest.field in names else next(iter(direct), "")
    return (strictest.persons, chosen) if chosen else None

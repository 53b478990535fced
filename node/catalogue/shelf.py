"""The catalogue in force as one list that is searched: every issuer's entries merged, with who defines each.

Made anew for each policy version and then read only, by any thread. Called by the desk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from node.catalogue.cells import folded
from policies.bundle import Bundle
from policies.catalogue import Resource
from policies.ruleset import Ruleset
from policies.words import Share


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries; what is empty or None is not asked."""

    text: str = ""
    """Words that all stand somewhere in code, titles, national code, provider, owner, abstract or class names."""
    provider: str = ""
    issuer: str = ""
    library: str = ""
    grade: int | None = None
    share: Share | None = None


@dataclass(frozen=True, slots=True)
class Shelved:
    """One entry on the shelf."""

    resource: Resource
    issuer: str
    """Who defines it: the highest of those who have it."""
    haystack: str


class Shelf:
    """All entries, by code."""

    def __init__(self, ruleset: Ruleset, bundles: Mapping[str, Bundle]) -> None:
        ordered = sorted(bundles.values(), key=lambda bundle: (bundle.level, bundle.issuer), reverse=True)
        definers: dict[str, str] = {}
        for bundle in ordered:
            for resource in bundle.contents.catalogue:
                definers.setdefault(resource.code, bundle.issuer)
        self.entries: dict[str, Shelved] = {
            code: Shelved(resource, definers.get(code, ""), _haystack(resource)) for code, resource in sorted(ruleset.resources.items())
        }

    def matching(self, wanted: Filter) -> Iterator[Shelved]:
        """The entries that a filter lets through, by code."""
        words, provider = folded(wanted.text).split(), folded(wanted.provider)
        for entry in self.entries.values():
            resource = entry.resource
            if wanted.grade is not None and resource.grade != wanted.grade:
                continue
            if wanted.share is not None and resource.share is not wanted.share:
                continue
            if (wanted.library and resource.library != wanted.library) or (wanted.issuer and entry.issuer != wanted.issuer):
                continue
            if provider and provider not in folded(resource.provider):
                continue
            if all(word in entry.haystack for word in words):
                yield entry


def _haystack(resource: Resource) -> str:
    listing = resource.listing
    parts = (resource.code, resource.title_zh, resource.title_en, resource.provider, resource.owner, listing.national_code)
    return folded("\n".join((*parts, listing.abstract, *listing.class_names)))

"""All bundles in force as one set of rules: strictest wins, whoever issued it.

Owns the combination of issuers. Refuses two bundles of one issuer. Called by node when its bundles change; the result feeds the
compiler.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce

from policies.bundle import Bundle, check_predicates, schemas_of
from policies.catalogue import Field, Resource
from policies.ceiling import Ceiling, ReleaseRule, rules_by_grade
from policies.entry import Entry
from policies.errors import BundleError
from policies.lineage import inherited
from policies.masks import Mask
from policies.regrade import Regrade
from policies.scale import Scale
from policies.territories import Change, merged_changes
from policies.words import NATIONAL_ORDER, SHARE_ORDER
from sync.model import Level, PolicyVersion


@dataclass(frozen=True, slots=True)
class IssuedEntry:
    """A negative-list entry with who issued it."""

    issuer: str
    level: Level
    entry: Entry


@dataclass(frozen=True, slots=True)
class IssuedRegrade:
    """Grades of single records with who issued them."""

    issuer: str
    level: Level
    regrade: Regrade


@dataclass(frozen=True, slots=True)
class Ruleset:
    """What is in force at a node."""

    version: PolicyVersion = PolicyVersion()
    resources: Mapping[str, Resource] = field(default_factory=dict)
    ceiling: Ceiling | None = None
    entries: tuple[IssuedEntry, ...] = ()
    masks: Mapping[str, Mask] = field(default_factory=dict)
    release: Mapping[int, ReleaseRule] = field(default_factory=dict)
    regrades: tuple[IssuedRegrade, ...] = ()
    successors: tuple[Change, ...] = ()
    """Changes of territories, those whose date is ahead too."""
    scales: tuple[Scale, ...] = ()
    not_before_us: int = 0
    not_after_us: int = 0
    """The first moment at which any bundle in force is past its end; 0 when there is no bundle."""

    @property
    def is_empty(self) -> bool:
        """True when no bundle is in force: everything is held."""
        return not self.version.components

    def is_stale(self, now_us: int) -> bool:
        """True in degraded mode: a bundle is past its end or not yet begun."""
        return not self.is_empty and not self.not_before_us <= now_us < self.not_after_us

    def next_change_us(self, now_us: int) -> int | None:
        """The next moment at which plans must be compiled again because a date passes; None when none is ahead."""
        return min((moment for moment in self._moments() if moment > now_us), default=None)

    def last_change_us(self, now_us: int) -> int:
        """The last moment up to `now_us` at which a date passed: a clock set back behind it makes other plans; 0 when none did."""
        return max((moment for moment in self._moments() if moment <= now_us), default=0)

    def _moments(self) -> list[int]:
        moments = [self.not_before_us, self.not_after_us]
        moments += [change.from_us for change in self.successors]
        for issued in self.entries:
            moments += [issued.entry.valid_from_us, issued.entry.valid_to_us]
        return moments


def merge(bundles: Iterable[Bundle]) -> Ruleset:
    """The rules of all bundles together, one per issuer; raises BundleError, PredicateError. The order of `bundles` does not matter."""
    ordered = sorted(bundles, key=lambda bundle: (-bundle.level, bundle.issuer))
    if not ordered:
        return Ruleset()
    version = PolicyVersion.of({bundle.issuer: bundle.epoch for bundle in ordered})
    if len(version.components) != len(ordered):
        raise BundleError("bundles refused: two of one issuer; keep the newest epoch of each")
    resources = _merge_resources(ordered)
    entries = tuple(IssuedEntry(bundle.issuer, bundle.level, entry) for bundle in ordered for entry in bundle.contents.entries)
    check_predicates(tuple(issued.entry for issued in entries), schemas_of(tuple(resources.values())))
    return Ruleset(
        version=version,
        resources=resources,
        ceiling=_merge_ceilings(ordered),
        entries=entries,
        masks=_merge_masks(ordered),
        release=rules_by_grade(tuple(rule for bundle in ordered for rule in bundle.contents.release)),
        scales=tuple(one for bundle in ordered for one in bundle.contents.scales),
        regrades=tuple(IssuedRegrade(bundle.issuer, bundle.level, one) for bundle in ordered for one in bundle.contents.regrades),
        successors=merged_changes(bundle.contents.successors for bundle in ordered),
        not_before_us=max(bundle.not_before_us for bundle in ordered),
        not_after_us=min(bundle.not_after_us for bundle in ordered),
    )


def _merge_ceilings(bundles: list[Bundle]) -> Ceiling | None:
    tables = [bundle.contents.ceiling for bundle in bundles if bundle.contents.ceiling is not None]
    return reduce(Ceiling.strictest, tables) if tables else None


def _merge_masks(bundles: list[Bundle]) -> dict[str, Mask]:
    masks: dict[str, Mask] = {}
    for bundle in bundles:
        for name, mask in bundle.contents.masks:
            known = masks.get(name)
            masks[name] = mask if known is None else max(known, mask, key=lambda candidate: candidate.strength)
    return masks


def _merge_resources(bundles: list[Bundle]) -> dict[str, Resource]:
    """The highest issuer defines a resource; others can only make it stricter."""
    resources: dict[str, Resource] = {}
    for bundle in bundles:
        for resource in bundle.contents.catalogue:
            known = resources.get(resource.code)
            resources[resource.code] = resource if known is None else _stricter(known, resource)
    return inherited(resources)


def _stricter(base: Resource, other: Resource) -> Resource:
    others = {entry.name: entry for entry in other.fields}
    return replace(
        base,
        grade=max(base.grade, other.grade) if base.grade else 0,
        share=max(base.share, other.share, key=SHARE_ORDER.index),
        national=max(base.national, other.national, key=NATIONAL_ORDER.index),
        categories=tuple(sorted({*base.categories, *other.categories})),
        lineage=tuple(sorted({*base.lineage, *other.lineage})),
        returns=base.returns and other.returns,
        fields=tuple(_stricter_field(entry, others.get(entry.name)) for entry in base.fields),
        quality=base.quality.joined(other.quality, frozenset(entry.name for entry in base.fields)) if other.quality else base.quality,
    )


def _stricter_field(base: Field, other: Field | None) -> Field:
    return base if other is None else replace(base, grade=max(base.grade, other.grade))

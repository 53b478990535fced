"""Entries of two levels that say different things about the same flow (POLICY, hard case 5). The strictest holds; people are told.

Pure; called by the desk of reviews.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from policies.entry import Entry
from policies.lineage import is_about
from policies.ruleset import IssuedEntry, Ruleset
from policies.words import Verdict, Way
from sync.model import code_contains

_NEVER_UNSAID = frozenset({Way.RETURN})
"""Ways that an entry must name to be about them."""
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two live entries of different levels."""

    upper: IssuedEntry
    """Of the higher level."""
    lower: IssuedEntry
    resources: tuple[str, ...]
    """Codes that both select, sorted."""

    @property
    def key(self) -> str:
        """Names the pair."""
        return f"{self.upper.issuer}/{self.upper.entry.id} {self.lower.issuer}/{self.lower.entry.id}"


def contradictions(rules: Ruleset, *, live: Iterable[int]) -> list[Contradiction]:
    """The pairs among `rules.entries` at the places in `live`, sorted by key."""
    chosen = [rules.entries[place] for place in sorted(live) if rules.entries[place].entry.effect is not Verdict.HOLD]
    found = [pair for upper in chosen for lower in chosen if upper.level > lower.level for pair in _meeting(rules, upper, lower)]
    return sorted(found, key=lambda one: one.key)


def _meeting(rules: Ruleset, upper: IssuedEntry, lower: IssuedEntry) -> Iterator[Contradiction]:
    one, other = upper.entry, lower.entry
    if (one.effect, set(one.fields)) == (other.effect, set(other.fields)) and one.exemptions == other.exemptions:
        return
    if not (_ways(one) & _ways(other) and _any_both(one.levels, other.levels) and _any_both(one.purposes, other.purposes)):
        return
    if one.predicate and other.predicate and one.predicate != other.predicate:
        return
    if one.territories and other.territories and not any(_touch(left, right) for left in one.territories for right in other.territories):
        return
    both = [code for code, item in rules.resources.items() if is_about(one, item) and is_about(other, item)]
    if both:
        yield Contradiction(upper, lower, tuple(sorted(both)))


def _ways(entry: Entry) -> frozenset[Way]:
    return frozenset(entry.ways) or frozenset(Way) - _NEVER_UNSAID


def _any_both(left: Sequence[_Item], right: Sequence[_Item]) -> bool:
    """True when two selectors, of which an empty one selects everything, meet."""
    return not left or not right or any(item in right for item in left)


def _touch(left: str, right: str) -> bool:
    return code_contains(left, right) or code_contains(right, left)

"""The recall orders that the bundles in force give. Pure.

An order is an entry with its digest: an entry that is changed is another order. It is in force from the entry's first day until
RECALL_LIFE_US after its last one, for as long as its issuer's bundle holds it: a node that was away while the entry was live has older
records, and complies when it comes back. A revoked entry leaves the bundle and with it the order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from policies.bundle import canonical_json
from policies.catalogue import Resource
from policies.entry import Entry, Retroactive
from policies.lineage import is_about
from policies.regrade import Regrade
from policies.ruleset import IssuedRegrade, Ruleset
from policies.words import Verdict, Way
from sync.model import Level

RECALL_LIFE_US = 90 * 86_400 * 1_000_000
"""Time past its entry's end in which an order is still carried out: as long as the issuer's bundle keeps it, and a node may be away."""
DIGEST_CHARS = 16
_HELD_WAYS = (Way.UP, Way.RETURN)
"""Flows by which records come to lie at a node that did not make them."""


@dataclass(frozen=True, slots=True)
class Order:
    """One entry that recalls."""

    id: str
    """Entry and digest, the same at every node."""
    issuer: str
    entry: Entry

    def means(self, resource: Resource) -> bool:
        """True when it is about this resource; facts about cases are never recalled."""
        return not resource.is_of_facts and is_about(self.entry, resource)

    def targets(self, resource: Resource, level: Level) -> bool:
        """True when a node of this level may not hold what it recalls, whichever way that came."""
        return any(self.entry.targets(way, level, resource.purpose) for way in _HELD_WAYS)


@dataclass(frozen=True, slots=True)
class RegradeOrder(Order):
    """A raise of single records: what a holder may not have at that grade is recalled (node/regrading/recalling.py)."""

    regrade: Regrade

    @classmethod
    def of(cls, issued: IssuedRegrade) -> RegradeOrder:
        """The order of a raise; its entry only names it and says since when."""
        one = issued.regrade
        digest = hashlib.sha256(canonical_json(one.encoded())).hexdigest()[:DIGEST_CHARS]
        entry = Entry(one.id, Verdict.DENY, one.resource, basis=one.basis, approver=one.approver, valid_from_us=one.approved_us)
        return cls(f"{one.id}@{digest}", issued.issuer, entry, one)

    def targets(self, resource: Resource, level: Level) -> bool:
        """Every node may hold some of the records."""
        return True


def orders_of(ruleset: Ruleset, now_us: int) -> list[Order]:
    """The orders in force, sorted by id."""
    found = [Order(order_id(one.entry), one.issuer, one.entry) for one in ruleset.entries if _is_due(one.entry, now_us)]
    found += [RegradeOrder.of(one) for one in ruleset.regrades if one.regrade.raises and not one.regrade.fault]
    return sorted(found, key=lambda order: order.id)


def orders_known(ruleset: Ruleset) -> frozenset[str]:
    """The orders that the bundles hold, whatever the date: none of these is over while the clock is in doubt."""
    entries = {order_id(one.entry) for one in ruleset.entries if one.entry.retroactive is Retroactive.RECALL}
    return frozenset(entries | {RegradeOrder.of(one).id for one in ruleset.regrades if one.regrade.raises})


def order_id(entry: Entry) -> str:
    """The name of an order."""
    return f"{entry.id}@{hashlib.sha256(canonical_json(entry.encoded())).hexdigest()[:DIGEST_CHARS]}"


def resources_of(order: Order, resources: Iterable[Resource]) -> list[Resource]:
    """The resources that an order is about, sorted by code."""
    return sorted((resource for resource in resources if order.means(resource)), key=lambda resource: resource.code)


def _is_due(entry: Entry, now_us: int) -> bool:
    if entry.retroactive is not Retroactive.RECALL:
        return False
    # Judged at its first moment: whether it has a basis, an approver and an end is not a question of today's clock.
    is_sound, _ = entry.effect_of(entry.valid_from_us)
    return is_sound and entry.valid_from_us <= now_us < entry.valid_to_us + RECALL_LIFE_US

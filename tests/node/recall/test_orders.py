"""Which entries are orders, and until when."""

from __future__ import annotations

from dataclasses import replace

import pytest

from node.recall.orders import RECALL_LIFE_US, order_id, orders_of, resources_of
from policies.entry import Entry, Retroactive
from policies.errors import BundleError
from policies.ruleset import IssuedEntry
from policies.words import Verdict, Way
from sync.model import Level
from tests.node.identity.family import DAY_US, NOW_US
from tests.node.recall.holder import RESOURCE, entry
from tests.policies.city import city


def orders(made: Entry, now_us: int = NOW_US) -> list[str]:
    rules = replace(city(), entries=(IssuedEntry("shandong", Level.PROVINCIAL, made),))
    return [order.id for order in orders_of(rules, now_us)]


def test_an_entry_that_recalls_is_an_order_named_after_what_it_says() -> None:
    (found,) = orders(entry())
    assert found == order_id(entry())
    assert found.startswith("NL-1@")
    assert orders(entry(appeal="elsewhere")) != [found]


@pytest.mark.parametrize("kind", [Retroactive.NONE, Retroactive.STOP])
def test_other_entries_are_none(kind: Retroactive) -> None:
    assert orders(entry(retroactive=kind)) == []


@pytest.mark.parametrize("lack", [{"approver": ""}, {"basis": None}, {"valid_to_us": 0}])
def test_an_entry_without_effect_recalls_nothing(lack: dict[str, object]) -> None:
    assert orders(replace(entry(), **lack)) == []  # type: ignore[arg-type]


def test_an_order_lives_as_long_as_a_node_may_be_away() -> None:
    made = entry()
    assert orders(made, made.valid_from_us - 1) == []
    assert orders(made, made.valid_to_us + RECALL_LIFE_US - 1) != []
    assert orders(made, made.valid_to_us + RECALL_LIFE_US) == []
    assert RECALL_LIFE_US == 90 * DAY_US


def test_facts_about_cases_are_never_recalled() -> None:
    rules = replace(city(), entries=(IssuedEntry("shandong", Level.PROVINCIAL, entry(resource="*", predicate="")),))
    (order,) = orders_of(rules, NOW_US)
    codes = [resource.code for resource in resources_of(order, rules.resources.values())]
    assert RESOURCE in codes
    assert not {"list-cases", "requests", "recalls"} & set(codes)


def test_the_key_is_read_and_only_written_when_it_says_something() -> None:
    assert "retroactive" not in entry(retroactive=Retroactive.NONE).encoded()
    for kind in Retroactive:
        assert Entry.of(entry(retroactive=kind).encoded(), "entry").retroactive is kind


def test_a_provisional_hold_cannot_recall() -> None:
    with pytest.raises(BundleError, match="a hold is provisional and an erasure is not"):
        Entry.of({**entry().encoded(), "effect": Verdict.HOLD.word}, "entry")


def test_a_word_that_is_none_is_refused() -> None:
    with pytest.raises(BundleError, match="'erase' is not one of none, stop, recall"):
        Entry.of({**entry().encoded(), "retroactive": "erase"}, "entry")


def test_a_holder_is_meant_by_either_way_that_records_come() -> None:
    (order,) = orders_of(replace(city(), entries=(IssuedEntry("a", Level.PROVINCIAL, entry(ways=(Way.RETURN,))),)), NOW_US)
    assert order.targets(city().resources[RESOURCE], Level.STREET)
    (sideways,) = orders_of(replace(city(), entries=(IssuedEntry("a", Level.PROVINCIAL, entry(ways=(Way.SIDEWAYS,))),)), NOW_US)
    assert not sideways.targets(city().resources[RESOURCE], Level.STREET)

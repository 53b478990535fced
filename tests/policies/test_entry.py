"""Negative-list entries: effect only with basis, approver and validity."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policies import Basis, BundleError, Entry, Verdict, Way
from policies.entry import CLOCK_UNSURE_US, Exemption
from policies.presets import city_bundle_contents
from sync.model import ClockQuality, Level
from tests.policies.city import NOW_US

SHIPPED = city_bundle_contents(Level.MUNICIPAL).entries[0]
UNSURE = ClockQuality(uncertainty_us=CLOCK_UNSURE_US + 1)


def test_the_shipped_entry_is_a_demonstration_and_live() -> None:
    assert SHIPPED.demonstration
    assert SHIPPED.effect_of(NOW_US) == (True, "live")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"basis": None}, "no-basis"),
        ({"basis": Basis("law", "1", "", "")}, "no-basis"),
        ({"basis": Basis("law", "1", "quote", "00")}, "basis-hash"),
        ({"approver": ""}, "no-approver"),
        ({"valid_to_us": 0}, "no-end"),
        ({"valid_from_us": NOW_US + 1}, "not-yet"),
        ({"valid_to_us": NOW_US}, "expired"),
    ],
)
def test_an_entry_that_lacks_something_has_no_effect_and_says_so(change: dict[str, object], why: str) -> None:
    assert replace(SHIPPED, **change).effect_of(NOW_US) == (False, why)  # type: ignore[arg-type]


def test_an_entry_outlives_its_dates_in_degraded_mode() -> None:
    assert replace(SHIPPED, valid_to_us=NOW_US).effect_of(NOW_US, degraded=True) == (True, "degraded")
    assert replace(SHIPPED, valid_from_us=NOW_US + 1).effect_of(NOW_US, degraded=True) == (True, "degraded")
    assert replace(SHIPPED, approver="").effect_of(NOW_US, degraded=True) == (False, "no-approver")


@pytest.mark.parametrize("effect", [Verdict.DENY, Verdict.HOLD, Verdict.AGGREGATE, Verdict.MASK])
def test_an_unsure_clock_keeps_an_entry_live_whatever_its_effect(effect: Verdict) -> None:
    assert replace(SHIPPED, effect=effect, valid_to_us=NOW_US).effect_of(NOW_US, UNSURE) == (True, "clock-unsure")


def test_an_unsure_clock_keeps_an_entry_live_in_both_directions() -> None:
    assert replace(SHIPPED, valid_to_us=NOW_US).effect_of(NOW_US, UNSURE) == (True, "clock-unsure")
    assert replace(SHIPPED, valid_from_us=NOW_US + 1).effect_of(NOW_US, UNSURE) == (True, "clock-unsure")
    assert replace(SHIPPED, basis=None).effect_of(NOW_US, UNSURE) == (False, "no-basis")


def test_return_must_be_named() -> None:
    everywhere = replace(SHIPPED, ways=())
    assert everywhere.targets(Way.UP, Level.DISTRICT, "")
    assert not everywhere.targets(Way.RETURN, Level.DISTRICT, "")
    assert replace(SHIPPED, ways=(Way.RETURN,)).targets(Way.RETURN, Level.DISTRICT, "")


def test_only_the_approver_can_exempt() -> None:
    own, other = Exemption(SHIPPED.approver, ("emergency",)), Exemption("someone", ("emergency",))
    assert not replace(SHIPPED, exemptions=(own,)).targets(Way.UP, Level.DISTRICT, "emergency")
    assert replace(SHIPPED, exemptions=(own,)).targets(Way.UP, Level.DISTRICT, "statistics")
    assert replace(SHIPPED, exemptions=(other,)).targets(Way.UP, Level.DISTRICT, "emergency")


def test_an_entry_reads_back_as_written() -> None:
    assert Entry.of(SHIPPED.encoded(), "entry") == SHIPPED


def test_an_entry_cannot_allow() -> None:
    with pytest.raises(BundleError, match="effect 'allow' is not one of"):
        Entry.of({**SHIPPED.encoded(), "effect": Verdict.ALLOW.word}, "entry")

"""Units and ranges of a profile, applied to readings."""

from __future__ import annotations

import pytest

from node.ingest.errors import DecodeError
from node.ingest.rules import QuantityRule, QuantityRules
from node.ingest.sink import Reading
from tests.node.ingest.parts import NOW_US, TERRITORY


def reading(value: float | None, unit: str | None = None, quantity: str = "temperature") -> Reading:
    """A reading as a decoder gives it."""
    return Reading(NOW_US, TERRITORY, 1, "d1", quantity, value, None, unit)


def applied(rule: QuantityRule, value: float | None, unit: str | None = None) -> Reading:
    """What becomes of one value."""
    (found,) = QuantityRules({"temperature": rule}).applied([reading(value, unit)])
    return found


def test_a_value_is_stored_in_the_unit_of_the_profile() -> None:
    found = applied(QuantityRule("[degF]", "Cel"), 212.0)
    assert found.value == pytest.approx(100.0)
    assert (found.unit, found.text) == ("Cel", None)


def test_the_unit_that_a_message_names_wins_and_its_own_word_is_known() -> None:
    found = applied(QuantityRule("Cel", "Cel", words={"F": "[degF]"}), 32.0, "F")
    assert found.value == pytest.approx(0.0, abs=1e-9)
    assert found.unit == "Cel"


def test_a_unit_that_does_not_convert_refuses_the_message() -> None:
    with pytest.raises(DecodeError) as refused:
        applied(QuantityRule("Cel", "Cel"), 1.0, "kg")
    assert refused.value.reason == "unit_does_not_convert"
    assert "kg" in refused.value.detail


def test_a_value_outside_stays_as_text_and_is_no_number() -> None:
    found = applied(QuantityRule("Cel", "Cel", low=-40.0, high=85.0), -127.0)
    assert (found.value, found.text, found.unit) == (None, "outside -40 to 85: -127", "Cel")


def test_a_range_counts_in_the_stored_unit_and_its_ends_belong_to_it() -> None:
    rule = QuantityRule("cm", "m", low=0.0, high=2.0)
    assert [applied(rule, value).value for value in (0.0, 200.0, 201.0)] == [0.0, 2.0, None]


def test_a_strict_quantity_refuses_the_whole_message() -> None:
    with pytest.raises(DecodeError) as refused:
        applied(QuantityRule("Cel", "Cel", high=85.0, refuses=True), 90.0)
    assert refused.value.reason == "out_of_range"


def test_what_no_rule_names_is_taken_as_it_comes() -> None:
    other = reading(5.0, "anything", "other")
    assert QuantityRules({"temperature": QuantityRule("Cel", "Cel")}).applied([other]) == [other]


def test_a_value_that_overflows_in_the_stored_unit_is_refused() -> None:
    with pytest.raises(DecodeError) as refused:
        applied(QuantityRule("km", "nm"), 1e300)
    assert refused.value.reason == "bad_value"

"""A sensor's condition, and the newest values it looks at."""

from __future__ import annotations

import pytest

from edge_ai.condition import VALUE_AGE_S_MAX, VALUES_MAX, Condition, SensorValues, parse_condition
from edge_ai.errors import SpecError
from edge_ai.wire.states import Value
from sync.model import Instant


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("water-level of gauge-7 > 0.3", Condition("water-level", "gauge-7", ">", 0.3)),
        ("temperature of 水表/1 <= -4", Condition("temperature", "水表/1", "<=", -4.0)),
    ],
)
def test_condition_is_read_from_its_text(text: str, condition: Condition) -> None:
    assert parse_condition(text) == condition


@pytest.mark.parametrize("text", ["", "level > 1", "level of g = 1", "level of g > x", "level of g > 1e999", "level of g > 1 or 1 > 0"])
def test_text_that_is_no_condition_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(SpecError, match="write METRIC of DEVICE > VALUE"):
        parse_condition(text)


@pytest.mark.parametrize(
    ("sign", "holds"), [(">", [False, False, True]), (">=", [False, True, True]), ("<", [True, False, False]), ("<=", [True, True, False])]
)
def test_signs_mean_what_they_say(sign: str, holds: list[bool]) -> None:
    found = []
    for value in (0.0, 1.0, 2.0):
        values = SensorValues()
        values.take("d", "m", value, Instant(0))
        found.append(parse_condition(f"m of d {sign} 1").holds(values, Instant(0)))
    assert found == holds


def test_unknown_old_and_senseless_values_make_nothing_true() -> None:
    values, condition = SensorValues(), parse_condition("m of d > 0")
    assert not condition.holds(values, Instant(0))
    values.take("d", "m", float("nan"), Instant(0))
    assert not condition.holds(values, Instant(0))
    values.take("d", "m", 1.0, Instant(0))
    assert condition.holds(values, Instant(0).plus(VALUE_AGE_S_MAX))
    assert not condition.holds(values, Instant(0).plus(VALUE_AGE_S_MAX + 1))


def test_value_unheard_of_longest_makes_room() -> None:
    values = SensorValues()
    for index in range(VALUES_MAX + 1):
        values.take(f"d{index}", "m", 1.0, Instant(0))
    assert values.newest("d0", "m", Instant(0)) is None
    assert values.newest(f"d{VALUES_MAX}", "m", Instant(0)) == 1.0


def test_a_value_that_the_node_tells_late_counts_from_when_it_was_said() -> None:
    values, now = SensorValues(), Instant(0).plus(10_000)
    values.hear(Value(device="d", metric="m", value=1.0, age_s=VALUE_AGE_S_MAX - 100), now)
    assert values.newest("d", "m", now.plus(100)) == 1.0
    assert values.newest("d", "m", now.plus(101)) is None

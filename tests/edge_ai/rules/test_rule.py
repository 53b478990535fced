"""When a rule is on: schedule and sensor."""

from __future__ import annotations

import pytest

from edge_ai.condition import VALUE_AGE_S_MAX, SensorValues
from edge_ai.errors import SpecError
from edge_ai.rules import Rule, RuleOutcome
from edge_ai.spec import RuleKind
from sync.model import Instant
from tests.edge_ai.rules.scripted import CLASSES, SIZE, said, spec, track

MONDAY_0600_UTC = 1_700_460_000_000_000 - 1_700_460_000_000_000 % 86_400_000_000 + 6 * 3_600_000_000
"""20 November 2023, 14:00 in Beijing."""
HOUR_US = 3_600_000_000


def visit(rule: Rule, at_s: float, count: int, *, wall_us: int = 0) -> list[RuleOutcome]:
    outcomes: list[RuleOutcome] = []
    for step in range(count):
        outcomes += rule.update([track(50, 50)], frozenset({1}), SIZE, Instant(0).plus(at_s + step * 0.2), wall_us=wall_us)
    return outcomes


def test_rule_speaks_only_in_its_windows_of_local_time() -> None:
    rule = Rule(spec(RuleKind.ZONE, schedule=("mon-fri 13:00-15:00",)), CLASSES, utc_offset_minutes=480)
    assert visit(rule, 0, 5, wall_us=MONDAY_0600_UTC - 2 * HOUR_US) == []
    assert said(visit(rule, 10, 5, wall_us=MONDAY_0600_UTC)) == ["begun"]
    assert said(visit(rule, 20, 5, wall_us=MONDAY_0600_UTC + 2 * HOUR_US)) == ["ended"]


def test_rule_with_a_condition_speaks_only_while_a_young_value_holds() -> None:
    values = SensorValues()
    rule = Rule(spec(RuleKind.ZONE, when="water-level of gauge-7 > 0.3"), CLASSES, values=values)
    assert visit(rule, 0, 5) == []
    values.take("gauge-7", "water-level", 0.5, Instant(0).plus(10))
    assert said(visit(rule, 10, 5)) == ["begun"]
    values.take("gauge-7", "water-level", 0.2, Instant(0).plus(20))
    assert said(visit(rule, 20, 5)) == ["ended"]
    values.take("gauge-7", "water-level", 0.5, Instant(0).plus(30))
    assert visit(rule, 30 + VALUE_AGE_S_MAX + 1, 5) == []


def test_stay_begins_anew_when_a_rule_comes_on() -> None:
    values = SensorValues()
    rule = Rule(spec(RuleKind.DWELL, dwell_s=2.0, when="level of g > 1"), CLASSES, values=values)
    visit(rule, 0, 50)
    values.take("g", "level", 2.0, Instant(0).plus(10))
    assert visit(rule, 10, 8) == []
    assert said(visit(rule, 11.6, 8)) == ["begun"]


def test_what_is_seen_with_a_low_score_or_where_nothing_counts_makes_no_event() -> None:
    corner = (((0.45, 0.45), (0.55, 0.45), (0.55, 0.55), (0.45, 0.55)),)
    assert visit(Rule(spec(RuleKind.ZONE, leave_out=corner), CLASSES), 0, 5) == []
    assert visit(Rule(spec(RuleKind.ZONE, score_min=0.95), CLASSES), 0, 5) == []
    elsewhere = (((0.0, 0.0), (0.1, 0.0), (0.1, 0.1)),)
    assert said(visit(Rule(spec(RuleKind.ZONE, score_min=0.9, leave_out=elsewhere), CLASSES), 0, 5)) == ["begun"]


@pytest.mark.parametrize("changes", [{"score_min": 1.0}, {"leave_out": (((0.1, 0.1), (0.2, 0.2)),)}, {"leave_out": (((0.1, 2.0),) * 3,)}])
def test_a_bad_score_or_place_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(SpecError, match=r"rule 'r' has (a|score_min)"):
        spec(RuleKind.ZONE, **changes)

"""Ready-made rules."""

from __future__ import annotations

import pytest

from edge_ai.algorithm import SHIPPED
from edge_ai.errors import SpecError
from edge_ai.presets import preset_named, presets
from edge_ai.rule_spec import RuleSpec

WANTED = {"illegal-parking", "crowding", "left-object", "fire-smoke", "muck-truck", "water-level"}


def test_the_concerns_of_a_city_are_there() -> None:
    assert set(presets()) == WANTED


@pytest.mark.parametrize("name", sorted(WANTED))
def test_preset_makes_a_rule_and_names_algorithms_that_ship(name: str) -> None:
    preset = preset_named(name)
    points = ((0.1, 0.1), (0.9, 0.9), (0.1, 0.9))[: 2 if preset.kind.has_two_points else 3]
    assert RuleSpec(name="r", kind=preset.kind, points=points, **preset.rule).kind is preset.kind  # type: ignore[arg-type]
    assert preset.algorithms
    assert all((SHIPPED / algorithm / "manifest.toml").is_file() for algorithm in preset.algorithms)
    assert 0 <= preset.severity <= 4
    assert preset.proved


def test_unknown_preset_is_refused_with_those_there_are() -> None:
    with pytest.raises(SpecError, match="there are crowding, fire-smoke"):
        preset_named("jaywalking")

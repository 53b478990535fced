"""Every planted bug is caught by the seed that is known for it, and that seed is good without the bug."""

from __future__ import annotations

import pytest

from simulations.planted import MUTATIONS, Mutation, try_mutation
from simulations.planted.harness import Planting, planted
from sync.core.inbox import Inbox

LEAST = 25
"""Rules that must have a planted bug."""
SEEDS_MAX = 3
"""Seeds that may run here for one bug; `yunnao proof --mutations` gives each fifty."""


def test_the_table_has_a_bug_for_every_rule_once() -> None:
    assert len(MUTATIONS) >= LEAST
    assert len({mutation.name for mutation in MUTATIONS}) == len({mutation.rule for mutation in MUTATIONS}) == len(MUTATIONS)


@pytest.mark.slow
@pytest.mark.parametrize("mutation", MUTATIONS, ids=[mutation.name for mutation in MUTATIONS])
def test_the_checkers_catch_a_planted_bug(mutation: Mutation) -> None:
    trap = try_mutation(mutation, seeds_max=SEEDS_MAX)
    assert trap.is_caught, f"{mutation.name} went unseen in {trap.seeds} seeds; its line ran {trap.ran} times"


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[mutation.name for mutation in MUTATIONS])
def test_a_planted_bug_is_taken_out_again(mutation: Mutation) -> None:
    before = vars(Inbox).copy()
    with planted(mutation) as planting:
        assert isinstance(planting, Planting)
    assert vars(Inbox) == before

"""How many cameras are opened at once."""

from __future__ import annotations

from edge_ai.sources.budget import OpenBudget
from edge_ai.spec import OPENS_PER_S
from sync.model import Instant


def test_a_power_cut_that_ends_brings_five_cameras_a_second() -> None:
    budget, now = OpenBudget(), Instant(1)
    waits = [budget.wait_s(now) for _ in range(101)]
    assert waits == sorted(waits)
    for second in range(20):
        assert sum(second <= wait < second + 1 for wait in waits) <= OPENS_PER_S
    assert round(waits[-1], 3) == 20.0


def test_places_that_nobody_took_are_not_saved_up() -> None:
    budget = OpenBudget(5)
    assert budget.wait_s(Instant(0)) == 0
    late = Instant(0).plus(60)
    assert [round(budget.wait_s(late), 3) for _ in range(3)] == [0, 0.2, 0.4]


def test_a_process_has_its_part() -> None:
    budget = OpenBudget(OPENS_PER_S / 5)
    assert [round(budget.wait_s(Instant(0)), 3) for _ in range(3)] == [0, 1, 2]


def test_another_part_holds_for_whoever_asks_from_now_on() -> None:
    budget = OpenBudget(5)
    assert [round(budget.wait_s(Instant(0)), 3) for _ in range(2)] == [0, 0.2]
    budget.change(1)
    assert [round(budget.wait_s(Instant(0)), 3) for _ in range(3)] == [0.4, 1.4, 2.4]

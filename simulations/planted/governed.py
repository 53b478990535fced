"""Rules about what people decide, broken: what a recall, a changed grade, a review or a new border must lead to.

Tried only by the scenarios, whose days have rooms (simulations/scenarios): on other days nobody decides anything.
"""

from __future__ import annotations

from typing import Any

from node.accumulation.counting import Counting
from node.fork.absence import Absence
from node.recall import desk as desk_module
from node.recall.eraser import Eraser, Kept
from node.recall.orders import RegradeOrder
from node.reviews import desk as reviews_module
from policies import ruleset as ruleset_module
from policies.territories import Successors
from simulations.planted.harness import Mutation, Planting
from simulations.planted.plans import HARSH


def recall_by_word_alone(planting: Planting) -> None:
    """A holder says that it complied, and erases nothing."""

    def lazy(carry_out: Any) -> Any:
        async def nothing(eraser: Eraser, order: Any) -> Kept:
            planting.hit()
            return Kept()

        return nothing

    planting.swap(Eraser, "carry_out", lazy)


def grade_change_overslept(planting: Planting) -> None:
    """A raise is in force for what comes, and nobody looks for what came before."""

    def never(of: Any) -> Any:
        def none(ruleset: Any, now_us: int) -> Any:
            due = of(ruleset, now_us)
            left = [order for order in due if not isinstance(order, RegradeOrder)]
            if len(left) < len(due):
                planting.hit()
            return left

        return none

    planting.swap(desk_module, "orders_of", never)


def persons_not_counted(planting: Planting) -> None:
    """However many persons a set is about, nobody counts them."""

    def none(persons: Any) -> Any:
        def nobody(counting: Counting, journal: Any, resource: str, field: str) -> int:
            planting.hit()
            return 0

        return nobody

    planting.swap(Counting, "persons", none)


def absence_not_noticed(planting: Planting) -> None:
    """Who was away goes on where it was, however long that is."""

    def blind(check: Any) -> Any:
        def nothing(absence: Absence, parent_us: int) -> str:
            if absence.is_over:
                planting.hit()
            return ""

        return nothing

    planting.swap(Absence, "check", blind)


def successors_overlooked(planting: Planting) -> None:
    """What lies in a territory now counts as lying where it was written alone."""

    def as_written(present: Any) -> Any:
        def same(successors: Successors, code: str) -> str:
            if present(successors, code) != code:
                planting.hit()
            return code

        return same

    planting.swap(Successors, "present", as_written)


def lineage_forgotten(planting: Planting) -> None:
    """What is made of records is what its own entry says."""

    def own(inherited: Any) -> Any:
        def as_written(resources: Any) -> Any:
            if any(one.lineage for one in resources.values()):
                planting.hit()
            return resources

        return as_written

    planting.swap(ruleset_module, "inherited", own)


def ticket_clock_stopped(planting: Planting) -> None:
    """A contradiction may stay open for ever."""

    def never(has_lapsed: Any) -> Any:
        def not_yet(case: Any, now_us: int) -> bool:
            if has_lapsed(case, now_us):
                planting.hit()
            return False

        return not_yet

    planting.swap(reviews_module, "has_lapsed", never)


GOVERNED: tuple[Mutation, ...] = tuple(
    Mutation(plant.__name__.replace("_", "-"), rule, plant, HARSH)
    for plant, rule in (
        (recall_by_word_alone, "what is recalled is erased at every holder"),
        (persons_not_counted, "a set past the table is held and reviewed"),
        (absence_not_noticed, "a node that was away for too long is seeded anew"),
        (successors_overlooked, "returns follow the map of successors"),
        (lineage_forgotten, "what is made of records is as strict as they are"),
        (ticket_clock_stopped, "an entry without a basis shown in time is void"),
        (grade_change_overslept, "holders above the ceiling of a raised record lose it"),
    )
)
"""Planted bugs that only a day with rooms meets."""

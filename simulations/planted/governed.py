"""Rules about what people decide, broken: what a recall, a changed grade, a review or a new border must lead to.

Tried only by the scenarios, whose days have rooms (simulations/scenarios): on other days nobody decides anything.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from node.accumulation.counting import Counting
from node.fork.absence import Absence
from node.quality import desk as quality_module
from node.recall import desk as desk_module
from node.recall.eraser import Eraser, Kept
from node.recall.orders import RegradeOrder
from node.recall.regaining import PAUSES_S, Regaining
from node.requests import giving as giving_module
from node.requests import taking as taking_module
from node.reviews import desk as reviews_module
from node.sealed import letter as letter_module
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


def revoked_grant_gives(planting: Planting) -> None:
    """A grant holds until its last day, whatever its provider said since."""

    def newest(grant_of: Any) -> Any:
        def whatever_became_of_it(case: Any) -> Any:
            found = grant_of(case)
            if found is None and case.state == "revoked":
                planting.hit()
                return grant_of(replace(case, state="granted"))
            return found

        return whatever_became_of_it

    planting.swap(giving_module, "grant_of", newest)
    planting.swap(taking_module, "grant_of", newest)


def anybody_writes(planting: Planting) -> None:
    """Whoever holds a record may put another version of it."""

    def open_door(check_source: Any) -> Any:
        def everybody(resource: Any, me: str) -> None:
            if resource.quality.source not in ("", me):
                planting.hit()

        return everybody

    planting.swap(quality_module, "check_source", open_door)


def free_records_forgotten(planting: Planting) -> None:
    """An order ends, and nobody asks for what was erased under it."""

    def content(round_: Any) -> Any:
        async def idle(regaining: Regaining) -> None:
            if regaining.wait_s() < PAUSES_S[-1]:
                planting.hit()
            regaining.over(())

        return idle

    planting.swap(Regaining, "round", content)


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


def envelopes_left_open(planting: Planting) -> None:
    """What is for a node further below goes past those between as it is."""

    def plain(sealed_body: Any) -> Any:
        def as_it_is(text: bytes, *keys: Any) -> bytes:
            planting.hit()
            return text

        return as_it_is

    planting.swap(letter_module, "sealed_body", plain)
    planting.swap(letter_module, "opened_body", lambda opened_body: lambda paper, *keys: paper.body)


GOVERNED: tuple[Mutation, ...] = tuple(
    Mutation(plant.__name__.replace("_", "-"), rule, plant, HARSH)
    for plant, rule in (
        (recall_by_word_alone, "what is recalled is erased at every holder"),
        (persons_not_counted, "a set past the table is held and reviewed"),
        (absence_not_noticed, "a node that was away for too long is seeded anew"),
        (successors_overlooked, "returns follow the map of successors"),
        (lineage_forgotten, "what is made of records is as strict as they are"),
        (ticket_clock_stopped, "an entry without a basis shown in time is void"),
        (revoked_grant_gives, "a revoked grant gives nothing more"),
        (anybody_writes, "only its source writes a record"),
        (free_records_forgotten, "what was erased comes again when its order is over"),
        (envelopes_left_open, "what a node between may not hold, it cannot read"),
        (grade_change_overslept, "holders above the ceiling of a raised record lose it"),
    )
)
"""Planted bugs that only a day with rooms meets."""

"""Both sides of a case tell the same of it once all is at rest; the check sees where they do not, and leaves out whom nothing reaches."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.cases.kind import Party
from simulations.checkers import Promise
from simulations.checkers.told import check_told
from tests.node.cases.loans import LOAN, RESOURCE, TERRITORIES
from tests.node.cases.town import Town


@pytest.fixture
def town(tmp_path: Path) -> Town:
    """A city and a district below it."""
    found = Town(tmp_path, [LOAN], [RESOURCE])
    found.add("m1", TERRITORIES["m1"])
    found.add("d1", TERRITORIES["d1"], "m1")
    return found


def said_apart(town: Town, *unreached: str) -> list[str]:
    """What the check says of the town as it stands."""
    found = check_told({node: office.desk.register for node, office in town.offices.items()}, [LOAN], frozenset(unreached))
    assert all(violation.promise is Promise.CONVERGED for violation in found)
    return [violation.text for violation in found]


async def test_a_side_that_never_heard_of_a_case_or_not_of_its_answer_is_seen(town: Town) -> None:
    lender = {"lender": Party("m1", TERRITORIES["m1"])}
    loan = await town.offices["d1"].desk.open(LOAN, {"title": "Faust"}, by="li", parties=lender)
    assert said_apart(town) == [f"loan {loan.id} is asked at d1, unknown at m1"]
    await town.carry()
    assert said_apart(town) == []
    await town.offices["m1"].desk.say(LOAN, loan.id, "lend", {}, by="wang")
    assert said_apart(town) == [f"loan {loan.id} is asked at d1, lent at m1"]
    assert said_apart(town, "d1") == []
    await town.carry()
    assert said_apart(town) == []

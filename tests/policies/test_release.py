"""Totals: thresholds, complementary suppression, widening, finality, and the attacks they stand against."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from policies import PlanBook, PolicyError, Way
from policies.release import Cell, ReleasedCell, ReleaseState, count_cells, countable, release_cells, released_batch, rule_for
from sync.model import Level
from tests.policies.city import NOW_US, city, rows_of

RULES = city()
RESIDENTS, SUMMARY = RULES.resources["residents"], RULES.resources["residents-summary"]
assert SUMMARY.derived is not None
DERIVED = SUMMARY.derived
RULE = RULES.release[3]
A, B, C = "370202001001", "370202001002", "370202001003"


def release(
    counts: dict[tuple[str, int], int], state: ReleaseState | None = None
) -> tuple[dict[tuple[str, int], int | None], ReleaseState]:
    cells = [Cell(place, (decade,), count) for (place, decade), count in counts.items()]
    shown, after = release_cells(cells, RULE, DERIVED, state or ReleaseState())
    return {(cell.place, int(cell.group[0] or 0)): cell.count for cell in shown}, after


def test_counts_are_by_community_and_decade() -> None:
    rows = rows_of(
        RESIDENTS, [{"birth_year": 1820}, {"birth_year": 1829}, {"birth_year": 1831}, {"birth_year": 1820, "territory": B + "001"}]
    )
    assert count_cells([rows], DERIVED) == (Cell(A, (1820,), 2), Cell(A, (1830,), 1), Cell(B, (1820,), 1))
    assert count_cells([], DERIVED) == ()


def test_the_listed_are_not_even_counted() -> None:
    plan = PlanBook(RULES, now_us=NOW_US).plan("residents", hops=2, way=Way.UP, level=Level.MUNICIPAL)
    rows = rows_of(RESIDENTS, [{}, {"category": "受保护人员"}, {"category": "protected"}])
    assert countable(plan, rows).num_rows == 1


def test_the_rule_is_that_of_the_highest_grade() -> None:
    assert rule_for(RULES.release, [rows_of(RESIDENTS, [{}, {"grade": 4}])]).k == 20
    assert rule_for(RULES.release, [rows_of(RESIDENTS, [{}])]).k == 10
    with pytest.raises(PolicyError, match="no release rule"):
        rule_for({}, [rows_of(RESIDENTS, [{}])])


def test_small_cells_are_suppressed_with_enough_others() -> None:
    shown, _ = release({(A, 1820): 3, (B, 1820): 12, (C, 1820): 40, (A, 1830): 30, (B, 1830): 30, (C, 1830): 30})
    assert shown[A, 1820] is None
    assert shown[B, 1820] is None
    assert shown[C, 1820] == 40
    assert (shown[A, 1830], shown[B, 1830]) == (None, None)


def test_places_too_small_are_shown_together_at_the_next_tier() -> None:
    shown, _ = release({(A, 1820): 6, (B, 1820): 7})
    assert shown == {(A, 1820): None, (B, 1820): None, ("370202001", 1820): 13}
    alone, _ = release({(A, 1820): 6})
    assert alone == {(A, 1820): None}


def test_a_released_cell_changes_only_by_k_and_the_rest_is_carried_forward() -> None:
    first, state = release({(A, 1820): 20})
    assert first == {(A, 1820): 20}
    same, state = release({(A, 1820): 29}, state)
    assert same == {}
    later, state = release({(A, 1820): 30}, state)
    assert later == {(A, 1820): 30}
    assert release({(A, 1820): 22}, state)[0] == {}
    assert release({}, state)[0] == {(A, 1820): 0}


def test_a_suppressed_cell_that_grows_is_shown_once() -> None:
    first, state = release({(A, 1820): 4})
    assert first == {(A, 1820): None}
    assert release({(A, 1820): 5}, state)[0] == {}
    assert release({(A, 1820): 15}, state)[0] == {(A, 1820): 15}


@pytest.mark.parametrize("seed", range(40))
def test_no_total_over_a_family_gives_a_hidden_cell_away(seed: int) -> None:
    rng = Random(seed)
    counts = {(place, decade): max(0, round(rng.gauss(12, 6))) for place in (A, B, C) for decade in (1810, 1820, 1830, 1840)}
    counts = {key: count for key, count in counts.items() if count}
    shown, _ = release(counts)
    families: Counter[tuple[str, int]] = Counter()
    sums: Counter[tuple[str, int]] = Counter()
    for (place, decade), count in counts.items():
        if shown[place, decade] is None:
            families.update([(place, 0), ("", decade)])
            sums.update({(place, 0): count, ("", decade): count})
    for family, hidden in families.items():
        visible = [key for key in counts if (key[0], 0) == family or ("", key[1]) == family if shown[key] is not None]
        assert not visible or (hidden >= 2 and sums[family] >= RULE.k)


@pytest.mark.parametrize("seed", range(20))
def test_differencing_two_windows_never_shows_fewer_than_k(seed: int) -> None:
    rng, state = Random(seed), ReleaseState()
    counts = {(A, 1820): 25, (B, 1820): 18, (C, 1820): 9}
    known: dict[tuple[str, int], int] = {}
    for _ in range(30):
        counts = {key: max(0, count + rng.randint(-4, 5)) for key, count in counts.items()}
        shown, state = release(counts, state)
        for key, value in shown.items():
            if value is not None:
                assert key not in known or abs(value - known[key]) >= RULE.k
                known[key] = value


def test_released_cells_are_rows_of_the_derived_resource() -> None:
    rows = released_batch(SUMMARY, [ReleasedCell(A, (1820,), 12), ReleasedCell(B, (1820,), None)], window_start_us=7)
    assert rows.select(["territory", "grade", "place", "decade", "count", "suppressed"]).to_pylist() == [
        {"territory": A, "grade": 1, "place": A, "decade": 1820, "count": 12, "suppressed": False},
        {"territory": B, "grade": 1, "place": B, "decade": 1820, "count": None, "suppressed": True},
    ]
    with pytest.raises(PolicyError, match="not derived"):
        released_batch(replace(SUMMARY, derived=None), [], window_start_us=0)

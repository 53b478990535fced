"""Territory changes: one present code for every code, nothing to whom it was never due, nothing lost, and what withholds covers both."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.errors import BundleError
from policies.territories import Change, Successors, check_changes, merged_changes

CHANGES_FILE = Path(__file__).parents[3] / "shared" / "data" / "divisions" / "shandong-changes-2022-2023.csv"
EAST, WEST, UNITED, HEIR, OTHER = "370202001", "370202002", "370202007", "370202008", "370202009"
MERGED = Successors.at([Change(EAST, UNITED, 10), Change(WEST, UNITED, 10)], 10)
SPLIT = Successors.at([Change(EAST, HEIR, 10), Change(EAST + "003", OTHER + "001", 10)], 10)

tails = st.text("0123456789", min_size=0, max_size=6).filter(lambda tail: len(tail) in (0, 3, 6))


@given(tails)
def test_after_a_merge_both_streets_records_are_the_new_streets_and_stay_the_old_ones(tail: str) -> None:
    for old, other in ((EAST, WEST), (WEST, EAST)):
        assert MERGED.reaches(UNITED, old + tail)
        assert MERGED.reaches(old, old + tail)
        assert not MERGED.reaches(other, old + tail)
        assert not MERGED.reaches(old, UNITED + tail)


@given(tails)
def test_after_a_split_every_old_record_is_due_to_exactly_one_new_street(tail: str) -> None:
    due = [street for street in (HEIR, OTHER) if SPLIT.reaches(street, EAST + tail)]
    assert due == [OTHER if tail.startswith("003") else HEIR]
    assert SPLIT.reaches(EAST, EAST + tail)


@given(st.sampled_from([MERGED, SPLIT, Successors()]), st.sampled_from([EAST, WEST, UNITED, HEIR, OTHER, "370203001"]), tails)
def test_a_code_that_reaches_may_reach_and_one_of_elsewhere_never_does(map_: Successors, street: str, tail: str) -> None:
    for target in (EAST, WEST, UNITED, HEIR, OTHER):
        if map_.reaches(target, street + tail):
            assert map_.may_reach(target, street + tail)
            assert map_.may_reach(target, street)
            assert map_.may_reach(target, street[:6])
    assert not map_.reaches("370203001", EAST + tail)


@given(st.sampled_from([MERGED, SPLIT]), st.sampled_from([EAST, WEST, UNITED, HEIR, OTHER]), tails)
def test_what_withholds_a_territory_covers_all_that_may_be_its(map_: Successors, target: str, tail: str) -> None:
    covered = map_.covering((target,))
    for street in (EAST, WEST, UNITED, HEIR, OTHER):
        if map_.reaches(target, street + tail):
            assert (street + tail).startswith(covered)
        if street == target:
            assert map_.present(street + tail).startswith(covered)


def test_changes_of_later_dates_follow_those_of_earlier_ones_and_a_date_that_has_not_come_changes_nothing() -> None:
    changes = [Change(UNITED, HEIR, 20), Change(EAST, UNITED, 10)]
    assert [Successors.at(changes, now_us).present(EAST + "001") for now_us in (9, 10, 20)] == [EAST + "001", UNITED + "001", HEIR + "001"]


def test_two_codes_that_change_places_on_one_day_change_them_once() -> None:
    swapped = Successors.at([Change(EAST, WEST, 10), Change(WEST, EAST, 10)], 10)
    assert (swapped.present(EAST), swapped.present(WEST)) == (WEST, EAST)
    assert set(swapped.covering((EAST,))) == {EAST, WEST}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"old": "37020", "new": "37021", "from_us": 1}, "has 2, 4, 6, 9, 12 or 15 digits"),
        ({"old": "370202", "new": "370202001", "from_us": 1}, "different tiers"),
        ({"old": "３７０２０２", "new": "370203", "from_us": 1}, "digits"),
        ({"old": "370202", "new": "370203", "from_us": 1, "why": ""}, "why"),
    ],
)
def test_a_change_that_is_none_is_refused(value: object, words: str) -> None:
    with pytest.raises(BundleError, match=words):
        Change.of(value, "change")


def test_an_old_code_with_two_successors_is_refused_and_of_two_issuers_the_higher_holds() -> None:
    one, other = Change(EAST, HEIR, 10), Change(EAST, OTHER, 10)
    with pytest.raises(BundleError, match="name one heir"):
        check_changes((one, other), "successors")
    assert merged_changes([(one,), (other,)]) == (one,)


@pytest.mark.skipif(not CHANGES_FILE.exists(), reason="the real changes of Shandong are not here: ../shared/data/divisions")
def test_the_real_recoding_of_a_zone_moves_its_streets_and_nobody_elses() -> None:
    with CHANGES_FILE.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    gone = {row["old_name"]: row["code"][:9] for row in rows if row["change"] == "removed" and row["level"] == "street"}
    came = {row["new_name"]: row["code"][:9] for row in rows if row["change"] == "added" and row["level"] == "street"}
    recoded = [Change(gone[name], came[name], 10) for name in sorted(gone.keys() & came.keys())]
    assert len(recoded) >= 5
    map_ = Successors.at(check_changes(tuple(recoded), "real"), 10)
    districts = {change.new[:6] for change in recoded}
    for change in recoded:
        record = change.old + "001"
        due = [district for district in sorted(districts) if map_.reaches(district, record)]
        assert due == sorted({change.new[:6], change.old[:6]} & districts)
        assert map_.present(record) == change.new + "001"

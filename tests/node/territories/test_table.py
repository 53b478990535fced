"""A published table of changed divisions: who is whose heir, what is left to a person, and tables that are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.territories.errors import TableRefused
from node.territories.table import COLUMNS, ROWS_MAX, found_in, read_table
from policies.territories import Change, Successors

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "divisions" / "shandong-changes-2022-2023.csv"
HEADER = ",".join(COLUMNS)
DISTRICT = "370271000000,district,removed,高新区,,370200000000,"
HEIR = "370276000000,district,added,,高新区,,370200000000"


def found(*lines: str, **heirs: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Changes and codes without an heir."""
    read = found_in(read_table([HEADER, *lines]), {name.removeprefix("c"): heir for name, heir in heirs.items()})
    return list(read.changes), [code for code, _ in read.orphans]


def test_what_was_removed_lives_on_in_what_was_added_under_its_name() -> None:
    assert found(DISTRICT, HEIR) == ([("370271", "370276")], [])


def test_a_street_that_goes_along_with_its_district_needs_no_change_of_its_own() -> None:
    streets = ("370271001000,street,removed,甲街道,,370271000000,", "370276001000,street,added,,甲街道,,370276000000")
    assert found(DISTRICT, HEIR, *streets) == ([("370271", "370276")], [])


def test_a_street_with_another_number_in_the_new_district_has_a_change_of_its_own() -> None:
    streets = ("370271003000,street,removed,甲街道,,370271000000,", "370276002000,street,added,,甲街道,,370276000000")
    changes, orphans = found(DISTRICT, HEIR, *streets)
    assert (changes, orphans) == ([("370271", "370276"), ("370271003", "370276002")], [])
    present = Successors.at([Change(old, new, 0) for old, new in changes], 1).present
    assert [present(code) for code in ("370271003004", "370271009", "370271")] == ["370276002004", "370276009", "370276"]


def test_what_has_no_heir_or_two_is_left_to_a_person() -> None:
    two = ("370276000000,district,added,,高新区,,370200000000", "370277000000,district,added,,高新区,,370200000000")
    assert found(DISTRICT, *two) == ([], ["370271"])
    assert found(DISTRICT) == ([], ["370271"])
    assert found(DISTRICT, *two, c370271="370277") == ([("370271", "370277")], [])


def test_the_same_name_in_another_parent_or_on_another_tier_is_no_heir() -> None:
    assert found(DISTRICT, "370176000000,district,added,,高新区,,370100000000") == ([], ["370271"])
    assert found(DISTRICT, "370214400000,street,added,,高新区,,370200000000") == ([], ["370271"])


def test_a_new_name_alone_changes_no_code() -> None:
    read = found_in(read_table([HEADER, "370725108000,street,renamed,唐吾镇,鄌郚镇,370725000000,370725000000"]), {})
    assert (read.changes, read.orphans, read.renamed) == ((), (), 1)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["code,level"], "no column 'change'"),
        ([], "no column 'code'"),
        ([HEADER, "370271000000,planet,removed,x,,,"], "line 2: level 'planet'"),
        ([HEADER, "370271000000,district,eaten,x,,,"], "line 2: change 'eaten'"),
        ([HEADER, "370271001000,district,removed,x,,,"], "line 2: code '370271001000'"),
        ([HEADER, "３７０２７１００００００,district,removed,x,,,"], "line 2: code"),
        ([HEADER, "370271000000,district,removed,,,,"], "old_name is missing"),
        ([HEADER, "370271000000,district,removed," + "x" * 201 + ",,,"], "longer than"),
        ([HEADER, 'a,"' + "x" * 200_000 + '",c'], "cannot be read"),
        ([HEADER, *[DISTRICT] * (ROWS_MAX + 1)], "more than"),
    ],
    ids=range(10),
)
def test_a_table_that_is_none_is_refused_with_its_line(lines: list[str], words: str) -> None:
    with pytest.raises(TableRefused, match=words):
        read_table(lines)


def test_an_heir_of_what_was_not_removed_is_refused() -> None:
    with pytest.raises(TableRefused, match="the table removes no such code"):
        found(DISTRICT, HEIR, c370299="370276")


@pytest.mark.skipif(not SHARED.exists(), reason="the shared division tables are not on this machine")
def test_the_real_changes_of_a_province_in_a_year_are_found_but_for_three() -> None:
    read = found_in(read_table(SHARED.read_text("utf-8").splitlines()), {})
    assert read.changes == (
        ("370171", "370176"),
        ("370672", "370676"),
        ("370672003", "370676002"),
        ("370672004", "370676003"),
        ("370672008", "370676001"),
    )
    assert [code for code, _ in read.orphans] == ["370271", "370271400", "370285400"]
    assert read.renamed == 12
    present = Successors.at([Change(old, new, 0) for old, new in read.changes], 1).present
    assert (present("370171004"), present("370672004015")) == ("370176004", "370676003015")

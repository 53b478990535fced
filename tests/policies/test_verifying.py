"""Yes or no on a supplied value: what may be asked by grade, grant and field, and what a row may say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from policies import PolicyError, Ruleset
from policies.compile import PlanBook
from policies.grant import Grant
from policies.verifying import Answer, Inquiry, Question, allowed
from policies.words import National, Share
from sync.model import Level
from tests.policies.city import NOW_US, city, rows_of

ASK = Question("residents", "resident_id", "r1", "category", "x", "verification")
FIELDS = ("resident_id", "category")


def grant(**change: object) -> Grant:
    said: dict[str, object] = {"valid_from_us": 0, "valid_to_us": NOW_US * 2, "fields": FIELDS, "purpose": "verification"}
    return Grant(id="c1", resource="residents", **(said | change))  # type: ignore[arg-type]


def ruled(**change: object) -> Ruleset:
    """The city with residents changed."""
    rules = city()
    return replace(rules, resources={**rules.resources, "residents": replace(rules.resources["residents"], **change)})  # type: ignore[arg-type]


def told(
    rows: Sequence[Mapping[str, object]], question: Question = ASK, rules: Ruleset | None = None, given: Grant | None = None
) -> Answer:
    """The answer over rows of residents, r1 of category x unless they say otherwise."""
    rules = rules or city()
    inquiry = Inquiry(allowed(PlanBook(rules, now_us=NOW_US), question, given, level=Level.STREET))
    for row in rows:
        inquiry.read(rows_of(city().resources["residents"], [{"resident_id": "r1", "category": "x", **row}]))  # type: ignore[dict-item]
    return inquiry.answer


def refused(question: Question, rules: Ruleset | None = None, given: Grant | None = None) -> str:
    with pytest.raises(PolicyError) as caught:
        allowed(PlanBook(rules or city(), now_us=NOW_US), question, given, level=Level.STREET)
    return str(caught.value)


def test_a_row_says_yes_or_no_and_no_row_says_nothing() -> None:
    assert [told([{}]), told([{"category": "y"}]), told([{"resident_id": "r2"}]), told([])] == [
        Answer.YES, Answer.NO, Answer.ABSENT, Answer.ABSENT,
    ]  # fmt: skip


def test_of_several_records_of_a_subject_the_newest_counts_in_whatever_order_they_are_read() -> None:
    old, new = {"event_time": NOW_US - 10}, {"event_time": NOW_US, "category": "y"}
    assert [told([old, new]), told([new, old])] == [Answer.NO, Answer.NO]


def test_a_listed_or_higher_graded_newest_record_says_nothing_and_no_older_one_speaks_for_it() -> None:
    old = {"event_time": NOW_US - 10}
    listed = {"event_time": NOW_US, "category": "受保护人员"}
    assert told([old, listed], replace(ASK, expected="受保护人员")) is Answer.ABSENT
    assert told([old, {"event_time": NOW_US, "grade": 4}]) is Answer.ABSENT


def test_an_l4_record_is_told_under_a_grant_alone() -> None:
    assert told([{"grade": 4}]) is Answer.ABSENT
    assert told([{"grade": 4}], given=grant()) is Answer.YES
    l4 = ruled(grade=4)
    assert "not even yes or no: verify" in refused(ASK, l4)
    assert told([{"grade": 4}], rules=l4, given=grant()) is Answer.YES


def test_a_field_graded_l4_needs_a_grant_that_names_it() -> None:
    fields = city().resources["residents"].fields
    rules = ruled(fields=tuple(replace(item, grade=4) if item.name == "category" else item for item in fields))
    assert "category of residents is withheld (ceiling)" in refused(ASK, rules)
    assert told([{}], rules=rules, given=grant()) is Answer.YES
    assert "does not grant field birth_year" in refused(replace(ASK, field="birth_year", expected="1820"), rules, grant())


def test_what_needs_a_grant_for_rows_needs_none_for_a_yes_under_the_purpose_of_verification_alone() -> None:
    assert told([{}], replace(ASK, purpose="verification/benefits")) is Answer.YES
    assert "hold (no-grant)" in refused(replace(ASK, purpose="city-management"))
    assert "hold (no-grant)" in refused(ASK, ruled(share=Share.NONE))
    assert "is not a code of the tree" in refused(replace(ASK, purpose="curiosity"))


def test_important_core_and_unknown_data_are_never_told() -> None:
    assert "deny (ceiling)" in refused(ASK, ruled(national=National.IMPORTANT), grant())
    assert "deny (legal-floor)" in refused(ASK, ruled(national=National.CORE), grant())
    assert "not in the catalogue" in refused(replace(ASK, resource="ghosts"))
    assert "hold (unclassified)" in refused(ASK, ruled(grade=0), grant())


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"key": "birth_year", "value": "1820"}, "does not identify anybody"),
        ({"key": "ghost"}, "no field 'ghost'"),
        ({"field": "ghost"}, "no field 'ghost'"),
        ({"field": "resident_id"}, "both the key and what is asked"),
        ({"field": "birth_year", "expected": "MDCCCXX"}, "is no value of birth_year"),
        ({"field": "birth_year", "expected": "9" * 30}, "is no value of birth_year"),
        ({"value": ""}, "1 to 200 characters"),
        ({"expected": "x" * 201}, "1 to 200 characters"),
    ],
)
def test_a_question_that_would_search_or_does_not_fit_is_refused(change: dict[str, str], why: str) -> None:
    assert why in refused(replace(ASK, **change))


def test_the_filters_of_a_grant_narrow_who_is_told_about() -> None:
    assert told([{"birth_year": 1830}], given=grant(limit="birth_year < 1825")) is Answer.ABSENT
    assert told([{"birth_year": 1820}], given=grant(limit="birth_year < 1825")) is Answer.YES
    assert told([{}], given=grant(asked="category = 'y'")) is Answer.ABSENT


def test_a_masked_value_is_compared_as_it_is_stored_and_gives_nothing_more_away() -> None:
    masked = {"id_number": "370202************"}
    by_number = replace(ASK, key="id_number", value="370202182002290011")
    assert told([masked], by_number) is Answer.ABSENT
    assert told([{}], replace(ASK, key="name", value="周某某")) is Answer.YES


def test_one_subject_has_one_name_however_its_value_is_written() -> None:
    book = PlanBook(ruled(fields=tuple(
        replace(item, type="int64") if item.name == "resident_id" else item for item in city().resources["residents"].fields
    )), now_us=NOW_US)  # fmt: skip
    names = {allowed(book, replace(ASK, value=value), None, level=Level.STREET).subject for value in ("7", "007", " 7", "+7")}
    assert len(names) == 1

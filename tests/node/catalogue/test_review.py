"""From a proposal to a grade in force: queue, decision, draft, issue; and ungraded data held all the while."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.catalogue.errors import CatalogueError
from node.catalogue.queue import put
from node.catalogue.review import TABLE_NAME, Amends, Review
from policies import BundleError, Field, Resource
from policies.words import Role, Verdict, Way
from sync.model import Lane, Level
from tests.node.catalogue.test_desk import Town, town

__all__ = ["town"]
PEOPLE = Resource(
    "people",
    "人员",
    "People",
    Lane.BULK,
    (Field("xm", "string", title="姓名"), Field("sj", "string", title="手机"), Field("bz", "string", title="备注")),
    grade=0,
)
COLUMNS: dict[str, list[str | None]] = {
    "xm": ["王芳", "李强", "张伟", "刘洋", "陈静", "杨明", "赵敏", "黄磊", "周杰", "吴涛"],
    "手机": [f"138001380{place:02d}" for place in range(10)],
    "bz": ["已处理"] * 10,
}


@pytest.fixture
def review(town: Town, tmp_path: Path) -> Review:
    town.desk.take([PEOPLE.encoded()], source="")
    town.desk.issue()
    return Review(town.desk, tmp_path)


def waiting(review: Review) -> dict[str, dict[str, object]]:
    """The queue by field."""
    return {one["field"]: one for one in review.listing(decided=False, limit=100)["proposals"]}


def numbers(review: Review, *fields: str) -> list[int]:
    return [int(str(waiting(review)[field]["id"])) for field in fields]


def verdict(town: Town) -> Verdict:
    return town.policy.gate.book.plan("people", hops=1, way=Way.UP, level=Level.PROVINCIAL).base.verdict


def test_proposals_say_their_rule_share_and_confidence(review: Review) -> None:
    assert review.propose("people", COLUMNS) == {"resource": "people", "rows": 10, "queued": 3, "settled": 0}
    found = waiting(review)
    assert set(found) == {"", "xm", "sj"}
    assert (found["sj"]["rule"], found["sj"]["grade"], found["sj"]["mask"], found["sj"]["share"]) == ("mobile", 3, "phone", 1.0)
    assert (found[""]["rule"], found[""]["grade"]) == ("highest-field", 3)


def test_ungraded_data_is_held_until_what_was_accepted_is_issued(town: Town, review: Review) -> None:
    review.propose("people", COLUMNS)
    assert verdict(town) is Verdict.HOLD
    review.accept(numbers(review, "", "xm", "sj"), Amends(), by="chen", why="as the law says")
    assert verdict(town) is Verdict.HOLD
    town.desk.issue()
    assert verdict(town) is not Verdict.HOLD
    graded = town.policy.ruleset.resources["people"]
    assert graded.grade == 3
    assert [(item.grade, item.role, item.mask) for item in graded.fields] == [
        (3, Role.DIRECT_ID, "name"), (3, Role.DIRECT_ID, "phone"), (0, Role.PLAIN, "")
    ]  # fmt: skip


def test_an_acceptance_may_change_what_was_proposed(town: Town, review: Review) -> None:
    review.propose("people", COLUMNS)
    answer = review.accept(numbers(review, "sj"), Amends(grade=4, mask="id-number"), by="chen", why="")
    assert (answer["state"], answer["drafted"]) == ("changed", ["people"])
    phone = town.desk.entry("people").fields[1]
    assert (phone.grade, phone.mask, phone.role, phone.title) == (4, "id-number", Role.DIRECT_ID, "手机")
    decided = review.listing(decided=True, limit=100)["proposals"][-1]
    assert (decided["state"], decided["by"], decided["grade"], decided["final"]["grade"]) == ("changed", "chen", 3, 4)


def test_what_was_refused_is_not_proposed_again_by_the_same_rule(review: Review) -> None:
    review.propose("people", COLUMNS)
    review.refuse(numbers(review, "sj"), by="chen", why="test numbers")
    assert review.propose("people", COLUMNS)["settled"] == 1
    assert "sj" not in waiting(review)


def test_what_is_graded_already_is_left_in_peace(town: Town, review: Review) -> None:
    review.propose("people", COLUMNS)
    review.accept(numbers(review, "", "xm", "sj"), Amends(), by="chen", why="")
    assert review.propose("people", COLUMNS)["queued"] == 0


def test_the_backlog_is_a_number_of_the_status(town: Town, review: Review) -> None:
    review.propose("people", COLUMNS)
    facts = town.desk.facts()
    assert (facts["proposals"], facts["ungraded"]) == (3, 1)
    review.refuse(numbers(review, "xm"), by="chen", why="x")
    assert town.desk.facts()["proposals"] == 2


def test_names_alone_are_judged_where_no_record_is(review: Review) -> None:
    assert review.propose("people", None)["rows"] == 0
    assert set(waiting(review)) == {"", "xm", "sj"}


def test_a_second_look_replaces_what_waits(review: Review) -> None:
    review.propose("people", None)
    first = numbers(review, "sj")
    review.propose("people", COLUMNS)
    with pytest.raises(CatalogueError, match=f"proposal {first[0]} is not known"):
        review.refuse(first, by="chen", why="x")


def test_of_several_all_are_decided_or_none(review: Review) -> None:
    review.propose("people", COLUMNS)
    with pytest.raises(CatalogueError, match="proposal 99"):
        review.accept([*numbers(review, "xm"), 99], Amends(), by="chen", why="")
    assert set(waiting(review)) == {"", "xm", "sj"}


def test_a_decided_one_is_not_decided_again(review: Review) -> None:
    review.propose("people", COLUMNS)
    number = numbers(review, "xm")
    review.accept(number, Amends(), by="chen", why="")
    with pytest.raises(CatalogueError, match="was accepted by chen already"):
        review.refuse(number, by="li", why="no")


def test_decisions_need_a_name_a_reason_and_a_mask_that_exists(review: Review) -> None:
    review.propose("people", COLUMNS)
    with pytest.raises(CatalogueError, match="who decides"):
        review.accept(numbers(review, "xm"), Amends(), by=" ", why="")
    with pytest.raises(CatalogueError, match="say why"):
        review.refuse(numbers(review, "xm"), by="chen", why="")
    with pytest.raises(CatalogueError, match="no profile in force"):
        review.accept(numbers(review, "xm"), Amends(mask="blur"), by="chen", why="")


def test_a_citys_own_table_is_used_and_a_bad_one_named(review: Review, tmp_path: Path) -> None:
    table = tmp_path / TABLE_NAME
    table.write_text('[[rule]]\nid = "remark"\nnames = ["备注"]\ngrade = 2\nname = 0.9\nmask = "no-such-mask"\n', "utf-8")
    review.propose("people", None)
    assert (waiting(review)["bz"]["rule"], waiting(review)["bz"]["mask"]) == ("remark", "")
    table.write_text("[[rule]", "utf-8")
    with pytest.raises(BundleError, match=TABLE_NAME):
        review.propose("people", None)
    table.write_bytes(b"\xff\xfe")
    with pytest.raises(CatalogueError, match="take it away"):
        review.propose("people", None)


def test_columns_that_are_no_fields_are_refused(review: Review) -> None:
    with pytest.raises(CatalogueError, match="are no fields of people"):
        review.propose("people", {"colour": ["red"]})


def test_a_resource_that_is_not_there_is_refused(review: Review) -> None:
    with pytest.raises(CatalogueError, match="not in the catalogue"):
        review.propose("nowhere", None)


def test_an_empty_queue_takes_nothing(town: Town) -> None:
    assert put(town.desk.store, "people", [], at_us=1) == 0

"""One record of the journal is explained toward any node of the tree, by the gate that would judge it, without a value of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from node.policy.explaining import Explainer, ExplainError, RecordName, record_name, target_of
from node.texts import LANGUAGES, catalogue
from node.tree.directory import NodeStatus
from node.verbs.explained import REASONS, sentences
from policies.words import Reason, Verdict
from sync.model import Direction, Level, State
from sync.model.writes import FreeBatches
from tests.node.shelf import Shelf, open_shelf
from tests.policies.city import STREET, city, gate

OWN = "street"
GATE = gate(Level.STREET)


def status(node: str, level: Level, parent: str, territory: str) -> NodeStatus:
    return NodeStatus(node, node, level.word, territory, parent, "0", "OK", [], 0, "test", "")


TREE = (
    status("shandong", Level.PROVINCIAL, "", "37"),
    status("qingdao", Level.MUNICIPAL, "shandong", "3702"),
    status(OWN, Level.STREET, "qingdao", STREET),
    status("grid-1", Level.GRID, OWN, STREET + "001001"),
    status("grid-2", Level.GRID, OWN, STREET + "001002"),
)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """Residents of the street's own: the usual one and one on the negative list."""
    shelf = open_shelf(tmp_path)
    shelf.add("residents", [{"category": "常住"}, {"category": "protected"}, {"grade": 4}])
    return shelf


def answer(shelf: Shelf, text: str, node: str) -> dict[str, object]:
    """The explanation of a record toward a node."""
    name = record_name(text)
    assert name is not None
    return Explainer(OWN, shelf.journal, lambda: GATE).record(name, target_of(TREE, OWN, node))


def said(shelf: Shelf, text: str, node: str, language: str = "en") -> str:
    return "\n".join(sentences(answer(shelf, text, node), language))


def test_a_record_is_named_by_origin_resource_and_number() -> None:
    assert record_name("qd-grid/air-quality#41") == RecordName("qd-grid", "air-quality", 41)
    for text in ("air-quality", "a/b", "a/b#", "a/b#x", "/b#1", "a/b/c#1", "a/b#1234567890123456789"):
        assert record_name(text) is None


def test_ways_and_distances_are_those_of_the_tree() -> None:
    found = {node: target_of(TREE, OWN, node) for node in ("qingdao", "shandong", "grid-1")}
    assert [(target.direction, target.hops) for target in found.values()] == [(Direction.UP, 1), (Direction.UP, 2), (Direction.RETURN, 1)]
    assert found["grid-1"].below == {"grid-1"}
    assert target_of(TREE, "shandong", OWN).below == {OWN, "grid-1", "grid-2"}
    for node in (OWN, "nobody", ""):
        with pytest.raises(ExplainError):
            target_of(TREE, OWN, node)


def test_an_ordinary_record_goes_to_the_parent_masked_and_not_further(shelf: Shelf) -> None:
    near, far = answer(shelf, "street/residents#1", "qingdao"), answer(shelf, "street/residents#1", "shandong")
    assert (near["outcome"], near["reason"], near["release"]) == ("mask", "", "")
    assert {column["name"]: column["method"] for column in near["columns"]}["name"] == "partial"  # type: ignore[attr-defined]
    assert (far["outcome"], far["release"], far["decided"]["rule"]) == ("aggregate", "ceiling", "ceiling")  # type: ignore[index]


def test_a_listed_record_names_the_entry_its_law_and_where_to_appeal(shelf: Shelf) -> None:
    found = answer(shelf, "street/residents#2", "qingdao")
    assert (found["outcome"], found["release"]) == ("deny", "negative-list")
    text = said(shelf, "street/residents#2", "qingdao")
    assert "NL-DEMO-1" in text
    assert "第九条" in text
    assert "Appeal:" in text
    assert "revoked" in text
    assert "申诉途径" in said(shelf, "street/residents#2", "qingdao", "zh")


def test_a_record_graded_by_itself_is_judged_by_its_own_grade(shelf: Shelf) -> None:
    found = answer(shelf, "street/residents#3", "qingdao")
    assert (found["outcome"], found["grade"], found["decided"]["reason"]) == ("aggregate", 4, "row-graded")  # type: ignore[index]


def test_no_value_of_the_record_is_in_the_answer(shelf: Shelf) -> None:
    values = [str(value) for name, value in city().resources["residents"].specimen if name in ("name", "phone", "id_number") and value]
    assert values
    whole = json.dumps([answer(shelf, f"street/residents#{number}", "qingdao") for number in (1, 2, 3)], ensure_ascii=False)
    assert not [value for value in values if value in whole]


def test_a_record_made_below_does_not_return_there(shelf: Shelf) -> None:
    for code in ("enterprises", "residents"):
        shelf.add(code, [{"territory": STREET + "001001"}], origin="grid-1", distance=1)
    why = {
        node: answer(shelf, f"grid-1/{code}#1", node)["reason"]
        for code, node in (("enterprises", "grid-1"), ("enterprises", "grid-2"))
    }
    assert why == {"grid-1": "own", "grid-2": "other-territory"}
    assert answer(shelf, "grid-1/residents#1", "grid-1")["reason"] == "not-returned"
    assert "already" in said(shelf, "grid-1/enterprises#1", "grid-1")
    up = answer(shelf, "grid-1/residents#1", "qingdao")
    assert (up["outcome"], up["to"]) == ("aggregate", {"node": "qingdao", "level": "municipal", "direction": "up", "distance": 2})


def test_a_record_that_was_let_go_says_so_and_one_that_was_never_here_is_refused(shelf: Shelf) -> None:
    shelf.journal.commit([FreeBatches((1,), State.RETENTION)])
    found = answer(shelf, "street/residents#1", "qingdao")
    assert (found["outcome"], found["state"]) == ("not-here", "retention")
    assert "retention" in said(shelf, "street/residents#1", "qingdao")
    with pytest.raises(ExplainError, match="was never here"):
        answer(shelf, "street/residents#99", "qingdao")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_outcome_and_every_reason_has_a_sentence(language: str) -> None:
    known, reasons = catalogue(language), {reason.word for reason in Reason if reason.word}
    wanted = {f"explain.outcome_{verdict.word}" for verdict in Verdict} | {"explain.outcome_elsewhere", "explain.outcome_not-here"}
    wanted |= {f"explain.release_{reason}" for reason in reasons} | {f"explain.way_{direction.word}" for direction in Direction}
    wanted |= {f"explain.elsewhere_{why}" for why in ("returned", "not-returned", "own", "other-territory")}
    assert sorted(wanted - set(known)) == []
    assert reasons == REASONS

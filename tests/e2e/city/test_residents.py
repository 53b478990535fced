"""What of the residents reaches which level through real nodes, and the reasons and books of it (issue 2, item 7)."""

from __future__ import annotations

import pytest

from tests.e2e.city.journals import texts_in
from tests.e2e.city.people import OTHER_PLACE, PROTECTED, RESIDENT_COLUMNS, STREET_PLACE, residents
from tests.e2e.cluster import Cluster, Plain, cli_json, records

pytestmark = pytest.mark.slow

STREET, DISTRICT, CITY, PROVINCE = "qd-street", "qd-shinan", "qingdao", "shandong"
PEOPLE = len(residents().rows)
LISTED = sum(row[-1] == PROTECTED for row in residents().rows)
K = 10
"""Release rule of grade L3."""
TOTALS_TIMEOUT_S = 40.0
"""A window of 15 s and the way up."""


@pytest.fixture(scope="module")
def settled(city: Cluster) -> Cluster:
    """The city after the residents' totals reached the province."""
    city.wait_records("residents", PEOPLE - LISTED, DISTRICT)
    city.wait_records("residents-summary", 1, DISTRICT, CITY, PROVINCE, timeout_s=TOTALS_TIMEOUT_S)
    return city


def rows(city: Cluster, node: str, resource: str) -> list[Plain]:
    """The newest rows of a resource at a node, as its API gives them."""
    answer = city[node].call("readings", resource=resource, limit=100, clearance=4, by="li", why="what each level holds")
    return [dict(zip(answer["columns"], row, strict=True)) for row in answer["rows"]]


def stream(city: Cluster, node: str, peer: str) -> Plain:
    """The books of the residents' stream on one hop, from `yunnao audit flow`."""
    hops = cli_json(city[node].folder, "audit", "flow", "--resource", "residents")["hops"]
    return next(dict(entry) for hop in hops if hop["peer"] == peer for entry in hop["streams"] if entry["origin"] == STREET)


def test_the_street_holds_every_resident_in_full(settled: Cluster) -> None:
    found = {tuple(str(row[name]) for name in RESIDENT_COLUMNS) for row in rows(settled, STREET, "residents")}
    assert found == {tuple(str(value) for value in row) for row in residents().rows}


def test_the_district_holds_them_masked_and_without_the_listed(settled: Cluster) -> None:
    found = rows(settled, DISTRICT, "residents")
    assert len(found) == PEOPLE - LISTED
    assert {row["category"] for row in found} == {"常住"}
    assert all(row["name"].endswith("*") and "*" in row["id_number"] and "*" in row["phone"] for row in found)
    assert len({row["resident_id"] for row in found}) == len(found)
    assert {row["birth_year"] for row in found} == {1811, 1823, 1844}


@pytest.mark.parametrize("node", [DISTRICT, CITY, PROVINCE])
def test_no_direct_identifier_and_no_listed_record_is_on_the_disk_above_the_street(settled: Cluster, node: str) -> None:
    secret = residents().values("resident_id", "name", "id_number", "phone") | {PROTECTED}
    assert secret <= texts_in(settled[STREET].journal)
    assert texts_in(settled[node].journal) & secret == set()


@pytest.mark.parametrize("node", [CITY, PROVINCE])
def test_the_municipality_and_the_province_hold_totals_only(settled: Cluster, node: str) -> None:
    assert records(settled[node], "residents") == 0
    cells = {(row["place"], row["decade"]): row["count"] for row in rows(settled, node, "residents-summary")}
    assert cells[OTHER_PLACE, 1810] == 12
    assert cells[OTHER_PLACE, 1820] == 15
    assert all(count is None or count >= K for count in cells.values())
    assert cells.get((STREET_PLACE, 1840)) is None


def test_each_outcome_has_a_reason_that_one_can_ask_for(settled: Cluster) -> None:
    folder = settled[STREET].folder
    to_parent = cli_json(folder, "policy", "explain", "residents", "--distance", "1")
    above = cli_json(folder, "policy", "explain", "residents", "--distance", "2")
    listed = cli_json(folder, "policy", "explain", "residents", "--row", f'{{"category": "{PROTECTED}"}}')
    assert [answer["outcome"] for answer in (to_parent, above, listed)] == ["mask", "aggregate", "deny"]
    assert {column["name"] for column in to_parent["columns"]} == {"resident_id", "name", "id_number", "phone"}
    step = next(entry for entry in listed["steps"] if entry["reason"] == "row-listed")
    assert step["values"]["entry"] == "NL-DEMO-1"
    assert any(entry["basis"].get("article") for entry in listed["steps"])


def test_the_books_count_every_record_on_every_hop(settled: Cluster) -> None:
    first, second = stream(settled, STREET, DISTRICT), stream(settled, DISTRICT, CITY)
    assert (first["produced"], first["delivered"], first["withheld"]) == (PEOPLE, PEOPLE - LISTED, LISTED)
    assert first["reasons"] == {"negative-list": LISTED}
    assert (second["produced"], second["delivered"], second["withheld"]) == (PEOPLE, 0, PEOPLE)
    assert second["reasons"] == {"negative-list": LISTED, "ceiling": PEOPLE - LISTED}
    for node in settled.nodes.values():
        answer = node.call("audit_flow")
        assert answer["first_difference"] is None
        assert all(entry["holds"] for hop in answer["hops"] for entry in hop["streams"])

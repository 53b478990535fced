"""Records of a street get another grade, with real nodes: holders comply, answers follow, what was withheld goes once, restarts or not."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from sync.model import Level
from tests.e2e.cluster import Cluster, Place, Plain, records

TREE = (
    Place("province", Level.PROVINCIAL, "37"),
    Place("west", Level.DISTRICT, "370202", "province"),
    Place("street", Level.STREET, "370202001", "west"),
)
WAIT_S = 60.0
COLUMNS = ["resident_id", "name", "id_number", "phone", "birth_year", "category"]
QUOTE = "the persons named"
BASIS = {"instrument": "an order", "article": "article 1", "quote": QUOTE, "sha256": hashlib.sha256(QUOTE.encode()).hexdigest()}


def put(cluster: Cluster, first: int, count: int, year: int) -> None:
    """Residents at the street; the odd ones are of category y."""
    rows = [[f"r{n}", "周", "1", "1", year, "xy"[n % 2]] for n in range(first, first + count)]
    cluster["street"].call("put", resource="residents", columns=COLUMNS, rows=rows)


def raised(cluster: Cluster, where: str) -> Plain:
    """A raise to L4, in force."""
    said = {"resource": "residents", "grade": 4, "basis": BASIS, "where": where, "why": "witnesses"}
    case = cluster["street"].call("regrade_propose", by="li", **said)
    return cluster["street"].call("regrade_decide", id=case["id"], fact="approve", by="wang")


def answer(cluster: Cluster, value: str, expected: str) -> object:
    """What the street tells the district."""
    said = {"resource": "residents", "at": "street", "key": "resident_id", "value": value, "field": "category", "expected": expected}
    return cluster["west"].call("verify", purpose="verification", by="chen", **said)["answer"]


def at_west(cluster: Cluster, count: int) -> None:
    cluster.wait(f"{count} residents at west", lambda: records(cluster["west"], "residents") == count, timeout_s=WAIT_S)


@pytest.mark.slow
def test_raised_records_leave_their_holders_and_what_was_withheld_goes_once_when_the_raise_ends(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    cluster.make(TREE)
    try:
        cluster.start()
        cluster.wait_linked()
        put(cluster, 0, 40, 1820)
        at_west(cluster, 40)
        assert answer(cluster, "r1", "y") == "yes"
        first = raised(cluster, "category = 'y'")
        assert (first["records"], first["in_force"]) == (20, True)
        at_west(cluster, 20)
        assert records(cluster["street"], "residents") == 40
        assert [answer(cluster, "r1", "y"), answer(cluster, "r0", "x")] == ["no", "yes"]
        cluster["west"].kill()
        put(cluster, 100, 10, 1830)
        second = raised(cluster, "category = 'y' AND birth_year = 1830")
        cluster.start("west")
        at_west(cluster, 25)
        cluster["street"].call("regrade_decide", id=second["id"], fact="lift", by="wang", why="over")
        cluster["street"].call("regrade_decide", id=second["id"], fact="end", by="li")
        at_west(cluster, 30)
        cluster["street"].kill()
        cluster.start("street")
        put(cluster, 200, 2, 1840)
        at_west(cluster, 32)
        (hop,) = cluster["street"].call("audit_flow", resource="residents")["hops"]
        assert [(one["produced"], one["delivered"], one["withheld"], one["holds"]) for one in hop["streams"]] == [(52, 52, 0, True)]
    finally:
        cluster.stop()

"""A step said at the district is taken by the grid whose incident it is, and every level shows the one history."""

from __future__ import annotations

import pytest

from tests.e2e.cluster import Cluster, cli

pytestmark = pytest.mark.slow

COLUMNS = ["incident_id", "event_id", "class", "severity", "handling_level", "state", "summary"]
LEVELS = ("qd-grid", "qd-street", "qd-shinan", "qingdao", "shandong")


def test_a_false_alarm_said_at_the_district_stands_in_the_record_of_the_grid(city: Cluster) -> None:
    row = ["inc-flag-0001", "flag-0001", "door", 2, "grid", "open", "person at c1r1"]
    city["qd-grid"].call("put", resource="incidents", columns=COLUMNS, rows=[row])
    city.wait("the incident at the district", lambda: bool(city["qd-shinan"].call("incidents")["incidents"]))
    said = cli(city["qd-shinan"].folder, "incident", "dismiss", "flag-0001", "--by", "li", "--why", "a flag", "--wait", "30s")
    assert (said.returncode, "qd-grid, which keeps it: taken" in said.stderr) == (0, True), said.stderr
    expected = ("dismissed", "qd-grid", "li@qd-shinan", "a flag")

    def newest(node: str) -> tuple[str, ...]:
        shown = city[node].call("incident_show", id="inc-flag-0001")
        return tuple(str(shown["steps"][-1][key]) for key in ("state", "node", "by", "why"))

    for node in LEVELS:
        city.wait(f"the step at {node}", lambda node=node: newest(node) == expected)  # type: ignore[misc]

    def became() -> list[tuple[str, ...]]:
        steps = city["shandong"].call("incident_show", id="inc-flag-0001")["sent_steps"]
        return [tuple(str(step[key]) for key in ("said_at", "keeper", "state")) for step in steps]

    city.wait("what became of it at the province", lambda: became() == [("qd-shinan", "qd-grid", "applied")])
